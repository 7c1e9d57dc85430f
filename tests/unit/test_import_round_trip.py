"""Render, import, render: the same routes, whatever the stack was. Seeds that fail are in the test's name."""

import random

import pytest

from module_utils.ingresskit import model, preflight
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.importing import import_manifests
from module_utils.ingresskit.importing.wishes import Wishes
from module_utils.ingresskit.model.controller import Controller
from module_utils.ingresskit.render import render
from module_utils.ingresskit.render.yaml_files import to_files
from tests.golden.stacks import CASES

PATHS = ["/", "/tea", "/tea/green", "/coffee/", "/a-b_c.d", "/v1"]
HOSTS = ["a.example", "b.example", "c.example", "*.d.example", "e.f.example"]
NOTES = {"example.com/owner": "shop", "cert-manager.io/cluster-issuer": "le"}
KINDS = {
    "nginx": Controller(kind="nginx"),
    "nginx-custom": Controller(kind="nginx", custom_resources=True),
    "traefik": Controller(kind="traefik"),
    "ingress-nginx": Controller(kind="ingress-nginx", accept_retired=True),
    "traefik-compat": Controller(kind="traefik", compat="ingress-nginx"),
}
# values of every option; what a controller refuses is drawn again
VALUES = {
    "ssl_redirect": [False, True, {"code": 301}, {"code": 302}, {"code": 307}, {"code": 308}],
    "hsts": [{}, {"max_age": 600}, {"max_age": 600, "include_subdomains": True, "preload": True}],
    "rewrite": [{"prefix": "/"}, {"prefix": "/api"}, {"prefix": "/api/v2"}, {"path": "/"}, {"path": "/x/y"}],
    "affinity": [{}, {"cookie": "route"}, {"cookie": "route", "max_age": 3600}],
    "rate_limit": [{"rps": 5}, {"rps": 5, "burst": 10}, {"rps": 1, "burst": 20, "status": 503}],
    "body_size": ["0", "8m", "512k"],
    "timeouts": [{"connect": 5}, {"read": 60, "send": 90}, {"connect": 1, "read": 2, "send": 3}],
    "backend_protocol": ["HTTP", "HTTPS", "GRPC", "WS"],
    "ssl_passthrough": [True],
    "basic_auth": [{"secret": "users"}],
    "allow": [["10.0.0.0/8"], ["10.0.0.0/8", "192.0.2.1/32"]],
    "cors": [{}, {"origins": ["https://a.example"], "methods": ["GET"], "max_age": 5}, {"headers": ["X-One"], "credentials": True}],
    "canary": [
        {"backend": "tea-v2:80", "weight": 10}, {"backend": "tea-v2:http", "header": {"name": "X-Beta"}},
        {"backend": "tea-v2:80", "header": {"name": "X-Beta", "value": "yes"}}, {"backend": "tea-v2:80", "cookie": "beta"},
    ],
    "redirect": [{"to": "https://new.example/"}, {"to": "https://new.example/x", "code": 301}, {"to": "https://new.example/", "code": 308}],
    "headers": [
        {"request": {"X-One": "1"}}, {"request": {"Host": "inner.example"}}, {"response": {"X-Frame-Options": "DENY", "X-Two": "2"}},
        {"response": {"X-Powered-By": ""}}, {"request": {"X-One": "1", "X-Two": "two words"}, "response": {"X-Three": "3"}},
    ],
}  # fmt: skip
# Options that no Ingress says: what does is told as lost, see test_import_options. F5's hosts become VirtualServers and
# TransportServers; Traefik's users are in a Secret, which is not read.
NOT_BY_INGRESS = {
    "F5 NGINX Ingress Controller": ("redirect", "canary", "ssl_passthrough"), "Traefik Proxy": ("basic_auth",),
}  # fmt: skip
# an expression and what may take the place of the path it matches
REGEXES = [("/v[0-9]+/tea", {"path": "/tea"}), ("/(tea|coffee)/([a-z]+)", {"path": "/$2/$1"}), ("/t.a$", None)]


def ingresses(objects):
    return [each for each in objects if each["kind"] == "Ingress"]


def described(objects):
    """What matters of Ingresses, in no order: their names, annotations, classes, certificates and routes.

    Not the name of one without hosts: an app whose other hosts differ from it may have called it otherwise.
    """
    found = set()
    for each in ingresses(objects):
        meta, spec = each["metadata"], each["spec"]
        secrets = {host: entry["secretName"] for entry in spec.get("tls", ()) for host in entry["hosts"]}
        notes = tuple(sorted(meta.get("annotations", {}).items()))
        name = meta["name"] if any("host" in rule for rule in spec["rules"]) else ""
        for rule in spec["rules"]:
            host = rule.get("host")
            whose = (meta["namespace"], name, notes, spec["ingressClassName"], host, secrets.get(host))
            found.add(whose)
            for entry in rule.get("http", {}).get("paths", ()):
                to = entry["backend"]["service"]
                found.add((*whose, entry["path"], entry["pathType"], to["name"], *to["port"].items()))
    return found


def again(objects, controller):
    """The objects of the inventory that these are imported as, and what was lost on the way.

    Everything is given but Secrets: an import reads none.
    """
    source = controller.compat or controller.kind
    given = [each for each in objects if each["kind"] != "Secret"]
    found = import_manifests(to_files(given).items(), Wishes(controller=controller, served_by=source))
    stack = model.load(found.inventory).model_copy(update={"ingress_controller": controller})
    return render(stack, Facts()), found.losses


