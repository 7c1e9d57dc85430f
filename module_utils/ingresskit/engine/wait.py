"""Watches what was applied until all of it is ready, or says early and plainly why it will not be."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..api.resources import Object, Ref
from ..errors import WaitError
from .board import Board, News
from .diagnose import events_of, restarted, troubles
from .ownership import Owner
from .parallel import each
from .scopes import scopes_of
from .status import Status, Trouble
from .watching import Watcher

if TYPE_CHECKING:
    from ..api.client import Api

Progress = Callable[[list[str], int], None]

_ROUND = 1.5  # seconds between two looks at the Pods of what is not ready
_SHOWN = 20  # objects a message lists


def wait(
    api: Api,
    objects: Sequence[Object],
    owner: Owner,
    *,
    timeout: float,
    ingress_needs_address: bool = False,
    progress: Progress | None = None,
    grace: float = 10,
) -> list[Status]:
    """Blocks until every object of ``objects`` (the whole render) is ready; returns their statuses.

    Waited for: Deployments, DaemonSets, StatefulSets, Jobs, CRDs, LoadBalancer addresses, ready endpoints of the
    stack's Services that its Ingresses use, and the Ingresses' own addresses where ``ingress_needs_address``.
    ``progress`` gets what is missing, a line an object, and the number of all, each time the Pods were looked at.
    ``grace``: seconds a Pod may be in a state that could heal
    (image pulls, quota; three times as long for scheduling) before it counts as failed, and a Service may be without an
    address whose load balancer says what is wrong (three times as long where none says anything).
    Raises WaitError: at once with the reason and last events where something cannot succeed by itself, or after
    ``timeout`` seconds with a list of what is missing and why.
    """
    scopes = scopes_of(objects, ingress_needs_address)
    if not scopes:
        return []
    watcher = Watcher(api, owner)
    try:
        opened = [pair for pairs in each(watcher.open, scopes, len(scopes)) for pair in pairs]
        board = Board([scope for scope, __ in opened], ingress_needs_address)
        for scope, items in opened:
            board.take(News(scope, items, all=True))
        if not board.done():
            _follow(api, board, watcher, timeout, grace, progress)
    finally:
        watcher.close()
    return board.statuses()


def _follow(api: Api, board: Board, watcher: Watcher, timeout: float, grace: float, progress: Progress | None) -> None:
    """Takes events until all is ready; looks at the Pods and events of what is not, once a round."""
    end = time.monotonic() + timeout
    watcher.start([scope for scope in board.scopes if board.pending(scope)])
    since: dict[Ref, float] = {}  # reasons come in turns (ErrImagePull, ImagePullBackOff): any of them counts
    found: dict[Ref, Trouble] = {}
    look_at = time.monotonic()
    while not _settled(api, board):
        if board.failed():
            raise WaitError(_failed(api, board.failed()))
        now = time.monotonic()
        if now >= end and board.unready():
            raise WaitError(_timed_out(api, board, found, timeout))
        if now >= look_at:
            found = troubles(api, board.unready_objects())
            since = {ref: since.get(ref, now) for ref in found}
            hopeless = [ref for ref in found if now - since[ref] >= found[ref].patience * grace]
            if hopeless:
                raise WaitError(_failed(api, {ref: found[ref].reason for ref in hopeless}))
            if progress:
                progress(_missing(board, found), len(board.statuses()))
            look_at = time.monotonic() + _ROUND
        wake = min(look_at, end if board.unready() else board.steady_at)
        board.take(watcher.next(wake - time.monotonic()))


def _settled(api: Api, board: Board) -> bool:
    """Whether all is ready, and nothing only because it was started again a moment ago."""
    if board.done():
        board.doubt(restarted(api, board.unprobed()))
    return board.done()


def _failed(api: Api, reasons: dict[Ref, str]) -> str:
    lines = [f"{ref} cannot become ready: {reason}" for ref, reason in reasons.items()]
    return _text(lines, events_of(api, reasons))


def _timed_out(api: Api, board: Board, found: dict[Ref, Trouble], timeout: float) -> str:
    unready = board.unready()
    head = f"{len(unready)} of {len(board.statuses())} not ready after {timeout:.0f} s:"
    return _text([head, *_missing(board, found)], events_of(api, [status.ref for status in unready]))


def _missing(board: Board, found: dict[Ref, Trouble]) -> list[str]:
    """What is not ready and why, a line an object."""
    unready = board.unready()
    return [f"{status}" + (f" ({found[status.ref].reason})" if status.ref in found else "") for status in unready]


def _text(lines: list[str], events: list[str]) -> str:
    shown = lines[:_SHOWN] + ([f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else [])
    return "\n".join(shown + (["last events:", *(f"  {event}" for event in events)] if events else []))
