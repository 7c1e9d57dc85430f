"""The Api protocol that engine and state are written against, and its one real implementation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from .resources import Object, Ref, Resource


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

        Dry runs count under "dryrun", so that create + update + patch + delete are the writes."""

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

    def list(self, resource: Resource, namespace: str | None = None, selector: str | None = None) -> Listing:
        """All objects of a kind, whole; every page."""

    def list_metadata(self, resource: Resource, namespace: str | None = None, selector: str | None = None) -> Listing:
        """As ``list``, but metadata only (PartialObjectMetadataList): no specs and no Secret data come back.
        Items carry apiVersion and kind of the resource."""

    def apply(
        self, obj: Object, *, force: bool = False, dry_run: bool = False, metadata_only: bool = False
    ) -> Object:
        """Server-side apply by the field manager ``ingresskit`` with strict field validation; returns the object as it
        is then (its metadata only, if so asked: a Secret's data does not travel back).
        Raises ``FieldConflict``, ``Invalid``, ``NotFound`` (the namespace or kind) among others."""

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

    def renew(self, timeout: float) -> None:
        """Starts the deadline anew under which calls are retried. A call made after it is still sent, once."""


def connect(kubeconfig: str | None, context: str | None, *, timeout: float, workers: int = 16) -> KubeApi:
    """A connection to the cluster, proven by one cheap call (GET /version).

    ``kubeconfig`` and ``context`` as the inventory gives them (``ingress_cluster.*``); None means as kubectl resolves
    it: $KUBECONFIG (several files are merged), ~/.kube/config, the service account inside a Pod.
    ``timeout``: seconds from now under which failing calls are retried. ``workers``: how many calls run at once.
    Raises ClusterError with one line that names the key and the remedy.
    """
    raise NotImplementedError


class KubeApi:
    """``Api`` over HTTP with a urllib3 pool; made by ``connect``."""
