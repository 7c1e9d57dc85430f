"""What every form of the report shows of a result, in a few printable words. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..oracle.types import OPEN, Answer, Expected, Probe, ProbeResult, Request, SmokeReport, Target
from ..probe.words import describe, header, own_page, printable, quote

TEST_DOUBLE = "TEST DOUBLE"  # how a note begins that nobody may overlook
EXPIRING_DAYS = 14  # as in preflight, for certificates that are given
_MOST_HOSTS = 20
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Row:
    """One result as cells; ``reason`` is empty where ``ok``."""

    url: str  # scheme, host and port: the part that neighbours share
    path: str
    expected: str
    answer: str
    tls: str
    ok: bool
    reason: str
    source: str
    result: ProbeResult

    @property
    def verdict(self) -> str:
        return "proven" if self.ok else "FAILED"


def rows(report: SmokeReport) -> list[Row]:
    """Return a row for each result, those of one URL together, in the order in which the URLs first appear."""
    days = dict(report.days_left)
    made = [_row(result, report.at(result.probe), days.get(result.probe.request.host)) for result in report.results]
    order = {url: index for index, url in reversed(list(enumerate(row.url for row in made)))}
    return sorted(made, key=lambda row: order[row.url])


def _row(result: ProbeResult, target: Target, days: int | None) -> Row:
    request = result.probe.request
    return Row(
        url=base_url(request, target),
        path=printable(request.path) + trait(result.probe) + _place(result.probe),
        expected="a connection" if request.method == OPEN else expected_words(result.probe.expected),
        answer=_answer(result),
        tls=_tls(result, days),
        ok=result.ok,
        reason=printable(result.reason or result.error) if not result.ok else "",
        source=printable(result.probe.source),
        result=result,
    )


def trait(probe: Probe) -> str:
    """What sets a request apart from the plain one to the same path; a password is never shown."""
    request = probe.request
    if probe.kind == "canary":
        name, value = request.headers[-1]
        return printable(f" ({name}: {value})", 60)
    if probe.kind == "body-size":
        return f" ({request.body_size} bytes)"
    if request.login:
        return printable(f" (as {request.login[0]})", 60)
    return ""


def _place(probe: Probe) -> str:
    """Which of several ways in it was asked at; the first goes without saying."""
    return printable(f" (at {probe.way})", 80) if probe.way else ""


def base_url(request: Request, target: Target) -> str:
    """Return ``https://host:port`` as a browser shows it: without the port where it is the scheme's own."""
    port = target.port(request.port)
    suffix = "" if port in (None, _DEFAULT_PORTS.get(request.scheme)) else f":{port}"
    host = f"[{target.address}]" if ":" in target.address else target.address
    return f"{request.scheme}://{printable(host if request.scheme == 'tcp' else request.host)}{suffix}"


def expected_words(expected: Expected) -> str:
    """Say what the inventory promises: ``cafe/tea-svc``, ``301 -> https``, ``404 page``, ``handshake refused``."""
    options = [printable(f" at {expected.path}", 60)] if expected.path else []
    shown = [each.name for each in expected.headers if each.name != "WWW-Authenticate"]
    options += [f", {printable(', '.join(shown), 60)}"] if shown else []
    options += [f", or {'/'.join(map(str, expected.turned_away))}"] if expected.turned_away else []
    return _answer_words(expected) + "".join(options)


def _answer_words(expected: Expected) -> str:
    status = "/".join(map(str, expected.status))
    if expected.tls == "rejected":
        return "handshake refused"
    if expected.location is not None:
        return f"{status or '3xx'} -> {_aim(expected.location)}"
    if expected.backend:
        names = " or ".join((expected.backend, *expected.others))
        return printable(names) + (f", {status}" if status not in ("", "200") else "")
    if expected.body_contains is None:
        return status or "any backend"
    return _page(status or "200", expected.body_contains)


def _page(status: str, body: str) -> str:
    """A whole page is too long for a cell: ``404 page``; a word to look for is not: ``200 "Welcome"``."""
    return f"{status} page" if "<" in body or len(body) > 24 else f'{status} "{quote(body)}"'


