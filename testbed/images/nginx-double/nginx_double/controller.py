"""The loop: something changed -> plan -> nginx -> events and statuses."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from typing import Any

from . import tls
from .applier import EVERYBODY, Applier
from .events import Recorder
from .flags import Flags
from .leader import Leader
from .model import Key, Obj, Plan, Report, Snapshot, key_of, label_of
from .nginx import NginxError
from .plan import build, owner_of
from .special import SpecialSecrets
from .status import Addresses, Writer
from .store import Store
from .web import Health

log = logging.getLogger(__name__)
DEBOUNCE = 0.1  # seconds: changes that come together make one reload


class Fatal(Exception):
    """What F5 ends for; the pod is restarted."""


@dataclass
class Parts:
    """What a controller works with."""

    flags: Flags
    statuses: Writer
    store: Store
    applier: Applier
    recorder: Recorder
    health: Health
    pod: Obj


class Controller:
    """One pod's controller; everything that lasts from round to round is here."""

    def __init__(self, parts: Parts) -> None:
        self._flags = parts.flags
        self._statuses = parts.statuses
        self._store = parts.store
        self._applier = parts.applier
        self._recorder = parts.recorder
        self._health = parts.health
        self._pod = parts.pod
        self._special = SpecialSecrets(parts.flags, parts.pod, parts.recorder.record)
        self._said: dict[Key, tuple[Any, ...]] = {}  # the last report on each Ingress
        self._noted: set[tuple[str, str]] = set()
        self._configmap_seen = ""
        self._addresses = Addresses()
        self.leader: Leader | None = None

    async def run(self) -> None:
        """Until cancelled. Raises Fatal where F5 would not start."""
        await self._store.wait_synced()
        self._store.changed.clear()
        await self._first()
        while True:
            await self._store.changed.wait()
            await asyncio.sleep(DEBOUNCE)
            self._store.changed.clear()
            await self._round(self._store.snapshot())

    async def _first(self) -> None:
        snapshot = self._store.snapshot()
        try:
            self._special.start(snapshot)
            await self._applier.start(build(snapshot, self._flags, self._special.current))
        except (tls.SecretError, NginxError) as error:
            raise Fatal(f"nginx cannot be started: {error}") from error
        await self._round(snapshot)

    async def _round(self, snapshot: Snapshot) -> None:
        self._special.refresh(snapshot)
        plan = build(snapshot, self._flags, self._special.current)
        complaints = await self._applier.apply(plan)
        self._health.ingresses = len(plan.accepted)
        # With config safety a pod that could take none of its Ingresses stays unready (F5's start-up tests).
        safe = self._flags.on("enable-config-safety")
        hopeless = safe and bool(complaints) and len(complaints) >= len(plan.chunks)
        self._health.ready = self._health.ready or not hopeless
        self._report(snapshot, plan, complaints)
        self._wish_statuses(snapshot, plan)

    def _once(self, obj: Obj, reason: str, message: str) -> None:
        identity = (obj["metadata"]["uid"], reason + message)
        if identity not in self._noted:
            self._noted.add(identity)
            self._recorder.record(Report(obj, reason, message, warning=True))

    def _report(self, snapshot: Snapshot, plan: Plan, complaints: dict[Key, str]) -> None:
        for report in plan.notes:
            self._once(report.obj, report.reason, report.message)
        self._report_configmap(snapshot, plan, complaints)
        digests = {chunk.key: _digest(chunk.text) for chunk in plan.chunks}
        for report in plan.accepted:
            owner = owner_of(plan, report)
            said = with_complaint(report, complaints.get(owner, ""))
            self._say(said, digests[owner], self._configmap_seen)
        for report in plan.problems:
            self._say(report)
        for key in self._said.keys() - {key_of(report.obj) for report in (*plan.accepted, *plan.problems)}:
            del self._said[key]

    def _say(self, report: Report, *context: str) -> None:
        """Write the event unless the same was said of the same state of the Ingress."""
        meta = report.obj["metadata"]
        annotations = tuple(sorted((meta.get("annotations") or {}).items()))
        state = (meta["uid"], meta.get("generation"), annotations, report.reason, report.message, *context)
        if self._said.get(key_of(report.obj)) != state:
            self._said[key_of(report.obj)] = state
            self._recorder.record(report)

    def _report_configmap(self, snapshot: Snapshot, plan: Plan, complaints: dict[Key, str]) -> None:
        configmap = snapshot.configmap
        if configmap is None or configmap["metadata"]["resourceVersion"] == self._configmap_seen:
            return
        self._configmap_seen = configmap["metadata"]["resourceVersion"]
        for report in plan.configmap:
            self._recorder.record(report)
        label = label_of(configmap)
        invalid = any(report.reason == "InvalidValue" for report in plan.configmap)
        complaint = complaints.get(EVERYBODY) or next(iter(complaints.values()), "")
        if complaint:
            message = f"Configuration from {label} was updated, but was not applied: {complaint}"
            self._recorder.record(Report(configmap, "UpdatedWithError", message, True))
        elif invalid:
            message = f"ConfigMap {label} updated with errors. Ignoring invalid values"
            self._recorder.record(Report(configmap, "UpdatedWithError", message, True))
        else:
            self._recorder.record(Report(configmap, "Updated", f"ConfigMap {label} updated without error"))

    def _wish_statuses(self, snapshot: Snapshot, plan: Plan) -> None:
        service = snapshot.services.get((self._pod["metadata"]["namespace"], self._flags.text("external-service")))
        self._addresses = self._addresses.updated(plan.status_address, service)
        if self._flags.on("report-ingress-status") and (self.leader is None or self.leader.leads):
            accepted, refused = (_ingresses(reports) for reports in (plan.accepted, plan.problems))
            self._statuses.want(accepted, refused, self._addresses.as_status())


def _ingresses(reports: list[Report]) -> list[Obj]:
    """What a status is written to: the double leaves custom resources without."""
    return [report.obj for report in reports if report.obj["kind"] == "Ingress"]


def with_complaint(report: Report, complaint: str) -> Report:
    """The report on an Ingress whose configuration nginx did not take."""
    if not complaint:
        return report
    return Report(report.obj, "AddedOrUpdatedWithError", f"{report.message} ; but was not applied: {complaint}", True)


def _digest(text: str) -> str:
    """Of a chunk without its endpoints: pods come and go without events."""
    lines = [line for line in text.splitlines() if not line.startswith("    server ")]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
