"""Secrets: which F5 accepts, and the files nginx reads them from. A key is checked in memory only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import ssl
from functools import lru_cache

from .model import Key, Obj

TLS, HTPASSWD = "kubernetes.io/tls", "nginx.org/htpasswd"
ABSENT = "secret doesn't exist or of an unsupported type"  # F5's words for both; so an Opaque one "doesn't exist"
DIRECTORY = "/etc/nginx/secrets"
CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----")


class SecretError(Exception):
    """A Secret that cannot serve; the text is F5's."""


def tls_file(key: Key, secret: Obj | None, files: dict[str, bytes]) -> str:
    """Put the PEM of a TLS Secret into `files` and return its path. Raises SecretError when it cannot serve."""
    if secret is None:
        raise SecretError(ABSENT)
    if secret.get("type") != TLS:
        raise SecretError(ABSENT)
    pem = _pair(str(secret["data"].get("tls.crt", "")), str(secret["data"].get("tls.key", "")))
    return _add(key, pem, files)


def htpasswd_file(key: Key, secret: Obj | None, files: dict[str, bytes]) -> str:
    """Like `tls_file`, for basic authentication. nginx answers 403 while the file is missing."""
    if secret is None or secret.get("type") != HTPASSWD or "htpasswd" not in (secret.get("data") or {}):
        raise SecretError(ABSENT)
    return _add(key, base64.b64decode(secret["data"]["htpasswd"]), files)


def absent_file(key: Key) -> str:
    return f"{DIRECTORY}/{'-'.join(key)}-absent"


def _add(key: Key, content: bytes, files: dict[str, bytes]) -> str:
    # The content's digest is in the name: another certificate is another configuration, and the old one stays whole.
    name = f"{'-'.join(key)}-{hashlib.sha256(content).hexdigest()[:16]}"
    files[name] = content
    return f"{DIRECTORY}/{name}"


@lru_cache(maxsize=4096)
def _pair(certificate: str, key: str) -> bytes:
    """Certificate and key as one PEM. Raises SecretError where Go's tls.X509KeyPair would complain."""
    prefix = "failed to validate TLS cert and key: "
    try:
        chain, private = base64.b64decode(certificate), base64.b64decode(key)
    except binascii.Error as error:
        raise SecretError(prefix + str(error)) from None
    if not CERTIFICATE.search(chain):
        raise SecretError(prefix + "tls: failed to find any PEM data in certificate input")
    if b"PRIVATE KEY-----" not in private:
        raise SecretError(prefix + "tls: failed to find any PEM data in key input")
    pem = chain.rstrip() + b"\n" + private.rstrip() + b"\n"
    reason = _complaint(pem)
    if reason:
        raise SecretError(prefix + reason)
    return pem


def _complaint(pem: bytes) -> str:
    descriptor = os.memfd_create("pair", os.MFD_CLOEXEC)  # never on disk
    try:
        os.write(descriptor, pem)
        os.lseek(descriptor, 0, os.SEEK_SET)
        # A passphrase would make OpenSSL prompt: answer with none.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: b"")
    except ssl.SSLError as error:
        mismatch = "MISMATCH" in (error.reason or "")
        return "tls: private key does not match public key" if mismatch else f"tls: {error.reason or 'unusable PEM'}"
    finally:
        os.close(descriptor)
    return ""
