"""Stacks behind a real load balancer (the test bed's MetalLB), and what is told where none comes."""

import json
import socket
from ipaddress import IPv4Address

import pytest

from module_utils.ingresskit.api.client import connect
from module_utils.ingresskit.engine.ownership import Owner, own
from module_utils.ingresskit.engine.wait import wait
from module_utils.ingresskit.errors import WaitError
from module_utils.ingresskit.info import info
from tests.cluster.double import ask, obj, until
from tests.cluster.playbook import CONTEXT, HOST, Site, create, kubectl, proven

pytestmark = pytest.mark.timeout(600)
SERVICES = {"nginx": "nginx-ingress", "traefik": "traefik"}
NOBODYS = "ingresskit.example.com/nobodys"
ONCE = pytest.mark.parametrize("kind", ["nginx"], indirect=True, scope="module")  # what no controller has a part in
OUTSIDE = "192.0.2.77"  # of a range kept for documentation: no pool holds it


class Balanced(Site):
    """A cafe whose controller is reached through a load balancer."""

    def inventory(self, kind="nginx", apps=None, **balancer):
        settings = {name: balancer.pop(name) for name in ("ip", "source_ranges") if name in balancer}
        expose = {"type": "LoadBalancer", "load_balancer": settings}
        return super().inventory(kind, apps, controller={"expose": expose}, **balancer)

    def service(self, kind):
        where = ("-n", self.namespace("controller"), "-o", "json")
        return json.loads(kubectl("get", "service", SERVICES[kind], *where))


@pytest.fixture(scope="module")
def site(kind, tmp_path_factory):
    made = Balanced(tmp_path_factory.mktemp(kind), name=f"ik-metallb-{kind}")
    made.clear()
    yield made
    made.clear()


@pytest.fixture(scope="module")
def pool():
    """The addresses that the test bed's load balancer gives away."""
    found = json.loads(kubectl("get", "ipaddresspools.metallb.io", "-A", "-o", "json"))["items"]
    first, last = (int(IPv4Address(end)) for end in found[0]["spec"]["addresses"][0].split("-"))
    return [str(IPv4Address(number)) for number in range(first, last + 1)]


@pytest.fixture(scope="module")
def wanted(kind, pool):
    """Two addresses that a stack asks for, from the end of the pool that is given away last."""
    return {"nginx": pool[-2:], "traefik": pool[-4:-2]}[kind]


def test_an_address_is_waited_for_shown_and_serves(site, kind, wanted):
    run = site.site(kind, ip=wanted[0])
    assert proven(run, f"https://{HOST}/tea", f"http://{HOST}/tea")
    assert addresses(site.service(kind)) == [wanted[0]]
    assert wanted[0] in run.output
    assert run.smoke["ingresskit_report"]["target"]["address"] == wanted[0]
    assert ask(wanted[0], 443, HOST, "/tea", tls=True).json["service"] == "tea-svc"
    shown = info(site.inventory(kind), site.folder)["target"]
    assert (shown["address"], shown["http_port"], shown["https_port"]) == (wanted[0], 80, 443)
    listed = ("get", "ingress", "-n", site.namespace("cafe"), "-o", "json")
    until(lambda: {str(addresses(one)) for one in json.loads(kubectl(*listed))["items"]} == {str([wanted[0]])})
    again = site.play().passed()
    assert again.writes == {} and not again.changed, again.output


@ONCE
def test_another_address_is_had_before_the_run_goes_on(site, kind, wanted):
    run = site.site(kind, ip=wanted[1])
    assert proven(run, f"https://{HOST}/coffee")
    assert run.smoke["ingresskit_report"]["target"]["address"] == wanted[1]
    until(lambda: ask(wanted[0], 80, HOST).error)
    assert not site.play().passed().changed


@ONCE
def test_only_the_source_ranges_get_in(site, kind, wanted):
    mine = own_address(wanted[1])
    assert proven(site.site(kind, ip=wanted[1], source_ranges=[f"{mine}/32"]), f"https://{HOST}/tea")
    site.site(kind, ip=wanted[1], source_ranges=["192.0.2.0/24"], ingress_smoke={"enabled": False})
    until(lambda: ask(wanted[1], 443, HOST, "/tea", tls=True).error)
    site.site(kind, ip=wanted[1])
    assert ask(wanted[1], 443, HOST, "/tea", tls=True).status == 200


@ONCE
def test_an_address_that_no_pool_holds_is_the_reason_at_once(site, kind, wanted):
    site.write(site.inventory(kind, ip=OUTSIDE))
    reason = "cannot become ready: metallb-controller: AllocationFailed"
    run = site.play().failed(reason, OUTSIDE, "returned to revision")
    assert "not ready after" not in run.output, "that is no time-out"
    assert addresses(site.service(kind)) == [wanted[1]]
    until(lambda: ask(wanted[1], 443, HOST, "/tea", tls=True).status == 200)
    site.site(kind, ip=wanted[1])


def test_what_is_removed_gives_its_address_back(site, kind, wanted):
    site.write(site.inventory(kind, ip=wanted[1]))
    site.play("playbooks/teardown.yml").passed()
    until(lambda: ask(wanted[1], 80, HOST).error)
    assert not site.left()


def test_a_class_that_nobody_serves_is_told_soon(foreign):
    owner = Owner("ik-metallb", "ik-metallb-state")
    spec = {"type": "LoadBalancer", "loadBalancerClass": NOBODYS, "ports": [{"port": 80}], "selector": {"app": "x"}}
    (service,) = own(
        [obj("v1", "Service", "edge", foreign("ik-metallb-nobody"), spec=spec)], owner.stack, owner.state_namespace
    )
    create(service)
    reason = rf"cannot become ready: no load balancer provider in this cluster takes it \(class {NOBODYS}\)"
    with pytest.raises(WaitError, match=reason):
        wait(connect(None, CONTEXT, timeout=60), [service], owner, timeout=60, grace=1)


def addresses(live):
    return [each.get("ip") for each in live["status"]["loadBalancer"].get("ingress") or ()]


def own_address(peer):
    """From where this machine asks."""
    with socket.create_connection((peer, 80), 5) as channel:
        return channel.getsockname()[0]
