"""The echo backend: answers every request with JSON that says which pod answered and what it was asked.

Any method and path. A path that ends in `/status/<code>` answers that status, one that ends in `/delay/<seconds>`
answers late (an Ingress passes the route's prefix on, hence "ends in"). A WebSocket echoes every message. Identity
comes from the environment: POD_NAME, SERVICE, POD_NAMESPACE, NODE_NAME; the port from PORT.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

HEALTH = "/.ingresskit/healthz"  # a path no user's route has
SPECIAL = re.compile(r".*/(status|delay)/([^/]+)/?")
LONGEST_DELAY = 60.0
DRAIN = 1.0  # seconds in which new connections are still served after SIGTERM: proxies hear of the end a moment later
FINISH = 65.0  # seconds for requests in flight: the longest delay and a little
CHUNK = 1 << 16
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

    draining: asyncio.Event = field(default_factory=asyncio.Event)
    running: int = 0  # requests in flight


def make_app(who: Mapping[str, str], state: State) -> web.Application:
    """The application; while it drains it is not ready and keeps no connection."""
    marks = {"X-Ingresskit-Echo": who["service"], "X-Ingresskit-Identity": json.dumps(dict(who))}

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


async def serve(port: int, who: Mapping[str, str]) -> None:
    """Serve until SIGTERM; then finish what was begun."""
    state = State()
    runner = web.AppRunner(make_app(who, state), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, None, port)
    await site.start()
    print(f"echo: {who} on port {port}", file=sys.stderr, flush=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, state.draining.set)
    await state.draining.wait()
    await asyncio.sleep(DRAIN)
    await site.stop()
    end = time.monotonic() + FINISH
    while state.running and time.monotonic() < end:
        await asyncio.sleep(0.05)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(int(os.environ.get("PORT", "8080")), identity(os.environ)))
