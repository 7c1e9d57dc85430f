"""Bring a plan to nginx: all of it, or with -enable-config-safety all but the offenders."""

from __future__ import annotations

import logging

from .model import Chunk, Key, Plan
from .nginx import Nginx, NginxError
from .plan import text_of
from .web import Health

log = logging.getLogger(__name__)
EVERYBODY: Key = ("", "")


class Applier:
    """Knows what runs; `apply` says what could not be brought to run, and why."""

    def __init__(self, nginx: Nginx, health: Health, safe: bool) -> None:
        self._nginx = nginx
        self._health = health
        self._safe = safe
        self._version = 0
        self._main = ""
        self._chunks: dict[Key, Chunk] = {}
        self._refused: tuple[str, list[Chunk], dict[Key, str]] | None = None

    async def start(self, plan: Plan) -> None:
        """Start nginx with the main configuration alone. Raises NginxError: F5 ends then, too."""
        self._nginx.write_secrets(plan.files)
        self._version += 1
        await self._nginx.start(text_of(plan.main, [], self._version), self._version)
        self._main = plan.main

    async def apply(self, plan: Plan) -> dict[Key, str]:
        """The complaints by Ingress; under EVERYBODY one about the main configuration. No change, no reload."""
        if plan.main == self._main and plan.chunks == list(self._chunks.values()):
            self._refused = None
            return {}
        if self._refused and self._refused[:2] == (plan.main, plan.chunks):
            return self._refused[2]
        self._nginx.write_secrets(plan.files)
        try:
            if before := without_moved_hosts(list(self._chunks.values()), plan.chunks):
                await self._load(plan, before)
            await self._load(plan, plan.chunks)
            complaints: dict[Key, str] = {}
        except NginxError as error:
            self._health.reload_errors += 1
            self._health.last_reload_ok = False
            complaints = await self._around(plan) if self._safe else self._blocked(plan, str(error))
        if complaints:
            self._refused = (plan.main, plan.chunks, complaints)
        else:
            self._nginx.drop_secrets(plan.files)
            self._refused = None
        return complaints

    def _blocked(self, plan: Plan, complaint: str) -> dict[Key, str]:
        """Without config safety one bad piece keeps back every change of the moment; what ran before goes on."""
        log.error("reload failed, the old configuration goes on serving: %s", complaint)
        changed = [chunk.key for chunk in plan.chunks if self._chunks.get(chunk.key) != chunk]
        if plan.main != self._main:
            return {chunk.key: complaint for chunk in plan.chunks} | {EVERYBODY: complaint}
        return dict.fromkeys(changed, complaint)

    async def _around(self, plan: Plan) -> dict[Key, str]:
        """Config safety: leave out the offenders; one that was good before keeps its last good configuration."""
        good = [chunk for chunk in plan.chunks if self._chunks.get(chunk.key) == chunk]
        try:
            await self._nginx.test(text_of(plan.main, good, 0))
        except NginxError as error:
            return self._blocked(plan, str(error))  # the main configuration itself
        complaints: dict[Key, str] = {}
        for chunk in plan.chunks:
            if chunk not in good:
                complaint = await self._try_add(plan, good, chunk)
                if complaint:
                    complaints[chunk.key] = complaint
                    before = self._chunks.get(chunk.key)
                    if before:
                        await self._try_add(plan, good, before)
        log.warning("Config safety: excluded %d resource(s): %s", len(complaints), sorted(complaints))
        try:
            await self._load(plan, good)
        except NginxError as error:  # what only a real reload finds
            return self._blocked(plan, str(error))
        return complaints

    async def _try_add(self, plan: Plan, good: list[Chunk], chunk: Chunk) -> str:
        try:
            await self._nginx.test(text_of(plan.main, [*good, chunk], 0))
        except NginxError as error:
            return str(error)
        good.append(chunk)
        return ""

    async def _load(self, plan: Plan, chunks: list[Chunk]) -> None:
        self._version += 1
        await self._nginx.reload(text_of(plan.main, chunks, self._version), self._version)
        self._main, self._chunks = plan.main, {chunk.key: chunk for chunk in chunks}
        self._health.reloads += 1
        self._health.last_reload_ok = True
        log.info("nginx runs configuration %d with %d Ingresses", self._version, len(chunks))


def without_moved_hosts(running: list[Chunk], wanted: list[Chunk]) -> list[Chunk] | None:
    """What stands between two configurations when a host goes from one Ingress to another; None when none does.

    F5 reloads for each Ingress, and the loser of a host comes before its winner (createResourceChangesForHosts in
    internal/k8s/configuration.go): for the time of one reload nobody serves that host.
    """
    holders = {host: chunk.key for chunk in running for host in chunk.hosts}
    old = {chunk.key: chunk for chunk in running}
    gaining = {chunk.key for chunk in wanted if any(holders.get(host, chunk.key) != chunk.key for host in chunk.hosts)}
    if not gaining:
        return None
    between = [old.get(chunk.key) if chunk.key in gaining else chunk for chunk in wanted]
    return [chunk for chunk in between if chunk is not None]