class Draw:
    """Stacks of one kind of controller, drawn with a seed."""

    def __init__(self, seed, controller):
        self.rng, self.controller = random.Random(seed), controller
        dialect = controller_for(controller)
        usual = controller_for(controller).redirect_codes[0]
        redirects = [each for each in VALUES["ssl_redirect"] if each is not True and each != {"code": usual}]
        # that an inventory says what happens anyway is not read back, and Ingresses may be called otherwise for it
        self.values = VALUES | {"ssl_redirect": redirects}
        self.options = [option for option in VALUES if dialect.cannot(option, controller) is None]
        without = NOT_BY_INGRESS.get(dialect.title, ())
        self.options = [option for option in self.options if option not in without]

    def chance(self, odds):
        return self.rng.random() < odds

    def entry(self, path):
        backend = {"service": self.rng.choice(["tea-svc", "coffee-svc"]), "port": self.rng.choice([80, "http"])}
        kind = self.rng.choice(["Prefix", "Prefix", "Exact", "ImplementationSpecific"])
        entry = {"path": path, **backend, "type": kind}
        if self.chance(0.1):
            path, rewrite = self.rng.choice(REGEXES)
            options = {"regex": True} | ({"rewrite": rewrite} if rewrite and self.chance(0.5) else {})
            return entry | {"path": path, "type": "ImplementationSpecific", "options": options}
        return entry | self.some(0.3, tls=True)

    def some(self, odds, *, tls, wide=False):
        """Some options; at an app or host none that are for paths only."""
        if not self.chance(odds):
            return {}
        without = {"canary"} if wide else set()
        if not tls:
            without |= {"ssl_redirect", "hsts"}  # nothing to be said without a certificate
        can = [each for each in self.options if each not in without]
        chosen = self.rng.sample(can, min(len(can), self.rng.randint(1, 2)))
        return {"options": {option: self.rng.choice(self.values[option]) for option in chosen}}

    def tls(self, odds):
        return {"tls": {"secret": self.rng.choice(["one", "two"])}} if self.chance(odds) else {}

    def host(self, name, whole):
        # in an expression or a rewrite /coffee and /coffee/, which match the same, are one: it does not tell which it was
        paths = [path for path in PATHS if self.controller == KINDS["traefik"] or path == "/" or not path.endswith("/")]
        paths = [self.entry(path) for path in self.rng.sample(paths, self.rng.randint(1, 4))]
        own = paths[0].get("options", {})
        if self.chance(0.2) and not own.keys() & {"regex", "canary"}:
            paths += [{**paths[0], "type": "Exact" if paths[0]["type"] != "Exact" else "Prefix"}]
        mine = {} if name == "*" else self.tls(0.2)
        return {"paths": paths} | mine | self.some(0.3, tls=name != "*" and bool(mine or whole), wide=True)

    def app(self, hosts):
        whole = self.tls(0.6)
        made = {"hosts": {name: self.host(name, whole) for name in hosts}} | whole
        made |= self.some(0.4, tls=bool(whole), wide=True)
        if self.chance(0.3):
            made["annotations"] = dict(self.rng.sample(sorted(NOTES.items()), self.rng.randint(1, 2)))
        if self.chance(0.3):
            made["default_backend"] = "rest:80"
        return made | ({"namespace": "shared"} if self.chance(0.4) else {})

    def stack(self):
        """One that passes the checks of a run: each app is drawn until it does."""
        hosts = self.rng.sample(HOSTS, len(HOSTS))
        if not self.controller.compat:  # its provider lets long hostless paths win: refused, depending on other apps
            hosts.append("*")
        cuts = sorted(self.rng.sample(range(1, len(hosts)), 2))
        apps = {}
        parts = hosts[: cuts[0]], hosts[cuts[0] : cuts[1]], hosts[cuts[1] :]
        for name, part in zip(("cafe", "bar", "pub"), parts, strict=True):
            apps[name] = self.app(part)
            while not self.passes(apps):
                apps[name] = self.app(part)
        return self.loaded(apps)

    def loaded(self, apps):
        return model.load({"ingress_apps": apps}).model_copy(update={"ingress_controller": self.controller})

    def passes(self, apps):
        try:
            findings = preflight.check(self.loaded(apps), controller_for(self.controller), Facts())
        except InventoryError:  # a path's rewrite over another one of its host
            return False
        return not [finding for finding in findings if finding.level == "error"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(30))
def test_any_stack(kind, seed):
    stack = Draw(seed, KINDS[kind]).stack()
    objects = render(stack, Facts())
    back, losses = again(objects, stack.controller)
    assert described(back) == described(objects)
    assert not losses


# "custom" has no Ingresses; the paths of "annotated" become expressions, which nobody can tell from a user's own
IMPORTABLE = [case for case in CASES if case.inventory not in ("custom", "annotated", "middlewares")]
# ports that are passed on by objects of their own are told of
IMPORTABLE = [case for case in IMPORTABLE if str(case) not in ("streams-nginx", "streams-ingress-nginx")]


@pytest.mark.parametrize("case", IMPORTABLE, ids=str)
def test_every_golden_stack(case):
    objects = [each for each in case.objects() if not each["metadata"]["name"].endswith("-default-backend")]
    controller = model.load(case.variables()).controller
    bare = controller.model_copy(
        update={"default_backend": None, "error_pages": {}}
    )  # its entries are imported as the app's
    back, losses = again(objects, bare)
    assert described(back) == described(objects)
    assert not losses
