"""The verdict on one answer: pure, and the only place that decides whether a probe passed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ..oracle.types import Answer, Expected, Header, TlsInfo
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
    if answer.status in expected.turned_away:
        return ""
    came = describe(answer)
    backends = [each for each in (expected.backend, *expected.others) if each]
    wanted = f"backend {' or '.join(backends)}" if backends else "an answer of a backend"
    if expected.status and answer.status not in expected.status:
        return f"expected {' or '.join(map(str, expected.status))}, got {came}"
    if not expected.status and answer.status in NOT_A_BACKEND:
        return f"expected {wanted}, got {came}"
    if backends and answer.backend not in backends and (answer.backend or expected.identity == "echo"):
        return f"expected {wanted}, got {came}"
    return (
        _location_fault(expected, answer)
        or _body_fault(expected, came, answer)
        or next(filter(None, (_header_fault(each, answer) for each in expected.headers)), "")
        or _echo_fault(expected, answer)
    )


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


def _header_fault(promised: Header, answer: Answer) -> str:
    values = [value for name, value in answer.headers if name.lower() == promised.name.lower()]
    if promised.words is None:
        return f"expected no {promised.name}, got {printable(', '.join(values), 200)}" if values else ""
    came = {part.strip().lower() for value in values for part in re.split("[,;]", value)}
    missing = [word for word in promised.words if not _among(word.lower(), came)]
    if values and not missing:
        return ""
    wanted = f"{promised.name} with {'; '.join(missing)}" if missing else promised.name
    return f"expected {wanted}, got {printable(', '.join(values), 200) if values else f'no {promised.name}'}"


def _among(word: str, came: set[str]) -> bool:
    return any(each.startswith(word[:-1]) for each in came) if word.endswith("*") else word in came


def _echo_fault(expected: Expected, answer: Answer) -> str:
    """What the echo backend says it was asked: a slash at the end of a rewritten path is the controller's affair."""
    if answer.asked is None:
        return ""
    if expected.path is not None and answer.asked.path.rstrip("/") != expected.path.rstrip("/"):
        return f"expected the backend to be asked for {expected.path}, it was for {printable(answer.asked.path, 200)}"
    got = {name.lower(): value for name, value in answer.asked.headers}
    for name, value in expected.passed:
        if got.get(name.lower()) != value:
            wanted = f"with {name}: {printable(value, 100)}" if value else f"without {name}"
            came = "it was without" if name.lower() not in got else f"it was with {printable(got[name.lower()], 100)}"
            return f"expected the backend to be asked {wanted}, {came}"
    return ""
