"""The verdict on one answer: pure, and the only place that decides whether a probe passed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ..oracle.types import Answer, Expected, TlsInfo
from .words import describe, header, printable, quote

# What a controller answers when it has no route or no live backend: never a proof that a backend is reached.
NOT_A_BACKEND = frozenset({404, 502, 503, 504})


@dataclass(frozen=True)
class Failure:
    """Why no HTTP answer came: ``kind`` for code, ``text`` for people."""

    kind: Literal["refused", "unreachable", "dns", "timeout", "closed", "tls-alert", "tls", "certificate", "http"]
    text: str


def judge(expected: Expected, outcome: Answer | Failure) -> tuple[bool, str]:
    """Return (True, "") where ``outcome`` keeps every promise of ``expected``.

    Otherwise (False, reason), the reason saying on one printable line what was expected and what came.
    """
    if expected.tls == "rejected":
        fault = _not_rejected(outcome)
    elif isinstance(outcome, Failure):
        fault = printable(outcome.text, 400)
    else:
        fault = "; ".join(filter(None, (_tls_fault(expected, outcome.tls), _answer_fault(expected, outcome))))
    return not fault, fault


def _not_rejected(outcome: Answer | Failure) -> str:
    """Only an alert shows that the controller refuses: a closed connection may as well be a port without a listener."""
    if isinstance(outcome, Failure) and outcome.kind == "tls-alert":
        return ""
    came = printable(outcome.text, 400) if isinstance(outcome, Failure) else describe(outcome)
    return f"expected the TLS handshake to be refused, got {came}"


def _tls_fault(expected: Expected, tls: TlsInfo | None) -> str:
    if expected.tls != "verified" or (tls and tls.verified):
        return ""
    return f"TLS: {printable(tls.error, 400)}" if tls else "TLS: the answer came without TLS"


def _answer_fault(expected: Expected, answer: Answer) -> str:
    """The first promise that is broken; what follows from it would only be noise."""
    came = describe(answer)
    wanted = f"backend {expected.backend}" if expected.backend else "an answer of a backend"
    if expected.status and answer.status not in expected.status:
        return f"expected {' or '.join(map(str, expected.status))}, got {came}"
    if not expected.status and answer.status in NOT_A_BACKEND:
        return f"expected {wanted}, got {came}"
    if expected.backend and answer.backend != expected.backend and (answer.backend or expected.identity == "echo"):
        return f"expected {wanted}, got {came}"
    return _location_fault(expected, answer) or _body_fault(expected, came, answer)


def _location_fault(expected: Expected, answer: Answer) -> str:
    location = header(answer, "location")
    if expected.location is None or (location is not None and re.fullmatch(expected.location, location)):
        return ""
    came = "no Location" if location is None else f"Location {printable(location, 200)}"
    return f"expected Location {expected.location}, got {came}"


def _body_fault(expected: Expected, came: str, answer: Answer) -> str:
    if expected.body_contains is None or expected.body_contains in answer.body:
        return ""
    return f'expected a body with "{quote(expected.body_contains)}", got {came}'
