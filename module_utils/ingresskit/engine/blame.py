"""What differs between a live object and what is wanted, field by field, and who holds each field. Pure.

Source: managedFields, see ``fields``. They tell of every field who set it last, not who set it before or removed it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ..api.resources import Object
from ..drifted import Author, Difference
from .diff import LAST_APPLIED, masked, stripped
from .fields import Entry, below, element, entries, locate, paths, union
from .handover import HANDOVER

_HIDDEN = "***"
_CONTENT = (".data", ".stringData", f".metadata.annotations.{LAST_APPLIED}")
# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_RESOURCES = (("resources", "limits"), ("resources", "requests"))
_CREDENTIAL = re.compile(r"pass(word|wd|phrase)|secret|token|key|credential", re.IGNORECASE)


@dataclass(frozen=True)
class _Concealed:
    """A value that may be compared and not shown."""

    value: Any


def differences(live: Object, wanted: Object) -> list[Difference]:
    """The fields in which a live object differs from what an apply would make of it, with who holds them.

    What only the server sets is left out. A Secret's values are hidden, and those of variables whose names speak of a
    credential: that they differ is told."""
    before, after = stripped(live) or {}, stripped(wanted) or {}
    secret = live["kind"] == "Secret"
    if secret:
        before, after = masked(before, after, "live") or {}, masked(after, before, "wanted") or {}
    else:
        before, after = _concealed(before), _concealed(after)
    fields = union(*(entry.get("fieldsV1") or {} for obj in (live, wanted) for entry in entries(obj)))
    held = [(path, entry) for entry in entries(live) for path in paths(entry.get("fieldsV1") or {})]
    found = []
    for path, old, new in _walk(before, after, fields):
        here, there = (_hidden(path, value) if secret else value for value in map(_shown, (new, old)))
        found.append(Difference(path, here, there, _holder(path, held)))
    return found


def authors(live: Object) -> list[Author]:
    """Who wrote to an object, but for its status: the last one first."""
    written = [entry for entry in entries(live) if entry.get("subresource") != "status"]
    return [_author(entry) for entry in sorted(written, key=_time, reverse=True)]


def overlaid(live: Any, wanted: Any, keys: tuple[str, ...] = ()) -> Any:
    """What an apply of ``wanted`` would make of ``live``, as far as that can be told by reading alone.

    Maps are merged; lists of one length item by item, others are exchanged; one quantity may be written in two ways.
    ``keys`` lead here from the object's root."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        return live | {key: overlaid(live.get(key), value, (*keys, key)) for key, value in wanted.items()}
    if isinstance(live, list) and isinstance(wanted, list) and len(live) == len(wanted):
        return [overlaid(*pair, keys) for pair in zip(live, wanted, strict=True)]
    return live if live == wanted or (_measured(keys) and _one_quantity(live, wanted)) else wanted


def _measured(keys: tuple[str, ...]) -> bool:
    """Whether a quantity stands there. Anywhere else, as in a ConfigMap or a variable, 1 and 1.0 are two texts."""
    metric = keys[:2] == ("spec", "metrics") and keys[-2:-1] == ("target",)
    return metric or keys[-3:-1] in _RESOURCES or keys[-2:] == ("emptyDir", "sizeLimit")


def _walk(live: Any, wanted: Any, fields: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where they differ, as far inside as both have something there. ``fields``: what any manager holds at this path;
    it tells by which keys the items of a list are the same item."""
    if live == wanted:
        return
    inside: Iterable[tuple[str, Any, Any]] = ()
    if isinstance(live, dict) and isinstance(wanted, dict):
        inside = _in_map(live, wanted, fields, path)
    elif isinstance(live, list) and isinstance(wanted, list):
        inside = _in_list(live, wanted, fields, path)
    found = list(inside)
    yield from found or [(path, live, wanted)]


def _in_map(live: Object, wanted: Object, fields: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted(live.keys() | wanted.keys()):
        yield from _walk(live.get(key), wanted.get(key), fields.get(f"f:{key}") or {}, f"{path}.{key}")


def _in_list(
    live: list[Any], wanted: list[Any], fields: Mapping[str, Any], path: str
) -> Iterator[tuple[str, Any, Any]]:
    keys = [key for key in fields if key[:2] in ("k:", "v:")]
    for key in keys:
        sides = ((side, locate(key, side)) for side in (live, wanted))
        one, other = (None if place is None else side[place] for side, place in sides)
        yield from _walk(one, other, fields[key], path + element(key))
    if not keys and len(live) == len(wanted):
        for index, (one, other) in enumerate(zip(live, wanted, strict=True)):
            yield from _walk(one, other, {}, f"{path}[{index}]")


def _holder(path: str, held: Iterable[tuple[str, Entry]]) -> Author | None:
    """Who holds a field: itself, or else the nearest one around it, or something in it. Of several the last."""
    held = [(place, entry) for place, entry in held if entry.get("subresource") != "status"]
    at = [entry for place, entry in held if place == path]
    around = [(len(place), _time(entry), entry) for place, entry in held if below(path, place)]
    within = [entry for place, entry in held if below(place, path)]
    if at or (within and not around):
        return _author(max(at or within, key=_time))
    return _author(max(around, key=lambda found: found[:2])[2]) if around else None


def _author(entry: Entry) -> Author:
    manager = "ingresskit" if entry.get("manager") == HANDOVER else str(entry.get("manager", ""))
    return Author(manager, str(entry.get("operation", "")), str(entry.get("subresource") or ""), _time(entry))


def _time(entry: Entry) -> str:
    return str(entry.get("time") or "")


def _hidden(path: str, value: Any) -> Any:
    """A value of a Secret as it may be shown."""
    inside = any(path == place or below(path, place) for place in _CONTENT)
    return _HIDDEN if inside and value is not None else value


def _concealed(value: Any, name: str = "") -> Any:
    """An object, or what it has under ``name``, with its credentials wrapped. kubectl's note holds it all once more."""
    if name == LAST_APPLIED:
        return _Concealed(value)
    if isinstance(value, dict):
        return {key: _concealed(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_variable(item) if name == "env" and isinstance(item, dict) else _concealed(item) for item in value]
    return value


def _variable(item: Object) -> Object:
    """A variable of a container."""
    hidden = "value" in item and _CREDENTIAL.search(str(item.get("name")))
    return item | {"value": _Concealed(item["value"])} if hidden else item


def _shown(value: Any) -> Any:
    """A value without what is wrapped in it."""
    if isinstance(value, _Concealed):
        return _HIDDEN
    if isinstance(value, dict):
        return {key: _shown(inner) for key, inner in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value


def _one_quantity(one: Any, other: Any) -> bool:
    if not all(isinstance(value, str | int | float) and not isinstance(value, bool) for value in (one, other)):
        return False
    amount = _amount(str(one))
    return amount is not None and amount == _amount(str(other))


def _amount(text: str) -> Decimal | None:
    found = _QUANTITY.fullmatch(text)
    if not found:
        return None
    try:
        number, suffix = Decimal(found[1]), found[2] or ""
    except InvalidOperation:
        return None
    return number * Decimal(2) ** _BINARY[suffix] if suffix in _BINARY else number.scaleb(_DECIMAL.get(suffix, 0))
