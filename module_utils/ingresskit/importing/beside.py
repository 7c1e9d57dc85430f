"""What is among the manifests beside Ingresses and may be referred to by them. Secrets are passed over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from .cursor import Cursor
from .loss import Loss
from .reading import Beside

# kinds that route by themselves: their routes would be missed
ROUTING = (
    *("VirtualServer", "VirtualServerRoute", "TransportServer", "IngressRoute", "IngressRouteTCP", "IngressRouteUDP"),
    *("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute", "HTTPProxy", "TCPIngress", "UDPIngress"),
)
PORTS = ("IngressRouteUDP", "TCPRoute", "UDPRoute", "TCPIngress", "UDPIngress")  # those for ports alone
SERVICE = re.compile(r"[^/:]+/[^/:]+:[^/]+$")
ESCAPED = '{{ "{{" }}'  # Traefik takes its files for Go templates
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def beside_in(objects: Iterable[Cursor]) -> Beside:
    """The objects by kind. What cannot be read is not there."""
    middlewares: dict[str, Any] = {}
    dynamic: dict[str, Any] = {}
    config_maps: dict[str, Any] = {}
    services: dict[str, Any] = {}
    policies: dict[str, Any] = {}
    for each in objects:
        namespace, name = each["metadata"]["namespace"].value or "default", each["metadata"]["name"].value
        kind, data, spec = each["kind"].value, each["data"].value, each["spec"].value
        if kind == "Middleware" and isinstance(spec, Mapping):
            middlewares[f"{namespace}-{name}@kubernetescrd"] = spec
        elif kind == "Policy" and isinstance(spec, Mapping):
            policies[f"{namespace}/{name}"] = spec
        elif kind == "Service" and isinstance(each.value, Mapping):
            services[f"{namespace}/{name}"] = each.value
        elif kind == "ConfigMap" and isinstance(data, Mapping):
            config_maps[f"{namespace}/{name}"] = {str(key): text for key, text in data.items() if isinstance(text, str)}
            for text in config_maps[f"{namespace}/{name}"].values():
                _merge(dynamic, _configuration(text))
    defined = _mapping(dynamic, "http", "middlewares").items()
    middlewares |= {f"{name}@file": spec for name, spec in defined if isinstance(spec, Mapping)}
    return Beside(middlewares, dynamic, config_maps, services, policies)


def routes_elsewhere(objects: Iterable[Cursor]) -> Iterator[Loss]:
    """What routes and is no Ingress."""
    for each in objects:
        namespace, name = each["metadata"]["namespace"].value or "default", each["metadata"]["name"].value
        called = f"{each['kind'].value} {namespace}/{name}"
        if _passes_ports_on(each):
            why = "it passes ports on: write it as ingress_controller.tcp_services or udp_services"
            yield Loss(called, each.at, "the whole object", why)
        elif each["kind"].value in ROUTING:
            yield Loss(called, each.at, "the whole object", "it routes, but is no Ingress: write its routes as an app")


def _passes_ports_on(each: Cursor) -> bool:
    """F5's TransportServer passes TLS of a host on as well; ingress-nginx has a ConfigMap of ports and Services."""
    kind, data = each["kind"].value, each["data"].value
    if kind == "ConfigMap":
        ports = data.items() if isinstance(data, Mapping) else ()
        return bool(ports) and all(str(port).isdigit() and SERVICE.match(str(to)) for port, to in ports)
    if kind == "TransportServer":
        return each["spec"]["listener"]["protocol"].value in ("TCP", "UDP")
    return kind in PORTS


def _configuration(text: str) -> dict[str, Any]:
    """A file of Traefik's; of any other text nothing."""
    if "http:" not in text and "tcp:" not in text:
        return {}
    try:
        content = yaml.load(text.replace(ESCAPED, "{{"), Loader=_Loader)  # noqa: S506
    except yaml.YAMLError:
        return {}
    return {key: content[key] for key in ("http", "tcp") if key in content} if isinstance(content, dict) else {}


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _mapping(value: Any, *keys: str) -> Mapping[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def part(beside: Beside, *keys: str) -> Mapping[str, Any]:
    """A part of Traefik's dynamic configuration."""
    return _mapping(beside.dynamic, *keys)
