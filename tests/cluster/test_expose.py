"""How traffic gets in: each type by requests from here, from one to the next in place, and several at once.

Stacks are called ik-expose-<controller>; node ports 30000 to 30003, ports of the node from 8180 and from 8480. Runs are
made in this process, which is what site.yml does without Ansible around it; one of them is site.yml itself. Loads are
balanced by the test bed's MetalLB; only for a class that is nobody's a thread of the test grants the address.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from module_utils.ingresskit.converge import converge
from module_utils.ingresskit.info import info
from module_utils.ingresskit.settings import Settings
from module_utils.ingresskit.smoke import smoke
from tests.cluster.double import ask, until
from tests.cluster.playbook import HOST, Site, kubectl, proven

pytestmark = [
    pytest.mark.timeout(450),
    # aiohttp closes the TLS connections of a port-forward in the background; a loaded machine is late with that
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]
WRITES = {"create", "update", "patch", "delete"}
FIXED = {"http": 30000, "https": 30001}
ON_HOST = {"http": 8180, "https": 8480}
GRANTED = "192.0.2.77"  # nobody's (RFC 5737)
CLASS = "ingresskit.io/nobody"
# fields of a Service that one type has and another has not
OF_NODES = {"externalTrafficPolicy"}
OF_BALANCERS = {"allocateLoadBalancerNodePorts", "loadBalancerClass", "loadBalancerIP", "loadBalancerSourceRanges"}
OF_TYPES = OF_NODES | OF_BALANCERS | {"healthCheckNodePort"}


@dataclass
class Stand:
    """A stack that is brought to one inventory after another."""

    site: Site
    kind: str
    node: str
    more: dict

    def inventory(self, expose, **controller):
        few = {"requests": {"cpu": "10m"}}
        given = {"expose": expose, "resources": few, **self.more, **controller}
        return self.site.inventory(self.kind, controller=given, ingress_smoke={"wait": 60, "on_failure": "keep"})

    def bring(self, expose, **controller):
        """Brings it, has every route proven where the toolkit finds it, and sees that a second run writes nothing."""
        inventory = self.inventory(expose, **controller)
        converge(inventory, self.settings)
        report, _ = smoke(inventory, self.site.folder)
        assert [each.reason for each in report.results if not each.ok] == []
        self.settled(inventory)
        return report

    def settled(self, inventory):
        again = converge(inventory, self.settings)
        assert not again.changes.changed, again.changes.summary()
        assert not WRITES & {verb for verb, count in again.calls.items() if count}

    @property
    def settings(self):
        return Settings(self.site.folder)

    @property
    def home(self):
        return self.site.namespace("controller")

    def services(self):
        listed = json.loads(kubectl("get", "services", "-n", self.home, "-o", "json"))["items"]
        return {each["metadata"]["name"]: each for each in listed}

    def service(self, name=None):
        services = self.services()
        return services[name] if name else next(iter(services.values()))

    def answers(self, port, address=None):
        """By hand: the tea over HTTPS at a port."""
        found = until(lambda: (one := ask(address or self.node, port, HOST, "/tea", tls=True)).status == 200 and one)
        assert found.json["service"] == "tea-svc"
        return True

    def refuses(self, port):
        return until(lambda: "Refused" in ask(self.node, port, HOST, "/tea", tls=True).error)

    def published(self):
        """The addresses that the Ingress shows."""
        live = json.loads(kubectl("get", "ingress", "cafe", "-n", self.site.namespace("cafe"), "-o", "json"))
        return [each.get("ip") for each in live["status"]["loadBalancer"].get("ingress") or []]


VARIANTS = {
    "nginx": ("nginx", {}),
    "traefik": ("traefik", {}),
    "compat": ("traefik", {"compat": "ingress-nginx"}),
}


def behind(*variants):
    """Which controllers a test is for: what the engine does is the same for all."""
    return pytest.mark.parametrize("stand", variants or VARIANTS, indirect=True, scope="module")


@pytest.fixture(scope="module")
def stand(request, tmp_path_factory, node):
    kind, more = VARIANTS[request.param]
    site = Site(tmp_path_factory.mktemp(request.param), name=f"ik-expose-{request.param}", ports=(30000, 30001))
    site.clear()
    yield Stand(site, kind, node, more)
    site.clear()


def ports_of(service):
    return {port["name"]: port.get("nodePort") for port in service["spec"]["ports"]}


def kept(service):
    """What a Service must not lose."""
    return service["metadata"]["uid"], service["spec"]["clusterIP"]


def own_fields(service):
    """Which fields it has that not every type has."""
    return OF_TYPES & set(service["spec"])


@contextmanager
def granting(stand, address=GRANTED):
    """Stands in for a provider: grants the Services of type LoadBalancer an address as soon as they are there."""
    over = threading.Event()

    def grant():
        while not over.wait(0.2):
            for name, live in stand.services().items():
                if live["spec"]["type"] == "LoadBalancer" and not live["status"]["loadBalancer"]:
                    status = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
                    said = json.dumps(status)
                    kubectl(
                        "patch", "service", name, "-n", stand.home, "--subresource=status", "--type=merge", "-p", said
                    )

    thread = threading.Thread(target=grant)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@behind("nginx", "traefik")
def test_site_yml_shows_where_the_traffic_gets_in(stand):
    """Ports that the cluster has picked are discovered; a further way in is named."""
    stand.site.write(stand.inventory([{}, {"name": "inside", "type": "ClusterIP"}]))
    run = stand.site.play().passed()
    assert proven(run)
    inside = stand.service("inside")
    picked = ports_of(next(each for each in stand.services().values() if each["spec"]["type"] == "NodePort"))
    assert f"target {stand.node}, http {picked['http']}, https {picked['https']} (NodePort on node " in run.output
    assert (
        f"target inside: {inside['spec']['clusterIP']}, http 80, https 443 (ClusterIP by a port-forward" in run.output
    )
    assert "/tea (at inside)" in run.output
    assert stand.answers(picked["https"])
    known = info(stand.inventory([{}, {"name": "inside", "type": "ClusterIP"}]), stand.site.folder)
    assert known["target"]["https_port"] == picked["https"]
    assert [(each["way"], each["address"]) for each in known["further_targets"]] == [
        ("inside", inside["spec"]["clusterIP"])
    ]


@behind("nginx", "traefik")
def test_from_type_to_type_in_place(stand):
    """The Service stays what it is to its clients, and keeps nothing of the type it was."""
    report = stand.bring({})
    picked = stand.service()
    identity, before = kept(picked), ports_of(picked)
    assert (report.target.http_port, report.target.https_port) == (before["http"], before["https"])

    stand.bring({"node_ports": FIXED, "external_traffic_policy": "Local"})
    fixed = stand.service()
    assert (kept(fixed), ports_of(fixed)) == (identity, FIXED)
    assert fixed["spec"]["externalTrafficPolicy"] == "Local"
    assert stand.answers(FIXED["https"])
    assert stand.refuses(before["https"])

    way = {
        "type": "LoadBalancer",
        "load_balancer": {"source_ranges": ["0.0.0.0/0"]},
        "external_traffic_policy": "Local",
    }
    report = stand.bring(way)
    balanced = stand.service()
    assert (kept(balanced), ports_of(balanced)) == (identity, FIXED), "they stay until somebody else wants them"
    assert own_fields(balanced) == OF_TYPES - {"loadBalancerClass", "loadBalancerIP"}
    (granted,) = [each["ip"] for each in balanced["status"]["loadBalancer"]["ingress"]]
    assert (report.target.address, report.target.https_port) == (granted, 443)
    assert stand.answers(443, granted)
    assert until(lambda: stand.published() == [granted])

    report = stand.bring({"type": "ClusterIP"})
    inside = stand.service()
    assert kept(inside) == identity
    assert own_fields(inside) == set()
    assert ports_of(inside) == {"http": None, "https": None}
    assert inside["status"] == {"loadBalancer": {}}
    assert "ClusterIP by a port-forward of the API server to Pod " in report.target.note
    assert stand.refuses(FIXED["https"])
    assert until(lambda: stand.published() == []), "an address that is gone is not published any more"

    report = stand.bring({"type": "HostPort", "ports": ON_HOST})
    on_host = stand.service()
    assert (kept(on_host), own_fields(on_host)) == (identity, set())
    assert (report.target.address, report.target.https_port) == (stand.node, ON_HOST["https"])
    assert stand.answers(ON_HOST["https"])

    stand.bring({})
    back = stand.service()
    assert kept(back) == identity
    assert own_fields(back) == OF_NODES
    assert stand.answers(ports_of(back)["https"])
    assert stand.refuses(ON_HOST["https"])
    labels = json.loads(kubectl("get", "namespace", stand.home, "-o", "json"))["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@behind()
def test_several_ways_in_at_once(stand):
    """One of each that can stand here, then one fewer, one of another name, one more."""
    host = {"type": "HostPort", "ports": ON_HOST, "name": "host"}
    door = {"name": "door", "node_ports": {"https": 30002}, "external_traffic_policy": "Local"}
    report = stand.bring([host, door, {"name": "inside", "type": "ClusterIP"}])
    assert {each.probe.way for each in report.results} == {"", "door", "inside"}
    assert [target.way for target in report.targets] == ["", "door", "inside"]
    assert stand.answers(ON_HOST["https"])
    assert stand.answers(30002)
    assert set(stand.services()) == {"host", "door", "inside"}
    inside = kept(stand.service("inside"))

    # the port goes with the name: whoever has it makes room
    stand.bring([{**door, "name": "gate"}, {"name": "inside", "type": "ClusterIP"}])
    assert set(stand.services()) == {"gate", "inside"}
    assert kept(stand.service("inside")) == inside
    assert stand.answers(30002)
    assert stand.refuses(ON_HOST["https"])


@behind("nginx")
def test_host_ports_go_from_a_deployment_to_a_daemon_set(stand):
    """Neither can wait until the other is ready: there is one such port on a node. Nor can the next revision of either."""
    way = {"type": "HostPort", "ports": ON_HOST}
    stand.bring(way)
    stand.bring(way, pod_annotations={"example.com/revision": "2"})
    stand.bring(way, workload="DaemonSet", replicas=None)
    assert stand.answers(ON_HOST["https"])
    pods = json.loads(kubectl("get", "pods", "-n", stand.home, "-o", "json"))["items"]
    made_by = {
        each["metadata"]["ownerReferences"][0]["kind"] for each in pods if not each["metadata"].get("deletionTimestamp")
    }
    assert made_by == {"DaemonSet"}
    labels = json.loads(kubectl("get", "namespace", stand.home, "-o", "json"))["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"
    assert labels["pod-security.kubernetes.io/warn"] == "restricted"


@behind("nginx")
def test_another_class_of_load_balancers_granted_by_a_fake(stand):
    """The API server lets no class change: the Service is of another type for a moment, and stays itself."""
    with granting(stand):
        first = stand.inventory({"type": "LoadBalancer", "load_balancer": {"class": CLASS, "ip": GRANTED}})
        converge(first, stand.settings)
        before = stand.service()
        for balancer in ({"class": f"{CLASS}s-neighbour"}, {}):
            inventory = stand.inventory({"type": "LoadBalancer", "load_balancer": balancer})
            rehearsed = converge(inventory, Settings(stand.site.folder, check=True, diff=True)).changes
            (change,) = [each for each in rehearsed.of("configured") if each.ref.kind == "Service"]
            assert change.after["spec"]["clusterIP"] == before["spec"]["clusterIP"]
            assert change.after["spec"].get("loadBalancerClass") == balancer.get("class")
            converge(inventory, stand.settings)
            now = stand.service()
            assert (kept(now), ports_of(now)) == (kept(before), ports_of(before))
            assert now["spec"].get("loadBalancerClass") == balancer.get("class")
        stand.settled(inventory)
    stand.bring({})
    assert own_fields(stand.service()) == OF_NODES
    assert kept(stand.service()) == kept(before)


@behind("compat")
def test_an_address_that_is_gone_is_not_shown_any_more(stand):
    """Also by a controller that would leave it there."""
    balanced = stand.bring({"type": "LoadBalancer"})
    assert until(lambda: stand.published() == [balanced.target.address])
    stand.bring({"type": "ClusterIP"})
    assert until(lambda: stand.published() == [])