def _aim(pattern: str) -> str:
    """A Location pattern in short: only "https" where the way to TLS is the point."""
    return "https" if re.match(r"\^?https:", pattern) else printable(re.sub(r"\\(.)", r"\1", pattern), 60)


def _answer(result: ProbeResult) -> str:
    answer, expected = result.answer, result.probe.expected
    if answer is None:
        error = printable(result.error or result.reason, 200)
        return error.rpartition(": ")[2] if result.ok else error
    if answer.backend:
        return printable(f"{answer.status} {answer.backend}", 200)
    return _short(expected, answer) if result.ok else describe(answer)


def _short(expected: Expected, answer: Answer) -> str:
    """A right answer in short: the details are as promised."""
    if expected.body_contains is not None:
        return _page(f"{answer.status}", expected.body_contains)
    location = header(answer, "location")
    if location is not None and 300 <= answer.status < 400:
        return f"{answer.status} -> {'https' if location.startswith('https:') else printable(location, 60)}"
    return f"{answer.status}" if own_page(answer) else describe(answer)


def _tls(result: ProbeResult, days: int | None) -> str:
    tls = result.answer.tls if result.answer else None
    if result.probe.expected.tls == "rejected" and (result.ok or tls):
        return "refused" if result.ok else "accepted"
    if tls is None:
        return "-"
    if tls.verified:
        soon = "!" if days is not None and days < EXPIRING_DAYS else ""
        return "verified" if days is None else f"verified, {days} d{soon}"
    return "not verified" if result.probe.expected.tls == "any" else "NOT TRUSTED"


def tries(result: ProbeResult) -> str:
    """Return how often a probe was sent: ``once``, ``57 times in 60.0 s``, ``never``."""
    if result.attempts < 2:
        return "once" if result.attempts else "never"
    return f"{result.attempts} times in {result.seconds:.1f} s"


def seconds(report: SmokeReport) -> float:
    """Return how long the run took; where nobody measured it, how long its slowest probe took."""
    return report.seconds or max((result.seconds for result in report.results), default=0.0)


def summary(report: SmokeReport) -> str:
    """Return one line: ``12 of 12 routes proven in 0.8 s`` or ``2 of 12 routes FAILED after 60.2 s``."""
    total, failed = len(report.results), sum(not result.ok for result in report.results)
    if not total:
        return "no route to prove"
    if failed:
        return f"{failed} of {total} routes FAILED after {seconds(report):.1f} s"
    return f"{total} of {total} routes proven in {seconds(report):.1f} s"


def expiring(report: SmokeReport) -> list[str]:
    """Return a line for each host whose certificate, as it is served, ends within two weeks: the first to end first."""
    soon = sorted((days, host) for host, days in report.days_left if days < EXPIRING_DAYS)
    lines = [
        f"the certificate of {printable(host)} expires {f'in {days} days' if days else 'today'}: renew it"
        for days, host in soon[:_MOST_HOSTS]
    ]
    more = len(soon) - _MOST_HOSTS
    return [*lines, f"… and those of {more} more hosts"] if more > 0 else lines


def title(report: SmokeReport) -> str:
    """Return the report's headline: the stack, its controller, and whether that is only a test double."""
    double = TEST_DOUBLE if any(TEST_DOUBLE in note for note in report.notes) else ""
    return printable(" — ".join(filter(None, (f"stack {report.stack}", report.controller, double))))


def target_words(target: Target) -> str:
    """Return where the requests went: ``127.0.0.1, http 30080, https 30443 (NodePort on node x)``; of a further way in
    with its name before that."""
    ports = [
        f"http {target.http_port}" if target.http_port else "",
        f"https {target.https_port}" if target.https_port else "",
        *(f"{name} {port}" for name, port in target.streams),
    ]
    where = ", ".join(filter(None, (target.address, *ports)))
    named = f"{target.way}: {where}" if target.way else where
    return printable(f"{named} ({target.note})" if target.note else named)


def target_facts(target: Target) -> dict[str, Any]:
    """A target as data."""
    return {
        "way": target.way,
        "address": target.address,
        "http_port": target.http_port,
        "https_port": target.https_port,
        "streams": dict(target.streams),
        "note": target.note,
    }
