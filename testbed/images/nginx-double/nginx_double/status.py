"""status.loadBalancer of Ingresses: where the address comes from, and the writing of it (internal/k8s/status.go)."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from .kube import ApiError, Kube
from .model import Obj, key_of, label_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Addresses:
    """What the Ingresses are told; `by_configmap` tells where it came from."""

    values: tuple[str, ...] = ()
    by_configmap: bool = False

    def updated(self, status_address: str, service: Obj | None) -> Addresses:
        """The ConfigMap's external-status-address goes before the Service's own addresses.

        Observed: when the key is removed and the Service has none, the old address stays.
        """
        if status_address:
            return Addresses((status_address,), by_configmap=True)
        own = service_addresses(service)
        if own or not self.by_configmap:
            return Addresses(own)
        return self

    def as_status(self) -> list[Obj]:
        return [{"ip" if _is_ip(value) else "hostname": value} for value in self.values]


def service_addresses(service: Obj | None) -> tuple[str, ...]:
    """Of the Service named by -external-service: its load balancer's addresses and externalIPs. A node port is none."""
    if service is None:
        return ()
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return (spec["externalName"],)
    balancer = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    found = [entry.get("ip") or entry.get("hostname") or "" for entry in balancer]
    return (*filter(None, found), *(spec.get("externalIPs") or []))


class Writer:
    """Brings Ingresses to the wanted status, apart from the loop that keeps nginx current."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._wanted: list[tuple[Obj, list[Obj]]] = []
        self._changed = asyncio.Event()

    def want(self, accepted: Iterable[Obj], refused: Iterable[Obj], status: list[Obj]) -> None:
        """The whole wish: the address for the accepted ones, none for the refused."""
        pairs = [(ingress, status) for ingress in accepted] + [(ingress, []) for ingress in refused]
        self._wanted = [(ingress, wanted) for ingress, wanted in pairs if current(ingress) != wanted]
        self._changed.set()

    async def run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for ingress, wanted in self._wanted:
                if self._changed.is_set():
                    break  # a newer wish
                await self._write(ingress, wanted)

    async def _write(self, ingress: Obj, wanted: list[Obj]) -> None:
        namespace, name = key_of(ingress)
        path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses/{name}/status"
        try:
            await self._kube.update(path, {**ingress, "status": {"loadBalancer": {"ingress": wanted}}})
            log.info("updated status for ing: %s", label_of(ingress))
        except ApiError as error:
            if error.status not in (404, 409):  # changed meanwhile: the watch brings it, and with it the next wish
                log.warning("status of %s: %s", label_of(ingress), error)


def current(ingress: Obj) -> list[Obj]:
    balancer = (ingress.get("status") or {}).get("loadBalancer") or {}
    return balancer.get("ingress") or []


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
