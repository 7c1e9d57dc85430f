"""Custom resources on the cluster: definitions that the stack brings, F5's kinds behind the double, Traefik's own.

What is proven behind nginx is proven on a test double of F5's controller, by F5's documentation.
"""

import json
import os
import threading
import time

import pytest

from tests.cluster.double import ask, obj, until
from tests.cluster.playbook import HOST, ROOT, Site, alone, kubectl

pytestmark = pytest.mark.timeout(1200)  # with the wait for the module that has the definitions
PASS = "pass.example.com"
PORTS = (30035, 30036)
AWAY = "https://elsewhere.example.org/menu"
DEFINITIONS = {kind: str(ROOT / f"testbed/crds/{kind}.yaml") for kind in ("nginx", "traefik")}
TAG = os.environ.get("INGRESSKIT_DOUBLE_TAG")  # of an image of the double that is tried out


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    found = Site(tmp_path_factory.mktemp("site"), name="ik-f5crd", ports=PORTS)
    with alone("definitions"):  # there is one set of them in a cluster
        found.clear()
        yield found
        found.clear()


def controller(site, kind="nginx", **more):
    image = {"image": {"tag": TAG}} if TAG and kind == "nginx" else {}
    own = site.inventory(kind)["ingress_controller"]
    return own | {"custom_resources": True, "crds": {"source": DEFINITIONS[kind]}} | image | more


def cafe(site, paths, **more):
    workloads = {"tea": {}, "coffee": {}, "secure": {"env": {"PROTOCOL": "HTTPS"}}}
    return site.cafe(hosts={HOST: {"paths": paths}}, workloads=workloads) | more


def to(service, **options):
    return {"service": service, "port": 80, "options": options}


def definitions(group):
    listed = kubectl("get", "customresourcedefinitions", "-o", "name").split()
    return {name.rpartition("/")[2] for name in listed if name.endswith(f".{group}")}


def service(site, node, path, *, host=HOST, **more):
    """Which Service answers, else the status."""
    answer = ask(node, site.ports[1], host, path, tls=True, **more)
    return answer.json["service"] if answer.status == 200 else answer.status


def seen(site, node, path, wanted, **more):
    until(lambda: service(site, node, path, **more) == wanted, 30)
    return True


PLAIN = {"/tea": "tea-svc:80", "/coffee": "coffee-svc:80"}
CANARY = {"/tea": to("tea-svc", canary={"backend": "coffee-svc:80", "header": {"name": "X-Taste", "value": "new"}}),
          "/coffee": "coffee-svc:80"}  # fmt: skip


def test_definitions_come_first_and_serve_in_the_same_run(site, node):
    """One run brings the definitions, the controller that lists them, and objects of their kinds."""
    if definitions("k8s.nginx.org"):
        pytest.fail("somebody else's definitions are in the cluster")
    paths = CANARY | {
        "/old": to("tea-svc", redirect={"to": AWAY, "code": 301}),
        "/near": to("tea-svc", allow=["192.0.2.0/24"]),
    }
    passing = {
        "namespace": site.namespace("cafe"),
        "hosts": {PASS: {"paths": {"/": to("secure-svc", ssl_passthrough=True)}}},
    }
    apps = {"cafe": cafe(site, paths), "pass": passing}
    run = site.site(apps=apps, controller=controller(site))
    assert "virtualservers.k8s.nginx.org" in definitions("k8s.nginx.org")
    assert {route["verdict"] for route in run.smoke["routes"]} == {"proven"}
    assert seen(site, node, "/tea", "tea-svc") and seen(site, node, "/near", 403)
    assert service(site, node, "/tea", headers={"X-Taste": "new"}) == "coffee-svc"
    moved = ask(node, site.ports[1], HOST, "/old/page", tls=True)
    assert (moved.status, moved.headers["location"]) == (301, AWAY)
    assert service(site, node, "/any/path", host=PASS) == "secure-svc"
    assert not kubectl("get", "ingresses", "-n", site.namespace("cafe"), "-o", "name")
    again = site.play().passed()
    assert not again.changed, again.output
    assert not again.writes


def test_a_live_host_goes_from_ingress_to_virtual_server_and_back(site, node):
    """On the double no request fails; F5's own controller, by its source, deletes and adds in two reloads."""
    site.site(apps={"cafe": cafe(site, PLAIN)}, controller=controller(site))
    assert seen(site, node, "/tea", "tea-svc")
    with Load(site, node, "/tea") as load:
        site.site(apps={"cafe": cafe(site, CANARY)}, controller=controller(site))
        assert seen(site, node, "/tea", "coffee-svc", headers={"X-Taste": "new"})
        site.site(apps={"cafe": cafe(site, PLAIN)}, controller=controller(site))
        assert seen(site, node, "/tea", "tea-svc", headers={"X-Taste": "new"})
    assert load.answers > 50
    assert not load.failures, load.failures[:3]
    assert kubectl("get", "ingresses", "-n", site.namespace("cafe"), "-o", "name").split()
    assert not kubectl("get", "virtualservers", "-n", site.namespace("cafe"), "-o", "name")


