"""The report as plain data and back: what a module returns and a file holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from datetime import datetime
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ..oracle.types import Answer, Probe, ProbeResult, SmokeReport
from ..probe.words import printable

KEPT_BODY = 500
_SECRET_HEADERS = {"authorization", "cookie", "proxy-authorization"}
T = TypeVar("T")


def to_dict(report: SmokeReport) -> dict[str, Any]:
    """Return ``report`` as data that JSON can hold, in its compact form (see ``compact``)."""
    plain = _plain(asdict(compact(report)))
    assert isinstance(plain, dict)
    return plain


def from_dict(data: Mapping[str, Any]) -> SmokeReport:
    """Return the report that ``to_dict`` made ``data`` of; keys that are no field are ignored.

    Raises TypeError or ValueError where ``data`` is something else.
    """
    return _built(SmokeReport, data)


def compact(report: SmokeReport) -> SmokeReport:
    """Return ``report`` with what may be shown: no credentials of requests, no control characters of answers.

    A right answer keeps its status, backend and TLS only; a wrong one the beginning of its body too.
    """
    notes, controller = tuple(map(printable, report.notes)), printable(report.controller)
    return replace(report, notes=notes, controller=controller, results=tuple(map(_compact, report.results)))


def _compact(result: ProbeResult) -> ProbeResult:
    answer = result.answer and _compact_answer(result.answer, result.ok)
    error, reason = printable(result.error), printable(result.reason)
    return replace(result, probe=_compact_probe(result.probe), answer=answer, error=error, reason=reason)


def _compact_probe(probe: Probe) -> Probe:
    request, expected = probe.request, probe.expected
    headers = tuple((name, "***" if name.lower() in _SECRET_HEADERS else value) for name, value in request.headers)
    page = expected.body_contains and printable(expected.body_contains, KEPT_BODY)
    return replace(probe, request=replace(request, headers=headers), expected=replace(expected, body_contains=page))


def _compact_answer(answer: Answer, ok: bool) -> Answer:
    kept = {"location", "server", "content-type", "strict-transport-security"} if ok else None
    headers = tuple(
        (printable(name), printable(value, 500))
        for name, value in answer.headers
        if kept is None or name.lower() in kept
    )
    body = "" if ok else printable(answer.body, KEPT_BODY)
    return replace(answer, headers=headers, body=body)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _built(kind: type[T], data: Mapping[str, Any]) -> T:
    hints = get_type_hints(kind)
    assert is_dataclass(kind)
    return kind(
        **{field.name: _value(hints[field.name], data[field.name]) for field in fields(kind) if field.name in data}
    )


def _value(hint: Any, data: Any) -> Any:
    """``data`` as the type ``hint`` wants it: JSON knows no tuples, dates or dataclasses."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return None if data is None else _value(next(each for each in arguments if each is not type(None)), data)
    if origin is tuple:
        kinds = [arguments[0]] * len(data) if arguments[-1] is Ellipsis else arguments
        return tuple(_value(each, item) for each, item in zip(kinds, data, strict=True))
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return _built(hint, data)
    if hint is datetime:
        return datetime.fromisoformat(data)
    if origin is Literal and data not in arguments:
        raise ValueError(f"{data!r} is none of {arguments}")
    return data
