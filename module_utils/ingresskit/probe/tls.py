"""Trust: the contexts a probe connects with, and plain words for a certificate that was not trusted."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from datetime import datetime

from ..errors import IngresskitError
from ..oracle.types import ProbeResult, TlsInfo
from .words import printable

# X509_V_ERR_* of OpenSSL's x509_vfy.h, as ssl.SSLCertVerificationError.verify_code gives them.
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNKNOWN_CA = {2, 18, 19, 20, 21}  # no issuer found, or a self-signed certificate that is not in the store


def trusting(ca_pem: str | None) -> ssl.SSLContext:
    """Return a context that verifies chain and name against ``ca_pem`` alone, or this machine's store when None.

    It trusts as curl does, on every Python: an intermediate given as CA is an anchor, and a CA without the extensions
    that Python 3.13's strict mode wants is accepted. Raises IngresskitError when ``ca_pem`` holds no certificate.
    """
    context = ssl.create_default_context()
    if ca_pem is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=ca_pem)
        except (ssl.SSLError, ValueError) as exc:
            raise IngresskitError("the CA that the routes are to be verified with is not a PEM certificate") from exc
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def trustless() -> ssl.SSLContext:
    """Return a context that accepts any certificate: to see which one is served, never to prove a route."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def distrust(info: TlsInfo | None, host: str, error: ssl.SSLCertVerificationError, anchor: str) -> str:
    """Say why a certificate was not trusted for ``host``.

    ``info`` is what was served (None where that could not be seen), ``error`` OpenSSL's verdict, ``anchor`` the
    words for what it was verified against. OpenSSL stops at the first fault; a name that does not fit is told too.
    """
    verdict = f"certificate not trusted for {host}: {printable(error.verify_message, 200)}"
    if info is None or not info.fingerprint:
        return verdict
    issued = f"self-signed {info.subject}" if info.subject == info.issuer else f"issued by {info.issuer or 'nobody'}"
    faults = []
    if not covers(info.sans, host):
        names = ", ".join(info.sans[:5]) + (", …" if len(info.sans) > 5 else "")
        faults.append(f"certificate is for {names or 'no host'} ({issued}), not {host}")
    elif error.verify_code in _UNKNOWN_CA:
        faults.append(f"certificate is {issued}, not by {anchor}")
    if error.verify_code == _EXPIRED:
        faults.append(f"certificate expired on {info.not_after:%Y-%m-%d}")
    if error.verify_code == _NOT_YET_VALID:
        faults.append("certificate is not valid yet")
    return "; ".join(faults) or verdict


def covers(names: Iterable[str], host: str) -> bool:
    """Tell whether one of a certificate's names is for ``host``; ``*`` stands for one whole label (RFC 9525, 6.3)."""
    host = host.lower().rstrip(".")
    wildcard = "*." + host.partition(".")[2]
    return any(name.lower() in (host, wildcard) for name in names)


def days_left(results: Iterable[ProbeResult], now: datetime) -> tuple[tuple[str, int], ...]:
    """Return (host, whole days its certificate is still valid at ``now``), sorted, for every one that was verified.

    Where replicas serve different ones the shortest counts. ``now`` must know its time zone.
    """
    days: dict[str, int] = {}
    for result in results:
        tls = result.answer.tls if result.answer else None
        if tls and tls.verified and tls.not_after:
            host, left = result.probe.request.host, (tls.not_after - now).days
            days[host] = min(left, days.get(host, left))
    return tuple(sorted(days.items()))
