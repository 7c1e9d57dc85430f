"""Every option on a host that F5's custom resources route: the cases of tests/cluster/options, each with a redirect beside
it, which makes its host a VirtualServer. Proven on the nginx double, by F5's documentation."""

import pytest

from tests.cluster.double import ask, until
from tests.cluster.options import CASES
from tests.cluster.options.stand import Stand
from tests.cluster.options.variants import Variant
from tests.cluster.playbook import kubectl

pytestmark = pytest.mark.timeout(1200)  # with the wait for the module that has the definitions
GONE = {
    "service": "tea-svc",
    "port": 80,
    "options": {"redirect": {"to": "https://elsewhere.example.org/"}, "canary": None},
}
PAGE, SOON = "<h1>not here</h1>", "<h1>soon</h1>"


class VirtualServers(Variant):
    """F5's controller with a redirect on every host, and pages for what is unknown and for errors."""

    def inventory(self, site, cases, client="192.0.2.1/32"):
        found = super().inventory(site, cases, client)
        for app in found["ingress_apps"].values():
            for rules in app.get("hosts", {}).values():
                rules["paths"]["/gone-for-good"] = GONE
        found["ingress_controller"] |= {"default_backend": {"page": PAGE}, "error_pages": {503: SOON}}
        return found


VARIANT = VirtualServers("vs", "ik-vs-f5crd", "nginx", (30037, 30038), "F5's VirtualServers", custom_resources=True)
# what a VirtualServer cannot say (docs/guide/controllers.md), and what leaves nothing to redirect; that they are refused with their
# paths is tested with the refusals
REFUSED = {"affinity", "ssl_passthrough"}


@pytest.fixture(scope="module")
def stand(tmp_path_factory, node):
    found = Stand(VARIANT, VARIANT.cases(), tmp_path_factory.mktemp("vs"), node)
    yield found
    found.clear()


@pytest.mark.parametrize("case", VARIANT.cases(), ids=lambda case: case.name)
def test_an_option_means_the_same_on_a_virtual_server(stand, case):
    stand.proof(case)


def test_every_host_is_a_virtual_server(stand):
    stand.run()
    apps = stand.site.namespace("apps")
    hosts = kubectl("get", "virtualservers", "-n", apps, "-o", "jsonpath={.items[*].spec.host}").split()
    assert {case.host for case in stand.cases if not case.apart} <= set(hosts)
    assert not kubectl("get", "ingresses", "-n", apps, "-o", "name")


@pytest.mark.parametrize(("path", "said"), [("/no/such/path", (404, PAGE)), ("/tea/status/503", (503, SOON))])
def test_a_virtual_server_has_the_pages_of_all_hosts(stand, path, said):
    """By a `/` route, and by the ConfigMap's server-snippets."""
    stand.run()
    host = "redirect-is-on-where-tls-is.example.com"  # the case of that name, whose other options are none

    def answered():
        answer = ask(stand.node, stand.site.ports[True], host, path, tls=True)
        return (answer.status, answer.body.decode().strip()) == said

    until(answered)


def test_no_option_is_left_out_but_those_that_are_refused():
    proven = {case.option for case in VARIANT.cases()}
    assert proven == {case.option for case in CASES} - REFUSED


def test_the_stack_proves_itself(stand):
    first = stand.run().passed()
    assert {each["verdict"] for each in first.smoke["routes"]} == {"proven"}
    second = stand.site.play().passed()
    assert not second.changed, second.output
    assert not second.writes
