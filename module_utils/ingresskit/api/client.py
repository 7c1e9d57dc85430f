"""The Api protocol that engine and state are written against, and its one real implementation."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from .calls import WORKERS, Call
from .failures import Forbidden, Gone, NotFound, UnknownKind, Unreachable, failure
from .resources import BUILTIN, MANAGER, Object, Ref, Resource

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

    from .transport import Transport, Upgrade


@dataclass(frozen=True)
class Listing:
    """A LIST's items and the resourceVersion to start a watch from."""

    items: list[Object]
    resource_version: str


@dataclass(frozen=True)
class Event:
    """One line of a watch. A bookmark's object holds nothing but its resourceVersion."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: Object


class Watch(Protocol):
    """An iterator of events that another thread may close; it ends after its timeout or when closed."""

    def __iter__(self) -> Iterator[Event]: ...

    def close(self) -> None:
        """Ends the iteration, also while it is blocked reading."""


class Api(Protocol):
    """What engine and state ask of an API server.

    Every method raises a ``ClusterError`` (see failures.py for the kinds worth telling apart) whose text is ready for
    the user. 429, 5xx, resets and time-outs are retried by the implementation.
    """

    @property
    def calls(self) -> Counter[str]:
        """Requests sent so far by verb: get, list, watch, create, update, patch, delete; retries included.

        Dry runs count under "dryrun", questions about the user's rights under "review", so that create + update + patch
        + delete are the writes."""

    @property
    def writes(self) -> int:
        """How many requests were sent that may have changed something."""

    def resource(self, api_version: str, kind: str) -> Resource:
        """How the kind is served: from the static table, what was learnt, or discovery. Raises ``UnknownKind``."""

    def learn(self, resources: Iterable[Resource]) -> None:
        """Makes kinds known that the cluster will serve only after their CustomResourceDefinition is applied."""

    def discover(self) -> list[Resource]:
        """All kinds that can be listed, in their preferred version (two calls)."""

    def get(self, ref: Ref, *, metadata_only: bool = False) -> Object | None:
        """The live object, None where it (or its namespace or kind) does not exist."""

    def list_objects(self, resource: Resource, namespace: str | None = None, selector: str | None = None) -> Listing:
        """All objects of a kind, whole; every page."""

    def list_metadata(self, resource: Resource, namespace: str | None = None, selector: str | None = None) -> Listing:
        """As ``list_objects``, but metadata only (PartialObjectMetadataList): no specs and no Secret data come back.
        Items carry apiVersion and kind of the resource."""

    def apply(
        self,
        obj: Object,
        *,
        force: bool = False,
        dry_run: bool = False,
        metadata_only: bool = False,
        manager: str = MANAGER,
    ) -> Object:
        """Server-side apply by ``manager`` with strict field validation; returns the object as it is then (its metadata
        only, if so asked: a Secret's data does not travel back).
        Raises ``FieldConflict``, ``Invalid``, ``NotFound`` (the namespace or kind) among others."""

    def edit(
        self, ref: Ref, operations: Sequence[Mapping[str, Any]], *, dry_run: bool = False, subresource: str = ""
    ) -> Object:
        """A JSON patch (RFC 6902); returns the object as a dry run leaves it, else only its metadata.
        Raises ``Conflict`` where the operations set a metadata.resourceVersion that is no longer the live one."""

    def create(self, obj: Object) -> Object:
        """POST; raises ``Conflict`` where the name is taken."""

    def update(self, obj: Object) -> Object:
        """PUT; raises ``Conflict`` where metadata.resourceVersion is no longer the live one."""

    def delete(
        self, ref: Ref, *, uid: str | None = None, resource_version: str | None = None, dry_run: bool = False
    ) -> bool:
        """Deletes with Background propagation. False where it was not there.
        Raises ``Conflict`` where uid or resourceVersion are no longer as given."""

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        resource_version: str | None = None,
        selector: str | None = None,
        *,
        timeout: float = 300,
    ) -> Watch:
        """Events after ``resource_version``, bookmarks included. The iteration raises ``Gone`` where the version is too
        old (list again), and any other ``ClusterError`` where the stream broke."""

    def now(self) -> datetime:
        """The time by the API server's clock, to a second."""

    def may(self, verb: str, group: str, plural: str, namespace: str = "") -> bool:
        """Whether the user is allowed this; without a namespace, everywhere."""

    @property
    def refused(self) -> str:
        """Whom RBAC refused a call so far, "" where it refused none."""

    def renew(self, timeout: float) -> None:
        """Starts the deadline anew under which calls are retried. A call made after it is still sent, once."""


# What asks the API server for metadata alone, managedFields included
# (https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources).
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_DRY = {"dryRun": "All"}
PAGE = 1000  # items; metadata of so many is about 1.5 MB. 500 take as long, and twice the calls
_HELLOS = 4  # times a cluster is asked at first that gives no answer at all: more likely it is the wrong one
_RESTARTS = 3  # of a LIST whose continue token has expired


def connect(kubeconfig: str | None, context: str | None, *, timeout: float, workers: int = WORKERS) -> KubeApi:
    """A connection to the cluster, proven by one cheap call (GET /version).

    ``kubeconfig`` and ``context`` as the inventory gives them (``ingress_cluster.*``); None means as kubectl resolves
    it: $KUBECONFIG (several files are merged), ~/.kube/config, the service account inside a Pod.
    ``timeout``: seconds from now under which failing calls are retried. ``workers``: how many calls run at once.
    Raises ClusterError with one line that names the key and the remedy.
    """
    from .kubeconfig import resolve
    from .transport import Transport

    api = KubeApi(Transport(resolve(kubeconfig, context), timeout=timeout, workers=workers))
    api.check()
    return api


class KubeApi:
    """``Api`` over HTTP with a urllib3 pool; made by ``connect``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._resources = dict(BUILTIN)
        self._lock = threading.Lock()
        self.version = ""  # "v1.34.4", once checked

    def check(self) -> None:
        """One call with a short time-out: is there an API server that takes our credentials?"""
        with contextlib.suppress(Forbidden):  # a hardened cluster: it answers, and knows who we are
            answer = self._transport.json(Call("get", "GET", "/version", "the cluster"), tries=_HELLOS, read=10)
            self.version = str(answer.get("gitVersion") or "")

    @property
    def calls(self) -> Counter[str]:
        return self._transport.calls

    @property
    def writes(self) -> int:
        return sum(self.calls[verb] for verb in ("create", "update", "patch", "delete"))

    def now(self) -> datetime:
        return self._transport.now()

    def renew(self, timeout: float) -> None:
        self._transport.deadline.renew(timeout)

    def tell(self, held_up: Callable[[str], None]) -> None:
        """Has ``held_up`` called with what calls are tried again for, where that takes longer; by any thread."""
        self._transport.held_up = held_up

    def learn(self, resources: Iterable[Resource]) -> None:
        with self._lock:
            for resource in resources:
                self._resources.setdefault((resource.api_version, resource.kind), resource)

    def resource(self, api_version: str, kind: str) -> Resource:
        known = self._resources.get((api_version, kind))
        if known is None:
            self.learn(self._served(api_version))
            known = self._resources.get((api_version, kind))
        if known is None:
            raise UnknownKind(f"{kind}: the cluster does not serve {api_version} {kind}: install what defines it first")
        return known

    def _served(self, api_version: str) -> list[Resource]:
        """The kinds of one group and version; none where the cluster does not have it."""
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            answer = self._transport.json(Call("get", "GET", path, api_version))
        except NotFound:
            return []
        return [
            Resource(api_version, item["kind"], item["name"], item["namespaced"])
            for item in answer["resources"]
            if "/" not in item["name"]
        ]

    def discover(self) -> list[Resource]:
        found: list[Resource] = []
        for path in ("/api", "/apis"):
            answer = self._transport.json(Call("get", "GET", path, "discovery", accept=_DISCOVERY))
            for group in answer.get("items", ()):
                found += _preferred(group)
        return found

    def get(self, ref: Ref, *, metadata_only: bool = False) -> Object | None:
        try:
            path = self.resource(ref.api_version, ref.kind).path(ref.namespace, ref.name)
            accept = _METADATA if metadata_only else "application/json"
            answer = self._transport.json(Call("get", "GET", path, str(ref), accept=accept))
        except (NotFound, UnknownKind):
            return None
        return answer | {"apiVersion": ref.api_version, "kind": ref.kind}

    def list_objects(self, resource: Resource, namespace: str | None = None, selector: str | None = None) -> Listing:
        return self._list(resource, namespace, selector, "application/json")

    def list_metadata(self, resource: Resource, namespace: str | None = None, selector: str | None = None) -> Listing:
        return self._list(resource, namespace, selector, _METADATA_LIST)

    def _list(self, resource: Resource, namespace: str | None, selector: str | None, accept: str) -> Listing:
        for __ in range(_RESTARTS):
            try:
                return self._pages(resource, namespace, selector, accept, PAGE)
            except Gone:  # the continue token has expired: from the start
                continue
        return self._pages(resource, namespace, selector, accept, limit=0)

    def _pages(
        self, resource: Resource, namespace: str | None, selector: str | None, accept: str, limit: int
    ) -> Listing:
        query = {"limit": str(limit)} if limit else {}
        if selector:
            query["labelSelector"] = selector
        identity = {"apiVersion": resource.api_version, "kind": resource.kind}
        items: list[Object] = []
        while True:
            path = resource.path(namespace)
            page = self._transport.json(Call("list", "GET", path, resource.name, query, accept=accept))
            items += [item | identity for item in page.get("items") or ()]
            if not page["metadata"].get("continue"):
                return Listing(items, page["metadata"].get("resourceVersion") or "")
            query["continue"] = page["metadata"]["continue"]

    def apply(
        self,
        obj: Object,
        *,
        force: bool = False,
        dry_run: bool = False,
        metadata_only: bool = False,
        manager: str = MANAGER,
    ) -> Object:
        ref = Ref.of(obj)
        query = {
            "fieldManager": manager,
            "force": "true" if force else "false",
            "fieldValidation": "Strict",
        }
        return self._transport.json(
            Call(
                "dryrun" if dry_run else "patch",
                "PATCH",
                self._path(ref),
                str(ref),
                query | (_DRY if dry_run else {}),
                obj,
                "application/apply-patch+yaml",  # JSON is YAML
                _METADATA if metadata_only else "application/json",
            )
        )

    def edit(
        self, ref: Ref, operations: Sequence[Mapping[str, Any]], *, dry_run: bool = False, subresource: str = ""
    ) -> Object:
        return self._transport.json(
            Call(
                "dryrun" if dry_run else "patch",
                "PATCH",
                self._path(ref) + (f"/{subresource}" if subresource else ""),
                str(ref),
                {"fieldManager": MANAGER} | (_DRY if dry_run else {}),
                list(operations),
                "application/json-patch+json",
                "application/json" if dry_run else _METADATA,
            )
        )

    def create(self, obj: Object) -> Object:
        ref = Ref.of(obj)
        path = self.resource(ref.api_version, ref.kind).path(ref.namespace)
        return self._transport.json(Call("create", "POST", path, str(ref), {"fieldManager": MANAGER}, obj))

    def update(self, obj: Object) -> Object:
        ref = Ref.of(obj)
        return self._transport.json(Call("update", "PUT", self._path(ref), str(ref), {"fieldManager": MANAGER}, obj))

    def delete(
        self, ref: Ref, *, uid: str | None = None, resource_version: str | None = None, dry_run: bool = False
    ) -> bool:
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {name: value for name, value in preconditions.items() if value},
        } | ({"dryRun": ["All"]} if dry_run else {})
        verb = "dryrun" if dry_run else "delete"
        try:
            self._transport.json(Call(verb, "DELETE", self._path(ref), str(ref), body=body))
        except (NotFound, UnknownKind):
            return False
        return True

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        resource_version: str | None = None,
        selector: str | None = None,
        *,
        timeout: float = 300,
    ) -> Watch:
        query = {"watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(max(1, math.ceil(timeout)))}
        query |= {"resourceVersion": resource_version} if resource_version else {}
        query |= {"labelSelector": selector} if selector else {}
        call = Call("watch", "GET", resource.path(namespace), resource.name, query)
        return _KubeWatch(self._transport.stream(call, timeout + 5), resource)

    def may(self, verb: str, group: str, plural: str, namespace: str = "") -> bool:
        attributes = {"verb": verb, "group": group, "resource": plural, "namespace": namespace}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = self._transport.json(Call("review", "POST", path, f"{verb} {plural}", body=body))
        return bool((answer.get("status") or {}).get("allowed"))

    @property
    def refused(self) -> str:
        return self._transport.refused

    @property
    def in_pod(self) -> bool:
        """Whether this runs in a Pod of the cluster, with that Pod's own credentials."""
        return self._transport.in_pod

    def upgrade(self, path: str) -> Upgrade:
        """How to open WebSockets at a path."""
        return self._transport.upgrade(path)

    def _path(self, ref: Ref) -> str:
        return self.resource(ref.api_version, ref.kind).path(ref.namespace, ref.name)


class _KubeWatch:
    """One open watch. ``close`` shuts the socket down, which wakes the thread that reads it."""

    def __init__(self, response: BaseHTTPResponse, resource: Resource) -> None:
        self._response, self._resource = response, resource
        self._closed = False

    def __iter__(self) -> Iterator[Event]:
        from urllib3.exceptions import HTTPError

        try:
            for line in self._response:
                yield self._event(json.loads(line))
        except (HTTPError, OSError, ValueError) as problem:  # ValueError: half a line, or read after close
            if not self._closed:
                raise Unreachable(f"the watch of {self._resource.name} broke off: {problem}") from problem
        finally:
            self._response.close()

    def _event(self, event: dict[str, Any]) -> Event:
        if event["type"] == "ERROR":
            status = event["object"]
            raise failure(int(status.get("code") or 0), status, f"watch of {self._resource.name}")
        obj = event["object"] | {"apiVersion": self._resource.api_version, "kind": self._resource.kind}
        return Event(event["type"], obj)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                self._response.shutdown()


def _preferred(group: Mapping[str, Any]) -> Iterator[Resource]:
    """The listable kinds of a discovery group, each once, in the version the server names first."""
    name, seen = group["metadata"].get("name") or "", set()
    for version in group["versions"]:
        for item in version.get("resources") or ():
            kind = item["responseKind"]["kind"]
            if "list" in item["verbs"] and kind not in seen:
                seen.add(kind)
                api_version = f"{name}/{version['version']}" if name else version["version"]
                yield Resource(api_version, kind, item["resource"], item["scope"] == "Namespaced")
