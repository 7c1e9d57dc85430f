"""The echo backend: answers every request with JSON that says which pod answered and what it was asked.

Any method and path. A path that ends in `/status/<code>` answers that status, one that ends in `/delay/<seconds>`
answers late (an Ingress passes the route's prefix on, hence "ends in"). A WebSocket echoes every message. Identity
comes from the environment: POD_NAME, SERVICE, POD_NAMESPACE, NODE_NAME; the port from PORT. PROTOCOL is HTTP, HTTPS
(with a certificate made at the start, in the name of SERVICE), GRPC: h2c, where the call /ingresskit.Echo/Who, which
takes any message, answers the identity as JSON, or UDP: beside HTTP, every datagram to the same port is
answered with the identity and what it said.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from aiohttp import WSMsgType, web

HEALTH = "/.ingresskit/healthz"  # a path no user's route has
WHO = "/ingresskit.Echo/Who"
SPECIAL = re.compile(r".*/(status|delay)/([^/]+)/?")
LONGEST_DELAY = 60.0
DRAIN = 1.0  # seconds in which new connections are still served after SIGTERM: proxies hear of the end a moment later
FINISH = 65.0  # seconds for requests in flight: the longest delay and a little
CHUNK = 1 << 16
LONGEST_WORD = 512  # of a datagram that is said again
JSON = "application/json"


class BadRequest(Exception):
    """A status or delay that cannot be given."""


def identity(env: Mapping[str, str]) -> dict[str, str]:
    """Who answers, from the environment that the downward API fills."""
    return {
        "pod": env.get("POD_NAME") or socket.gethostname(),
        "service": env.get("SERVICE", ""),
        "namespace": env.get("POD_NAMESPACE", ""),
        "node": env.get("NODE_NAME", ""),
    }


def wish(path: str) -> tuple[int, float]:
    """The status and the delay that a path asks for. Raises BadRequest for values out of range."""
    match = SPECIAL.fullmatch(path)
    if not match:
        return 200, 0.0
    kind, text = match.groups()
    if kind == "status":
        if not re.fullmatch(r"[2-5]\d\d", text):
            raise BadRequest(f"status {text!r}: must be a number from 200 to 599")
        return int(text), 0.0
    if not re.fullmatch(r"\d+(\.\d+)?", text) or float(text) > LONGEST_DELAY:
        raise BadRequest(f"delay {text!r}: must be seconds from 0 to {LONGEST_DELAY:g}")
    return 200, float(text)


def joined(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Headers as a map; what came more than once is joined as RFC 9110 allows it."""
    found: dict[str, str] = {}
    first: dict[str, str] = {}
    for name, value in headers:
        key = first.setdefault(name.lower(), name)
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


async def describe(request: web.Request, who: Mapping[str, str]) -> dict[str, object]:
    size = 0
    async for piece in request.content.iter_chunked(CHUNK):
        size += len(piece)
    path, _, query = request.raw_path.partition("?")
    return {
        **who,
        "method": request.method,
        "host": request.headers.get("Host", ""),
        "path": path,
        "query": query,
        "headers": joined(list(request.headers.items())),
        "client": request.remote,
        "body_size": size,
    }


@dataclass
class State:
    """What the application and its end have in common."""

    draining: asyncio.Event
    running: int = 0  # requests in flight


