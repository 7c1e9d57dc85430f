"""Ports of the controller's Pod and of the Services before it."""

import pytest
from pydantic import ValidationError

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.controllers.ports import entry_ports, service_ports
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.model.controller import Controller

STREAMS = {"tcp_services": {"5432": "db/pg:5432", "53": "dns/dns:53"}, "udp_services": {53: "dns/dns:53"}}
WEB = {"http": "http", "https": "https"}


def controller(**given):
    return Controller.model_validate({"kind": "traefik", **given})


def ports_of(given):
    dialect = controller_for(given)
    return [(port.name, port.number, port.protocol, port.host) for port in entry_ports(dialect, given)]


def test_streams_follow_http_and_https():
    assert ports_of(controller(**STREAMS)) == [
        ("http", 8000, "TCP", None),
        ("https", 8443, "TCP", None),
        ("tcp-53", 10053, "TCP", None),  # no privileged port
        ("tcp-5432", 5432, "TCP", None),
        ("udp-53", 10053, "UDP", None),
    ]


def test_a_host_port_way_in_opens_ports_of_the_node():
    exposes = [{"type": "NodePort"}, {"type": "HostPort", "name": "host", "ports": {"http": 8080, "https": None}}]
    found = {name: host for name, _, _, host in ports_of(controller(expose=exposes, **STREAMS))}
    assert found == {"http": 8080, "https": None, "tcp-53": 53, "tcp-5432": 5432, "udp-53": 53}


def test_services_have_the_streams_and_their_node_ports():
    expose = {"node_ports": {"http": 30000, "tcp": {"5432": 30001}, "udp": {"53": 30002}}}
    given = controller(expose=expose, **STREAMS)
    (way,) = given.exposes
    found = [(port["name"], port["port"], port["targetPort"], port["protocol"], port.get("nodePort"))
             for port in service_ports(way, given, WEB)]  # fmt: skip
    assert found == [
        ("http", 80, "http", "TCP", 30000),
        ("https", 443, "https", "TCP", None),
        ("tcp-53", 53, "tcp-53", "TCP", None),
        ("tcp-5432", 5432, "tcp-5432", "TCP", 30001),
        ("udp-53", 53, "udp-53", "UDP", 30002),
    ]


@pytest.mark.parametrize("key", ["0", "http", "65536", "-1", True, "05", 1.5])
def test_streams_are_keyed_by_ports(key):
    with pytest.raises(ValidationError, match="is not a port: 1 to 65535"):
        controller(tcp_services={key: "db/pg:5432"})


HOST_PORT = {"type": "HostPort", "name": "host", "ports": {"http": 8080, "https": 8443}}


@pytest.mark.parametrize("kind", ["nginx", "traefik", "ingress-nginx"])
def test_pods_on_host_ports_make_room_before_they_are_replaced(kind):
    """A Pod more than wanted would wait for a node for ever. Their Service is one for inside the cluster."""
    given = {"kind": kind, "accept_retired": kind == "ingress-nginx", "expose": HOST_PORT}
    stack = model.load({"ingress_controller": given})
    dialect = controller_for(stack.controller)
    (deployment,) = [each for each in dialect.objects(stack, Facts()) if each["kind"] == "Deployment"]
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert {port["name"]: port.get("hostPort") for port in container["ports"]}.items() >= {
        "http": 8080,
        "https": 8443,
    }.items()
    (service,) = dialect.services(stack)
    assert (service["metadata"]["name"], service["spec"]["type"]) == ("host", "ClusterIP")
    assert [port["port"] for port in service["spec"]["ports"]] == [8080, 8443]
