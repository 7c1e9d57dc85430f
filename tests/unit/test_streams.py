"""Streams: what the controllers are told of them, and what is refused. Their objects are kept as golden files."""

import pytest
import yaml

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import CONTROLLERS, controller_for
from module_utils.ingresskit.controllers.ports import stream_port
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.oracle import identity, probes
from module_utils.ingresskit.oracle.streams import not_asked
from module_utils.ingresskit.oracle.types import OPEN
from module_utils.ingresskit.preflight import check

MODES = {
    "nginx": {"kind": "nginx", "custom_resources": True, "crds": {"source": "none"}},
    "nginx without custom resources": {"kind": "nginx"},
    "traefik": {"kind": "traefik"},
    "traefik-compat": {"kind": "traefik", "compat": "ingress-nginx"},
    "ingress-nginx": {"kind": "ingress-nginx", "accept_retired": True},
}
ALL = ("nginx", "traefik", "traefik-compat", "ingress-nginx")
SERVICE = """
  - apiVersion: v1
    kind: Service
    metadata: {name: pg, namespace: db}
    spec: {selector: {a: b}, ports: [{name: sql, port: 5432}, {name: stats, port: 9187, protocol: UDP}]}"""
ALIAS = """
  - apiVersion: v1
    kind: Service
    metadata: {name: far, namespace: db}
    spec: {type: ExternalName, externalName: db.example.org, ports: [{port: 5432}]}"""
APP = "{namespace: cafe, hosts: {cafe.example.com: 'tea-svc:80'}, workloads: {tea: {}}}"
TCP, UDP = "ingress_controller.tcp_services", "ingress_controller.udp_services"


def stack(mode, streams, more=""):
    text = f"""
ingress_controller__streams: {streams}
ingress_apps: {{cafe: {APP}}}
ingress_extra_objects: {more or "[]"}"""
    return model.load(yaml.safe_load(text) | {"ingress_controller": MODES[mode]})


def findings(mode, streams, more=""):
    made = stack(mode, streams, more)
    return [(each.level, each.path, each.message) for each in check(made, controller_for(made.controller), Facts())]


@pytest.mark.parametrize("mode", ALL)
def test_streams_are_taken(mode):
    streams = """{tcp_services: {"5432": db/pg:5432, "8080": cafe/tea-svc:http, "22": git/ssh:22, "53": dns/dns:53},
                  udp_services: {"53": dns/dns:53, "80": x/y:80, "9187": db/pg:stats}}"""
    assert findings(mode, streams, SERVICE) == findings(mode, "{}", SERVICE)


REFUSED = {
    "http's own port": (ALL, '{tcp_services: {"80": a/b:1}}', f'{TCP}."80"', "is ingress_controller.expose.ports.http already"),
    "https of another way in": (
        ALL, '{tcp_services: {"8443": a/b:1}, expose: [{}, {name: x, ports: {https: 8443}}]}', f'{TCP}."8443"',
        "is ingress_controller.expose[1].ports.https already",
    ),
    "one port of the Pods for two": (
        ("traefik",), '{tcp_services: {"53": a/b:1, "10053": a/c:1}}', f'{TCP}."10053"',
        'both would be port 10053 of the controller\'s Pods: 10053 and 53, for which ingress_controller.tcp_services."53" asks',
    ),
    "a port that the Service has not": (ALL, '{tcp_services: {"1": db/pg:5433}}', f'{TCP}."1"', "db/pg has no TCP port 5433; its TCP ports: 5432"),
    "a port of the other protocol": (ALL, '{udp_services: {"1": db/pg:5432}}', f'{UDP}."1"', "db/pg has no UDP port 5432; its UDP ports: 9187"),
    "a workload by UDP": (ALL, '{udp_services: {"1": cafe/tea-svc:80}}', f'{UDP}."1"', "cafe/tea-svc has no UDP port 80; its UDP ports: none"),
    "a name that only the cluster knows": (
        ("nginx", "traefik", "traefik-compat"), '{tcp_services: {"1": a/b:sql}}', f'{TCP}."1"',
        "needs the number of port sql of a/b: write it, or put the Service into ingress_extra_objects",
    ),
    "no custom resources": (
        ("nginx without custom resources",), '{tcp_services: {"1": db/pg:5432}}', TCP,
        "needs ingress_controller.custom_resources: true with F5's controller; kinds traefik and ingress-nginx can without",
    ),
    "no custom resources, UDP": (
        ("nginx without custom resources",), '{udp_services: {"1": db/pg:9187}}', UDP, "needs ingress_controller.custom_resources: true",
    ),
    "an alias": (("nginx",), '{tcp_services: {"1": db/far:5432}}', f'{TCP}."1"', "db/far is an ExternalName"),
    "a node port of no stream": (
        ALL, '{tcp_services: {"1": db/pg:5432}, expose: {node_ports: {udp: {"1": 30001}}}}',
        'ingress_controller.expose.node_ports.udp."1"', "ingress_controller.udp_services has no 1",
    ),
    "a node port that http has": (
        ALL, '{tcp_services: {"1": db/pg:5432}, expose: {node_ports: {http: 30001, tcp: {"1": 30001}}}}',
        'ingress_controller.expose.node_ports.tcp."1"', "node port 30001 is ingress_controller.expose.node_ports.http already",
    ),
    "one node port for two ports": (
        ALL, '{tcp_services: {"1": db/pg:5432}, udp_services: {"2": db/pg:9187}, expose: {node_ports: {tcp: {"1": 30001}, udp: {"2": 30001}}}}',
        'ingress_controller.expose.node_ports.udp."2"', 'node port 30001 is ingress_controller.expose.node_ports.tcp."1" already',
    ),
    "a node port that another way in has": (
        ALL, '{tcp_services: {"1": db/pg:5432}, expose: [{node_ports: {tcp: {"1": 30001}}}, {name: x, node_ports: {tcp: {"1": 30001}}}]}',
        'ingress_controller.expose[1].node_ports.tcp."1"', 'is ingress_controller.expose[0].node_ports.tcp."1" already',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "mode"), [(name, mode) for name, row in REFUSED.items() for mode in row[0]])
