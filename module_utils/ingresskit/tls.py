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
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .facts import Authority, KeyPair
from .model.tls import Algorithm, Ca

LEAF_LIFETIME = timedelta(days=365)  # below the 398 days that clients accept of public CAs
# NIST SP 800-57 part 1, table 4: 2048 bits are for what ends before 2031, a CA lives longer
LEAF_BITS, CA_BITS = 2048, 3072
BACKDATE = timedelta(minutes=5)  # clocks differ


Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class CertificateInfo:
    """What a certificate says of itself."""

    sans: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str  # sha256 of the DER form, hex
    self_issued: bool
    chain_length: int


def new_authority(stack_name: str, now: datetime, wish: Ca | None = None) -> Authority:
    """A CA of the stack's own, as ``ingress_ca`` wants it, allowed to sign leaves only."""
    wish = wish or Ca()
    key = _new_key(wish.algorithm, CA_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"ingresskit {stack_name} CA"[:64])])
    builder = (
        _builder(name, name, key, now, now + timedelta(days=wish.days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Authority(_pem(builder.sign(key, hashes.SHA256())), _key_pem(key), rotate=wish.rotate or "")


def issue(authority: Authority, hosts: Sequence[str], now: datetime, algorithm: Algorithm = "ecdsa") -> KeyPair:
    """A server certificate for ``hosts`` (wildcards allowed), signed by ``authority``, whose key is needed."""
    ca = x509.load_pem_x509_certificate(authority.certificate.encode())
    ca_key = _load_signing_key(authority.key or "")
    key = _new_key(algorithm, LEAF_BITS)
    common = next((host for host in hosts if len(host) <= 64), None)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])
    builder = (
        _builder(subject, ca.subject, key, now, best_end(authority.certificate, now))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=common is None)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # RSA keys encipher, too, in the key exchange of that name (RFC 5246, 7.4.2)
        .add_extension(_key_usage(sign_certificates=False, encipher=algorithm == "rsa"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_authority_key_identifier(ca), critical=False)
    )
    return KeyPair(_pem(builder.sign(ca_key, hashes.SHA256())), _key_pem(key))


def leaf_lifetime(authority_certificate: str) -> timedelta:
    """How long what this CA issues lives: a year, or a third of the CA's own life where that is less."""
    ca = inspect(authority_certificate)
    return min(LEAF_LIFETIME, (ca.not_after - ca.not_before) / 3)


def best_end(authority_certificate: str, now: datetime) -> datetime:
    """When what this CA issues now would end: it does not outlive its CA."""
    return min(now + leaf_lifetime(authority_certificate), inspect(authority_certificate).not_after)


def inputs_hash(hosts: Sequence[str], authority_certificate: str, algorithm: Algorithm = "ecdsa") -> str:
    """The hash of all that a certificate of ours is made from: another hash means that it must be issued anew."""
    issuer = fingerprint(authority_certificate)
    key = {"ecdsa": "ecdsa-p256", "rsa": f"rsa-{LEAF_BITS}"}[algorithm]
    text = json.dumps({"hosts": list(hosts), "issuer": issuer, "key": key, "days": LEAF_LIFETIME.days}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def due(not_after: datetime, now: datetime, authority_certificate: str) -> bool:
    """True in the last third of a certificate's life: time to renew it. Measured by the life that a new one would have,
    so that the last ones of a CA, which end with it, are not issued again and again."""
    return (not_after - now) * 3 < best_end(authority_certificate, now) - now


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


def without_keys(certificate_pem: str) -> str:
    """The certificates of a PEM text in their order, and nothing else: a private key in the certificate's file must not
    get into ``tls.crt``. Raises ValueError where there is none."""
    return "".join(_pem(each) for each in _load_chain(certificate_pem.encode()))


@cache
def position(certificate_pem: bytes, key_pem: bytes) -> int | None:
    """Which certificate of a chain the key belongs to, None where to none. Raises ValueError, in plain words, where
    one of both cannot be read."""
    chain = _load_chain(certificate_pem)
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except TypeError:
        raise ValueError("the private key is encrypted: a controller cannot read it; remove its passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the private key is not a PEM private key") from None
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    mine = key.public_key().public_bytes(*form)
    return next((at for at, each in enumerate(chain) if each.public_key().public_bytes(*form) == mine), None)


def check_pair(certificate_pem: bytes, key_pem: bytes) -> None:
    """Raises ValueError, in plain words, where the key cannot be read or is not the first certificate's."""
    if position(certificate_pem, key_pem) != 0:
        raise ValueError("the private key does not belong to the certificate")


@cache
def chain_fault(certificate_pem: bytes) -> str:
    """What a client that knows only the root stumbles over, empty where it finds a way from the leaf up.

    The root itself need not be sent (RFC 8446, 4.4.2): the last issuer of a longer chain may be missing.
    """
    chain = _load_chain(certificate_pem)
    for each, following in zip(chain, [*chain[1:], None], strict=True):
        if each.issuer == each.subject or (following is None and len(chain) > 1):
            return ""
        if following is not None and _issued_by(each, following):
            continue
        who = f"{each.subject.rfc4514_string() or 'the leaf'} is issued by {each.issuer.rfc4514_string()}"
        if any(_issued_by(each, other) for other in chain):
            return f"its certificates are out of order: {who}, which does not follow it; each one's issuer comes next"
        return f"its chain is not complete: {who}, which is not in it; clients that do not know that one refuse it"
    return ""


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def covers(sans: Sequence[str], host: str) -> bool:
    """True where one of the names covers the host; a wildcard stands for exactly one label (RFC 6125, 6.4.3)."""
    __, __, parent = host.partition(".")
    names = {name.lower() for name in sans}
    return host in names or (not host.startswith("*.") and f"*.{parent}" in names)


def _new_key(algorithm: Algorithm, bits: int) -> Key:
    if algorithm == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return ec.generate_private_key(ec.SECP256R1())


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, now: datetime, end: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(end)
    )


def _key_usage(*, sign_certificates: bool, encipher: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=encipher,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key_identifier(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _load_signing_key(pem: str) -> Key:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("the stack's CA key is neither an ECDSA nor an RSA key")
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


def _key_pem(key: Key) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
