"""The ports that traffic comes in by: of a controller's container, and of the Services before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..manifests import Object, present
from ..model.controller import Controller, Expose

if TYPE_CHECKING:
    from .base import IngressController

Protocol = Literal["TCP", "UDP"]


@dataclass(frozen=True)
class Port:
    """A port of a controller's container; ``host``: the node's port that leads to it, where there is one."""

    name: str
    number: int
    protocol: Protocol = "TCP"
    host: int | None = None

    @property
    def spec(self) -> Object:
        """Its entry in the container."""
        return present(name=self.name, containerPort=self.number, hostPort=self.host, protocol=self.protocol)


def stream_port(dialect: IngressController, port: int) -> int:
    """The container's port for a stream: its own unless that is privileged or the controller uses it itself, then
    10000 (20000, …) above."""
    while port < 1024 or port in dialect.own_ports:
        port += 10000
    return port


def host_way(controller: Controller) -> Expose | None:
    """The way in by ports of the nodes themselves; there is one at most."""
    return next((expose for expose in controller.exposes if expose.type == "HostPort"), None)


def on_host_ports(controller: Controller) -> bool:
    """Whether its Pods take ports of their nodes."""
    return host_way(controller) is not None


def entry_ports(dialect: IngressController, controller: Controller) -> list[Port]:
    """The ports of a controller's Pod that traffic comes in by: http, https, then the streams."""
    way = host_way(controller)
    http, https = (way.ports.http, way.ports.https) if way else (None, None)
    return [
        Port("http", dialect.http_port, host=http),
        Port("https", dialect.https_port, host=https),
        *(
            Port(stream.name, stream_port(dialect, stream.port), stream.protocol, stream.port if way else None)
            for stream in controller.streams
        ),
    ]


def service_ports(expose: Expose, controller: Controller, target_ports: Mapping[str, int | str]) -> list[Object]:
    """The ports of a way in's Service. ``target_ports``: those of http and https; streams lead to the port of their
    name."""
    given = expose.node_ports
    wanted: list[tuple[str, int | None, Protocol, int | None]] = [
        ("http", expose.ports.http, "TCP", given.http),
        ("https", expose.ports.https, "TCP", given.https),
    ]
    for stream in controller.streams:
        fixed = (given.tcp if stream.protocol == "TCP" else given.udp).get(str(stream.port))
        wanted.append((stream.name, stream.port, stream.protocol, fixed))
    return [
        present(name=name, port=port, targetPort=target_ports.get(name, name), protocol=protocol, nodePort=node_port)
        for name, port, protocol, node_port in wanted
        if port is not None
    ]
