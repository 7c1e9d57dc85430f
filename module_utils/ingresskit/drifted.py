"""What a comparison of the cluster with the inventory found, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

# changed: other than the inventory says. missing: not there. extra: of the stack, and the inventory does not name it.
# foreign: there under a name of the inventory, and somebody else's. unknown: the API server refuses to compare it.
State = Literal["changed", "missing", "extra", "foreign", "unknown"]
STATES: tuple[State, ...] = ("changed", "missing", "extra", "foreign", "unknown")


@dataclass(frozen=True)
class Author:
    """Who wrote, as managedFields tell it: ``time`` is when this manager last changed what it holds (RFC 3339)."""

    manager: str
    operation: str
    subresource: str = ""
    time: str = ""


@dataclass(frozen=True)
class Difference:
    """One field. ``wanted``: what the inventory says, ``live``: what the cluster holds; None where there is nothing.
    ``author``: who holds the field, None where nobody does. Values of Secrets are hidden before they come here."""

    path: str
    wanted: Any
    live: Any
    author: Author | None = None


@dataclass(frozen=True)
class Drifted:
    """One object that is not as the inventory says. ``authors``: who wrote to it, the last one first."""

    kind: str
    namespace: str
    name: str
    state: State
    reason: str = ""
    fields: tuple[Difference, ...] = ()
    authors: tuple[Author, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class DriftReport:
    """Of a stack: ``compared`` objects, of which those in ``objects`` differ. ``brought`` tells who brought it."""

    stack: str
    compared: int
    objects: tuple[Drifted, ...] = ()
    same: tuple[str, ...] = field(default=(), repr=False)  # the others, by name
    brought: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
