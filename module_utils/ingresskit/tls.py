"""Keys and certificates: the stack's CA, what it issues, and what a given pair says of itself. Library: cryptography.

No function here reads a clock, a file or the cluster; no message holds key material.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .facts import KeyPair

CA_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=365)  # below the 398 days that clients accept of public CAs
BACKDATE = timedelta(minutes=5)  # clocks differ


@dataclass(frozen=True)
class CertificateInfo:
    """What a certificate says of itself."""

    sans: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str  # sha256 of the DER form, hex
    self_issued: bool
    chain_length: int


def new_authority(stack_name: str, now: datetime) -> KeyPair:
    """A CA of the stack's own: ECDSA P-256, ten years, allowed to sign leaves only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"ingresskit {stack_name} CA"[:64])])
    builder = (
        _builder(name, name, key.public_key(), now, CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return KeyPair(_pem(builder.sign(key, hashes.SHA256())), _key_pem(key))


def issue(authority: KeyPair, hosts: Sequence[str], now: datetime) -> KeyPair:
    """A server certificate for ``hosts`` (wildcards allowed), signed by ``authority``: ECDSA P-256, 365 days."""
    ca = x509.load_pem_x509_certificate(authority.certificate.encode())
    ca_key = _load_signing_key(authority.key)
    key = ec.generate_private_key(ec.SECP256R1())
    common = next((host for host in hosts if len(host) <= 64), None)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])
    lifetime = min(LEAF_LIFETIME, ca.not_valid_after_utc - now)
    builder = (
        _builder(subject, ca.subject, key.public_key(), now, lifetime)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=common is None)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_authority_key_identifier(ca), critical=False)
    )
    return KeyPair(_pem(builder.sign(ca_key, hashes.SHA256())), _key_pem(key))


def inputs_hash(hosts: Sequence[str], authority_certificate: str) -> str:
    """The hash of all that a certificate of ours is made from: another hash means that it must be issued anew."""
    issuer = fingerprint(authority_certificate)
    text = json.dumps(
        {"hosts": list(hosts), "issuer": issuer, "key": "ecdsa-p256", "days": LEAF_LIFETIME.days}, sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()


def due(not_after: datetime, now: datetime) -> bool:
    """True in the last third of a certificate's life: time to renew it."""
    return not_after - now < LEAF_LIFETIME / 3


def inspect(certificate_pem: str | bytes) -> CertificateInfo:
    """What the first certificate of a PEM text says. Raises ValueError where there is none."""
    return _inspect(certificate_pem.encode() if isinstance(certificate_pem, str) else certificate_pem)


@cache  # one certificate may stand in hundreds of apps, and is looked at by several steps
def _inspect(pem: bytes) -> CertificateInfo:
    chain = _load_chain(pem)
    leaf = chain[0]
    return CertificateInfo(
        sans=_sans(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        self_issued=leaf.issuer == leaf.subject,
        chain_length=len(chain),
    )


def fingerprint(certificate_pem: str) -> str:
    """sha256 of the first certificate, hex. Raises ValueError where there is none."""
    return inspect(certificate_pem).fingerprint


@cache
def check_pair(certificate_pem: bytes, key_pem: bytes) -> None:
    """Raises ValueError, in plain words, where the key cannot be read or is not the certificate's."""
    leaf = _load_chain(certificate_pem)[0]
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except TypeError:
        raise ValueError("the private key is encrypted: a controller cannot read it; remove its passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the private key is not a PEM private key") from None
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise ValueError("the private key does not belong to the certificate")


def covers(sans: Sequence[str], host: str) -> bool:
    """True where one of the names covers the host; a wildcard stands for exactly one label (RFC 6125, 6.4.3)."""
    _, _, parent = host.partition(".")
    names = {name.lower() for name in sans}
    return host in names or (not host.startswith("*.") and f"*.{parent}" in names)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
    )


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key_identifier(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _load_signing_key(pem: str) -> CertificateIssuerPrivateKeyTypes:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the stack's CA key is not an ECDSA key")
    return key


def _load_chain(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ValueError("there is no PEM certificate in it") from None


def _sans(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.get_values_for_type(x509.DNSName))


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
