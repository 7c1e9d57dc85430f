"""Changes at 200 requests a second, each on a connection of its own: none fails.

A rollout, a scale up and down, another certificate and another configuration of the controller, all by site.yml.
"""

import ssl
import time
from functools import partial

import pytest

from module_utils.ingresskit.images import ECHO
from tests.cluster.double import ask, make_pair, until
from tests.cluster.load import Route, load
from tests.cluster.playbook import HOST, Site, kubectl

pytestmark = pytest.mark.timeout(600)
RATE = 200
DRAIN = 20  # on a busy machine a node takes more than the usual 10 s to hear that a Pod is gone
PLAIN = f"plain.{HOST}"
# what reaches the Pods of each kind by a rollout of them, or by a reload
CONFIG = {"nginx": {"proxy-read-timeout": "55s"}, "traefik": {"serversTransport.maxIdleConnsPerHost": 50}}


@pytest.fixture(params=CONFIG)
def site(request, tmp_path):
    made = Site(tmp_path, name=f"ik-night-load-{request.param}")
    made.clear()
    yield made
    made.clear()


def test_no_request_fails(site, node, request):
    kind = request.node.callspec.params["site"]
    stand = Stand(site, kind)
    stand.bring()
    routes = [
        Route(HOST, site.node_port("https"), "/tea", "tea-svc", tls=True),
        Route(HOST, site.node_port("https"), "/coffee", "coffee-svc", tls=True),
        Route(PLAIN, site.node_port("http"), "/tea", "tea-svc"),
        Route(PLAIN, site.node_port("http"), "/coffee", "coffee-svc"),
    ]
    for route in routes:
        until(partial(answered, node, route))
    done = {}
    with load(node, routes, RATE) as running:
        for name, change in stand.changes():
            begun = time.time()
            change()
            done[name] = begun, time.time()
        begun = time.time()
        until(partial(served, node, routes[0], stand.certificate))
        until(stand.settled, 120)
        done["the last Pods' end"] = begun, time.time()
    seen = running.end()
    print(f"\n{kind}: {seen}")
    for name, span in done.items():
        print(f"  {name}: {seen.between(*span)} requests in {span[1] - span[0]:.0f} s")
    assert not seen.failures, f"{len(seen.failures)} of {seen.total}: {seen.failures[:8]}\n{stand.told()}"
    # counted by the second, and the machine may hold the load up for one
    assert all(seen.between(begun - 2, ended + 2) > 0 for begun, ended in done.values()), seen
    assert seen.total >= 10 * RATE, seen


def answered(node, route):
    return ask(node, route.port, route.host, route.path, tls=route.tls).status == 200


def served(node, route, certificate):
    return ask(node, route.port, route.host, route.path, tls=True).certificate == certificate


class Stand:
    """A stack with two Pods of its controller and two of each backend, and the changes it has to bear."""

    paths = {"/tea": "tea-svc:80", "/coffee": "coffee-svc:80"}

    def __init__(self, site, kind):
        self.site, self.kind = site, kind
        self.controller = {"replicas": 2, "termination": {"drain": DRAIN, "grace": 60}}
        self.pair()

    def bring(self, **controller):
        """Everything that the controller was told before stays."""
        self.controller |= controller
        hosts = {HOST: {"paths": self.paths}}
        # named, so that its port alone says that it is ready: not the backends are tried here, and they share the machine
        workloads = {
            name: {"image": str(ECHO), "env": {"SERVICE": f"{name}-svc"}, "replicas": 2} for name in ("tea", "coffee")
        }
        tea = self.site.cafe(tls=self.tls, hosts=hosts, workloads=workloads)
        plain = {"namespace": self.site.namespace("cafe"), "hosts": {PLAIN: {"paths": self.paths}}}
        apps = {"cafe": tea, "plain": plain}
        unproven = {"enabled": False}  # the load is the proof
        self.site.write(self.site.inventory(self.kind, apps, controller=self.controller, ingress_smoke=unproven))
        run = self.site.play().passed()
        assert run.changed
        return run

    def pair(self):
        """Another certificate in the same files."""
        folder = self.site.folder
        certificate, key = make_pair(HOST)
        (folder / "cafe.crt").write_bytes(certificate)
        (folder / "cafe.key").write_bytes(key)
        self.certificate = ssl.PEM_cert_to_DER_cert(certificate.decode())
        self.tls = {"cert_file": str(folder / "cafe.crt"), "key_file": str(folder / "cafe.key")}

    def rotate(self):
        self.pair()
        self.bring()

    def changes(self):
        yield "rollout", partial(self.bring, pod_annotations={"restarted-at": "now"})
        yield "scale to 3", partial(self.bring, replicas=3)
        yield "scale to 2", partial(self.bring, replicas=2)
        yield "certificate", self.rotate
        yield "ConfigMap", partial(self.bring, config=CONFIG[self.kind])

    def told(self):
        """What the cluster says of the controller's Pods: a probe that fails on a busy machine shows here."""
        namespace = self.site.namespace("controller")
        return kubectl("get", "pods", "-n", namespace) + kubectl("get", "events", "-n", namespace)

    def settled(self):
        """Whether every Pod of the controller is one that is to stay: those before it have served and are gone."""
        pods = kubectl("get", "pods", "-n", self.site.namespace("controller"), "-o", "name").split()
        return len(pods) == self.controller["replicas"]
