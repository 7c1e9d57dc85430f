"""Sends what the plan says by server-side apply, stage by stage, concurrently inside a stage."""

from __future__ import annotations

from collections.abc import Callable

from ..api.client import Api
from ..state.release import Release
from .changes import Change, ChangeSet


def preview(
    api: Api,
    changes: ChangeSet,
    record: Release | None = None,
    *,
    workers: int = 16,
    force_conflicts: bool = False,
    recreate: bool = False,
) -> ChangeSet:
    """The server's own dry run of every change: ``before`` and ``after`` filled, nothing written.

    What the dry run shows to be equal becomes unchanged. Where namespace or kind do not exist yet, after is the
    rendered object. Raises as ``apply`` does."""
    raise NotImplementedError


def apply(
    api: Api,
    changes: ChangeSet,
    record: Release | None = None,
    *,
    workers: int = 16,
    diff: bool = False,
    force_conflicts: bool = False,
    recreate: bool = False,
    timeout: float = 300,
    progress: Callable[[Change], None] | None = None,
) -> ChangeSet:
    """Creates and configures; deletions are left to ``prune``. Returns the change set with outcomes.

    Does not raise for an object the API server refuses: its ``error`` is set, the stages after it are not started
    (their changes stay ``done=False``); call ``raise_errors`` after having saved the record.
    ``record``: the release before, which tells drift from conflict. ``timeout``: for CRDs to be established and
    terminating namesakes to go."""
    raise NotImplementedError


def raise_errors(changes: ChangeSet) -> None:
    """Raises ConflictError (fields of other managers) or ClusterError with every object's error, if there is one."""
    raise NotImplementedError
