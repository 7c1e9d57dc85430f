"""Kubernetes events, written as client-go's recorder does: a repeated one raises the count of the first."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time_ns

from . import BANNER
from .kube import ApiError, Kube
from .model import Obj, Report

log = logging.getLogger(__name__)
COMPONENT = "nginx-ingress-controller"  # F5's name for itself; the annotation below says who really speaks
ANNOTATION = "ingresskit.io/test-double"
WRITERS = 4
REMEMBERED = 2000
LONGEST = 1024


@dataclass
class Written:
    path: str
    count: int


class Recorder:
    """`record` never blocks; `run` does the writing."""

    def __init__(self, kube: Kube, pod_name: str) -> None:
        self._kube = kube
        self._pod_name = pod_name
        self._queue: asyncio.Queue[Report] = asyncio.Queue()
        self._written: dict[tuple[str, str, str], Written] = {}

    def record(self, report: Report) -> None:
        meta = report.obj["metadata"]
        level = logging.WARNING if report.warning else logging.INFO
        log.log(level, "Event(%s/%s): %s: %s", meta.get("namespace"), meta["name"], report.reason, report.message)
        self._queue.put_nowait(report)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(self._write_all())

    async def _write_all(self) -> None:
        while True:
            report = await self._queue.get()
            try:
                await self._write(report)
            except ApiError as error:
                log.warning("cannot write event %s: %s", report.reason, error)

    async def _write(self, report: Report) -> None:
        identity = (report.obj["metadata"]["uid"], report.reason, report.message)
        known = self._written.get(identity)
        if known:
            known.count += 1
            try:
                await self._kube.patch(known.path, {"count": known.count, "lastTimestamp": _now()})
                return
            except ApiError as error:
                if error.status != 404:  # expired: write a new one
                    raise
        event = event_of(report, self._pod_name)
        path = f"/api/v1/namespaces/{event['metadata']['namespace']}/events"
        self._written[identity] = Written(f"{path}/{event['metadata']['name']}", 1)
        while len(self._written) > REMEMBERED:
            self._written.pop(next(iter(self._written)))
        await self._kube.create(path, event)


def event_of(report: Report, pod_name: str) -> Obj:
    """The Event object of a report."""
    meta = report.obj["metadata"]
    namespace = meta.get("namespace") or "default"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{meta['name']}.{time_ns():x}",
            "namespace": namespace,
            "annotations": {ANNOTATION: BANNER},
        },
        "involvedObject": {
            "apiVersion": report.obj["apiVersion"],
            "kind": report.obj["kind"],
            "namespace": namespace,
            "name": meta["name"],
            "uid": meta["uid"],
            "resourceVersion": meta.get("resourceVersion", ""),
        },
        "reason": report.reason,
        "message": report.message[:LONGEST],
        "type": "Warning" if report.warning else "Normal",
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": pod_name,
        "firstTimestamp": _now(),
        "lastTimestamp": _now(),
        "count": 1,
    }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
