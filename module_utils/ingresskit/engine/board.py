"""The state of a wait: objects as last seen, what they mean, what is still missing. No I/O."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..api.resources import Object, Ref, Resource
from .scopes import SLICES, WORKLOADS, Scope
from .status import Status, compute, endpoints

_SERVICE_NAME = "kubernetes.io/service-name"  # label of an EndpointSlice
_STEADY = 3.0  # seconds a workload without a readiness probe must stay ready: a crash takes the kubelet a second or two
_RECOVERED = 15.0  # the same after a restart: the kubelet's first back-off before the next one is 10 seconds


@dataclass(frozen=True)
class News:
    """Objects of a scope: ``all`` there are, or one that changed or was ``deleted``."""

    scope: Scope
    objects: list[Object]
    all: bool = False
    deleted: bool = False


def _absent(scope: Scope, ref: Ref) -> Status:
    return Status(ref, "progressing", "no endpoint" if scope.resource is SLICES else "does not exist")


class Board:
    """The live objects as last seen and what they mean."""

    def __init__(self, scopes: list[Scope], ingress_needs_address: bool) -> None:
        self.scopes = scopes
        self._needs_address = ingress_needs_address
        self._status: dict[tuple[Resource, Ref], Status] = {
            (scope.resource, ref): Status(ref, "progressing", "does not exist")
            for scope in scopes
            for ref in scope.targets
        }
        self._open = set(self._status)  # keys of what is not ready
        self._since: dict[Ref, float] = {}  # since when what has no readiness probe is ready
        self._restarted: set[Ref] = set()  # what of that has ended before
        self._live: dict[Ref, Object] = {}
        self._slices: dict[Ref, dict[str, Object]] = defaultdict(dict)

    @property
    def steady_at(self) -> float:
        """When all that is ready without having a readiness probe will have been so for long enough."""
        return max((since + self._steady(ref) for ref, since in self._since.items()), default=0.0)

    def _steady(self, ref: Ref) -> float:
        return _RECOVERED if ref in self._restarted else _STEADY

    def done(self) -> bool:
        return not self._open and time.monotonic() >= self.steady_at

    def pending(self, scope: Scope) -> bool:
        """Whether anything of the scope may still change the outcome."""
        return any((scope.resource, ref) in self._open or ref in self._since for ref in scope.targets)

    def statuses(self) -> list[Status]:
        return list(self._status.values())

    def unready(self) -> list[Status]:
        return [status for status in self._status.values() if status.state != "ready"]

    def unready_objects(self) -> list[Object]:
        """What is not ready and can be asked why: workloads, and Services that wait for a load balancer."""
        waiting = [key for key, status in self._status.items() if status.state != "ready" and key[0] is not SLICES]
        return [self._live[ref] for __, ref in waiting if ref.kind in (*WORKLOADS, "Service") and ref in self._live]

    def unprobed(self) -> list[Object]:
        """Workloads that count as ready only because their processes run."""
        return [self._live[ref] for ref in self._since]

    def doubt(self, restarted: Iterable[Ref]) -> None:
        """These have ended and were started again: to be watched for longer."""
        self._restarted.update(restarted)

    def failed(self) -> dict[Ref, str]:
        """What says itself that it will not get ready, and why."""
        return {status.ref: status.reason for status in self._status.values() if status.state == "failed"}

    def take(self, news: News | None) -> None:
        """What a LIST or a watch said."""
        if news is None:
            return
        if news.all:
            self._forget(news.scope)
        for obj in news.objects:
            self._see(news.scope, obj, deleted=news.deleted)

    def _forget(self, scope: Scope) -> None:
        """Before a LIST, which tells all there is."""
        for ref in scope.targets:
            self._slices.pop(ref, None)
            self._set(scope, _absent(scope, ref))

    def _see(self, scope: Scope, obj: Object, *, deleted: bool = False) -> None:
        if scope.resource is SLICES:
            ref = _service_of(obj)
            pieces = self._slices[ref]
            pieces[obj["metadata"]["name"]] = obj
            if deleted:
                pieces.pop(obj["metadata"]["name"])
            self._set(scope, endpoints(ref, pieces.values()))
            return
        status = compute(obj, ingress_needs_address=self._needs_address)
        if status.ref not in scope.targets:
            return  # about to be pruned
        self._live[status.ref] = obj
        if status.state == "ready" and _unprobed(obj) and not deleted:
            self._since.setdefault(status.ref, time.monotonic())
        else:
            self._since.pop(status.ref, None)
        self._set(scope, replace(status, state="progressing", reason="was deleted") if deleted else status)

    def _set(self, scope: Scope, status: Status) -> None:
        key = scope.resource, status.ref
        if status.ref not in scope.targets:
            return
        self._status[key] = status
        (self._open.discard if status.state == "ready" else self._open.add)(key)


def _service_of(piece: Object) -> Ref:
    labels = piece["metadata"].get("labels") or {}
    return Ref("", "Service", piece["metadata"]["namespace"], labels.get(_SERVICE_NAME, ""))


def _unprobed(obj: Object) -> bool:
    """Whether a workload counts as ready the moment its process runs, however soon that ends."""
    if obj["kind"] not in WORKLOADS:
        return False
    return not all("readinessProbe" in container for container in obj["spec"]["template"]["spec"]["containers"])
