"""Render, import, render: the same routes, whatever the stack was. Seeds that fail are in the test's name."""

import random

import pytest

from module_utils.ingresskit import model, preflight
from module_utils.ingresskit.controllers import CONTROLLERS, controller_for
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.importing import import_manifests
from module_utils.ingresskit.importing.wishes import Wishes
from module_utils.ingresskit.render import render
from module_utils.ingresskit.render.yaml_files import to_files
from tests.golden.stacks import CASES

PATHS = ["/", "/tea", "/tea/green", "/coffee/", "/a-b_c.d", "/v1"]
HOSTS = ["a.example", "b.example", "c.example", "*.d.example", "e.f.example"]
REDIRECTS = {
    "nginx": [False, True, {"code": 302}, {"code": 307}, {"code": 308}],
    "traefik": [False, True, {"code": 302}],
    "ingress-nginx": [False, True],  # one code for all hosts
}
NOTES = {"example.com/owner": "shop", "cert-manager.io/cluster-issuer": "le"}


def ingresses(objects):
    return [each for each in objects if each["kind"] == "Ingress"]


def described(objects):
    """What matters of Ingresses, in no order: their names, annotations, classes, certificates and routes.

    Not the name of one without hosts: behind F5 an app whose other hosts differ from it may have called it otherwise.
    """
    found = set()
    for each in ingresses(objects):
        meta, spec = each["metadata"], each["spec"]
        secrets = {host: entry["secretName"] for entry in spec.get("tls", ()) for host in entry["hosts"]}
        notes = tuple(sorted(meta.get("annotations", {}).items()))
        name = meta["name"] if any("host" in rule for rule in spec["rules"]) else ""
        for rule in spec["rules"]:
            host = rule.get("host")
            for entry in rule["http"]["paths"]:
                to = entry["backend"]["service"]
                whose = (meta["namespace"], name, notes, spec["ingressClassName"], host, secrets.get(host))
                found.add((*whose, entry["path"], entry["pathType"], to["name"], *to["port"].items()))
    return found


def again(objects, controller):
    """The Ingresses of the inventory that these objects are imported as, and what was lost on the way."""
    wishes = Wishes(controller=controller, served_by=controller.kind)
    found = import_manifests(to_files(ingresses(objects)).items(), wishes)
    stack = model.load(found.inventory).model_copy(update={"ingress_controller": controller})
    return render(stack, Facts()), found.losses


def app(rng, kind, hosts):
    def path_entry(path):
        backend = {"service": rng.choice(["tea-svc", "coffee-svc"]), "port": rng.choice([80, "http"])}
        return {"path": path, **backend, "type": rng.choice(["Prefix", "Prefix", "Exact", "ImplementationSpecific"])}

    def host():
        paths = [path_entry(path) for path in rng.sample(PATHS, rng.randint(1, 4))]
        if rng.random() < 0.2:
            paths += [{**paths[0], "type": "Exact" if paths[0]["type"] != "Exact" else "Prefix"}]
        mine = tls(0.2)
        # nothing is redirected without a certificate: that an inventory says so all the same is not read back
        return {"paths": paths} | mine | (redirect(0.2) if mine or whole else {})

    def tls(odds):
        return {"tls": {"secret": rng.choice(["one", "two"])}} if rng.random() < odds else {}

    def redirect(odds):
        return {"options": {"ssl_redirect": rng.choice(REDIRECTS[kind])}} if rng.random() < odds else {}

    whole = tls(0.6)
    made = {"hosts": {name: host() for name in hosts}} | whole | redirect(0.4)
    if rng.random() < 0.3:
        made["annotations"] = dict(rng.sample(sorted(NOTES.items()), rng.randint(1, 2)))
    if rng.random() < 0.3:
        made["default_backend"] = "rest:80"
    return made | ({"namespace": "shared"} if rng.random() < 0.4 else {})


def stack_of(seed, kind):
    """A stack that passes the checks of a run."""
    rng = random.Random(seed)
    while True:
        hosts = [*rng.sample(HOSTS, len(HOSTS)), "*"]
        cuts = sorted(rng.sample(range(1, len(hosts)), 2))
        parts = hosts[: cuts[0]], hosts[cuts[0] : cuts[1]], hosts[cuts[1] :]
        apps = {name: app(rng, kind, part) for name, part in zip(("cafe", "bar", "pub"), parts, strict=True)}
        controller = {"kind": kind, "accept_retired": True}
        stack = model.load({"ingress_controller": controller, "ingress_apps": apps})
        findings = preflight.check(stack, controller_for(stack.controller), Facts())
        if not [finding for finding in findings if finding.level == "error"]:
            return stack


@pytest.mark.parametrize("kind", CONTROLLERS)
@pytest.mark.parametrize("seed", range(60))
def test_any_stack(kind, seed):
    stack = stack_of(seed, kind)
    objects = render(stack, Facts())
    back, losses = again(objects, stack.controller)
    assert described(back) == described(objects)
    assert not losses


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_golden_stack(case):
    objects = [each for each in case.objects() if not each["metadata"]["name"].endswith("-default-backend")]
    controller = model.load(case.variables()).controller
    bare = controller.model_copy(update={"default_backend": None})  # its entries are imported as the app's
    back, losses = again(objects, bare)
    assert described(back) == described(objects)
    assert not losses
