"""Steady load on a node's address while something changes: each request on a connection of its own.

The requests are sent by a process of its own, so that what the test does meanwhile does not slow them down. Connections
that are kept open and idle are asked now and then, too; one that the server has closed meanwhile is no failed request,
and is counted apart (a reload of nginx ends its old workers' idle connections, RFC 9112 9.6 has clients ask again).
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field

from tests.cluster.playbook import ROOT

PATIENCE = 30.0  # seconds for one request: on a busy machine a slow one is no failed one
IN_FLIGHT = 100  # requests at a time: what is slower than that is not asked faster
REST = 1.0  # seconds for which a kept connection is idle


@dataclass(frozen=True)
class Route:
    """What is asked, and which Service must answer."""

    host: str
    port: int
    path: str = "/"
    service: str = ""
    tls: bool = False


@dataclass
class Seen:
    """What came of a load: requests by the second in which they were sent, failures, idle connections found closed."""

    sent: dict[int, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    idle_asked: int = 0
    idle_closed: int = 0

    @property
    def total(self):
        return sum(self.sent.values())

    def between(self, begin, end):
        """Requests sent in the whole seconds between two moments (time.time())."""
        return sum(count for second, count in self.sent.items() if begin <= second and second + 1 <= end)

    def __str__(self):
        seconds = max(len(self.sent), 1)
        return (
            f"{self.total} requests in {seconds} s ({self.total / seconds:.0f}/s), {len(self.failures)} failed; "
            f"{self.idle_closed} of {self.idle_asked} idle connections were closed"
        )


class Load:
    """A load under way; ``seen`` is there once it has ended."""

    def __init__(self, process):
        self.process, self.seen, self.begun = process, None, time.time()

    def end(self):
        """Ends it and returns what it has seen."""
        if self.seen is None:
            said, _ = self.process.communicate(timeout=2 * PATIENCE)
            found = json.loads(said)
            self.seen = Seen(**found | {"sent": {int(second): count for second, count in found["sent"].items()}})
        return self.seen


@contextmanager
def load(address, routes, rate, idle=4):
    """Asks the routes in turn, ``rate`` times a second altogether, until the block ends."""
    order = {"address": address, "rate": rate, "idle": idle, "routes": [asdict(each) for each in routes]}
    command = [sys.executable, "-m", "tests.cluster.load", json.dumps(order)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    running = Load(process)
    try:
        yield running
    finally:
        running.end()


class Client:
    """The process that asks."""

    def __init__(self, address, routes, rate, idle):
        self.address, self.routes, self.rate, self.idle = address, [Route(**each) for each in routes], rate, idle
        self.seen, self.free, self.tasks = Seen(), asyncio.Semaphore(IN_FLIGHT), set()
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    async def run(self, over):
        keepers = [
            asyncio.create_task(self._keep(self.routes[each % len(self.routes)], over)) for each in range(self.idle)
        ]
        begun, number = time.monotonic(), 0
        while not over.is_set():
            await asyncio.sleep(max(0.0, begun + number / self.rate - time.monotonic()))
            await self.free.acquire()
            second = int(time.time())
            self.seen.sent[second] = self.seen.sent.get(second, 0) + 1
            task = asyncio.create_task(self._one(self.routes[number % len(self.routes)]))
            self.tasks.add(task)
            task.add_done_callback(self._done)
            number += 1
        await asyncio.gather(*self.tasks, *keepers)
        return self.seen

    def _done(self, task):
        self.tasks.discard(task)
        self.free.release()

    async def _one(self, route):
        """A request on a connection of its own: the connection, its answer and the Service's name must all be right."""
        begun = time.time()
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await self._connect(route)
                wrong = _wrong(route, await _ask(reader, writer, route, "close"))
                writer.close()
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            wrong = f"{type(error).__name__}: {error}"
        if wrong:
            after = time.time() - begun
            self.seen.failures.append(f"{begun:.3f} +{after:.3f} s {route.host}:{route.port}{route.path}: {wrong}")

    async def _keep(self, route, over):
        """A connection that is used, rests, and is used again."""
        reader = writer = None
        while not over.is_set():
            fresh = writer is None
            try:
                async with asyncio.timeout(PATIENCE):
                    if fresh:
                        reader, writer = await self._connect(route)
                    self.seen.idle_asked += not fresh
                    wrong = _wrong(route, await _ask(reader, writer, route, "keep-alive"))
                    if wrong:
                        self.seen.failures.append(f"{time.time():.3f} kept {route.host}:{route.port}: {wrong}")
            except (OSError, EOFError, ValueError, TimeoutError):
                self.seen.idle_closed += not fresh
                if writer is not None:
                    writer.close()
                reader = writer = None
            await asyncio.sleep(REST)

    async def _connect(self, route):
        secure = {"ssl": self.context, "server_hostname": route.host} if route.tls else {}
        return await asyncio.open_connection(self.address, route.port, **secure)


async def _ask(reader, writer, route, connection):
    """(status, body). Raises OSError, EOFError or ValueError."""
    request = f"GET {route.path} HTTP/1.1\r\nHost: {route.host}\r\nConnection: {connection}\r\n\r\n"
    writer.write(request.encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(line for line in head.lower().split("\r\n") if line.startswith("content-length:"))
    return int(head.split()[1]), await reader.readexactly(int(length.partition(":")[2]))


def _wrong(route, answer):
    status, body = answer
    if status != 200:
        return f"{status} {body[:80]!r}"
    service = json.loads(body)["service"]
    return "" if service == route.service else f"answered by {service}"


async def _main(order):
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, over.set)  # its end says that the load is to end
    print(json.dumps(asdict(await Client(**order).run(over))))


if __name__ == "__main__":
    with suppress(PermissionError):  # not everybody may
        os.nice(-5)  # the load must not starve beside what it is for
    asyncio.run(_main(json.loads(sys.argv[1])))
