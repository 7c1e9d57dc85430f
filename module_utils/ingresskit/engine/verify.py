"""The thorough mode: the server's own dry run of every object wanted, and not only of what a hash tells to differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..api.calls import WORKERS
from ..state.release import Release
from .ahead import forgive_node_ports
from .apply import raise_errors
from .changes import Change, ChangeSet
from .diff import stripped
from .fields import ours
from .normalise import generated
from .parallel import stream
from .sender import Sender

if TYPE_CHECKING:
    from ..api.client import Api


def verify(
    api: Api,
    changes: ChangeSet,
    record: Release | None,
    *,
    workers: int = WORKERS,
    force_conflicts: bool = False,
    recreate: bool = False,
) -> ChangeSet:
    """A plan corrected by the API server: what its dry run shows to be equal is unchanged, what it shows to differ is
    configured, with the fields as reason. Nothing is written, and deletions are left alone.

    Generated Secrets that may stay are believed: managedFields tell that nobody touched them, and their keys are not
    read. Raises ConflictError or ClusterError with every object that the server would refuse."""
    todo = [change for change in changes.of("created", "configured", "unchanged") if not _kept(change)]
    sender = Sender(api, record, diff=True, force_conflicts=force_conflicts, recreate=recreate)
    outcomes = stream(lambda change: _believed(sender.dry(change)), todo, workers)
    verified = changes.replaced({change.ref: change for change in outcomes})
    verified = forgive_node_ports(api, verified)
    raise_errors(verified)
    to_write = verified.of("created", "configured")
    return verified.replaced({change.ref: replace(change, done=False) for change in to_write})


def _kept(change: Change) -> bool:
    obj = change.desired or {}
    return change.action == "unchanged" and generated(obj) and "data" not in obj


def _believed(outcome: Change) -> Change:
    """The outcome without the objects themselves: preview and apply read them again where a diff is asked for."""
    before, after = outcome.before, outcome.after
    reason, fields = outcome.reason, None
    if outcome.action == "unchanged":
        reason, fields = "", dict(ours(after or {"metadata": {}}) or {})
    elif outcome.action == "configured" and before and after and not reason:
        reason = f"the server's dry run differs in {', '.join(_differing(stripped(before), stripped(after)))}"
    return replace(outcome, reason=reason, fields=fields, before=None, after=None)


def _differing(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Where two objects differ, without the values: lists as a whole."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _differing(before.get(key), after.get(key), f"{path}.{key}")
    elif before != after:
        yield path
