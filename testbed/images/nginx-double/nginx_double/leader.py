"""Leader election by a Lease, as client-go does it: only the leader writes statuses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from .kube import ApiError, Kube
from .model import Obj

log = logging.getLogger(__name__)
LEASE_SECONDS = 15
RETRY_SECONDS = 2


class Leader:
    """Tries for ever; `on_change` is called when the leadership comes or goes."""

    def __init__(self, kube: Kube, namespace: str, name: str, identity: str, on_change: Callable[[], None]) -> None:
        self._kube = kube
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._meta = {"name": name, "namespace": namespace}
        self._identity = identity
        self._on_change = on_change
        self._seen: tuple[str, float] = ("", 0.0)  # the holder's last sign of life, and when it came by our own clock
        self.leads = False

    async def run(self) -> None:
        while True:
            try:
                self._become(await self._try())
            except ApiError as error:
                log.warning("lease %s: %s", self._meta["name"], error)
                if self._silent_for() > LEASE_SECONDS:
                    self._become(False)
            await asyncio.sleep(RETRY_SECONDS)

    async def release(self) -> None:
        """Let the next one take over at once."""
        if self.leads:
            lease = await self._kube.get(f"{self._collection}/{self._meta['name']}")
            lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
            await self._kube.update(f"{self._collection}/{self._meta['name']}", lease)

    async def _try(self) -> bool:
        path = f"{self._collection}/{self._meta['name']}"
        try:
            lease = await self._kube.get(path)
        except ApiError as error:
            if error.status != 404:
                raise
            await self._kube.create(self._collection, self._ours({"metadata": self._meta, "spec": {}}))
            self._note("created")
            return True
        holder = lease["spec"].get("holderIdentity") or ""
        self._note(str(lease["spec"].get("renewTime")))
        if holder not in ("", self._identity) and self._silent_for() <= LEASE_SECONDS:
            return False
        try:
            await self._kube.update(path, self._ours(lease))
        except ApiError as error:
            if error.status != 409:  # somebody was faster
                raise
            return False
        return True

    def _ours(self, lease: Obj) -> Obj:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {**lease["spec"], "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now}
        if lease["spec"].get("holderIdentity") != self._identity:
            transitions = int(lease["spec"].get("leaseTransitions") or 0)
            spec |= {"holderIdentity": self._identity, "acquireTime": now, "leaseTransitions": transitions + 1}
        return {**lease, "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec}

    def _note(self, sign: str) -> None:
        if sign != self._seen[0]:
            self._seen = (sign, asyncio.get_running_loop().time())

    def _silent_for(self) -> float:
        return asyncio.get_running_loop().time() - self._seen[1]

    def _become(self, leads: bool) -> None:
        if leads != self.leads:
            self.leads = leads
            log.info("%s the leader", "became" if leads else "no longer")
            self._on_change()
