"""TCP and UDP ports that are passed on, by requests through them: what answers says who it is.

What is proven behind nginx is proven on a test double of F5's controller, by F5's documentation.
"""

import json
import os
import socket
from contextlib import ExitStack

import pytest

from module_utils.ingresskit.manifests import workload_labels
from tests.cluster.double import ask, obj, until
from tests.cluster.playbook import HOST, ROOT, Site, alone, kubectl

pytestmark = pytest.mark.timeout(1200)  # with the wait for the module that has the definitions
# kind -> (port of both protocols, which a HostPort way in opens on the node; its fixed node port)
PORTS = {"nginx": (8201, 30081), "traefik": (8202, 30082)}
TAG = os.environ.get("INGRESSKIT_DOUBLE_TAG")  # of an image of the double that is tried out


def others(port):
    """Another backend, another port, one that is privileged and one that the controller's Pods need themselves."""
    return {port: "coffee-svc:80", 53: "tea-svc:80", 8443: "tea-svc:80"}, {53: "coffee-udp:talk"}


class Stand:
    """A stack of two workloads that answer TCP and UDP, behind one controller."""

    def __init__(self, folder, kind, node):
        self.kind, self.node = kind, node
        self.site = Site(folder, name=f"ik-streams-{kind}")
        self.port, self.node_port = PORTS[kind]
        self.cafe = self.site.namespace("cafe")

    def run(self, tcp, udp, *, node_ports=None, on_hosts=False, passed=True, **more):
        """Brings the stack to it: port -> Service of the cafe with its port."""
        streams = {"tcp_services": {str(port): f"{self.cafe}/{to}" for port, to in tcp.items()}}
        streams |= {"udp_services": {str(port): f"{self.cafe}/{to}" for port, to in udp.items()}}
        expose = [{"type": "NodePort", "node_ports": node_ports or {}}]
        if on_hosts:
            expose.append({"type": "HostPort", "name": "host", "ports": {"http": None, "https": self.port + 2}})
        controller = {"kind": self.kind, "expose": expose, **streams}
        if self.kind == "nginx":
            controller |= {"custom_resources": True, "crds": {"source": str(ROOT / "testbed/crds/nginx.yaml")}}
            controller |= {"image": {"tag": TAG}} if TAG else {}
        whole = self.site.inventory(self.kind, {"cafe": self._app()}, **more)
        whole["ingress_controller"] |= controller
        self.site.write(whole | {"ingress_extra_objects": [self._datagrams(name) for name in ("tea", "coffee")]})
        run = self.site.play()
        return run.passed() if passed else run

    def _app(self):
        return self.site.cafe(workloads={name: {"env": {"PROTOCOL": "UDP"}} for name in ("tea", "coffee")})

    def _datagrams(self, name):
        """A workload's own Service has a TCP port only."""
        ports = [{"name": "talk", "port": 7, "targetPort": 8080, "protocol": "UDP"}]
        spec = {"selector": workload_labels("cafe", name), "ports": ports}
        return obj("v1", "Service", f"{name}-udp", self.cafe, spec=spec)

    def service_ports(self):
        """(protocol, port) -> node port, of the Service of the first way in."""
        listed = json.loads(kubectl("get", "services", "-n", self.site.namespace("controller"), "-o", "json"))["items"]
        first = next(each for each in listed if each["metadata"]["name"] != "host")
        return {(port["protocol"], port["port"]): port["nodePort"] for port in first["spec"]["ports"]}

    def by_tcp(self, port):
        """Which Service answers an HTTP request through a port; "" where none does."""
        answer = ask(self.node, port, "any.example.com")
        return answer.json["service"] if answer.status == 200 else ""

    def by_udp(self, port):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(1)
            asking.connect((self.node, port))
            try:
                asking.send(b"tea?")
                said = json.loads(asking.recv(2048))
            except OSError:
                return ""
        assert said["said"] == "tea?"
        return said["service"]

    def seen(self, how, port, service):
        until(lambda: how(port) == service, 30)
        return True


@pytest.fixture(scope="module")
def stand(tmp_path_factory, kind, node):
    made = Stand(tmp_path_factory.mktemp(kind), kind, node)
    with ExitStack() as held:
        if kind == "nginx":
            held.enter_context(alone("definitions"))  # there is one set of them in a cluster
        made.site.clear()  # what a killed run left
        yield made
        made.site.clear()


def reached(run):
    """The ports of streams at the target, as the smoke test found them."""
    return dict(run.smoke["ingresskit_report"]["target"]["streams"])


def test_streams_come_change_and_go(stand):
    """At two ways in; the second run writes nothing."""
    port, node_port = stand.port, stand.node_port
    fixed = {"tcp": {str(port): node_port}, "udp": {str(port): node_port}}
    run = stand.run({port: "tea-svc:http"}, {port: "tea-udp:7"}, node_ports=fixed, on_hosts=True)
    assert reached(run) == {f"tcp-{port}": node_port, f"udp-{port}": node_port}
    assert f"tcp://{stand.node}:{node_port}/" in [route["url"] for route in run.smoke["routes"]]
    for way in (node_port, port):
        assert stand.seen(stand.by_tcp, way, "tea-svc")
        assert stand.seen(stand.by_udp, way, "tea-svc")
    assert ask(stand.node, port + 2, HOST, "/tea", tls=True).json["service"] == "tea-svc"  # and the routes as ever
    again = stand.site.play().passed()
    assert not again.changed, again.output
    assert not again.writes

    run = stand.run(*others(port))
    ports = reached(run)
    assert stand.seen(stand.by_tcp, ports[f"tcp-{port}"], "coffee-svc")
    assert stand.seen(stand.by_tcp, ports["tcp-53"], "tea-svc")
    assert stand.seen(stand.by_tcp, ports["tcp-8443"], "tea-svc")
    assert stand.seen(stand.by_udp, ports["udp-53"], "coffee-svc")
    until(lambda: not stand.by_udp(node_port), 30)


def test_a_stream_to_nobody_is_told_and_taken_back(stand):
    """The controller takes the connection all the same; it is closed at once, and that is what is told."""
    before, (tcp, udp) = stand.service_ports(), others(stand.port)
    run = stand.run(tcp | {5432: "nobody:80"}, udp, passed=False, ingress_smoke={"wait": 2})
    run.failed("closed the connection at once", 'ingress_controller.tcp_services."5432"', "returned to revision")
    assert stand.service_ports() == before
    assert stand.seen(stand.by_tcp, before["TCP", stand.port], "coffee-svc")


def test_without_streams_nothing_is_left(stand):
    stand.run({}, {})
    assert set(stand.service_ports()) == {("TCP", 80), ("TCP", 443)}
    if stand.kind == "nginx":
        left = kubectl("get", "transportservers,globalconfigurations", "-A", "-o", "name")
        assert not left.split(), left
