"""Options that contradict each other, and raw annotations that do nothing or too much: offences and innocents."""

import pytest
import yaml

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.preflight import check
from module_utils.ingresskit.preflight.contradictions import check_contradictions

KINDS = {
    "nginx": {"kind": "nginx"},
    "traefik": {"kind": "traefik"},
    "compat": {"kind": "traefik", "compat": "ingress-nginx"},
    "ingress-nginx": {"kind": "ingress-nginx", "accept_retired": True},
}


def stack(text, kind="nginx", **controller):
    return model.load(
        {"ingress_controller": KINDS[kind] | controller, "ingress_apps": {"a": yaml.safe_load(f"{{{text}}}")}}
    )


def contradictions(text):
    return [str(each) for each in check_contradictions(stack(text))]


HOST = 'ingress_apps.a.hosts."h.example"'
PATH = f'{HOST}.paths."/p"'


def path(options, more=""):
    return f"hosts: {{h.example: {{paths: {{/p: {{service: x, port: 80, options: {{{options}}}{more}}}}}}}}}"


def host(options):
    return f"hosts: {{h.example: {{paths: {{/p: 'x:80', /q: 'x:80'}}, options: {{{options}}}}}}}"


# offence, innocent neighbour, what is said
CONTRADICTIONS = {
    "rewrite and redirect": (
        path("rewrite: {path: /}, redirect: {to: 'https://e.example/'}"), path("redirect: {to: 'https://e.example/'}"),
        f"error: {PATH}.options.rewrite: does not go with redirect",
    ),
    "canary and redirect": (
        path("canary: {backend: 'y:80', weight: 1}, redirect: {to: /x}"), path("canary: {backend: 'y:80', weight: 1}"),
        f"error: {PATH}.options.canary: does not go with redirect",
    ),
    "a regular expression that is Exact": (
        path("regex: true", ", type: Exact"), path("regex: false", ", type: Exact"),
        f"error: {PATH}.options.regex: {PATH} is of type Exact",
    ),
    "the prefix of a regular expression": (
        path("regex: true, rewrite: {prefix: /}"), path("regex: true, rewrite: {path: /}"),
        f"error: {PATH}.options.rewrite: prefix replaces the path",
    ),
    "passthrough and HTTP": (
        path("ssl_passthrough: true, headers: {response: {a: b}}"), path("ssl_passthrough: true, timeouts: {connect: 5}"),
        f"error: {PATH}.options.headers: does not go with ssl_passthrough",
    ),
    "hsts without TLS": (
        path("hsts: {}"), path("hsts: {}") + ", tls: {secret: s}", f"error: {PATH}.options.hsts: there is no TLS at h.example",
    ),
    "a canary of a host": (
        host("canary: {backend: 'y:80', weight: 1}"), host("body_size: 1m"),
        f"error: {HOST}.options.canary: is of one path",
    ),
    "a canary of an app": (
        host("") + ", options: {canary: {backend: 'y:80', weight: 1}}", host("") + ", options: {body_size: 1m}",
        "error: ingress_apps.a.options.canary: is of one path",
    ),
    "said for a host, told once": (
        host("rewrite: {path: /}, redirect: {to: /x}"), host("redirect: {to: /x}"),
        f"error: {HOST}.options.rewrite: does not go with redirect",
    ),
    "a path with the signs of a regular expression": (
        "hosts: {h.example: {paths: {'/p/(.*)': 'x:80'}}}",
        "hosts: {h.example: {paths: {'/p/(.*)': {service: x, port: 80, options: {regex: true}}}}}",
        f'warning: {HOST}.paths."/p/(.*)": is taken letter by letter',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_contradictions(case):
    offence, innocent, said = CONTRADICTIONS[case]
    (told,) = contradictions(offence)
    assert told.startswith(said)
    assert contradictions(innocent) == []


def of_annotations(kind, annotations, tls=True, **controller):
    app = "hosts: {h.example: 'x:80'}" + (", tls: {secret: s}" if tls else "") + f", annotations: {{{annotations}}}"
    given = stack(app, kind, **controller)
    found = check(given, controller_for(given.controller), Facts())
    return [str(each) for each in found if ".annotations" in each.path]


AT = 'ingress_apps.a.annotations."{}": '
# kind, annotations, how it begins after the key; "" where nothing is said
ANNOTATIONS = {
    "nobody's": ("nginx", "example.com/team: edge", ""),
    "F5's at F5": ("nginx", "nginx.org/lb-method: round_robin", ""),
    "Plus at F5": ("nginx", "nginx.com/slow-start: 10s", ""),
    "Traefik's at Traefik": ("traefik", "traefik.ingress.kubernetes.io/router.tls.domains.0.main: h.example", ""),
    "ingress-nginx's at itself": ("ingress-nginx", "nginx.ingress.kubernetes.io/service-upstream: 'true'", ""),
    "ingress-nginx's at Traefik that reads them": ("compat", "nginx.ingress.kubernetes.io/service-upstream: 'true'", ""),
    "ingress-nginx's at F5": (
        "nginx", "nginx.ingress.kubernetes.io/service-upstream: 'true'", "warning: is read by ingress-nginx: F5 NGINX Ingress Controller ignores it",
    ),
    "F5's at Traefik": ("traefik", "nginx.org/lb-method: round_robin", "warning: is read by nginx: Traefik Proxy ignores it"),
    "another's": ("nginx", "haproxy.org/timeout-server: 5s", "warning: is read by haproxy"),
    "misspelt": (
        "nginx", "nginx.org/lb-metod: round_robin", "warning: is not known to F5 NGINX Ingress Controller, which ignores it; did you mean 'nginx.org/lb-method'?",
    ),
    "the old redirect at F5": ("nginx", "ingress.kubernetes.io/ssl-redirect: 'false'", ""),
    "the old redirect at Traefik": ("traefik", "ingress.kubernetes.io/ssl-redirect: 'false'", "warning: is read by some older"),
    "the class": ("nginx", "kubernetes.io/ingress.class: nginx", "error: stands against ingressClassName"),
    "a snippet": ("nginx", "nginx.org/server-snippets: 'return 200;'", "error: is a snippet"),
    "a snippet of ingress-nginx": ("ingress-nginx", "nginx.ingress.kubernetes.io/server-snippet: x", "error: is a snippet"),
    "a brace": ("nginx", "nginx.org/app-root: '/x{'", "error: holds a line break or a brace"),
    "a line break": ("ingress-nginx", r'nginx.ingress.kubernetes.io/auth-url: "http://a/\n}"', "error: holds a line break"),
    "an override": ("nginx", "nginx.org/http-redirect-code: '307'", ""),
    "a chain of middlewares": (
        "traefik", "traefik.ingress.kubernetes.io/router.middlewares: mine@file", "error: replaces 'redirect-",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ANNOTATIONS)
def test_raw_annotations(case):
    kind, annotations, said = ANNOTATIONS[case]
    key = annotations.partition(": ")[0]
    told = of_annotations(kind, annotations)
    if said:
        level, _, words = said.partition(": ")
        (one,) = told
        assert one.startswith(f"{level}: {AT.format(key)}{words}")
    else:
        assert told == []


def test_snippets_that_are_switched_on_are_a_risk():
    (told,) = of_annotations("nginx", "nginx.org/server-snippets: x", extra_args=["-enable-snippets"])
    assert told.startswith("warning: ") and "free configuration" in told
    (told,) = of_annotations("nginx", "nginx.org/server-snippets: x", extra_args=["-enable-snippets=false"])
    assert told.startswith("error: ")


def test_an_option_that_says_the_same_is_no_override():
    """What is refused names what stands there; the same words twice are none."""
    app = "hosts: {h.example: 'x:80'}, tls: {secret: s}, options: {ssl_redirect: {code: 307}}"
    for code, errors in (("307", 0), ("308", 1)):
        given = stack(f"{app}, annotations: {{nginx.org/http-redirect-code: '{code}'}}")
        found = [each for each in check(given, controller_for(given.controller), Facts()) if each.level == "error"]
        assert len(found) == errors
        assert all("replaces '307'" in each.message for each in found)


def raw(spec):
    return (
        f"{{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {{name: mine, namespace: a}}, spec: {{{spec}}}}}"
    )


AT_RAW = "ingress_extra_objects[0].spec"
RAW = {
    "all well": ("rules: [{host: my.example, http: {}}], tls: [{hosts: [my.example], secretName: s}]", ""),
    "a certificate without a rule": (
        "rules: [{host: my.example}], tls: [{hosts: [my.example, our.example]}]", f"warning: {AT_RAW}.tls[0]: is for our.example",
    ),
    "a host of an app": (
        "rules: [{host: h.example}]", f"warning: {AT_RAW}.rules: h.example belongs to {HOST}: some controllers",
    ),
    "rules as a mapping": ("rules: {http: {paths: []}}", f"error: {AT_RAW}.rules: must be a list of mappings"),
    "no rules": ("defaultBackend: {}", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", RAW)
def test_ingresses_of_the_users_own(case):
    spec, said = RAW[case]
    apps = {"a": {"hosts": {"h.example": "x:80"}}}
    given = model.load({"ingress_apps": apps, "ingress_extra_objects": [yaml.safe_load(raw(spec))]})
    told = [str(each) for each in check(given, controller_for(given.controller), Facts())]
    assert [each[: len(said)] for each in told] == ([said] if said else [])
