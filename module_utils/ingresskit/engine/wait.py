"""Watches what was applied until all of it is ready, or says early and plainly why it will not be."""

from __future__ import annotations

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..api.failures import Gone
from ..api.resources import BUILTIN, Object, Ref, Resource
from ..errors import ClusterError, WaitError
from .diagnose import events_of, troubles
from .ownership import Owner
from .parallel import each
from .status import Status, Trouble, compute, endpoints

if TYPE_CHECKING:
    from ..api.client import Api, Watch

Progress = Callable[[list[Status]], None]

_WORKLOADS = ("Deployment", "DaemonSet", "StatefulSet")
_SLICES = BUILTIN["discovery.k8s.io/v1", "EndpointSlice"]
_SERVICE_NAME = "kubernetes.io/service-name"  # label of an EndpointSlice
_ROUND = 1.5  # seconds between two looks at the Pods of what is not ready
_SHOWN = 20  # objects a message lists
_STEADY = 3.0  # seconds a workload without a readiness probe must stay ready: a crash takes the kubelet a second or two


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
    ``progress`` gets all statuses whenever one changed. ``grace``: seconds a Pod may be in a state that could heal
    (image pulls, quota; three times as long for scheduling) before it counts as failed.
    Raises WaitError: at once with the reason and last events where something cannot succeed by itself, or after
    ``timeout`` seconds with a list of what is missing and why.
    """
    scopes = _scopes(objects, ingress_needs_address)
    if not scopes:
        return []
    board = _Board(scopes, ingress_needs_address, progress)
    watcher = _Watcher(api, owner)
    try:
        for scope, items in zip(scopes, each(watcher.list, scopes, len(scopes)), strict=True):
            board.take(_News(scope, items, all=True))
        if not board.done():
            _follow(api, board, watcher, time.monotonic() + timeout, timeout, grace)
    finally:
        watcher.close()
    return board.statuses()


def _follow(api: Api, board: _Board, watcher: _Watcher, end: float, timeout: float, grace: float) -> None:
    """Takes events until all is ready; looks at the Pods of what is not, once a round."""
    watcher.start([scope for scope in board.scopes if board.pending(scope)])
    since: dict[Ref, float] = {}  # reasons come in turns (ErrImagePull, ImagePullBackOff): any of them counts
    found: dict[Ref, Trouble] = {}
    look_at = time.monotonic()
    while not board.done():
        board.raise_failed(api)
        now = time.monotonic()
        if now >= end and board.unready():
            raise WaitError(_timed_out(api, board, found, timeout))
        if now >= look_at:
            found = troubles(api, board.unready_workloads())
            since = {ref: since.get(ref, now) for ref in found}
            hopeless = [ref for ref in found if now - since[ref] >= found[ref].patience * grace]
            if hopeless:
                raise WaitError(_failed(api, {ref: found[ref].reason for ref in hopeless}))
            look_at = time.monotonic() + _ROUND
        board.take(watcher.next(min(end, look_at, board.steady_at or end) - time.monotonic()))


@dataclass
class _Scope:
    """One kind to LIST and WATCH by the stack's label, and what of it is waited for."""

    resource: Resource
    targets: set[Ref] = field(default_factory=set)
    version: str = ""  # resourceVersion the next watch starts from

    def __hash__(self) -> int:
        return id(self)


def _scopes(objects: Iterable[Object], ingress_needs_address: bool) -> list[_Scope]:
    """What has to be watched for these objects."""
    scopes: dict[Resource, _Scope] = {}
    used = _used_services(objects)
    for obj in objects:
        ref = Ref.of(obj)
        kinds = []
        if _has_rule(obj, ingress_needs_address):
            kinds.append(BUILTIN[ref.api_version, ref.kind])
        if ref in used and (obj.get("spec") or {}).get("selector"):
            kinds.append(_SLICES)
        for resource in kinds:
            scopes.setdefault(resource, _Scope(resource)).targets.add(ref)
    return list(scopes.values())


def _has_rule(obj: Object, ingress_needs_address: bool) -> bool:
    if (obj["apiVersion"], obj["kind"]) not in BUILTIN:
        return False
    if obj["kind"] == "Service":
        return bool(obj["spec"].get("type") == "LoadBalancer")
    if obj["kind"] == "Ingress":
        return ingress_needs_address
    return obj["kind"] in (*_WORKLOADS, "Job", "CustomResourceDefinition")


