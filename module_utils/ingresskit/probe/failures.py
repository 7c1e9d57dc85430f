"""Exceptions of the network turned into one kind and one plain sentence."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator

import aiohttp

from .judge import Failure

# OpenSSL names an alert of the peer TLSV1_ALERT_X, SSLV3_ALERT_X, TLSV13_ALERT_X or, for alerts of extensions, TLSV1_X.
_ALERT = re.compile(r"(?:TLSV1|TLSV13|SSLV3)_(?:ALERT_)?(\w+)")
_NOT_TLS = {"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
_UNREACHABLE = {
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network unreachable",
    errno.EHOSTDOWN: "host down",
    errno.EACCES: "not permitted by this machine's firewall",
    errno.EPERM: "not permitted by this machine's firewall",
}


def classify(exc: BaseException, endpoint: str) -> Failure:
    """Return what ``exc``, raised while talking to ``endpoint`` ("address:port"), means."""
    for cause in _causes(exc):
        failure = _tls(cause, endpoint) if isinstance(cause, ssl.SSLError) else _network(cause, endpoint)
        if failure:
            return failure
    return Failure("http", f"{endpoint} sent what is not HTTP: {_first_line(exc)}")


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """The exceptions that ``exc`` wraps, the innermost (the operating system's or OpenSSL's) first."""
    inner = getattr(exc, "os_error", None) or getattr(exc, "certificate_error", None) or exc.__cause__
    if isinstance(inner, BaseException) and inner is not exc:
        yield from _causes(inner)
    yield exc


def _network(exc: BaseException, endpoint: str) -> Failure | None:
    code = exc.errno if isinstance(exc, OSError) else None
    if isinstance(exc, socket.gaierror):
        return Failure("dns", f"the address of {endpoint} cannot be resolved: {exc.strerror}")
    if isinstance(exc, ConnectionRefusedError):
        return Failure("refused", f"connection refused by {endpoint}")
    if isinstance(exc, ConnectionError | aiohttp.ServerDisconnectedError):
        return Failure("closed", f"connection closed by {endpoint} before an answer came")
    if isinstance(exc, aiohttp.ClientPayloadError):
        return Failure("closed", f"connection closed by {endpoint} in the middle of the answer")
    if code == errno.ETIMEDOUT:
        return Failure("timeout", f"no connection to {endpoint}: timed out")
    return Failure("unreachable", f"{endpoint}: {_UNREACHABLE[code]}") if code in _UNREACHABLE else None


def _tls(exc: ssl.SSLError, endpoint: str) -> Failure:
    reason = exc.reason or ""
    alert = _ALERT.fullmatch(reason)
    if isinstance(exc, ssl.SSLEOFError):
        return Failure("closed", f"connection closed by {endpoint} before an answer came")
    if alert:
        return Failure("tls-alert", f"TLS handshake refused by {endpoint}: alert {alert.group(1).lower()}")
    if reason in _NOT_TLS:
        return Failure("tls", f"{endpoint} does not speak TLS")
    return Failure("tls", f"TLS to {endpoint} failed: {reason.replace('_', ' ').lower() or _first_line(exc)}")


def _first_line(exc: BaseException) -> str:
    return (str(exc).splitlines() or [type(exc).__name__])[0]
