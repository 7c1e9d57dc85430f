"""Certificates: there, readable, matching their key, covering their hosts, in date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from ..facts import ExistingSecret, Facts
from ..model.certificates import CertificateUse
from .finding import Finding, error, warning

EXPIRING_DAYS = 14


def check_certificates(
    uses: Iterable[CertificateUse], files: Iterable[tuple[str, str]], facts: Facts
) -> Iterator[Finding]:
    """Each certificate, and each file (inventory path, name) that cannot be read.

    F5 serves an expired certificate without a word, and refuses handshakes where the key does not match.
    """
    for path, name in files:
        if name in facts.unreadable:
            yield error(path, facts.unreadable[name])
        elif not _is_text(facts.files.get(name, b"")):
            hint = "" if "_file" not in path else ": give the PEM form, which begins with -----BEGIN"
            yield error(path, f"the file {name} is not UTF-8 text{hint}")
    for use in uses:
        match use.source.kind:
            case "files":
                yield from _files(use, facts)
            case "inline":
                pair = str(use.source.cert).encode(), str(use.source.key).encode()
                yield from _pair(use, *pair, facts.now, f"{use.path}.cert", f"{use.path}.key")
            case "secret":
                yield from _secret(use, facts)


def _files(use: CertificateUse, facts: Facts) -> Iterator[Finding]:
    cert, key = facts.files.get(str(use.source.cert_file)), facts.files.get(str(use.source.key_file))
    if cert is not None and key is not None and _is_text(cert) and _is_text(key):
        yield from _pair(use, cert, key, facts.now, f"{use.path}.cert_file", f"{use.path}.key_file")


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _pair(
    use: CertificateUse, cert: bytes, key: bytes, now: datetime | None, at: str, key_at: str
) -> Iterator[Finding]:
    from .. import tls  # cryptography is loaded only where there are certificates to look at

    try:
        tls.inspect(cert)
    except ValueError as problem:
        yield error(at, str(problem))
        return
    try:
        place = tls.position(cert, key)
        if place:
            which = f"the certificate of the private key is number {place + 1} in it"
            yield error(at, f"{which}: the leaf goes first, then its issuer, and so on; put them in that order")
            return
        if place is None:
            yield error(key_at, "the private key does not belong to the certificate")
    except ValueError as problem:
        yield error(key_at, str(problem))
    yield from _served(use, cert.decode(), now, at)


def _served(use: CertificateUse, certificate: str, now: datetime | None, at: str) -> Iterator[Finding]:
    from .. import tls

    info = tls.inspect(certificate)
    fault = tls.chain_fault(certificate.encode())
    if fault:
        yield warning(at, f"{fault}: add what is missing after the leaf, in order")
    if use.path != "ingress_controller.default_tls":
        for host in use.hosts:
            if not tls.covers(info.sans, host):
                names = ", ".join(info.sans) or "no name at all"
                yield error(at, f"the certificate is for {names}: it does not cover {host}")
    if now is None:
        return
    days = (info.not_after - now).days
    if info.not_before > now:
        yield error(at, f"the certificate is not valid before {info.not_before:%Y-%m-%d %H:%M} UTC: clients refuse it")
    if info.not_after <= now:
        yield error(at, f"the certificate expired on {info.not_after:%Y-%m-%d}: renew it")
    elif days < EXPIRING_DAYS:
        yield warning(at, f"the certificate expires in {days} days, on {info.not_after:%Y-%m-%d}")


def _secret(use: CertificateUse, facts: Facts) -> Iterator[Finding]:
    place = (use.namespace, use.secret)
    if place not in facts.secrets:
        return
    secret, at = facts.secrets[place], f"{use.path}.secret"
    if secret is None:
        missing = f"there is no Secret {use.secret} in namespace {use.namespace}"
        if facts.rehearsal:
            yield warning(at, f"{missing} yet")
        else:
            yield error(at, f"{missing}: create it there (type kubernetes.io/tls)")
    elif secret.type != "kubernetes.io/tls":
        yield error(
            at, f"the Secret {use.namespace}/{use.secret} is of type {secret.type}: controllers want kubernetes.io/tls"
        )
    elif not (secret.certificate and secret.has_key):
        yield error(at, f"the Secret {use.namespace}/{use.secret} lacks tls.crt or tls.key")
    else:
        yield from _of_secret(use, secret, facts.now, at)


def _of_secret(use: CertificateUse, secret: ExistingSecret, now: datetime | None, at: str) -> Iterator[Finding]:
    try:
        yield from _served(use, str(secret.certificate), now, at)
    except ValueError as problem:
        yield error(at, f"in the Secret {use.namespace}/{use.secret}: {problem}")
