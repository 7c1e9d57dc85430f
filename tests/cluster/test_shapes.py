"""Every shape of Ingress behind every controller: one stack holds them all, each is proven by requests of its own."""

import json
import ssl
from urllib.parse import urlsplit

import pytest

from module_utils.ingresskit.converge import check
from tests.cluster.conftest import standing
from tests.cluster.double import ask, until
from tests.cluster.playbook import kubectl, proven
from tests.cluster.shapes import BACKENDS, EVERYTHING, PROD, SHAPES, extra_objects

pytestmark = pytest.mark.timeout(300)

# variant -> what its controller says, its node ports, and the code it redirects to HTTPS with
VARIANTS = {
    "nginx": ({"kind": "nginx"}, (30060, 30061), 301),
    "traefik": ({"kind": "traefik"}, (30062, 30063), 301),
    "traefik-compat": ({"kind": "traefik", "compat": "ingress-nginx"}, (30064, 30065), 308),
}
CASES = [(name, form) for name, shape in SHAPES.items() for form in shape.forms()]


class Shapes:
    """One variant's stack. ``bring`` sets it to all shapes and one of those that answer everything."""

    def __init__(self, site, variant, node):
        self.site, self.variant, self.node = site, variant, node
        self.standing, self.trust = "", None

    def bring(self, everything):
        if self.standing == everything:
            return
        self.standing = everything
        apps = {**BACKENDS, **EVERYTHING[everything].apps("short")}
        hosts = {}
        for shape in SHAPES.values():
            if self.variant not in shape.without:
                for form in shape.forms():
                    apps |= shape.apps(form)
                    hosts |= shape.hosts(form)
        extra = extra_objects(external=self.variant != "nginx")
        self.site.write(self.inventory(apps, extra, hosts), groups={"prod": {"ingress_apps__prod": PROD}})
        run = self.site.play().passed()
        assert proven(run)
        folder = self.site.folder / "artifacts" / "kind" / self.site.name
        self.trust = ssl.create_default_context(cafile=folder / "ca.crt")

    def inventory(self, apps, extra, hosts=None):
        controller = VARIANTS[self.variant][0] | {"resources": {"requests": {"cpu": "10m"}}}
        return self.here(
            self.site.inventory(
                controller["kind"], apps, controller=controller, ingress_extra_objects=extra, ingress_hosts=hosts or {}
            )
        )

    def refuse(self, shape, form):
        """What the controller cannot do is told with the key and who can, before anything is sent."""
        inventory = self.inventory({**BACKENDS, **shape.apps(form)}, extra_objects(external=True))
        (told,) = [finding for finding in check(inventory, self.site.folder, cluster=False) if finding.level == "error"]
        assert next(iter(shape.apps(form))) in told.path
        assert "traefik" in told.message

    def here(self, value):
        """A table's text with what stands for the stack's own names."""
        names = {word: self.site.namespace(word.lower()) for word in ("HOME", "OTHER", "EDGE")} | {"NODE": self.node}
        text = json.dumps(value)
        for word, name in names.items():
            text = text.replace(word, name)
        return json.loads(text)

    def answer(self, url):
        """What a request gets, in the words of the table."""
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        port = self.site.ports[1] if tls else self.site.ports[0]
        found = ask(self.node, port, parts.hostname, target, tls=tls, context=self.trust)
        if found.error or found.status in (301, 302, 307, 308):
            return found.error or f"{found.status} -> {without_port(found.headers['location'])}"
        if found.status != 200:
            return found.status
        return f"{found.json['namespace']}/{found.json['service']}"

    def expectation(self, said):
        wanted = said.get(self.variant, said.get("")) if isinstance(said, dict) else said
        if isinstance(wanted, int):
            return wanted
        if wanted.startswith("-> "):
            return f"{VARIANTS[self.variant][2]} {wanted}"
        return self.here(wanted if "/" in wanted else f"HOME/{wanted}")

    def prove(self, asks, form="short"):
        """Every request of a table gets what it must; a controller takes a moment to see what was brought."""
        wanted = {self.here(url.replace("FORM", form)): self.expectation(said) for url, said in asks.items()}
        wanted = {url: said.replace("FORM", form) if isinstance(said, str) else said for url, said in wanted.items()}

        def wrong():
            got = {url: self.answer(url) for url in wanted}
            return {url: f"{got[url]}, not {said}" for url, said in wanted.items() if got[url] != said}

        until(lambda: (failures := wrong()) == {} or Failures(failures))


class Failures(dict):
    """What is shown at the end of a wait; as a verdict it is none."""

    def __bool__(self):
        return False


def without_port(location):
    parts = urlsplit(location)
    return parts._replace(netloc=parts.hostname).geturl()


@pytest.fixture(scope="module", params=VARIANTS)
def shapes(request, tmp_path_factory, node):
    name = f"ik-shapes-{request.param}"
    for site in standing(tmp_path_factory.mktemp(name), name, VARIANTS[request.param][1]):
        yield Shapes(site, request.param, node)


@pytest.mark.parametrize(("name", "form"), CASES, ids=[f"{name}, {form}" for name, form in CASES])
def test_shape(shapes, name, form):
    if shapes.variant in SHAPES[name].without:
        shapes.refuse(SHAPES[name], form)
    else:
        shapes.bring(next(iter(EVERYTHING)))
        shapes.prove(SHAPES[name].asks, form)


@pytest.mark.parametrize("name", EVERYTHING)
def test_what_answers_every_name(shapes, name):
    shapes.bring(name)
    shapes.prove(EVERYTHING[name].asks)


def test_extra_objects_are_the_stacks_own(shapes):
    shapes.bring(shapes.standing or next(iter(EVERYTHING)))
    found = json.loads(kubectl("get", "configmap", "motd", "-n", shapes.site.namespace("home"), "-o", "json"))
    assert found["data"] == {"text": "closed on Sundays"}
    assert found["metadata"]["labels"]["ingresskit.io/stack"] == shapes.site.name