def test_a_policy_of_a_live_ingress_is_changed(site, node):
    """Its name tells its content: the Ingress never names one that is not there (F5 answers 500 then)."""
    site.site(apps={"cafe": cafe(site, PLAIN)}, controller=controller(site))
    with Load(site, node, "/coffee") as load:
        for allow in (["0.0.0.0/0"], ["0.0.0.0/1", "128.0.0.0/1"]):
            site.site(apps={"cafe": cafe(site, PLAIN, options={"allow": allow})}, controller=controller(site))
            assert seen(site, node, "/tea", "tea-svc")
    assert not load.failures, load.failures[:3]
    site.site(apps={"cafe": cafe(site, PLAIN, options={"allow": ["192.0.2.0/24"]})}, controller=controller(site))
    assert seen(site, node, "/tea", 403)
    assert len(kubectl("get", "policies.k8s.nginx.org", "-n", site.namespace("cafe"), "-o", "name").split()) == 1


def test_apps_of_two_namespaces_share_a_virtual_server(site, node):
    """The owner's VirtualServer leads on to a VirtualServerRoute."""
    milk = {
        "namespace": site.namespace("dairy"),
        "hosts": {HOST: {"paths": {"/milk": to("milk-svc", rewrite={"prefix": "/"})}}},
        "workloads": {"milk": {}},
    }
    apps = {"cafe": {**cafe(site, CANARY), "tls": None}, "milk": milk}
    hosts = {HOST: {"namespace": site.namespace("edge"), "tls": {"self_signed": True}}}
    site.site(apps=apps, ingress_hosts=hosts, controller=controller(site))
    assert seen(site, node, "/milk/cow", "milk-svc") and seen(site, node, "/tea", "tea-svc")
    assert ask(node, site.ports[1], HOST, "/milk/cow", tls=True).json["path"] == "/cow"
    assert service(site, node, "/tea", headers={"X-Taste": "new"}) == "coffee-svc"


def test_definitions_go_with_the_stack_unless_somebody_else_uses_them(site):
    """The last test with nginx: what others have of these kinds keeps the definition."""
    theirs = site.namespace("theirs")
    kubectl("create", "namespace", theirs)
    kubectl("apply", "-f", "-", stdin=_policy(theirs))
    site.play("playbooks/teardown.yml").passed()
    assert definitions("k8s.nginx.org") == {"policies.k8s.nginx.org"}
    assert kubectl("get", "policies.k8s.nginx.org", "-n", theirs, "-o", "name")
    kubectl("delete", "namespace", theirs)
    kubectl("delete", "customresourcedefinition", "policies.k8s.nginx.org")


def _policy(namespace):
    spec = {"accessControl": {"deny": ["192.0.2.1"]}}
    return json.dumps(obj("k8s.nginx.org/v1", "Policy", "theirs", namespace, spec=spec))


def test_with_none_absent_definitions_are_an_error_before_anything_is_sent(site):
    site.write(site.inventory(controller=controller(site, crds={"source": "none"})))
    run = site.play().failed(
        "ingress_controller.crds.source: none, and the cluster does not serve policies.k8s.nginx.org"
    )
    assert not run.changed


def test_routes_of_the_users_own_behind_traefik(site, node):
    """Its provider for custom resources is on: an IngressRoute with a Middleware among the extra objects answers."""
    cafe_ = site.namespace("cafe")
    strip = obj("traefik.io/v1alpha1", "Middleware", "strip", cafe_, spec={"stripPrefix": {"prefixes": ["/own"]}})
    rule = {"match": "Host(`own.example.com`) && PathPrefix(`/own`)", "kind": "Rule", "middlewares": [{"name": "strip"}],
            "services": [{"name": "tea-svc", "port": 80}]}  # fmt: skip
    route = obj("traefik.io/v1alpha1", "IngressRoute", "own", cafe_, spec={"entryPoints": ["web"], "routes": [rule]})
    for each in (strip, route):
        each["metadata"]["annotations"] = {"kubernetes.io/ingress.class": f"{site.name}-traefik"}
    site.site("traefik", controller=controller(site, "traefik"), ingress_extra_objects=[strip, route])
    until(lambda: ask(node, site.ports[0], "own.example.com", "/own/leaf").status == 200, 30)
    assert ask(node, site.ports[0], "own.example.com", "/own/leaf").json["path"] == "/leaf"
    site.play("playbooks/teardown.yml").passed()
    assert not definitions("traefik.io")


class Load:
    """Asks a path all the time, on new connections; what is not 200 is kept."""

    def __init__(self, site, node, path):
        self.site, self.node, self.path = site, node, path
        self.answers, self.failures = 0, []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.is_set():
            try:
                status = ask(self.node, self.site.ports[1], HOST, self.path, tls=True).status
                self.failures += [] if status == 200 else [status]
            except OSError as error:
                self.failures.append(repr(error))
            self.answers += 1
            time.sleep(0.01)
