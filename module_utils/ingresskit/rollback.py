"""Back to a revision of the history: on request, or because a smoke test failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import model
from .converge import Outcome, connect_to, locked, owner_of
from .errors import ClusterError
from .model.stack import Stack
from .settings import Settings

if TYPE_CHECKING:
    from .api.client import KubeApi
    from .engine.ownership import Owner
    from .state.release import Release

_TOLD = ("Deployment", "DaemonSet", "StatefulSet", "Service", "Ingress")  # whose events explain a failed route


def roll_back(inventory: Mapping[str, Any], settings: Settings, to: int | None = None) -> Outcome:
    """Brings revision ``to`` to the cluster again, or the last good one before the present; in check mode tells what
    that would change. Certificates renewed since then stay.

    Raises ClusterError naming the revisions there are where there is no such one, ConflictError or WaitError.
    """
    from .transaction import Transaction  # not needed to load the module

    stack = model.load(inventory)
    api, owner = connect_to(stack), owner_of(stack)
    if settings.check:
        record = _installed(api, owner)
        transaction = Transaction(api, owner, stack, settings)
        changes = transaction.rehearse(transaction.recalled(record, _number(record, to)))
        return Outcome(stack, changes, revision=record.revision, calls=dict(api.calls))
    with locked(api, owner, stack, settings) as lock:
        record = _installed(api, owner)
        number = _number(record, to)
        changes, revision = Transaction(api, owner, stack, settings, lock).restore(record, number)
    return Outcome(stack, changes, notes=[_told(number, revision)], revision=revision, calls=dict(api.calls))


def after_smoke(inventory: Mapping[str, Any], settings: Settings, release: int, reason: str) -> Outcome:
    """What follows where the smoke test of ``release`` failed for a ``reason``: the history says so, and the last good
    revision comes back, unless ``ingress_smoke.on_failure`` is keep or there is none. The notes tell which and why."""
    from .engine.changes import ChangeSet
    from .state import store
    from .transaction import Transaction

    stack, nothing = model.load(inventory), ChangeSet()
    api, owner = connect_to(stack), owner_of(stack)
    with locked(api, owner, stack, settings) as lock:
        record = _installed(api, owner)
        if record.revision != release:
            note = f"the stack has moved on to revision {record.revision}: nothing was put back"
            return Outcome(stack, nothing, notes=[note], revision=record.revision, calls=dict(api.calls))
        record = store.judge(api, owner, record, release, "failed", reason)
        events = _events(api, record)
        kept = _kept(stack, record)
        if kept:
            return Outcome(stack, nothing, notes=[kept, *events], revision=release, calls=dict(api.calls))
        number = _number(record, None)
        changes, revision = Transaction(api, owner, stack, settings, lock).restore(record, number, reason)
    told = _told(number, revision) if changes.changed else "only certificates were renewed: they stay"
    return Outcome(stack, changes, notes=[told, *events], revision=revision, calls=dict(api.calls))


def _installed(api: KubeApi, owner: Owner) -> Release:
    from .state import store

    record = store.load(api, owner)
    if record is None:
        raise ClusterError(f"the stack {owner.stack} is not installed: there is no revision to return to")
    return record


def _number(record: Release, to: int | None) -> int:
    """The revision meant. Raises ClusterError naming those there are where it is none, or not a good one."""
    if to is None:
        good = record.last_good()
        if good is None:
            raise ClusterError(f"there is no good revision before revision {record.revision}: nothing was changed")
        return good.number
    numbers = [line.number for line in record.history if line.result == "deployed" and line.blobs]
    if to not in numbers:
        known = f"good ones are {', '.join(map(str, numbers))}" if numbers else "none is known to be good"
        raise ClusterError(f"revision {to} is not one to return to: {known}")
    return to


def _kept(stack: Stack, record: Release) -> str:
    """Why the release stays although it failed; "" where it goes."""
    from .transaction import NOWHERE

    if stack.ingress_smoke.on_failure == "keep":
        return "ingress_smoke.on_failure is keep: the release stays as it is"
    if record.last_good() is None:
        return NOWHERE
    return ""


def _told(number: int, revision: int) -> str:
    return f"returned to revision {number} (recorded as revision {revision})"


def _events(api: KubeApi, record: Release) -> list[str]:
    """The last warnings about what the stack runs."""
    from .engine.diagnose import events_of

    found = events_of(api, [ref for ref in record.objects if ref.kind in _TOLD])
    return ["last events:", *(f"  {event}" for event in found)] if found else []
