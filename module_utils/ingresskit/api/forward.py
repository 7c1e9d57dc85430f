"""A way to the Pods of a Service through the API server, for who cannot reach the cluster's own addresses.

As ``kubectl port-forward`` does, over WebSockets (k8s.io/apimachinery, pkg/util/httpstream; subprotocol
v4.channel.k8s.io): every connection gets one of its own, whose frames begin with the number of a channel, 0 for data
and 1 for an error; the first frame of each tells the port. kubernetes.stream has a PortForward as well, which loses the
end of an answer where the server closes at once: what a smoke test is bound to meet.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

from ..errors import ClusterError
from ..oracle.types import Target
from .exposure import KEY, ready_endpoints, slices_of
from .resources import Object

if TYPE_CHECKING:
    from aiohttp import ClientSession, ClientWebSocketResponse

    from .client import Api, KubeApi
    from .transport import Upgrade

HERE = "127.0.0.1"
_CHUNK = 64 * 1024
_FAREWELL = 0.25  # seconds: TLS connections are closed in the background (docs.aiohttp.org, "Graceful Shutdown")
_PROTOCOL = "v4.channel.k8s.io"


@dataclass(frozen=True)
class End:
    """A ready Pod behind a Service, with its port for each of the Service's ports, by their names."""

    pod: str
    ports: dict[str, int]


def ends(api: Api, namespace: str, service: str) -> list[End]:
    """The ready Pods behind a Service. Raises ClusterError."""
    found = {end.pod: end for piece in slices_of(api, namespace, service) for end in _ends(piece)}
    return [found[pod] for pod in sorted(found)]


def _ends(piece: Object) -> Iterator[End]:
    ports = {port.get("name") or "": int(port["port"]) for port in piece.get("ports") or () if port.get("port")}
    for endpoint in ready_endpoints(piece):
        made_of = endpoint.get("targetRef") or {}
        if made_of.get("kind") == "Pod":
            yield End(made_of["name"], ports)


@contextmanager
def forwarded(api: KubeApi, namespace: str, service: str, target: Target) -> Iterator[Target]:
    """``target`` with the near end of a port-forward to the Pods of a Service, for as long as the block lasts.

    Raises ClusterError naming ``ingress_controller.expose`` where there is no ready Pod, or no right to do that.
    """
    far = ends(api, namespace, service)
    if not far:
        raise ClusterError(f"{KEY}: ClusterIP: no Pod behind the Service {namespace}/{service} is ready")
    streams = [name for name, __ in target.streams if not name.startswith("udp-")]  # which cannot be forwarded
    schemes = [scheme for scheme in ("http", "https", *streams) if target.port(scheme)]
    forward = _Forward(api.upgrade(f"/api/v1/namespaces/{namespace}/pods"), far, schemes)
    thread = Thread(target=forward.run, name="port-forward", daemon=True)
    thread.start()
    try:
        ports = forward.ready.result()
        pods = f"{len(far)} Pods" if len(far) > 1 else f"Pod {far[0].pod}"
        note = f"{target.note} by a port-forward of the API server to {pods}"
        yield replace(target, note=note, near=_near(ports))
    finally:
        forward.stop()
        thread.join()


def _near(ports: dict[str, int]) -> Target:
    streams = tuple((name, port) for name, port in ports.items() if name not in ("http", "https"))
    return Target(HERE, ports.get("http"), ports.get("https"), streams=streams)


class _Forward:
    """Listens here and carries each connection to the next of the Pods. ``ready``: the port here for each scheme."""

    def __init__(self, upgrade: Upgrade, far: Sequence[End], schemes: Sequence[str]) -> None:
        self.ready: Future[dict[str, int]] = Future()
        self._upgrade, self._schemes = upgrade, schemes
        self._first, self._turns = far[0], itertools.cycle(far)
        self._loop, self._over = asyncio.new_event_loop(), asyncio.Event()
        self._carrying: set[asyncio.Task[None]] = set()

    def run(self) -> None:
        """Until ``stop`` is called, by another thread."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve())
            except Exception as error:
                self.ready.set_exception(error)

    def stop(self) -> None:
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._over.set)

    async def _serve(self) -> None:
        ports: dict[str, int] = {}
        await self._try()
        async with AsyncExitStack() as servers:
            for scheme in self._schemes:
                server = await asyncio.start_server(partial(self._accept, scheme), HERE, 0)
                servers.callback(server.close)
                ports[scheme] = server.sockets[0].getsockname()[1]
            self.ready.set_result(ports)
            await self._over.wait()
        await self._call_off()
        await asyncio.sleep(_FAREWELL)

    def _accept(self, scheme: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(scheme, reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _call_off(self) -> None:
        """Ends what is still carried while its connections can be closed: later the loop that does it is gone."""
        tasks = list(self._carrying)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _try(self) -> None:
        """Whether this is possible at all. Raises ClusterError."""
        from aiohttp import ClientError, WSServerHandshakeError

        try:
            async with self._session() as session:
                await (await self._open(session, self._first, self._schemes[0])).close()
        except (ClientError, OSError) as error:
            status = error.status if isinstance(error, WSServerHandshakeError) else 0
            why = "RBAC does not grant pods/portforward" if status == 403 else f"it failed: {error}"
            raise ClusterError(
                f"{KEY}: from outside the cluster a ClusterIP is reached by a port-forward only, and {why}:"
                " set its address, or run this inside the cluster"
            ) from error

    def _session(self) -> ClientSession:
        """For one WebSocket, which is ended with it."""
        from aiohttp import ClientSession, ClientTimeout  # takes a fifth of a second: only who forwards pays

        return ClientSession(headers=self._upgrade.headers, timeout=ClientTimeout(sock_connect=5))

    async def _open(self, session: ClientSession, end: End, scheme: str) -> ClientWebSocketResponse:
        to = self._upgrade
        return await session.ws_connect(
            f"{to.url}/{end.pod}/portforward?ports={end.ports[scheme]}",
            protocols=(_PROTOCOL,),
            ssl=to.context or True,
            server_hostname=to.server_name,
            proxy=to.proxy,
            max_msg_size=0,
        )

    async def _carry(self, scheme: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it. Where it breaks off, who asked sees it end."""
        from aiohttp import ClientError

        with closing(writer), suppress(ClientError, OSError):
            async with self._session() as session:
                far = await self._open(session, next(self._turns), scheme)
                ways = [asyncio.create_task(_send(reader, far)), asyncio.create_task(_receive(far, writer))]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)
                    await far.close()


async def _send(reader: asyncio.StreamReader, far: ClientWebSocketResponse) -> None:
    while data := await reader.read(_CHUNK):
        await far.send_bytes(b"\0" + data)


async def _receive(far: ClientWebSocketResponse, writer: asyncio.StreamWriter) -> None:
    begun: set[int] = set()
    async for message in far:
        channel, data = message.data[0], message.data[1:]
        if channel not in begun:
            begun.add(channel)
        elif channel:  # what went wrong at the other end
            return
        else:
            writer.write(data)
            await writer.drain()