def test_what_cannot_be_is_refused_by_its_path(name, mode):
    _, streams, path, words = REFUSED[name]
    found = [each for each in findings(mode, streams, SERVICE + ALIAS) if each[0] == "error"]
    assert [each[1] for each in found] == [path]
    assert words in found[0][2]


def test_both_protocols_of_a_port_share_a_node_port():
    streams = """{tcp_services: {"53": dns/dns:53}, udp_services: {"53": dns/dns:53},
                  expose: {node_ports: {tcp: {"53": 30001}, udp: {"53": 30001}}}}"""
    assert findings("traefik", streams) == findings("traefik", "{}")


def test_a_node_port_outside_the_usual_range_is_a_warning():
    found = findings("traefik", '{tcp_services: {"1": db/pg:5432}, expose: {node_ports: {tcp: {"1": 20001}}}}', SERVICE)
    (level, path, words), *_ = (each for each in found if "node_ports" in each[1])
    assert (level, path) == ("warning", 'ingress_controller.expose.node_ports.tcp."1"')
    assert words.startswith("20001 is outside 30000-32767")


@pytest.mark.parametrize("kind", CONTROLLERS)
def test_a_port_that_the_controller_has_itself_is_another_one_in_its_pods(kind):
    dialect = CONTROLLERS[kind]
    assert {dialect.http_port, dialect.https_port} <= dialect.own_ports
    for port in [*range(1, 1024), *dialect.own_ports, 1024, 65535]:
        there = stream_port(dialect, port)
        assert 1024 <= there <= 65535 and there not in dialect.own_ports
        assert there % 10000 == port % 10000


def test_what_can_be_proven_of_them():
    """The echo backend says who it is, others only have to keep a connection, and UDP is not asked."""
    secure = "{namespace: x, hosts: {x.example.com: 'y:80'}, workloads: {safe: {env: {PROTOCOL: HTTPS}}}}"
    streams = """{tcp_services: {"1": cafe/tea-svc:80, "2": db/pg:5432, "3": x/safe-svc:80, "4": y/unknown:1},
                  udp_services: {"1": db/pg:stats}}"""
    text = f"""
ingress_controller__streams: {streams}
ingress_apps: {{cafe: {APP}, x: {secure}}}
ingress_extra_objects: {SERVICE}"""
    made = model.load(yaml.safe_load(text) | {"ingress_controller": MODES["traefik"]})
    asked = [each for each in probes(made, controller_for(made.controller), None) if each.kind == "stream"]
    assert [(each.request.port, each.request.method, each.request.path, each.expected.backend) for each in asked] == [
        ("tcp-1", "GET", "/", "cafe/tea-svc"),
        ("tcp-2", OPEN, "", None),
        ("tcp-3", OPEN, "", None),
        ("tcp-4", OPEN, "", None),
    ]
    assert len({identity(each) for each in asked}) == 4
    assert not_asked(made) == ["udp-1"]


def test_nothing_is_told_where_nothing_is_passed_on():
    """No flag, no object, no port."""
    for mode in ALL:
        made = stack(mode, "{}")
        objects = controller_for(made.controller).objects(made, Facts())
        text = yaml.safe_dump(objects)
        assert not any(
            word in text for word in ("GlobalConfiguration", "-services", "entrypoints.tcp", "entrypoints.udp")
        )
