"""What a run does, object by object: the one value that ``changed``, the diff and all messages derive from. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from ..api.resources import Object, Ref

Action = Literal["created", "configured", "unchanged", "deleted", "skipped", "conflicted"]
WRITES: tuple[Action, ...] = ("created", "configured", "deleted")


class Diff(TypedDict):
    """One object's difference in the form ansible-playbook --diff prints."""

    before: str
    after: str
    before_header: str
    after_header: str


@dataclass(frozen=True, slots=True)
class Change:
    """One object: what is to be done with it and, once tried, how that went."""

    ref: Ref
    action: Action
    desired: Object | None = None  # as rendered; None where it is to go
    live: Object | None = None  # metadata of the live object; None where there is none
    reason: str = ""  # why: "kubectl-edit took .spec.rules", "exists, not ours"
    before: Object | None = None  # whole live object, read only where a diff was asked for
    after: Object | None = None
    fields: dict[str, Any] | None = None  # our managedFields entry (fieldsV1) after the write
    done: bool = False  # the API server has accepted it (also in a dry run)
    error: str = ""  # why it was not


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
        raise NotImplementedError

    def of(self, *actions: Action) -> list[Change]:
        """The changes with one of these actions."""
        raise NotImplementedError

    def diff(self) -> list[Diff]:
        """One entry per object written for which before and after are known; Secret values masked."""
        raise NotImplementedError

    def summary(self) -> str:
        """"3 created, 1 configured, 20 unchanged": actions that did not occur are left out."""
        raise NotImplementedError

    def messages(self) -> list[str]:
        """One line per object that is not simply unchanged: "Ingress cafe/cafe configured: ..."."""
        raise NotImplementedError

    def raise_conflicts(self) -> None:
        """Raises ConflictError listing every conflicted object with the remedy, if there is one."""
        raise NotImplementedError
