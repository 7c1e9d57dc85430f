"""Reads the certificate that a TLS handshake showed."""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from ..oracle.types import TlsInfo
from .words import printable


@lru_cache(maxsize=4096)  # thousands of routes share few certificates
def read_certificate(der: bytes, version: str) -> TlsInfo:
    """Return what the leaf certificate ``der`` says, with ``verified`` False until somebody has verified it."""
    try:
        leaf = x509.load_der_x509_certificate(der)
        return TlsInfo(
            verified=False,
            version=version,
            subject=printable(leaf.subject.rfc4514_string(), 200),
            issuer=printable(leaf.issuer.rfc4514_string(), 200),
            sans=_sans(leaf),
            not_after=leaf.not_valid_after_utc,
            fingerprint=leaf.fingerprint(SHA256()).hex(),
        )
    except ValueError as exc:  # the peer's bytes may be anything that OpenSSL lets through
        return TlsInfo(verified=False, version=version, error=f"certificate cannot be read: {printable(str(exc), 100)}")


def _sans(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    return tuple(printable(name, 255) for name in (*names.get_values_for_type(x509.DNSName), *addresses))
