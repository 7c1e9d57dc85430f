"""The errors a user can meet. Modules catch the base class once, in main, and print its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class IngresskitError(Exception):
    """Base of every expected failure: its text alone tells the user what is wrong and what to do."""


@dataclass(frozen=True)
class Problem:
    """One fault in the inventory: ``path`` is the key as a user writes it, ``message`` what is wrong and the remedy."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class InventoryError(IngresskitError):
    """The inventory does not hold to the contract. ``problems`` lists every fault found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class ClusterError(IngresskitError):
    """The cluster cannot be reached, refused a request or does not hold what is needed."""


class ConflictError(IngresskitError):
    """Something in the cluster belongs to somebody else: an object without our label or a field of another manager."""


class WaitError(IngresskitError):
    """What was applied did not become ready; the text tells which objects and why."""


class ReleaseError(IngresskitError):
    """A release failed; the text tells why, and what became of it."""