def make_app(who: Mapping[str, str], state: State) -> web.Application:
    """The application; while it drains it is not ready and keeps no connection."""
    marks = {
        "X-Ingresskit-Echo": who["service"],
        "X-Ingresskit-Identity": json.dumps(dict(who)),
        "X-Powered-By": "ingresskit-echo",  # one that users have their controller remove
    }

    async def health(_: web.Request) -> web.Response:
        return web.Response(status=503, text="draining\n") if state.draining.is_set() else web.Response(text="ok\n")

    async def echo(request: web.Request) -> web.StreamResponse:
        state.running += 1
        try:
            return await answer_to(request)
        finally:
            state.running -= 1

    async def answer_to(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await converse(request, marks)
        answer = await describe(request, who)
        try:
            status, delay = wish(str(answer["path"]))
        except BadRequest as error:
            status, delay, answer = 400, 0.0, {**answer, "error": str(error)}
        await asyncio.sleep(delay)
        body = None if status in (204, 304) else (json.dumps(answer, indent=1) + "\n").encode()
        response = web.Response(status=status, body=body, headers=marks, content_type=JSON if body else None)
        if state.draining.is_set():
            response.force_close()
        return response

    app = web.Application()
    app.router.add_get(HEALTH, health)
    app.router.add_route("*", "/{path:.*}", echo)
    return app


async def converse(request: web.Request, marks: Mapping[str, str]) -> web.StreamResponse:
    """A WebSocket that sends every message back; who it is stands in the headers of the handshake."""
    channel = web.WebSocketResponse()
    channel.headers.update(marks)
    await channel.prepare(request)
    async for message in channel:
        if message.type is WSMsgType.TEXT:
            await channel.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await channel.send_bytes(message.data)
    return channel


def own_certificate(name: str) -> ssl.SSLContext:
    """A server's TLS with a self-signed certificate that no disk has seen."""
    command = ["openssl", "req", "-x509", "-nodes", "-days", "3650", "-newkey", "ec"]
    command += ["-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", "-", "-out", "-"]
    command += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with os.fdopen(os.memfd_create("certificate"), "wb") as held:
        held.write(made)
        held.flush()
        context.load_cert_chain(f"/proc/self/fd/{held.fileno()}")
    return context


async def serve_http(port: int, who: Mapping[str, str], tls: ssl.SSLContext | None, ended: asyncio.Event) -> None:
    """HTTP, or HTTPS with ``tls``, until the end; then finish what was begun."""
    state = State(ended)
    runner = web.AppRunner(make_app(who, state), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, None, port, ssl_context=tls)
    await site.start()
    await ended.wait()
    await asyncio.sleep(DRAIN)
    await site.stop()
    end = time.monotonic() + FINISH
    while state.running and time.monotonic() < end:
        await asyncio.sleep(0.05)
    await runner.cleanup()


async def serve_grpc(port: int, who: Mapping[str, str], ended: asyncio.Event) -> None:
    """gRPC without TLS until the end; then finish what was begun."""
    from grpclib.const import Cardinality, Handler
    from grpclib.encoding.base import CodecBase
    from grpclib.server import Server, Stream

    class Bytes(CodecBase):
        """Messages as they are: no schema is needed to say who one is."""

        __content_subtype__ = "proto"

        def encode(self, message: bytes, message_type: object) -> bytes:
            return message

        def decode(self, data: bytes, message_type: object) -> bytes:
            return data

    async def tell(stream: Stream[bytes, bytes]) -> None:
        await stream.recv_message()
        await stream.send_message(json.dumps(dict(who)).encode())

    class Echo:
        def __mapping__(self) -> dict[str, Handler]:
            return {WHO: Handler(tell, Cardinality.UNARY_UNARY, bytes, bytes)}

    server = Server([Echo()], codec=Bytes())
    await server.start(None, port)
    await ended.wait()
    await asyncio.sleep(DRAIN)
    server.close()
    await server.wait_closed()


class Datagrams(asyncio.DatagramProtocol):
    """Answers each with the identity and what it said, as JSON."""

    def __init__(self, who: Mapping[str, str]) -> None:
        self._who = who

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        said = data[:LONGEST_WORD].decode(errors="replace")
        self._transport.sendto(json.dumps({**self._who, "said": said}).encode(), addr)


async def serve(env: Mapping[str, str]) -> None:
    """Serve what the environment asks for until SIGTERM."""
    port, who, protocol = int(env.get("PORT", "8080")), identity(env), env.get("PROTOCOL", "HTTP")
    if protocol not in ("HTTP", "HTTPS", "GRPC", "UDP"):
        sys.exit(f"echo: PROTOCOL {protocol!r}: must be HTTP, HTTPS, GRPC or UDP")
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    print(f"echo: {who} speaks {protocol} on port {port}", file=sys.stderr, flush=True)
    if protocol == "GRPC":
        await serve_grpc(port, who, ended)
    else:
        if protocol == "UDP":
            loop = asyncio.get_running_loop()
            await loop.create_datagram_endpoint(lambda: Datagrams(who), local_addr=("0.0.0.0", port))
        tls = own_certificate(who["service"] or who["pod"]) if protocol == "HTTPS" else None
        await serve_http(port, who, tls, ended)


if __name__ == "__main__":
    asyncio.run(serve(os.environ))
