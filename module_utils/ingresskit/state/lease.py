"""One run at a time for a stack: a Lease that its holder renews, and that is free 15 seconds after a kill.

Source: https://kubernetes.io/docs/concepts/architecture/leases/. Both sides go by the API server's clock, so that a
machine whose clock is off neither loses its lock nor takes another's.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..api.failures import Conflict, Forbidden, NotFound
from ..api.resources import Object, Ref
from ..errors import ClusterError, ConflictError
from .store import ensure_namespace

if TYPE_CHECKING:
    from ..api.client import Api
    from ..engine.ownership import Owner

DURATION = 15  # seconds after the last renewal
_RENEWAL = 4.0  # seconds between renewals
_POLL = 1.0  # seconds between two looks at a lock that is held
_SERVED = "coordination.k8s.io/v1"
_MICROTIME = "%Y-%m-%dT%H:%M:%S.%fZ"


class LockLost(ClusterError):
    """The lock could not be renewed, or was taken from us."""


class Lock:
    """The lock of a stack, held: call ``check`` before what must not happen twice."""

    def __init__(self, api: Api, owner: Owner, lease: Object) -> None:
        self._api, self._owner, self._lease = api, owner, lease
        self._renewed = time.monotonic()
        self._lost = ""
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True, name=f"lock {owner.record_name}")
        self._thread.start()

    def check(self) -> None:
        """Raises LockLost where the lock is no longer ours for sure."""
        if not self._lost and time.monotonic() - self._renewed > DURATION:
            self._lost = f"it could not be renewed for {DURATION} s"
        if self._lost:
            stack = self._owner.stack
            raise LockLost(f"the lock of the stack {stack} is lost ({self._lost}): nothing more was sent; run again")

    def release(self) -> None:
        """Gives the lock back; where that fails it ends by itself."""
        self._released.set()
        self._thread.join(timeout=2)
        if not self._lost:
            with contextlib.suppress(ClusterError):
                self._api.delete(_ref(self._owner), uid=self._lease["metadata"]["uid"])

    def _renew(self) -> None:
        while not self._released.wait(_RENEWAL) and not self._lost:
            begun = time.monotonic()
            spec = self._lease["spec"] | {"renewTime": _stamp(self._api.now())}
            try:
                self._lease = self._api.update(self._lease | {"spec": spec})
                self._renewed = begun
            except (Conflict, NotFound):
                self._adopt_or_lose(spec["holderIdentity"], begun)
            except ClusterError:  # tried again, until the time is over
                continue

    def _adopt_or_lose(self, identity: str, begun: float) -> None:
        """A renewal whose answer was lost leaves a newer Lease that is ours."""
        with contextlib.suppress(ClusterError):
            live = self._api.get(_ref(self._owner))
            if live and live["spec"].get("holderIdentity") == identity:
                self._lease, self._renewed = live, begun
            else:
                self._lost = f"{_holder(live)} took it" if live else "somebody deleted it"


@contextlib.contextmanager
def held(
    api: Api, owner: Owner, who: str, *, wait: float = 0, say: Callable[[str], None] | None = None
) -> Iterator[Lock]:
    """The lock of the stack for the time of a ``with`` block. ``wait``: seconds to wait for a run that holds it.

    ``say`` hears what is waited for. Raises ConflictError telling who holds it where it does not get free in time.
    """
    identity = f"{who} process {os.getpid()} ({secrets.token_hex(4)})"
    end = time.monotonic() + wait
    told = False
    while True:
        taken = _take(api, owner, identity)
        if isinstance(taken, Lock):
            break
        if time.monotonic() >= end:
            raise ConflictError(f"{taken}: wait for it to end, or let this run wait by ingress_apply.lock_wait")
        if say and not told:
            say(f"{taken}: waiting up to {wait:.0f} s for it to end")
            told = True
        time.sleep(min(_POLL, max(0.05, end - time.monotonic())))
    try:
        yield taken
    finally:
        taken.release()


def _take(api: Api, owner: Owner, identity: str) -> Lock | str:
    """The lock, or who holds it."""
    live = api.get(_ref(owner))
    now = api.now()
    try:
        if live is None:
            return Lock(api, owner, _create(api, owner, identity, now))
        if _free(live, now):
            return Lock(api, owner, api.update(live | {"spec": _spec(identity, now)}))
    except Conflict:  # another run was quicker, or it is ours and the answer was lost
        live = api.get(_ref(owner)) or {}
        if (live.get("spec") or {}).get("holderIdentity") == identity:
            return Lock(api, owner, live)
    return f"the stack {owner.stack} is being changed by {_holder(live)}{_since(live, now)}"


def _create(api: Api, owner: Owner, identity: str, now: datetime) -> Object:
    lease: Object = {
        "apiVersion": _SERVED,
        "kind": "Lease",
        "metadata": {"name": owner.record_name, "namespace": owner.state_namespace, "labels": owner.state_labels},
        "spec": _spec(identity, now),
    }
    try:
        return api.create(lease)
    except (NotFound, Forbidden) as error:  # the namespace: this is the first release, or it is still being deleted
        if isinstance(error, Forbidden) and error.user:  # it is RBAC that refuses
            raise
        ensure_namespace(api, owner)
        return api.create(lease)


def _spec(identity: str, now: datetime) -> Object:
    stamp = _stamp(now)
    return {
        "holderIdentity": identity,
        "leaseDurationSeconds": DURATION,
        "acquireTime": stamp,
        "renewTime": stamp,
    }


def _free(lease: Object, now: datetime) -> bool:
    spec = lease.get("spec") or {}
    renewed = spec.get("renewTime")
    if not spec.get("holderIdentity") or not renewed:
        return True
    return now - _time(renewed) > timedelta(seconds=spec.get("leaseDurationSeconds") or DURATION)


def _holder(lease: Object | None) -> str:
    identity = ((lease or {}).get("spec") or {}).get("holderIdentity") or "another run"
    return str(identity).partition(" (")[0]


def _since(lease: Object, now: datetime) -> str:
    spec = lease.get("spec") or {}
    if not spec.get("acquireTime") or not spec.get("renewTime"):
        return ""
    ago = max(0, round((now - _time(spec["renewTime"])).total_seconds()))
    return f" since {_time(spec['acquireTime']):%H:%M:%S} UTC (last sign of life {ago} s ago)"


def _stamp(moment: datetime) -> str:
    return moment.strftime(_MICROTIME)


def _time(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


def _ref(owner: Owner) -> Ref:
    return Ref("coordination.k8s.io", "Lease", owner.state_namespace, owner.record_name)
