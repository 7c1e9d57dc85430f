"""Certificates and keys made on the fly, for tests: sound ones and every way to be wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)
PEM = serialization.Encoding.PEM


@cache
def key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    """A private key; another number is another key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(number: int = 0, *, form: str = "PKCS8", password: bytes | None = None) -> bytes:
    kind = getattr(serialization.PrivateFormat, form)
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key(number).private_bytes(PEM, kind, lock)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


@cache
def certificate(
    *names: str, days: float = 90, since: float = -1, common: str = "test", number: int = 0,
    by: tuple[str, int] | None = None,
) -> bytes:  # fmt: skip
    """A certificate for ``names`` (none: without the extension), from ``since`` to ``days`` days from NOW. ``by``: common
    name and key of its issuer; without, it is self-signed."""
    issuer, issuer_key = by or (common, number)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common))
        .issuer_name(_name(issuer))
        .public_key(key(number).public_key())
        .serial_number(1)
        .not_valid_before(NOW + timedelta(days=since))
        .not_valid_after(NOW + timedelta(days=days))
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
    return builder.sign(key(issuer_key), hashes.SHA256()).public_bytes(PEM)