def _unprobed(obj: Object) -> bool:
    """Whether a workload counts as ready the moment its process runs, however soon that ends."""
    if obj["kind"] not in _WORKLOADS:
        return False
    return not all("readinessProbe" in container for container in obj["spec"]["template"]["spec"]["containers"])


def _used_services(objects: Iterable[Object]) -> set[Ref]:
    """The Services that the Ingresses among the objects route to."""
    used = set()
    for obj in objects:
        if obj["kind"] != "Ingress":
            continue
        spec = obj.get("spec") or {}
        rules = [path for rule in spec.get("rules") or () for path in (rule.get("http") or {}).get("paths") or ()]
        backends = [spec.get("defaultBackend") or {}, *(path.get("backend") or {} for path in rules)]
        names = {(backend.get("service") or {}).get("name") for backend in backends}
        used |= {Ref("", "Service", obj["metadata"]["namespace"], name) for name in names if name}
    return used


class _Board:
    """The live objects as last seen and what they mean."""

    def __init__(self, scopes: list[_Scope], ingress_needs_address: bool, progress: Progress | None) -> None:
        self.scopes = scopes
        self._needs_address, self._progress = ingress_needs_address, progress
        self._status: dict[tuple[Resource, Ref], Status] = {
            (scope.resource, ref): Status(ref, "progressing", "does not exist")
            for scope in scopes
            for ref in scope.targets
        }
        self._open = set(self._status)  # keys of what is not ready
        self._since: dict[Ref, float] = {}  # since when what has no readiness probe is ready
        self._live: dict[Ref, Object] = {}
        self._slices: dict[Ref, dict[str, Object]] = defaultdict(dict)

    @property
    def steady_at(self) -> float:
        """When all that is ready without having a readiness probe will have been so for long enough."""
        return max(self._since.values()) + _STEADY if self._since else 0.0

    def done(self) -> bool:
        return not self._open and time.monotonic() >= self.steady_at

    def pending(self, scope: _Scope) -> bool:
        """Whether anything of the scope may still change the outcome."""
        return any((scope.resource, ref) in self._open or ref in self._since for ref in scope.targets)

    def statuses(self) -> list[Status]:
        return list(self._status.values())

    def unready(self) -> list[Status]:
        return [status for status in self._status.values() if status.state != "ready"]

    def unready_workloads(self) -> list[Object]:
        refs = (status.ref for status in self.unready() if status.ref.kind in _WORKLOADS)
        return [self._live[ref] for ref in refs if ref in self._live]

    def raise_failed(self, api: Api) -> None:
        """Raises WaitError where an object itself says that it will not get ready."""
        failed = {status.ref: status.reason for status in self._status.values() if status.state == "failed"}
        if failed:
            raise WaitError(_failed(api, failed))

    def take(self, news: _News | None) -> None:
        """What a LIST or a watch said; the progress hook hears of it where it changed a status."""
        if news is None:
            return
        before = dict(self._status)
        if news.all:
            self._forget(news.scope)
        for obj in news.objects:
            self._see(news.scope, obj, deleted=news.deleted)
        if self._status != before:
            self._report()

    def _forget(self, scope: _Scope) -> None:
        """Before a LIST, which tells all there is."""
        if scope.resource is _SLICES:
            self._slices.clear()
        for ref in scope.targets:
            self._set(scope, _absent(scope, ref))

    def _see(self, scope: _Scope, obj: Object, *, deleted: bool = False) -> None:
        if scope.resource is _SLICES:
            ref = _service_of(obj)
            pieces = self._slices[ref]
            pieces[obj["metadata"]["name"]] = obj
            if deleted:
                pieces.pop(obj["metadata"]["name"])
            self._set(scope, endpoints(ref, pieces.values()))
            return
        status = compute(obj, ingress_needs_address=self._needs_address)
        self._live[status.ref] = obj
        if status.state == "ready" and _unprobed(obj) and not deleted:
            self._since.setdefault(status.ref, time.monotonic())
        else:
            self._since.pop(status.ref, None)
        self._set(scope, replace(status, state="progressing", reason="was deleted") if deleted else status)

    def _set(self, scope: _Scope, status: Status) -> None:
        key = scope.resource, status.ref
        if status.ref not in scope.targets:
            return
        self._status[key] = status
        (self._open.discard if status.state == "ready" else self._open.add)(key)

    def _report(self) -> None:
        if self._progress:
            self._progress(self.statuses())


