"""Deletes what the stack no longer holds, and a whole stack."""

from __future__ import annotations

from ..api.client import Api
from .changes import ChangeSet
from .ownership import Owner


def prune(api: Api, changes: ChangeSet, *, workers: int = 16, diff: bool = False, timeout: float = 60) -> ChangeSet:
    """Carries out the deletions of a plan in reverse order of stages, with uid and resourceVersion preconditions.

    A Namespace or CustomResourceDefinition goes only where nothing else lives in it; else it becomes skipped and its
    reason says what does. Outcomes as in ``apply``: errors are kept, not raised."""
    raise NotImplementedError


def forget(api: Api, owner: Owner, *, timeout: float = 60) -> list[str]:
    """After a stack's removal: deletes its CA Secret, its release record, and the state namespace if it was made by
    ingresskit and is empty. Returns what it did or kept, a line each."""
    raise NotImplementedError
