"""The cluster as the double sees it: list + watch per resource and namespace, kept in dictionaries."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass, field

import aiohttp

from . import tls
from .kube import ApiError, Kube
from .model import Key, Obj, Snapshot, key_of

log = logging.getLogger(__name__)
GONE = 410
BACKOFF = (0.2, 10.0)  # seconds: first and longest
SERVICE_LABEL = "kubernetes.io/service-name"
# resource: (apiVersion, kind); the items of a list carry neither
KINDS = {
    "ingresses": ("networking.k8s.io/v1", "Ingress"),
    "services": ("v1", "Service"),
    "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"),
    "secrets": ("v1", "Secret"),
    "configmaps": ("v1", "ConfigMap"),
}
CUSTOM_KINDS = {
    "virtualservers": ("k8s.nginx.org/v1", "VirtualServer"),
    "virtualserverroutes": ("k8s.nginx.org/v1", "VirtualServerRoute"),
    "policies": ("k8s.nginx.org/v1", "Policy"),
    "transportservers": ("k8s.nginx.org/v1", "TransportServer"),
}
GLOBAL = "globalconfigurations"  # one of them, by its name
KINDS |= CUSTOM_KINDS | {GLOBAL: ("k8s.nginx.org/v1", "GlobalConfiguration")}
SECRET_TYPES = {tls.TLS, tls.HTPASSWD}


@dataclass
class Table:
    """One resource in one scope (a namespace, or "" for all)."""

    resource: str
    namespace: str = ""
    params: dict[str, str] = field(default_factory=dict)
    items: dict[Key, Obj] = field(default_factory=dict)
    synced: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def path(self) -> str:
        version = KINDS[self.resource][0]
        scope = f"/namespaces/{self.namespace}" if self.namespace else ""
        return f"/{'apis' if '/' in version else 'api'}/{version}{scope}/{self.resource}"

    def wants(self, obj: Obj) -> bool:
        """Of Secrets only those types that F5 supports are kept: the others might as well not exist."""
        return self.resource != "secrets" or obj.get("type") in SECRET_TYPES

    def put(self, obj: Obj) -> None:
        obj["metadata"].pop("managedFields", None)
        obj["apiVersion"], obj["kind"] = KINDS[self.resource]
        if self.wants(obj):
            self.items[key_of(obj)] = obj
        else:
            self.items.pop(key_of(obj), None)


class Store:
    """The tables and the one event that says something changed."""

    def __init__(self, kube: Kube, tables: list[Table]) -> None:
        self._kube = kube
        self._tables = tables
        self.changed = asyncio.Event()

    async def run(self) -> None:
        """Keep all tables current until cancelled."""
        async with asyncio.TaskGroup() as group:
            for table in self._tables:
                group.create_task(self._follow(table))

    async def wait_synced(self) -> None:
        for table in self._tables:
            await table.synced.wait()

    def snapshot(self) -> Snapshot:
        found = Snapshot(
            ingresses=self.all("ingresses"),
            services=self.all("services"),
            secrets=self.all("secrets"),
            custom={key: obj for kind in (*CUSTOM_KINDS, GLOBAL) for key, obj in self.all(kind).items()},
            configmap=next(iter(self.all("configmaps").values()), None),
        )
        slices: defaultdict[Key, list[Obj]] = defaultdict(list)
        for (namespace, _), piece in sorted(self.all("endpointslices").items()):
            slices[(namespace, (piece["metadata"].get("labels") or {}).get(SERVICE_LABEL, ""))].append(piece)
        found.slices = dict(slices)
        return found

    def all(self, resource: str) -> dict[Key, Obj]:
        return {key: obj for table in self._tables if table.resource == resource for key, obj in table.items.items()}

    async def _follow(self, table: Table) -> None:
        """List, then watch; after a 410 list again; after any other trouble wait a little longer each time."""
        delay = BACKOFF[0]
        version = ""
        while True:
            try:
                if not version:
                    version = await self._list(table)
                async for kind, obj in self._kube.watch(table.path, version, table.params):
                    delay = BACKOFF[0]
                    version = obj["metadata"]["resourceVersion"]
                    self._take(table, kind, obj)
                continue
            except ApiError as error:
                version = "" if error.status == GONE else version
                log.warning("%s: %s: trying again in %.1f s", table.path, error, delay)
            except (TimeoutError, aiohttp.ClientError, ValueError) as error:
                log.warning("%s: %s: %s: watching again", table.path, type(error).__name__, error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, BACKOFF[1])

    async def _list(self, table: Table) -> str:
        items, version = await self._kube.list(table.path, table.params)
        table.items.clear()
        for obj in items:
            table.put(obj)
        table.synced.set()
        self.changed.set()
        return version

    def _take(self, table: Table, kind: str, obj: Obj) -> None:
        if kind == "BOOKMARK":
            return
        if kind == "DELETED":
            table.items.pop(key_of(obj), None)
        else:
            table.put(obj)
        self.changed.set()
