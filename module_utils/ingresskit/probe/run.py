"""Proves many probes at once and gives a young cluster time to converge."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..oracle.types import OPEN, Probe, ProbeResult, Request, Target
from .judge import Failure, judge

if TYPE_CHECKING:
    from .wire import Wire

Progress = Callable[[list[tuple[Probe, str]]], None]

CONCURRENT = 64
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.1, 1.0, 1.5
TOLD_EVERY = 0.5  # seconds
PASSES_AFTER_FAILURE = 2  # of several replicas one may know a new route before the others do
NOT_ASKED = "not asked: the time was over before its turn came"
KEPT_BODY = 2048  # of a judged answer: enough to show, cheap for thousands of routes
_ON_THE_WIRE = re.compile(r"/[^\s#\x00-\x20\x7f]*")  # RFC 9112, 3.2: no blank, control character or fragment


def run(
    probes: Iterable[Probe],
    target: Target,
    *,
    ca_pem: str | None,
    timeout: float,
    wait: float,
    budget: float = math.inf,
    now: Callable[[], float] = time.monotonic,
    progress: Progress | None = None,
    further: Sequence[Target] = (),
) -> list[ProbeResult]:
    """Ask every probe concurrently, at ``target`` or at that of ``further`` which has its way in, and return the
    verdicts in the order of ``probes``.

    A probe that fails is asked again until ``wait`` seconds have passed since the start, and then has to pass twice
    in a row; one that passes at once is not asked again. ``timeout`` is for one request. TLS is verified against
    ``ca_pem``, or this machine's store when None. Every probe is asked at least once, whatever ``wait`` is, unless
    ``budget`` seconds are over before its turn comes: then it has failed with no attempt.
    ``progress`` gets what is not proven yet and why, again and again for as long as anything is asked.
    Raises IngresskitError when ``ca_pem`` is no certificate, ImportError when aiohttp or cryptography is missing.
    """
    from .wire import Wire  # aiohttp takes a fifth of a second: only who probes pays

    async def prove_all() -> list[ProbeResult]:
        wires = {each.way: Wire(each, ca_pem, timeout) for each in (target, *further)}
        async with AsyncExitStack() as opened, asyncio.TaskGroup() as group:
            for wire in wires.values():
                await opened.enter_async_context(wire)
            begun = now()
            prover = _Prover(wires, begun + wait, begun + budget, now, asyncio.Semaphore(CONCURRENT))
            teller = group.create_task(prover.tell(progress)) if progress else None
            tasks = [group.create_task(prover.prove(probe)) for probe in probes]
            await asyncio.gather(*tasks)
            if teller:
                teller.cancel()
        return [task.result() for task in tasks]

    return asyncio.run(prove_all())


@dataclass
class _Prover:
    wires: Mapping[str, Wire]  # by way in
    deadline: float
    closing: float
    now: Callable[[], float]
    slots: asyncio.Semaphore
    unproven: dict[int, tuple[Probe, str]] = field(default_factory=dict)  # why, as last seen

    async def tell(self, progress: Progress) -> None:
        """Tells what is not proven until it is cancelled."""
        while True:
            await asyncio.sleep(TOLD_EVERY)
            progress(list(self.unproven.values()))

    async def prove(self, probe: Probe) -> ProbeResult:
        """Ask until the verdict is final: enough passes in a row, or a failure when the time is over."""
        self.unproven[id(probe)] = probe, "no answer yet"
        hopeless = obstacle(probe.request, self.wires[probe.way].target)
        if hopeless:
            return ProbeResult(probe, False, error=hopeless, reason=hopeless, attempts=0)
        async with self.slots:
            if self.now() > self.closing:
                return ProbeResult(probe, False, error=NOT_ASKED, reason=NOT_ASKED, attempts=0)
            started, result = self.now(), await self._ask(probe)
        passes, row = int(result.ok), int(result.ok)
        needed, pause = 1 if result.ok else PASSES_AFTER_FAILURE, FIRST_PAUSE
        while row < needed and self._may_ask_again(result):
            await asyncio.sleep(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)
            async with self.slots:
                result = replace(await self._ask(probe), attempts=result.attempts + 1)
            passes, row = passes + result.ok, (row + 1 if result.ok else 0)
        if result.ok:
            self.unproven.pop(id(probe), None)
        if passes and not result.ok:
            result = replace(result, reason=f"unsteady ({passes} of {result.attempts} tries passed): {result.reason}")
        return replace(result, seconds=self.now() - started)

    def _may_ask_again(self, result: ProbeResult) -> bool:
        """A pass that still has to be confirmed may be, even when the time is over."""
        return result.ok or self.now() < self.deadline

    async def _ask(self, probe: Probe) -> ProbeResult:
        outcome = await self.wires[probe.way].ask(probe.request, probe.expected.tls)
        ok, reason = judge(probe.expected, outcome)
        self.unproven[id(probe)] = probe, reason or "answered once"
        if isinstance(outcome, Failure):
            return ProbeResult(probe, ok, error=outcome.text, reason=reason)
        return ProbeResult(probe, ok, replace(outcome, body=outcome.body[:KEPT_BODY]), reason=reason)


def obstacle(request: Request, target: Target) -> str:
    """Say what keeps ``request`` from being sent at all, so that asking again is useless; empty when nothing does."""
    if target.port(request.port) is None:
        return f"the controller is not exposed over {request.port}"
    if request.method != OPEN and not _ON_THE_WIRE.fullmatch(request.path):
        return f"the path {request.path!r} cannot be sent: it must start with / and hold no blank or #"
    return ""
