"""Streams behind Traefik: an entry point for each, with a router and a service of its file provider.

An entry point takes no routes but those that name it: web and websecure alone are the default ones. What stands behind
is called by its name in the cluster, looked up for each connection.
https://doc.traefik.io/traefik/reference/install-configuration/entrypoints/
"""

from __future__ import annotations

from ..manifests import Object
from ..model.stack import Stack
from .base import IngressController
from .ports import stream_port
from .streams import number_of


def entry_points(dialect: IngressController, stack: Stack) -> list[tuple[str, str]]:
    """(name, address) of each."""
    return [
        (stream.name, f":{stream_port(dialect, stream.port)}/{stream.protocol.lower()}")
        for stream in stack.controller.streams
    ]


def dynamic(stack: Stack) -> Object:
    """Routers and services by protocol; empty where nothing is passed on."""
    found: Object = {}
    for stream in stack.controller.streams:
        part = found.setdefault(stream.protocol.lower(), {"routers": {}, "services": {}})
        router: Object = {"entryPoints": [stream.name], "service": stream.name}
        if stream.protocol == "TCP":
            router["rule"] = "HostSNI(`*`)"  # whatever comes, with or without TLS
        address = f"{stream.service}.{stream.namespace}.svc:{number_of(stack, stream)}"
        part["routers"][stream.name] = router
        part["services"][stream.name] = {"loadBalancer": {"servers": [{"address": address}]}}
    return found
