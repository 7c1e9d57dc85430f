"""Pages of the user's for what no rule matches and for errors, by requests, behind every controller that runs here.

The stacks of all kinds stand side by side and go through the same releases; kind ingress-nginx is proven by its golden
files and the strict dry run (test_strict_dry_run), hosts of VirtualServers in test_virtual_servers.
"""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.double import ask, ingress, obj, path, until
from tests.cluster.playbook import HOST, Site, create, kubectl

pytestmark = pytest.mark.timeout(600)
KINDS = {"nginx": {"kind": "nginx"}, "traefik": {"kind": "traefik"},
         "compat": {"kind": "traefik", "compat": "ingress-nginx"}}  # fmt: skip
PLAIN, VOID, NOBODY = "plain.example.com", "void.example.com", "nobody.example.com"
PAGE, GONE, SOON, LATER = (f"<h1>{words}</h1>" for words in ("not on the menu", "gone", "back soon", "back later"))
NO_ENDPOINTS = {"nginx": 502, "traefik": 503, "compat": 503}
FEW = {"requests": {"cpu": "10m", "memory": "32Mi"}}
RELEASES = {
    "pages": {"default_backend": {"page": "{{ lookup('template', inventory_dir ~ '/menu.html.j2') }}"},
              "error_pages": {500: GONE, 502: SOON, 503: "soon.html"}},
    "other pages": {"error_pages": {404: PAGE, 503: LATER}},
    "service": {"default_backend": {"service": "rest-svc:80"}, "error_pages": {503: LATER}},
    "nothing": {},
}  # fmt: skip


class Stand(Site):
    """A cafe with TLS, a host without, and another app; beside them a route of somebody else's to no endpoints."""

    def release(self, kind, name):
        controller = dict(RELEASES[name])
        if "service" in controller.get("default_backend", {}):
            controller["default_backend"] = {"service": f"{self.namespace('other')}/rest-svc:80"}
        paths = {"/tea": "tea-svc:80"}
        apps = {
            "cafe": self.cafe(hosts={HOST: {"paths": paths}}, workloads={"tea": {}}),
            "plain": {"namespace": self.namespace("cafe"), "hosts": {PLAIN: {"paths": paths}}},
            "other": {"namespace": self.namespace("other"), "workloads": {"rest": {}}},
        }
        self.text("menu.html.j2", PAGE)
        self.text("soon.html", SOON)
        given = {**KINDS[kind], "expose": {}, "resources": FEW, **controller}
        return self.inventory(KINDS[kind]["kind"], apps, controller=given)

    def prepare(self, kind):
        """Nothing that a killed run left. The route is somebody else's, for a release would wait for the Pods behind its
        own, and the smoke test would ask it."""
        self.clear()
        cafe = self.namespace("cafe")
        kubectl("delete", "namespace", cafe, "--ignore-not-found")  # one that is on its way out is waited for
        kubectl("create", "namespace", cafe)
        spec = {"selector": {"app": "none"}, "ports": [{"port": 80, "targetPort": 8080}]}
        class_name = f"{self.name}-{KINDS[kind]['kind']}"
        create(
            obj("v1", "Service", "void-svc", cafe, spec=spec),
            ingress("void", cafe, VOID, path("/", "void-svc"), class_name=class_name),
        )


class Stands:
    """All of them at one release."""

    def __init__(self, folder, node):
        self.sites = {kind: Stand(folder / kind, name=f"ik-pages-{kind}") for kind in KINDS}
        self.node, self.now = node, None
        self.runs, self.ports = {}, {}

    def each(self, act):
        with ThreadPoolExecutor() as pool:
            return dict(zip(self.sites, pool.map(lambda kind: act(kind, self.sites[kind]), self.sites), strict=True))

    def at(self, release):
        """Brings every stack to a release, unless it is there."""
        if self.now != release:
            self.now = release  # also of one that fails: every test of it then says so, and nothing is run twice
            self.runs = self.each(lambda kind, site: self._bring(kind, site, release))
            self.ports = self.each(lambda _, site: self._ports(site))
        return self

    def _bring(self, kind, site, release):
        site.folder.mkdir(exist_ok=True)
        site.write(site.release(kind, release))
        return site.play().passed()

    def _ports(self, site):
        services = json.loads(kubectl("get", "services", "-n", site.namespace("controller"), "-o", "json"))
        (way_in,) = (each["spec"]["ports"] for each in services["items"] if each["spec"]["type"] == "NodePort")
        return {each["name"]: each["nodePort"] for each in way_in}

    def get(self, kind, host, target, scheme, **more):
        return ask(self.node, self.ports[kind][scheme], host, target, tls=scheme == "https", **more)

    def says(self, kind, host, target, scheme, status, page, **more):
        """Waits until a route answers with a status and a page: replicas take a change up at different moments."""
        until(lambda: matches(self.get(kind, host, target, scheme, **more), status, page))


