"""Streams behind F5's controller: listeners in a GlobalConfiguration, and a TransportServer for each.

A TransportServer reaches Services of its own namespace only, so it stands beside the stream's. Without custom resources
there is the ConfigMap's ``stream-snippets``, but nginx does not start with a name there that it cannot resolve: one
Service that is missing would take all routes down.
docs.nginx.com, NGINX Ingress Controller: "GlobalConfiguration resource", "TransportServer resources".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..manifests import Object, manifest
from ..model.controller import Stream
from ..model.stack import Stack
from .ports import stream_port
from .streams import number_of, unnumbered

if TYPE_CHECKING:
    from .nginx import Nginx

NAME = "nginx-streams"  # of the GlobalConfiguration


def flags(stack: Stack) -> list[str]:
    """What tells the controller of its listeners."""
    return [f"-global-configuration=$(POD_NAMESPACE)/{NAME}"] if stack.controller.streams else []


def objects(dialect: Nginx, stack: Stack) -> list[Object]:
    """The GlobalConfiguration and the TransportServers; nothing where nothing is passed on."""
    streams, labels = stack.controller.streams, dialect.pod_labels(stack)
    if not streams:
        return []
    listeners = [
        {"name": stream.name, "port": stream_port(dialect, stream.port), "protocol": stream.protocol}
        for stream in streams
    ]
    home = dialect.namespace(stack.controller)
    return [
        manifest("GlobalConfiguration", NAME, home, labels=labels, spec={"listeners": listeners}),
        *(_transport_server(dialect, stack, stream, labels) for stream in streams),
    ]


def _transport_server(dialect: Nginx, stack: Stack, stream: Stream, labels: dict[str, str]) -> Object:
    upstream = f"{stream.service[:50]}-{number_of(stack, stream)}"
    spec = {
        "ingressClassName": dialect.class_name(stack.controller),
        "listener": {"name": stream.name, "protocol": stream.protocol},
        "upstreams": [{"name": upstream, "service": stream.service, "port": number_of(stack, stream)}],
        "action": {"pass": upstream},
    }
    return manifest("TransportServer", f"{stack.name}-{stream.name}", stream.namespace, labels=labels, spec=spec)


def refusals(stack: Stack, title: str) -> Iterator[tuple[str, str]]:
    """(inventory path, why)"""
    controller = stack.controller
    if controller.custom_resources:
        yield from unnumbered(stack, title)
        return
    for key in ("tcp_services", "udp_services"):
        if getattr(controller, key):
            why = "needs ingress_controller.custom_resources: true with F5's controller"
            yield f"ingress_controller.{key}", f"{why}; kinds traefik and ingress-nginx can without"
