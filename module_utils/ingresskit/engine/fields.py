"""Who owns which field: managedFields entries read as sets of paths. Pure.

Formats: https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#FieldsV1 and structured-merge-diff's fieldpath, whose
printed form is used here as well, so that a path from an entry equals the path in a conflict's message.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..api.resources import MANAGER, Object

Fields = Mapping[str, Any]
Entry = Mapping[str, Any]  # one element of managedFields


@dataclass(frozen=True)
class Loss:
    """A field that was ours and no longer is, and who has it now ("" where nobody does)."""

    field: str
    manager: str = ""
    operation: str = ""

    def __str__(self) -> str:
        return f"{self.manager} took {self.field}" if self.manager else f"{self.field} was removed"


def entries(live: Object) -> list[Entry]:
    """The managedFields of a live object."""
    return live["metadata"].get("managedFields") or []


def is_ours(entry: Entry) -> bool:
    """Whether this is our own Apply entry."""
    return entry.get("manager") == MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource")


def ours(live: Object) -> Fields | None:
    """Our own Apply entry's fieldsV1, None where there is none: not made or no longer held by us."""
    return next((entry.get("fieldsV1") or {} for entry in entries(live) if is_ours(entry)), None)


def losses(released: Fields, live: Object) -> list[Loss]:
    """What our last release owned and the live object's entry does not, with the managers that hold it now."""
    lost = set(paths(released)) - set(paths(ours(live) or {}))
    if not lost:
        return []
    holders = {path: entry for entry in entries(live) for path in paths(entry.get("fieldsV1") or {})}
    return [
        Loss(path, holders[path]["manager"], holders[path]["operation"]) if path in holders else Loss(path)
        for path in _outermost(lost)
    ]


def _outermost(lost: set[str]) -> list[str]:
    """Without the paths below another lost path: ".spec.rules" says it all."""
    kept: list[str] = []
    for path in sorted(lost):
        if not any(below(path, parent) for parent in kept):
            kept.append(path)
    return kept


def below(path: str, parent: str) -> bool:
    """Whether a path leads further than another."""
    return path.startswith((f"{parent}.", f"{parent}["))


def paths(fields: Fields, prefix: str = "") -> Iterator[str]:
    """The paths a fieldsV1 set holds: leaves, and inner nodes that are owned themselves (".")."""
    for key, inner in fields.items():
        if key == ".":
            if prefix:
                yield prefix
            continue
        path = prefix + element(key)
        if inner:
            yield from paths(inner, path)
        else:
            yield path


def union(*sets: Fields) -> dict[str, Any]:
    """All that any of these sets holds."""
    result: dict[str, Any] = {}
    for fields in sets:
        for key, inner in fields.items():
            result[key] = union(result.get(key, {}), inner)
    return result


def present(fields: Fields, value: Any, prefix: str = "") -> Iterator[str]:
    """Those paths of a set, inner nodes included, at which a manifest has something."""
    for key, inner in fields.items():
        place = locate(key, value)
        if place is not None:
            path = prefix + element(key)
            yield path
            yield from present(inner, value[place], path)


def element(key: str) -> str:
    """f:name -> .name, k:{...} -> [name="x",port=80], v:"x" -> [="x"], i:0 -> [0]."""
    form, __, rest = key.partition(":")
    if form == "f":
        return f".{rest}"
    if form == "k":
        pairs = sorted(json.loads(rest).items())
        return "[" + ",".join(f"{name}={json.dumps(value)}" for name, value in pairs) + "]"
    return f"[={rest}]" if form == "v" else f"[{rest}]"


def locate(key: str, value: Any) -> Any | None:
    """Where in a map or list an element of a set is: its key or index, None where it is not there."""
    form, __, rest = key.partition(":")
    if form == "f":
        return rest if isinstance(value, dict) and rest in value else None
    if not isinstance(value, list) or form not in ("k", "v", "i"):
        return None
    wanted = json.loads(rest)
    if form == "i":
        return wanted if wanted < len(value) else None
    if form == "v":
        return value.index(wanted) if wanted in value else None
    matching = (index for index, item in enumerate(value) if isinstance(item, dict) and _has(item, wanted))
    return next(matching, None)


def _has(item: Mapping[str, Any], keys: Mapping[str, Any]) -> bool:
    """Whether an item of a list has these keys; one that is left out may have the value of its default."""
    return all(item.get(name, value) == value for name, value in keys.items())