@dataclass(frozen=True)
class _News:
    """Objects of a scope: ``all`` there are, or one that changed or was ``deleted``."""

    scope: _Scope
    objects: list[Object]
    all: bool = False
    deleted: bool = False


def _absent(scope: _Scope, ref: Ref) -> Status:
    return Status(ref, "progressing", "no endpoint" if scope.resource is _SLICES else "does not exist")


class _Watcher:
    """A thread a scope that turns its watch into news on one queue; lists again where a watch breaks."""

    def __init__(self, api: Api, owner: Owner) -> None:
        self._api, self._selector = api, owner.selector
        self._news: queue.SimpleQueue[_News | ClusterError] = queue.SimpleQueue()
        self._open: list[Watch] = []
        self._closed = threading.Event()

    def list(self, scope: _Scope) -> list[Object]:
        """The scope's objects; its watch goes on from there. EndpointSlices carry the labels of their Service."""
        listing = self._api.list_objects(scope.resource, selector=self._selector)
        scope.version = listing.resource_version
        return listing.items

    def start(self, scopes: Iterable[_Scope]) -> None:
        for scope in scopes:
            threading.Thread(target=self._run, args=(scope,), daemon=True, name=f"watch {scope.resource.name}").start()

    def next(self, seconds: float) -> _News | None:
        """The next news, None where there is none for so long. Raises what a thread failed with."""
        try:
            news = self._news.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None
        if isinstance(news, ClusterError):
            raise news
        return news

    def close(self) -> None:
        self._closed.set()
        for watch in list(self._open):
            watch.close()

    def _run(self, scope: _Scope) -> None:
        pause = 0.1
        while not self._closed.is_set():
            try:
                self._follow(scope)
                pause = 0.1
                self._closed.wait(pause)  # a proxy may cut every watch short
            except Gone:
                self._relist(scope)
            except ClusterError:  # broken off: the LIST retries, and fails where the cluster does
                self._closed.wait(pause)
                pause = min(5.0, pause * 2)
                self._relist(scope)

    def _follow(self, scope: _Scope) -> None:
        watch = self._api.watch(scope.resource, None, scope.version, self._selector, timeout=300)
        self._open.append(watch)
        if self._closed.is_set():
            watch.close()
        for event in watch:
            scope.version = event.object["metadata"]["resourceVersion"]
            if event.type != "BOOKMARK":
                self._news.put(_News(scope, [event.object], deleted=event.type == "DELETED"))

    def _relist(self, scope: _Scope) -> None:
        if self._closed.is_set():
            return
        try:
            self._news.put(_News(scope, self.list(scope), all=True))
        except ClusterError as error:
            self._news.put(error)
            self._closed.set()


def _service_of(piece: Object) -> Ref:
    labels = piece["metadata"].get("labels") or {}
    return Ref("", "Service", piece["metadata"]["namespace"], labels.get(_SERVICE_NAME, ""))


def _failed(api: Api, reasons: dict[Ref, str]) -> str:
    lines = [f"{ref} cannot become ready: {reason}" for ref, reason in reasons.items()]
    return _text(lines, events_of(api, reasons))


def _timed_out(api: Api, board: _Board, found: dict[Ref, Trouble], timeout: float) -> str:
    unready = board.unready()
    lines = [f"{status}" + (f" ({found[status.ref].reason})" if status.ref in found else "") for status in unready]
    head = f"{len(unready)} of {len(board.statuses())} not ready after {timeout:.0f} s:"
    return _text([head, *lines], events_of(api, [status.ref for status in unready]))


def _text(lines: list[str], events: list[str]) -> str:
    shown = lines[:_SHOWN] + ([f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else [])
    return "\n".join(shown + (["last events:", *(f"  {event}" for event in events)] if events else []))
