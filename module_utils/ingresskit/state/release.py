"""The release record: what a stack holds in the cluster, as we left it. One Secret, which is the ApplySet's parent too.

It is saved before the first mutation (the union of old and new, what is about to be touched marked by an empty hash)
and again after the last: a run killed anywhere leaves no object unknown and no stale hash behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..api.client import Api
from ..api.resources import Ref

if TYPE_CHECKING:
    from ..engine.changes import ChangeSet
    from ..engine.ownership import Owner

Result = Literal["pending", "deployed", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One object: the hash of what we rendered ("" where a run was under way) and of our managedFields entry."""

    hash: str
    managed: str


@dataclass(frozen=True)
class Release:
    """What the last run left. ``fields``: managedFields entries (fieldsV1) by their hash; most objects share one."""

    revision: int
    time: str  # RFC 3339, UTC
    who: str
    result: Result
    objects: dict[Ref, Entry] = field(default_factory=dict)
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)  # the stack's own notes; never a private key
    resource_version: str = ""  # of the Secret it was read from


def load(api: Api, owner: Owner) -> Release | None:
    """The record of the stack, None before its first release. One GET. Raises ClusterError where it is unreadable."""
    raise NotImplementedError


def begin(
    api: Api,
    owner: Owner,
    record: Release | None,
    changes: ChangeSet,
    *,
    who: str = "",
    extras: dict[str, Any] | None = None,
) -> Release:
    """Saves old and new references as pending, before the first mutation; makes the state namespace where missing.
    Raises ConflictError where another run saved a record meanwhile."""
    raise NotImplementedError


def finish(api: Api, owner: Owner, pending: Release, changes: ChangeSet, *, ready: bool) -> Release:
    """Saves what came out: deployed if every change is done and ``ready``, else failed."""
    raise NotImplementedError
