"""Where the controller is reached from outside: read from the live Service, its Pods and Nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import ClusterError
from ..oracle.types import Target
from .client import Api
from .failures import Forbidden
from .resources import BUILTIN, Object, Ref

KEY = "ingress_controller.expose"
_NODE, _POD = BUILTIN["v1", "Node"], BUILTIN["v1", "Pod"]
_SLICE = BUILTIN["discovery.k8s.io/v1", "EndpointSlice"]
_USUAL = {"http": 80, "https": 443}
_STREAM = re.compile(r"(tcp|udp)-\d+")  # how the ports of tcp_services and udp_services are called


def find_target(api: Api, *, type: str, namespace: str, service: str, address: str | None = None) -> Target:
    """One address and the ports of the controller's Service: those of http and https, and of streams.

    ``type``: NodePort (allocated node ports; the given address, else the first Ready node's ExternalIP, else its
    InternalIP; with externalTrafficPolicy Local of a node that runs a ready endpoint; where nodes may not be read, the
    one of a ready Pod), LoadBalancer
    (status.loadBalancer.ingress), ClusterIP (the cluster IP) or HostPort (node of a ready Pod, as with NodePort; its
    hostPorts).
    Raises ClusterError naming ``ingress_controller.expose`` where none is found.
    """
    live = api.get(Ref("", "Service", namespace, service))
    if live is None:
        raise ClusterError(f"{KEY}: the Service {namespace}/{service} does not exist: deploy the controller first")
    if type == "NodePort" and address:  # then the Nodes need not be read, which not everybody may
        chosen, where, ports = address, type, _node_ports(live)
    else:
        chosen, where, ports = _FINDERS[type](api, live)
        chosen = address or chosen
    if not chosen:
        raise ClusterError(f"{KEY}: {where}: set its address")
    http, https = (_port(ports, name) for name in _USUAL)
    if http is None and https is None:
        raise ClusterError(f"{KEY}: {where}, but no port named http or https: see ports and node_ports")
    streams = tuple((name, reached) for name, __, reached in ports if _STREAM.fullmatch(name) and reached)
    return Target(chosen, http, https, f"{type}, address as given" if address else where, streams=streams)


# address, how it was found, ports as (name, usual number, number reached)
_Found = tuple[str, str, list[tuple[str, int, int]]]


def _node_ports(service: Object) -> list[tuple[str, int, int]]:
    ports = service["spec"].get("ports") or ()
    return [_named(port, port["nodePort"]) for port in ports if port.get("nodePort")]


def _node_port(api: Api, service: Object) -> _Found:
    ports = _node_ports(service)
    local = service["spec"].get("externalTrafficPolicy") == "Local"
    try:
        nodes = [node for node in api.list_objects(_NODE).items if _is_ready(node)]
    except Forbidden:  # with rights in namespaces alone: a node that runs the controller has its ports open in any case
        return *_host_of_a_pod(api, service), ports
    serving = _serving_nodes(api, service) if local else None
    chosen = [node for node in nodes if serving is None or node["metadata"]["name"] in serving]
    if not chosen:
        lack = "runs a ready endpoint (externalTrafficPolicy Local)" if nodes else "is Ready"
        return "", f"NodePort: no node {lack}", ports
    node = min(chosen, key=lambda node: str(node["metadata"]["name"]))
    return _node_address(node), f"NodePort on node {node['metadata']['name']}", ports


def _host_of_a_pod(api: Api, service: Object) -> tuple[str, str]:
    """The address of a node with a ready Pod of the Service, as the Pod itself tells it."""
    for pod in _pods_of(api, service):
        if _is_ready(pod) and pod["status"].get("hostIP"):
            name, host = pod["metadata"]["name"], pod["spec"]["nodeName"]
            return pod["status"]["hostIP"], f"NodePort on node {host}, of Pod {name}"
    return "", "NodePort: nodes may not be read, and no Pod behind the Service is ready"


def _pods_of(api: Api, service: Object) -> list[Object]:
    """The Pods that a Service selects, by name; none where it has no selector."""
    selector = ",".join(f"{key}={value}" for key, value in (service["spec"].get("selector") or {}).items())
    pods = api.list_objects(_POD, service["metadata"]["namespace"], selector).items if selector else []
    return sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))


def _load_balancer(__: Api, service: Object) -> _Found:
    ports = [_named(port, port["port"]) for port in service["spec"].get("ports") or ()]
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or [{}]
    address = ingress[0].get("ip") or ingress[0].get("hostname") or ""
    name = f"{service['metadata']['namespace']}/{service['metadata']['name']}"
    lack = f"LoadBalancer: no load balancer has given the Service {name} an address yet"
    return address, "LoadBalancer" if address else lack, ports


def _cluster_ip(__: Api, service: Object) -> _Found:
    ports = [_named(port, port["port"]) for port in service["spec"].get("ports") or ()]
    address = service["spec"].get("clusterIP") or ""
    if address == "None":
        return "", "ClusterIP: the Service is headless", ports
    return address, "ClusterIP", ports


def _host_port(api: Api, service: Object) -> _Found:
    if not service["spec"].get("selector"):
        return "", "HostPort: the Service selects no Pods", []
    for pod in _pods_of(api, service):
        ports = list(_host_ports(pod))
        if ports and _is_ready(pod):
            name, host = pod["metadata"]["name"], pod["spec"]["nodeName"]
            return (
                _address_of(api, host) or pod["status"].get("hostIP") or "",
                f"HostPort of Pod {name} on node {host}",
                ports,
            )
    return "", "HostPort: no Pod with host ports is ready", []


_FINDERS = {
    "NodePort": _node_port,
    "LoadBalancer": _load_balancer,
    "ClusterIP": _cluster_ip,
    "HostPort": _host_port,
}


def _named(port: dict[str, Any], reached: int | None) -> tuple[str, int, int]:
    return port.get("name") or "", port["port"], reached or 0


def _port(ports: Iterable[tuple[str, int, int]], name: str) -> int | None:
    """The port reached for http or https: by its name, else by the usual number."""
    rows = list(ports)
    named = [reached for label, __, reached in rows if label == name]
    others = [row for row in rows if row[0] not in _USUAL and not _STREAM.fullmatch(row[0])]
    usual = [reached for __, number, reached in others if number == _USUAL[name]]
    return next(iter(named + usual), None)


def _host_ports(pod: Object) -> Iterable[tuple[str, int, int]]:
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                yield port.get("name") or "", port["hostPort"], port["hostPort"]


def _serving_nodes(api: Api, service: Object) -> set[str]:
    slices = slices_of(api, service["metadata"]["namespace"], service["metadata"]["name"])
    return {str(endpoint.get("nodeName")) for piece in slices for endpoint in ready_endpoints(piece)}


def slices_of(api: Api, namespace: str, service: str) -> list[Object]:
    """The EndpointSlices of a Service. Raises ClusterError."""
    return api.list_objects(_SLICE, namespace, f"kubernetes.io/service-name={service}").items


def ready_endpoints(piece: Object) -> Iterator[dict[str, Any]]:
    """Those of a slice that are ready; a condition that is not set counts as true
    (https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions)."""
    for endpoint in piece.get("endpoints") or ():
        if (endpoint.get("conditions") or {}).get("ready") is not False:
            yield endpoint


def _address_of(api: Api, name: str) -> str:
    """Of a node, as far as it may be read."""
    try:
        node = api.get(Ref("", "Node", "", name))
    except Forbidden:
        return ""
    return _node_address(node) if node else ""


def _is_ready(obj: Object) -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _node_address(node: Object) -> str:
    addresses = {entry["type"]: entry["address"] for entry in reversed(node["status"].get("addresses") or [])}
    return str(addresses.get("ExternalIP") or addresses.get("InternalIP") or "")
