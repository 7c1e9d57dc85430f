"""Secrets that stand in Git as ciphertext: what of one is left as it is, because nothing of it has changed.

Ciphertext differs each time that it is made, so what was made before is kept for as long as it is right. A private key
cannot be guessed: a hash of it and its certificate, beside the ciphertext, tells whether they have changed. A password
can be, and no hash of one is told to anybody: there only who may decrypt can tell.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import yaml

from ..manifests import Object, group_of

CONTENT = "ingresskit.io/content"
HIDDEN = ("data", "stringData")
REGEX = f"^({'|'.join(HIDDEN)})$"  # as Flux documents it: https://fluxcd.io/flux/guides/mozilla-sops/
_MARK = "\nsops:\n"
_CIPHER = "ENC[AES256_GCM,"
Identity = tuple[str, str, str, str]


def is_secret(obj: Object) -> bool:
    """Whether an object holds what is to be encrypted."""
    return obj["kind"] == "Secret" and not group_of(obj) and any(obj.get(key) for key in HIDDEN)


def identity(obj: Object) -> Identity:
    metadata = obj["metadata"]
    return group_of(obj), obj["kind"], metadata.get("namespace", ""), metadata["name"]


def has_key(secret: Object) -> bool:
    """Whether it holds a private key: nobody guesses what a hash of that was made of."""
    if secret.get("type") != "kubernetes.io/tls":
        return False
    try:
        key = base64.b64decode((secret.get("data") or {}).get("tls.key", ""))
    except ValueError:
        return False
    return b"PRIVATE KEY-----" in key


def marked(secret: Object) -> Object:
    """A Secret with a private key, and a hash of its content among its annotations."""
    content = json.dumps([secret.get(key) for key in HIDDEN], sort_keys=True)
    mark = hashlib.sha256(f"ingresskit {content}".encode()).hexdigest()[:32]
    metadata = secret["metadata"]
    return {**secret, "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), CONTENT: mark}}}


def known_sealed(texts: Iterable[str]) -> dict[Identity, Object]:
    """Every encrypted object in files that an earlier render has left; what is broken is none."""
    found: dict[Identity, Object] = {}
    for text in texts:
        if _MARK not in text:
            continue
        with suppress(yaml.YAMLError, ValueError):  # the documents before the broken one are whole
            for each in yaml.safe_load_all(text):
                if _is_sealed(each):
                    found[identity(each)] = each
    return found


def _is_sealed(document: Any) -> bool:
    """Whether it is an encrypted object, with everything that is asked of one."""
    if not isinstance(document, Mapping) or not isinstance(document.get("metadata"), Mapping):
        return False
    texts = (document.get("apiVersion"), document.get("kind"), document["metadata"].get("name"))
    mappings = (document.get("sops"), *(document.get(key) or {} for key in HIDDEN))
    return all(isinstance(each, str) for each in (*texts, document["metadata"].get("namespace", ""))) and all(
        isinstance(each, Mapping) for each in mappings
    )


def same_outside(secret: Object, sealed: Object, recipients: Sequence[str]) -> bool:
    """Whether it is ciphertext, for these recipients, and all that is not encrypted is as it is to be."""
    beside = {key: value for key, value in sealed.items() if key not in (*HIDDEN, "sops")}
    wanted = {key: value for key, value in secret.items() if key not in HIDDEN}
    hidden = all(_same_hidden(secret.get(key) or {}, sealed.get(key) or {}) for key in HIDDEN)
    ours = sealed["sops"].get("encrypted_regex") == REGEX and _recipients(sealed["sops"]) == set(recipients)
    return hidden and beside == wanted and ours


def _same_hidden(values: Mapping[str, Any], sealed: Mapping[str, Any]) -> bool:
    """Whether the same keys have ciphertext each: plain text may have been put in its place. Of nothing sops makes
    nothing."""
    return values.keys() == sealed.keys() and all(
        str(text).startswith(_CIPHER) if values[key] else not text for key, text in sealed.items()
    )


def same_inside(secret: Object, opened: Object) -> bool:
    """Whether the decrypted content is what it is to be."""
    return all((opened.get(key) or {}) == (secret.get(key) or {}) for key in HIDDEN)


def _recipients(metadata: Mapping[str, Any]) -> set[str]:
    entries = metadata.get("age")
    found = entries if isinstance(entries, list) else []
    return {str(each.get("recipient")) for each in found if isinstance(each, Mapping)}
