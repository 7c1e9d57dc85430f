"""TCP and UDP ports that are passed on: are they free, and is anything behind them?"""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers import IngressController
from ..controllers.ports import stream_port
from ..model.controller import Controller, Expose, Stream
from ..model.services import external_names, ports_of
from ..model.stack import Stack
from .finding import Finding, error, warning


def check_streams(stack: Stack, dialect: IngressController) -> Iterator[Finding]:
    """Ports taken twice, Services that the inventory knows and that lack the port, node ports of no stream."""
    taken: dict[tuple[str, int], Stream] = {}
    for stream in stack.controller.streams:
        yield from _web_ports(stack.controller, stream)
        own = stream_port(dialect, stream.port)
        other = taken.setdefault((stream.protocol, own), stream)
        if other is not stream:
            why = f"both would be port {own} of the controller's Pods: {stream.port} and {other.port}"
            yield error(stream.at, f"{why}, for which {other.at} asks; take another port for one of them")
        yield from _backend(stack, dialect, stream)
    yield from _node_ports(stack.controller)


def _ways(controller: Controller) -> Iterator[tuple[str, Expose]]:
    for index, expose in enumerate(controller.exposes):
        yield "ingress_controller.expose" + (f"[{index}]" if isinstance(controller.expose, list) else ""), expose


def _web_ports(controller: Controller, stream: Stream) -> Iterator[Finding]:
    for at, expose in _ways(controller) if stream.protocol == "TCP" else ():
        for key in ("http", "https"):
            if getattr(expose.ports, key) == stream.port:
                yield error(stream.at, f"is {at}.ports.{key} already: take another port for one of them")


def _backend(stack: Stack, dialect: IngressController, stream: Stream) -> Iterator[Finding]:
    ports = ports_of(stack, stream.place)
    if stream.place in external_names(stack):
        if not dialect.external_names:
            why = f"is an ExternalName, which {dialect.title} resolves in its NGINX Plus build only"
            yield error(stream.at, f"{stream.place} {why}; kind traefik can")
        return
    if ports is None:  # somebody else's: only the cluster knows
        return
    there = [port for port in ports if port.get("protocol", "TCP") == stream.protocol]
    if not any(stream.service_port in (port.get("port"), port.get("name")) for port in there):
        has = ", ".join(str(port.get("port")) for port in there) or "none"
        lack = f"{stream.place} has no {stream.protocol} port {stream.service_port}"
        yield error(stream.at, f"{lack}; its {stream.protocol} ports: {has}")


def _node_ports(controller: Controller) -> Iterator[Finding]:
    """Fixed ones: of a stream that there is, and each once. TCP and UDP share one where they share the Service's port
    (initNodePorts in pkg/registry/core/service/storage/alloc.go of Kubernetes)."""
    known = {(stream.protocol, stream.port) for stream in controller.streams}
    taken: dict[int, tuple[str, str, int]] = {}  # by whom, and what may share it: protocols of a port of a way in
    for at, expose in _ways(controller):
        for key, number in (("http", expose.node_ports.http), ("https", expose.node_ports.https)):
            if number is not None:
                taken.setdefault(number, (f"{at}.node_ports.{key}", at, 0))
    for at, expose in _ways(controller):
        for protocol, given in (("TCP", expose.node_ports.tcp), ("UDP", expose.node_ports.udp)):
            for key, number in given.items():
                path, port = f'{at}.node_ports.{protocol.lower()}."{key}"', int(key)
                other, *shared = taken.setdefault(number, (path, at, port))
                if (protocol, port) not in known:
                    yield error(path, f"ingress_controller.{protocol.lower()}_services has no {key}")
                elif shared != [at, port]:
                    yield error(path, f"node port {number} is {other} already")
                elif not 30000 <= number <= 32767:
                    usual = "30000-32767, the range of a cluster that was not told otherwise"
                    yield warning(path, f"{number} is outside {usual}")
