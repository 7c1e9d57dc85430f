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


@dataclass(frozen=True)
class Loss:
    """A field that was ours and no longer is, and who has it now ("" where nobody does)."""

    field: str
    manager: str = ""
    operation: str = ""

    def __str__(self) -> str:
        return f"{self.manager} took {self.field}" if self.manager else f"{self.field} was removed"


def ours(live: Object) -> Fields | None:
    """Our own Apply entry's fieldsV1, None where there is none: not made or no longer held by us."""
    for entry in _entries(live):
        if entry.get("manager") == MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return entry.get("fieldsV1") or {}
    return None


def losses(released: Fields, live: Object) -> list[Loss]:
    """What our last release owned and the live object's entry does not, with the managers that hold it now."""
    lost = set(paths(released)) - set(paths(ours(live) or {}))
    if not lost:
        return []
    holders = {path: entry for entry in _entries(live) for path in paths(entry.get("fieldsV1") or {})}
    return [
        Loss(path, holders[path]["manager"], holders[path]["operation"]) if path in holders else Loss(path)
        for path in _outermost(lost)
    ]


def _entries(live: Object) -> Iterator[Mapping[str, Any]]:
    yield from live["metadata"].get("managedFields") or ()


def _outermost(lost: set[str]) -> list[str]:
    """Without the paths below another lost path: ".spec.rules" says it all."""
    kept: list[str] = []
    for path in sorted(lost):
        if not any(path.startswith(f"{parent}.") or path.startswith(f"{parent}[") for parent in kept):
            kept.append(path)
    return kept


def paths(fields: Fields, prefix: str = "") -> Iterator[str]:
    """The paths a fieldsV1 set holds: leaves, and inner nodes that are owned themselves (".")."""
    for key, below in fields.items():
        if key == ".":
            if prefix:
                yield prefix
            continue
        path = prefix + _element(key)
        if below:
            yield from paths(below, path)
        else:
            yield path


def _element(key: str) -> str:
    """f:name -> .name, k:{...} -> [name="x",port=80], v:"x" -> [="x"], i:0 -> [0]."""
    form, _, rest = key.partition(":")
    if form == "f":
        return f".{rest}"
    if form == "k":
        pairs = sorted(json.loads(rest).items())
        return "[" + ",".join(f"{name}={json.dumps(value)}" for name, value in pairs) + "]"
    return f"[={rest}]" if form == "v" else f"[{rest}]"
