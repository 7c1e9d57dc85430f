"""Compares what is wanted, what is there and what we released last. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..api.resources import Object, Ref
from ..state.release import Release
from .changes import ChangeSet
from .snapshot import Snapshot


def plan(
    objects: Sequence[Object], seen: Snapshot, record: Release | None, *, force_conflicts: bool = False
) -> ChangeSet:
    """What has to be done so that the cluster holds ``objects`` (normalised, owned: see ``ownership.own``) and nothing
    else of the stack.

    unchanged: the hash equals the record's and our managedFields entry is as we left it. configured: otherwise;
    ``reason`` names the manager that took or removed a field of ours by an Update (drift). conflicted: a namesake that
    is not ours, or a field of ours that another Apply manager took (unless ``force_conflicts``). skipped: a Namespace
    that exists and is not ours. deleted: ours, no longer wanted, without the keep annotation.
    Raises ClusterError where ``objects`` is empty (an empty render never prunes) or holds an object twice.
    """
    raise NotImplementedError


def plan_removal(seen: Snapshot, record: Release | None) -> ChangeSet:
    """Everything of the stack as deleted (state: absent); what carries the keep annotation as skipped."""
    raise NotImplementedError


def intact(seen: Snapshot, record: Release | None) -> set[Ref]:
    """References whose live object still is as our last release left it: the renderer may keep their generated content
    and send the object without data."""
    raise NotImplementedError
