"""Where streams lead: ``tcp_services`` and ``udp_services`` of every kind."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.controller import Stream
from ..model.services import ports_of
from ..model.stack import Stack


def number_of(stack: Stack, stream: Stream) -> int | None:
    """The number of the port of a stream's Service; None where only the cluster knows what its name means."""
    if isinstance(stream.service_port, int):
        return stream.service_port
    named = (port for port in ports_of(stack, stream.place) or () if port.get("name") == stream.service_port)
    return next((port.get("port") for port in named), None)


def unnumbered(stack: Stack, title: str) -> Iterator[tuple[str, str]]:
    """(inventory path, why) of each stream whose port has a name that only the cluster can turn into a number."""
    for stream in stack.controller.streams:
        if number_of(stack, stream) is None:
            yield (
                stream.at,
                f"{title} needs the number of port {stream.service_port} of {stream.place}: write it, or put the "
                "Service into ingress_extra_objects",
            )