def matches(answer, status, page):
    return (answer.status, answer.body.decode().strip()) == (status, page)


@pytest.fixture(scope="module")
def stands(tmp_path_factory, node):
    found = Stands(tmp_path_factory.mktemp("pages"), node)
    found.each(lambda kind, site: site.prepare(kind))
    yield found
    found.each(lambda _, site: site.clear())


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


NOT_FOUND = [
    (NOBODY, "/", "http"),
    (NOBODY, "/x/y", "https"),
    (PLAIN, "/nothing/here", "http"),
    (HOST, "/nothing", "https"),
]


@pytest.mark.parametrize(("host", "target", "scheme"), NOT_FOUND)
def test_the_page_answers_what_no_rule_matches(stands, kind, host, target, scheme):
    """By HTTP and HTTPS, from a template of the inventory."""
    found = stands.at("pages")
    found.says(kind, host, target, scheme, 404, PAGE)
    assert found.get(kind, host, target, scheme).headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(("host", "scheme"), [(PLAIN, "http"), (HOST, "https")])
def test_an_error_has_its_page_and_keeps_its_status(stands, kind, host, scheme):
    """Whoever answers it: the controller, where a Service has no endpoints, or the backend itself."""
    found = stands.at("pages")
    found.says(kind, VOID, "/", "http", NO_ENDPOINTS[kind], SOON)
    found.says(kind, host, "/tea/status/503", scheme, 503, SOON)
    found.says(kind, host, "/tea/status/500", scheme, 500, GONE, method="POST", body="some")


def test_a_code_without_a_page_is_the_backends_affair(stands, kind):
    found = stands.at("pages")
    for code in (404, 501):
        answer = found.get(kind, PLAIN, f"/tea/status/{code}", "http")
        assert (answer.status, answer.json["service"]) == (code, "tea-svc")


def test_nobody_reads_the_pages_by_their_own_path(stands, kind):
    found = stands.at("pages")
    for target in ("/.ingresskit/errors/503.html", "/503.html"):
        assert found.get(kind, PLAIN, target, "http").status >= 400


def test_smoke_proves_pages_and_a_second_run_writes_nothing(stands, kind):
    found = stands.at("pages")
    routes = found.runs[kind].smoke["routes"]
    assert {each["verdict"] for each in routes} == {"proven"}
    assert {each["url"].rpartition("/")[2] for each in routes if "/status/" in each["url"]} == {"500", "502", "503"}
    second = found.sites[kind].play().passed()
    assert not second.changed and not second.writes, second.output


def test_its_pods_are_two_with_a_budget(stands, kind):
    site = stands.at("pages").sites[kind]
    where = (f"{site.name}-default-backend", "-n", site.namespace("controller"))
    assert kubectl("get", "deployment", *where, "-o", "jsonpath={.status.readyReplicas}") == "2"
    assert kubectl("get", "pdb", *where, "-o", "jsonpath={.spec.maxUnavailable}") == "1"
    assert kubectl("get", "networkpolicy", *where, "-o", "name")


def test_another_page_is_served(stands, kind):
    found = stands.at("other pages")
    until(lambda: matches(found.get(kind, PLAIN, "/tea/status/503", "http"), 503, LATER), 60)


@pytest.mark.parametrize(("host", "target", "scheme"), [*NOT_FOUND, (PLAIN, "/tea/status/404", "http")])
def test_the_error_page_of_404_is_everybodys(stands, kind, host, target, scheme):
    stands.at("other pages").says(kind, host, target, scheme, 404, PAGE)


def test_a_page_that_is_gone_is_the_backends_affair_again(stands, kind):
    answer = stands.at("other pages").get(kind, PLAIN, "/tea/status/500", "http")
    assert (answer.status, answer.json["service"]) == (500, "tea-svc")


@pytest.mark.parametrize(("host", "target", "scheme"), NOT_FOUND)
def test_a_service_of_another_namespace_answers_what_no_rule_matches(stands, kind, host, target, scheme):
    """With its own status, asked for the path and the host that the client named."""
    found = stands.at("service")
    until(lambda: found.get(kind, host, target, scheme).status == 200)
    said = found.get(kind, host, target, scheme).json
    assert (said["service"], said["path"], said["host"]) == ("rest-svc", target, host)
    assert found.get(kind, host, "/nothing/status/410", scheme).status == 410
    found.says(kind, host, "/nothing/status/503", scheme, 503, LATER)


def test_without_pages_the_controller_answers_by_itself(stands, kind):
    found = stands.at("nothing")
    until(lambda: found.get(kind, PLAIN, "/tea/status/503", "http").body.startswith(b"{"))
    answer = found.get(kind, PLAIN, "/nothing", "http")
    assert answer.status == 404 and PAGE not in answer.body.decode()
    site = found.sites[kind]
    for namespace in ("controller", "cafe"):
        assert "default-backend" not in kubectl("get", "deployments", "-n", site.namespace(namespace), "-o", "name")
