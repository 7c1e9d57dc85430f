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

pytestmark = pytest.mark.timeout(400)
# kind -> (ports of streams, which are the node's too, for there is a HostPort way in; fixed node port of the TCP one)
PORTS = {"nginx": (8201, 8202, 30081), "traefik": (8203, 8204, 30082)}
TAG = os.environ.get("INGRESSKIT_DOUBLE_TAG")  # of images that are tried out


class Stand:
    """A stack of two workloads that answer TCP and UDP, behind one controller."""

    def __init__(self, folder, kind, node):
        self.kind, self.node = kind, node
        self.site = Site(folder, name=f"ik-streams-{kind}")
        self.tcp, self.udp, self.node_port = PORTS[kind]
        self.cafe = self.site.namespace("cafe")

    def run(self, tcp, udp, *, node_ports=None, passed=True, **more):
        """Brings the stack to it: port -> Service of the cafe with its port."""
        streams = {"tcp_services": {str(port): f"{self.cafe}/{to}" for port, to in tcp.items()}}
        streams |= {"udp_services": {str(port): f"{self.cafe}/{to}" for port, to in udp.items()}}
        expose = [
            {"type": "NodePort", "node_ports": node_ports or {}},
            {"type": "HostPort", "name": "host", "ports": {"http": None, "https": self.tcp + 4}},
        ]
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
        more = {"image": f"docker.io/ingresskit/echo:{TAG}"} if TAG else {}
        return self.site.cafe(workloads={name: {"env": {"PROTOCOL": "UDP"}} | more for name in ("tea", "coffee")})

    def _datagrams(self, name):
        """A workload's own Service has a TCP port only."""
        ports = [{"name": "talk", "port": 7, "targetPort": 8080, "protocol": "UDP"}]
        spec = {"selector": workload_labels("cafe", name), "ports": ports}
        return obj("v1", "Service", f"{name}-udp", self.cafe, spec=spec)

    def service_ports(self):
        """(protocol, port) of the Service of the first way in."""
        listed = json.loads(kubectl("get", "services", "-n", self.site.namespace("controller"), "-o", "json"))["items"]
        first = next(each for each in listed if each["metadata"]["name"] != "host")
        return {(port["protocol"], port["port"]) for port in first["spec"]["ports"]}

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
    """On every way in; the second run writes nothing."""
    tcp, udp = stand.tcp, stand.udp
    fixed = {"tcp": {str(tcp): stand.node_port}, "udp": {str(udp): stand.node_port}}  # two protocols, one number
    run = stand.run({tcp: "tea-svc:http"}, {udp: "tea-udp:7"}, node_ports=fixed)
    assert reached(run) == {f"tcp-{tcp}": stand.node_port, f"udp-{udp}": stand.node_port}
    assert f"tcp://{stand.node}:{stand.node_port}/" in [route["url"] for route in run.smoke["routes"]]
    for port in (stand.node_port, tcp):
        assert stand.seen(stand.by_tcp, port, "tea-svc")
    for port in (stand.node_port, udp):
        assert stand.seen(stand.by_udp, port, "tea-svc")
    assert ask(stand.node, tcp + 4, HOST, "/tea", tls=True).json["service"] == "tea-svc"  # and the routes as ever
    again = stand.site.play().passed()
    assert not again.changed, again.output
    assert not again.writes

    # another backend, another port, one that is privileged and one that the controller's Pods need themselves
    run = stand.run({tcp: "coffee-svc:80", 53: "tea-svc:80", 8443: "tea-svc:80"}, {53: "coffee-udp:talk"})
    ports = reached(run)
    assert stand.seen(stand.by_tcp, ports[f"tcp-{tcp}"], "coffee-svc")
    assert stand.seen(stand.by_tcp, ports["tcp-53"], "tea-svc")
    assert stand.seen(stand.by_tcp, ports["tcp-8443"], "tea-svc")
    assert stand.seen(stand.by_udp, ports["udp-53"], "coffee-svc")
    assert not stand.by_udp(stand.udp)


def test_a_stream_to_nobody_is_told_and_taken_back(stand):
    """The controller takes the connection all the same; it is closed at once, and that is what is told."""
    before = stand.service_ports()
    run = stand.run({stand.tcp: "nobody:80"}, {}, passed=False, ingress_smoke={"wait": 2})
    run.failed("nobody", "rolled back")
    assert stand.service_ports() == before
    assert stand.seen(stand.by_tcp, stand.tcp, "coffee-svc")


def test_without_streams_nothing_is_left(stand):
    stand.run({}, {})
    assert stand.service_ports() == {("TCP", 80), ("TCP", 443)}
    until(lambda: not stand.by_tcp(stand.tcp), 30)
    if stand.kind == "nginx":
        left = kubectl("get", "transportservers,globalconfigurations", "-A", "-o", "name")
        assert not left.split(), left
