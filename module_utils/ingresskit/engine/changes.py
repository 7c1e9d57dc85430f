"""What a run does, object by object: the one value that ``changed``, the diff and all messages derive from. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..api.resources import Object, Ref
from ..errors import ConflictError
from . import diff as differ
from .diff import Diff

Action = Literal["created", "configured", "unchanged", "deleted", "skipped", "conflicted"]
ACTIONS: tuple[Action, ...] = ("created", "configured", "deleted", "unchanged", "skipped", "conflicted")
_NAMED = 3  # objects in a message, before "and 5 more"
WRITES: tuple[Action, ...] = ("created", "configured", "deleted")


@dataclass(frozen=True, slots=True)
class Change:
    """One object: what is to be done with it and, once tried, how that went."""

    ref: Ref
    action: Action
    desired: Object | None = field(default=None, repr=False)  # as rendered; None where it is to go
    live: Object | None = field(default=None, repr=False)  # metadata of the live object; None where there is none
    reason: str = ""  # why: "kubectl-edit took .spec.rules", "exists, not ours"
    before: Object | None = field(default=None, repr=False)  # whole live object, where a diff was asked for
    after: Object | None = field(default=None, repr=False)
    fields: dict[str, Any] | None = field(default=None, repr=False)  # our managedFields after the write
    done: bool = False  # the API server has accepted it (also in a dry run)
    error: str = ""  # why it was not
    adopt: bool = False  # to be taken over: from outside, or from kubectl or helm who hold fields of it

    def __str__(self) -> str:
        outcome = f"not {self.action}: {self.error}" if self.error else self.action
        return f"{self.ref} {outcome}" + (f" ({self.reason})" if self.reason else "")


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """All objects of a run in the order in which they are applied; what is to go comes last."""

    changes: tuple[Change, ...] = ()

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    @property
    def changed(self) -> bool:
        """Whether anything is (to be) created, configured or deleted."""
        return any(change.action in WRITES for change in self.changes)

    @property
    def errors(self) -> list[str]:
        """What the API server refused, a line each."""
        return [change.error for change in self.changes if change.error]

    def of(self, *actions: Action) -> list[Change]:
        """The changes with one of these actions."""
        return [change for change in self.changes if change.action in actions]

    def replaced(self, outcomes: dict[Ref, Change]) -> ChangeSet:
        """The same set with some changes exchanged for their outcomes."""
        return replace(self, changes=tuple(outcomes.get(change.ref, change) for change in self.changes))

    def diff(self) -> list[Diff]:
        """One entry per object to be written whose before or after is known; Secret values masked."""
        return [
            differ.diff(change.ref, change.before, change.after)
            for change in self.of(*WRITES)
            if change.before is not None or change.after is not None
        ]

    def summary(self) -> str:
        """ "3 created, 1 configured, 20 unchanged": actions that did not occur are left out."""
        counts = Counter(change.action for change in self.changes)
        return ", ".join(f"{counts[action]} {action}" for action in ACTIONS if counts[action]) or "nothing to do"

    def messages(self) -> list[str]:
        """One line per object that is not simply unchanged: "Ingress cafe/cafe configured (...)"."""
        return [str(change) for change in self.changes if change.action != "unchanged" or change.reason]

    def raise_conflicts(self, key_of: Callable[[Ref], str] = lambda ref: "") -> None:
        """Raises ConflictError listing every conflicted object with the remedy, if there is one.

        ``key_of``: the inventory key that names an object. Those of one key and one reason share a line.
        """
        alike: dict[tuple[str, str], list[Ref]] = {}
        for change in self.of("conflicted"):
            key = key_of(change.ref)
            alike.setdefault((key or str(change.ref), change.reason), []).append(change.ref)
        lines = [f"{key}: {_listed(key, refs)}{reason}" for (key, reason), refs in alike.items()]
        if lines:
            raise ConflictError("\n".join(lines))


def _listed(key: str, refs: list[Ref]) -> str:
    """The objects that a message is about, unless it begins with the only one."""
    if [key] == [str(ref) for ref in refs]:
        return ""
    more = f" and {len(refs) - _NAMED} more" if len(refs) > _NAMED else ""
    return f"{', '.join(str(ref) for ref in refs[:_NAMED])}{more}: "
