"""Sends what the plan says by server-side apply, stage by stage, concurrently inside a stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from ..api.calls import WORKERS
from ..api.resources import Ref
from ..errors import ClusterError, ConflictError
from ..state.release import Release
from .changes import Change, ChangeSet
from .parallel import stream
from .sender import Sender
from .stages import LAST, stage
from .until import established

if TYPE_CHECKING:
    from ..api.client import Api

_CRD = "CustomResourceDefinition"


def preview(
    api: Api,
    changes: ChangeSet,
    record: Release | None = None,
    *,
    workers: int = WORKERS,
    force_conflicts: bool = False,
    recreate: bool = False,
) -> ChangeSet:
    """The server's own dry run of every change: ``before`` and ``after`` filled, nothing written.

    What the dry run shows to be equal becomes unchanged. Where namespace or kind do not exist yet, after is the
    rendered object. An object that the server refuses has its ``error`` set, see ``raise_errors``."""
    changes.raise_conflicts()
    sender = Sender(api, record, diff=True, force_conflicts=force_conflicts, recreate=recreate)
    outcomes = stream(sender.dry, changes.of("created", "configured", "deleted"), workers)
    return changes.replaced({change.ref: change for change in outcomes})


def apply(
    api: Api,
    changes: ChangeSet,
    record: Release | None = None,
    *,
    workers: int = WORKERS,
    diff: bool = False,
    force_conflicts: bool = False,
    recreate: bool = False,
    timeout: float = 300,
    progress: Callable[[Change], None] | None = None,
    guard: Callable[[], None] | None = None,
    before_routes: Callable[[list[Change]], None] | None = None,
) -> ChangeSet:
    """Creates and configures; deletions are left to ``prune``. Returns the change set with outcomes.

    Does not raise for an object the API server refuses: its ``error`` is set, the stages after it are not started
    (their changes stay ``done=False``); call ``raise_errors`` after having saved the record.
    ``record``: the release before, which tells drift from conflict. ``timeout``: for CRDs to be established and
    terminating namesakes to go. ``progress`` is called with every outcome, ``guard`` before every
    stage, ``before_routes`` with all outcomes before the first Ingress: what they raise ends the run.

    Ingresses that are new are sent before any other changes: a path that moves from one to another is never nowhere."""
    changes.raise_conflicts()
    sender = Sender(api, record, diff=diff, force_conflicts=force_conflicts, recreate=recreate, timeout=timeout)
    outcomes: dict[Ref, Change] = {}
    for (number, __), group in groupby(sorted(changes.of("created", "configured"), key=_turn), key=_turn):
        if guard:
            guard()
        if before_routes and number == LAST:
            before_routes(list(outcomes.values()))
            before_routes = None
        sent = []
        for outcome in stream(sender.send, group, workers):
            sent.append(outcome)
            if progress:
                progress(outcome)
        outcomes |= {change.ref: change for change in (*sent, *_not_established(api, sent, timeout))}
        if any(change.error for change in outcomes.values()):
            break
    return changes.replaced(outcomes)


def _turn(change: Change) -> tuple[int, bool]:
    """The stage, and in that of the Ingresses whether it is there already."""
    number = stage(change.ref)
    return number, number == LAST and change.action == "configured"


def raise_errors(changes: ChangeSet) -> None:
    """Raises ConflictError (fields of other managers) or ClusterError with every object's error, if there is one."""
    if changes.errors:
        text = "\n".join(dict.fromkeys(changes.errors))
        raise ConflictError(text) if any(change.error for change in changes.of("conflicted")) else ClusterError(text)


def _not_established(api: Api, sent: Iterable[Change], timeout: float) -> list[Change]:
    """CRDs just applied that the API server does not come to serve, with the reason as their error."""
    crds = [change for change in sent if change.ref.kind == _CRD and change.done]
    errors = [established(api, change.ref, timeout) for change in crds]
    return [replace(change, error=error) for change, error in zip(crds, errors, strict=True) if error]
