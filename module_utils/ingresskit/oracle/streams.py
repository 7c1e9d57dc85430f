"""What can be proven of TCP ports that are passed on.

A controller takes every connection, whether anything is behind it or not; where nothing is, it closes it at once. So a
connection that stays open for a moment is all that can be asked of a backend that nobody knows. The echo backend of a
workload is asked who it is. UDP owes nobody an answer: it is not asked at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..model.services import echo_services
from ..model.stack import Stack
from .types import OPEN, Expected, Probe, Request

_SPEAK_HTTP = ("HTTP", "UDP")  # what PROTOCOL may make of an echo backend so that it answers plain HTTP


def stream_probes(stack: Stack) -> Iterator[Probe]:
    """One for each TCP port."""
    echoes = echo_services(stack)
    for stream in stack.controller.streams:
        if stream.protocol == "UDP":
            continue
        echo = echoes.get(stream.place)
        if echo is not None and _speaks_http(stack, echo):
            expected = Expected(status=(200,), backend=echo, identity="echo")
            yield Probe(Request("tcp", stream.name, "/"), expected, stream.at, kind="stream")
        else:
            yield Probe(Request("tcp", stream.name, "", OPEN), Expected(), stream.at, kind="stream")


def _speaks_http(stack: Stack, echo: str) -> bool:
    return any(
        spec.env.get("PROTOCOL", "HTTP") in _SPEAK_HTTP
        for name, app in stack.apps.items()
        for workload, spec in app.workloads.items()
        if echo == f"{stack.namespace_of(name)}/{workload}-svc"
    )


def not_asked(stack: Stack) -> list[str]:
    """The names of the ports that no request proves."""
    return [stream.name for stream in stack.controller.streams if stream.protocol == "UDP"]
