"""One form for what is sent and what is compared. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from ..api.resources import BUILTIN, Object

INPUTS = "ingresskit.io/inputs"  # annotation: hash of what a generated Secret's data was made from
_SERVER_SET = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
_CONTENT = ("data", "stringData")
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def normalise(obj: Object) -> Object:
    """The manifest without what a server-side apply would own needlessly; the input is not changed.

    Nulls, empty lists, empty labels, annotations and data, status and server-set metadata go; ``stringData`` becomes
    ``data``, as server-side apply does not own it. Empty maps elsewhere mean something (``emptyDir: {}``) and stay; so
    does all content of CustomResourceDefinitions and of custom resources, whose empty lists may mean something too.
    A cluster-scoped built-in object loses a namespace given by mistake.
    """
    resource = BUILTIN.get((obj["apiVersion"], obj["kind"]))
    own_words = resource is None or obj["kind"] == "CustomResourceDefinition"
    clean = {key: value if own_words else _pruned(value) for key, value in obj.items() if key != "status"}
    clean["metadata"] = _metadata(obj["metadata"], namespaced=resource is None or resource.namespaced)
    if obj["kind"] == "Secret":
        _encode(clean)
    return {key: value for key, value in clean.items() if value is not None and not _empty(key, value)}


def _metadata(meta: Object, *, namespaced: bool) -> Object:
    kept = {key: _pruned(value) for key, value in meta.items() if key not in _SERVER_SET}
    if not namespaced:
        kept.pop("namespace", None)
    return {key: value for key, value in kept.items() if value not in (None, {}, [], "")}


def _pruned(value: Any) -> Any:
    """The value without nulls and empty lists at any depth. A list of empties stays: ``egress: [{}]`` allows all."""
    if isinstance(value, dict):
        return {key: _pruned(item) for key, item in value.items() if item is not None and item != []}
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    return value


def _empty(key: str, value: Any) -> bool:
    return value == [] or (value == {} and key in (*_CONTENT, "binaryData"))


def _encode(secret: Object) -> None:
    """``stringData`` into ``data``, over which it wins (as the API server has it)."""
    plain = secret.pop("stringData", None) or {}
    encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
    if encoded:
        secret["data"] = (secret.get("data") or {}) | encoded


def generated(obj: Object) -> bool:
    """Whether the content was generated: then the annotation ``ingresskit.io/inputs`` stands for it."""
    return INPUTS in (obj["metadata"].get("annotations") or {})


def fingerprint(obj: Object) -> str:
    """A short hash of a normalised manifest. Generated content is left out: the same inputs are the same object."""
    if generated(obj):
        obj = {key: value for key, value in obj.items() if key not in _CONTENT}
    return digest(obj)


def digest(value: Any) -> str:
    """96 bits of the SHA-256 of a value's canonical JSON: enough to tell any two manifests apart."""
    return base64.urlsafe_b64encode(hashlib.sha256(_canonical(value).encode()).digest()[:12]).decode()
