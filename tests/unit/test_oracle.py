"""Which entry a path meets, and which requests prove a stack with which answers."""

import re

import pytest
import yaml

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.model.apps import Backend
from module_utils.ingresskit.model.routes import NO_OPTIONS, Entry
from module_utils.ingresskit.oracle import identity, probes
from module_utils.ingresskit.oracle.matching import match
from module_utils.ingresskit.oracle.probes import UNKNOWN_PATH

# kubernetes.io/docs/concepts/services-networking/ingress/#examples, and the same where Prefix is a prefix of the text
# (F5): type, entries, path, the entry by the API, the entry at F5
MATCHES = [
    ("Prefix", "/", "/any/path", "/", "/"),
    ("Exact", "/foo", "/foo", "/foo", "/foo"),
    ("Exact", "/foo", "/bar", None, None),
    ("Exact", "/foo", "/foo/", None, None),
    ("Exact", "/foo", "/FOO", None, None),
    ("Exact", "/foo/", "/foo", None, None),
    ("Prefix", "/foo", "/foo", "/foo", "/foo"),
    ("Prefix", "/foo", "/foo/", "/foo", "/foo"),
    ("Prefix", "/foo", "/foobar", None, "/foo"),
    ("Prefix", "/foo", "/FOO", None, None),
    ("Prefix", "/foo/", "/foo", "/foo/", None),
    ("Prefix", "/foo/", "/foo/", "/foo/", "/foo/"),
    ("Prefix", "/foo/", "/foobar", None, None),
    ("Prefix", "/aaa/bb", "/aaa/bbb", None, "/aaa/bb"),
    ("Prefix", "/aaa/bbb", "/aaa/bbb", "/aaa/bbb", "/aaa/bbb"),
    ("Prefix", "/aaa/bbb/", "/aaa/bbb", "/aaa/bbb/", None),
    ("Prefix", "/aaa/bbb", "/aaa/bbb/", "/aaa/bbb", "/aaa/bbb"),
    ("Prefix", "/aaa/bbb", "/aaa/bbb/ccc", "/aaa/bbb", "/aaa/bbb"),
    ("Prefix", "/aaa/bbb", "/aaa/bbbxyz", None, "/aaa/bbb"),
    ("Prefix", "/ /aaa", "/aaa/ccc", "/aaa", "/aaa"),
    ("Prefix", "/aaa /", "/ccc", "/", "/"),
    ("Prefix", "/ /aaa /aaa/bbb", "/aaa/bbb", "/aaa/bbb", "/aaa/bbb"),
    ("Prefix", "/aaa/bbb /aaa /", "/aaa/bbbxyz", "/aaa", "/aaa/bbb"),
    ("Prefix", "/aaa", "/ccc", None, None),
    ("ImplementationSpecific", "/foo", "/foo/bar", "/foo", "/foo"),
]


def route(path, kind, name):
    return Entry("app", "h.example", path, kind, Backend(service="x", port=80), NO_OPTIONS, name)


@pytest.mark.parametrize(("kind", "entries", "path", "by_api", "at_f5"), MATCHES)
def test_match(kind, entries, path, by_api, at_f5):
    routes = [route(entry, kind, entry) for entry in entries.split()]
    for by_element, expected in ((True, by_api), (False, at_f5)):
        found = match(routes, path, by_element=by_element)
        assert (found.at if found else None) == expected


@pytest.mark.parametrize("by_element", [True, False])
@pytest.mark.parametrize("exact_first", [True, False])
@pytest.mark.parametrize(
    ("path", "expected"), [("/foo", "exact"), ("/foo/", "prefix"), ("/foo/green", "green"), ("/foo/green/", "prefix")]
)
def test_exact_before_prefix(path, expected, by_element, exact_first):
    routes = [route("/foo", "Exact", "exact"), route("/foo/green", "Exact", "green"), route("/foo", "Prefix", "prefix")]
    found = match(routes if exact_first else routes[::-1], path, by_element=by_element)
    assert found is not None and found.at == expected


def test_at_f5_the_longer_text_wins():
    routes = [route("/tea", "Prefix", "short"), route("/tea/", "Prefix", "long")]
    for order in (routes, routes[::-1]):
        found = match(order, "/tea/x", by_element=False)
        assert found is not None and found.at == "long"


def told(text: str, kind: str, page: str | None = None) -> list[str]:
    """Every probe in one line: request, then what must come, then the key that it proves."""
    stack = model.load(yaml.safe_load(text) | {"ingress_controller__kind": {"kind": kind}})
    return [line(probe) for probe in probes(stack, controller_for(stack.controller), page)]


def line(probe):
    request, expected = probe.request, probe.expected
    asked = f"{request.method} {request.scheme}://{request.host}{request.path}"
    answer = [
        "|".join(map(str, expected.status)) or ("" if expected.tls == "rejected" else "any"),
        f"{expected.backend}{'' if expected.identity == 'echo' else '?'}" if expected.backend else "",
        f"-> {expected.location}" if expected.location else "",
        f"'{expected.body_contains}'" if expected.body_contains is not None else "",
        "" if expected.tls == "none" else expected.tls,
    ]
    headers = "".join(f" {name}={value}" for name, value in request.headers)
    place = f" at {probe.way}" if probe.way else ""
    return f"{probe.kind}: {asked}{headers}{place} = {' '.join(filter(None, answer))} [{probe.source}]"


CAFE = """
ingress_controller: {default_backend: {page: "<h1>no</h1>"}}
ingress_apps:
  cafe:
    tls: {self_signed: true}
    hosts: {cafe.example.com: {paths: {/tea: "tea-svc:80", /coffee: {service: coffee, port: 80}}}}
    workloads: {tea: {}, coffee: {image: mine}}
"""
AT = 'ingress_apps.cafe.hosts."cafe.example.com"'
TO = r"https://cafe\.example\.com(:\d+)?"
UNKNOWN = "no-such-host.ingresskit.invalid"


@pytest.mark.parametrize("kind", ["nginx", "traefik"])
def test_the_cafe(kind):
    assert told(CAFE, kind, "<h1>no</h1>\n") == [
        f'route: GET https://cafe.example.com/tea = 200 cafe/tea-svc verified [{AT}.paths."/tea"]',
        f'redirect: GET http://cafe.example.com/tea = 301 -> {TO}/tea [{AT}.paths."/tea"]',
        f'route: GET https://cafe.example.com/coffee = any cafe/coffee? verified [{AT}.paths."/coffee"]',
        f'redirect: GET http://cafe.example.com/coffee = 301 -> {TO}/coffee [{AT}.paths."/coffee"]',
        f"unknown-path: GET https://cafe.example.com{UNKNOWN_PATH} = 404 '<h1>no</h1>' verified [{AT}]",
        f"unknown-host: GET http://{UNKNOWN}/ = 404 '<h1>no</h1>' [ingress_controller.default_backend]",
        f"unknown-host: GET https://{UNKNOWN}/ = 404 '<h1>no</h1>' any [ingress_controller.default_backend]",
    ]


def test_the_redirects_location_is_matched_whole():
    pattern = f"{TO}/tea"
    for location in ("https://cafe.example.com/tea", "https://cafe.example.com:443/tea"):
        assert re.fullmatch(pattern, location)
    for location in ("http://cafe.example.com/tea", "https://cafe-example.com/tea", "https://cafe.example.com/tea/"):
        assert not re.fullmatch(pattern, location)


def one_app(rules: str, more: str = "") -> str:
    return f"ingress_apps: {{a: {{hosts: {{{rules}}}{more}}}}}"


H = 'ingress_apps.a.hosts."h.example"'
REJECTED = f"unknown-host: GET https://{UNKNOWN}/ = rejected [ingress_controller]"
SHOWN = f"unknown-host: GET https://{UNKNOWN}/ = 404 any [ingress_controller]"
PLAIN_404 = f"unknown-host: GET http://{UNKNOWN}/ = 404 [ingress_controller]"
TLS = ", tls: {secret: s}"
# inventory, what is asked behind F5, behind Traefik (None: the same); unknown hosts without TLS always the same
AT_FIRST = [
    f'route: GET https://h.example/a = any a/x? verified [{H}.paths."/a"]',
    f'route: GET https://h.example/b = any a/x? verified [{H}.paths."/b"]',
    f"unknown-path: GET https://h.example/ingresskit-smoke-no-such-path = 404 verified [{H}]",
]
FURTHER = [
    f'route: GET https://h.example/a at b = any a/x? verified [{H}.paths."/a"]',
    rf'redirect: GET http://h.example/a at b = 301 -> https://h\.example(:\d+)?/a [{H}.paths."/a"]',
    'route: GET http://plain.example/ at b = any b/y? [ingress_apps.b.hosts."plain.example".paths."/"]',
    rf'redirect: GET http://h.example/a at c = 301 -> https://h\.example(:\d+)?/a [{H}.paths."/a"]',
    'route: GET http://plain.example/ at c = any b/y? [ingress_apps.b.hosts."plain.example".paths."/"]',
]
STACKS = {
    "without TLS, nothing else asked": (
        one_app("h.example: x:80"),
        [f'route: GET http://h.example/ = any a/x? [{H}.paths."/"]', PLAIN_404, REJECTED],
        [f'route: GET http://h.example/ = any a/x? [{H}.paths."/"]', PLAIN_404, SHOWN],
    ),
    "a wildcard": (
        one_app("'*.h.example': {paths: {/x: x:80}}"),
        [
            'route: GET http://ingresskit-smoke.h.example/x = any a/x? [ingress_apps.a.hosts."*.h.example".paths."/x"]',
            f'unknown-path: GET http://ingresskit-smoke.h.example{UNKNOWN_PATH} = 404 [ingress_apps.a.hosts."*.h.example"]',
            PLAIN_404, REJECTED,
        ],
        [
            'route: GET http://ingresskit-smoke.h.example/x = any a/x? [ingress_apps.a.hosts."*.h.example".paths."/x"]',
            f'unknown-path: GET http://ingresskit-smoke.h.example{UNKNOWN_PATH} = 404 [ingress_apps.a.hosts."*.h.example"]',
            PLAIN_404, SHOWN,
        ],
    ),
    "no host": (
        one_app("'*': {paths: {/x: x:80}}"),
        [
            'route: GET http://any-host.ingresskit.invalid/x = any a/x? [ingress_apps.a.hosts."*".paths."/x"]',
            f'unknown-path: GET http://any-host.ingresskit.invalid{UNKNOWN_PATH} = 404 [ingress_apps.a.hosts."*"]',
        ],
        None,
    ),
    "a default backend alone": (
        "ingress_apps: {a: {default_backend: w-svc:80, workloads: {w: {}}}}",
        [f"route: GET http://{UNKNOWN}/ = 200 a/w-svc [ingress_apps.a.default_backend]"],
        None,
    ),
    "a default backend for the rest of a host": (
        one_app("h.example: {paths: {/x: x:80}}", ", namespace: b, default_backend: rest:80"),
        [
            f'route: GET http://h.example/x = any b/x? [{H}.paths."/x"]',
            f"unknown-path: GET http://h.example{UNKNOWN_PATH} = any b/rest? [ingress_apps.a.default_backend]",
            PLAIN_404, REJECTED,
        ],
        [
            f'route: GET http://h.example/x = any b/x? [{H}.paths."/x"]',
            f"unknown-path: GET http://h.example{UNKNOWN_PATH} = any b/rest? [ingress_apps.a.default_backend]",
            PLAIN_404, SHOWN,
        ],
    ),
    "Exact and Prefix on one path": (
        one_app("h.example: {paths: [{path: /t, type: Exact, service: e, port: 80}, {path: /t, service: p, port: 80}]}", TLS
                + ", options: {ssl_redirect: false}"),
        [
            f"route: GET https://h.example/t = any a/e? verified [{H}.paths[0]]",
            f"route: GET http://h.example/t = any a/e? [{H}.paths[0]]",
            f"route: GET https://h.example/t/ingresskit-smoke = any a/p? verified [{H}.paths[1]]",
            f"route: GET http://h.example/t/ingresskit-smoke = any a/p? [{H}.paths[1]]",
            f"unknown-path: GET https://h.example{UNKNOWN_PATH} = 404 verified [{H}]",
            PLAIN_404, REJECTED,
        ],
        [
            f"route: GET https://h.example/t = any a/e? verified [{H}.paths[0]]",
            f"route: GET http://h.example/t = any a/e? [{H}.paths[0]]",
            f"route: GET https://h.example/t/ingresskit-smoke = any a/p? verified [{H}.paths[1]]",
            f"route: GET http://h.example/t/ingresskit-smoke = any a/p? [{H}.paths[1]]",
            f"unknown-path: GET https://h.example{UNKNOWN_PATH} = 404 verified [{H}]",
            PLAIN_404, SHOWN,
        ],
    ),
    "another code, one host's": (
        one_app("h.example: {options: {ssl_redirect: {code: 302}}, paths: {/: x:80}}", TLS),
        [
            f'route: GET https://h.example/ = any a/x? verified [{H}.paths."/"]',
            rf'redirect: GET http://h.example/ = 302 -> https://h\.example(:\d+)?/ [{H}.paths."/"]',
            PLAIN_404, REJECTED,
        ],
        [
            f'route: GET https://h.example/ = any a/x? verified [{H}.paths."/"]',
            rf'redirect: GET http://h.example/ = 302 -> https://h\.example(:\d+)?/ [{H}.paths."/"]',
            PLAIN_404, SHOWN,
        ],
    ),
    "HTTPS alone": (
        one_app("h.example: x:80", TLS + "}, b: {hosts: {plain.example: y:80}") + "\ningress_controller: {expose: {ports: {http: null}}}",
        [f'route: GET https://h.example/ = any a/x? verified [{H}.paths."/"]', REJECTED],
        [f'route: GET https://h.example/ = any a/x? verified [{H}.paths."/"]', SHOWN],
    ),
    "HTTP alone": (
        one_app("h.example: x:80") + "\ningress_controller: {expose: [{ports: {https: null}}, {name: b}]}",
        [
            f'route: GET http://h.example/ = any a/x? [{H}.paths."/"]', PLAIN_404,
            f'route: GET http://h.example/ at b = any a/x? [{H}.paths."/"]',
        ],
        None,
    ),
    "one route and one redirect of each host at a further way in": (
        one_app("h.example: {paths: {/a: x:80, /b: x:80}}", TLS + "}, b: {hosts: {plain.example: y:80}")
        + "\ningress_controller: {expose: [{ports: {http: null}}, {name: b, type: ClusterIP}, {name: c, ports: {https: null}}]}",
        [*AT_FIRST, REJECTED, *FURTHER], [*AT_FIRST, SHOWN, *FURTHER],
    ),
    "a default certificate": (
        "ingress_controller: {default_tls: {secret: s}}", [PLAIN_404, SHOWN], None,
    ),
    "an image that answers": (
        "ingress_controller: {default_backend: {image: mine}}",
        [
            f"unknown-host: GET http://{UNKNOWN}/ = 200|301|302|307|308|403|404 [ingress_controller.default_backend]",
            f"unknown-host: GET https://{UNKNOWN}/ = 200|301|302|307|308|403|404 any [ingress_controller.default_backend]",
        ],
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["nginx", "traefik"])
@pytest.mark.parametrize("name", STACKS)
def test_stacks(name, kind):
    inventory, nginx, traefik = STACKS[name]
    assert told(inventory, kind) == (nginx if kind == "nginx" or traefik is None else traefik)


LEFT_OVER = f"unknown-path: GET http://h.example{UNKNOWN_PATH} = "
NOBODY = f"{LEFT_OVER}404 [{H}]"
# what answers a path that no entry of the host matches: behind F5 (a host is a server), behind Traefik (rules go on)
BEYOND = {
    "nothing looser": ("b: {hosts: {'*.other.example': y:80}}", NOBODY),
    "a wildcard": ("b: {hosts: {'*.example': y:80}}", f'{LEFT_OVER}any b/y? [ingress_apps.b.hosts."*.example"]'),
    "a wildcard for another path": ("b: {hosts: {'*.example': {paths: {/y: y:80}}}}", NOBODY),
    "a wildcard's default": (
        "b: {hosts: {'*.example': {paths: {/y: y:80}}}, default_backend: z:80}",
        f"{LEFT_OVER}any b/z? [ingress_apps.b.default_backend]",
    ),
    "a wildcard with TLS": (
        "b: {hosts: {'*.example': y:80}, tls: {secret: s}}",
        f'{LEFT_OVER}301 [ingress_apps.b.hosts."*.example"]',
    ),
    "a wildcard with TLS for both": (
        "b: {hosts: {'*.example': y:80}, tls: {secret: s}, options: {ssl_redirect: false}}",
        f'{LEFT_OVER}any b/y? [ingress_apps.b.hosts."*.example"]',
    ),
    "no host": ("b: {hosts: {'*': y:80}}", f'{LEFT_OVER}any b/y? [ingress_apps.b.hosts."*"]'),
    "a default backend": ("b: {default_backend: y:80}", f"{LEFT_OVER}any b/y? [ingress_apps.b.default_backend]"),
    "another host's default": ("b: {hosts: {other.example: y:80}, default_backend: z:80}", NOBODY),
    "an app without routes": ("b: {workloads: {w: {}}}", NOBODY),
    "a wildcard before no host": (
        "b: {hosts: {'*': y:80}}, c: {hosts: {'*.example': z:80}}",
        f'{LEFT_OVER}any c/z? [ingress_apps.c.hosts."*.example"]',
    ),
}


@pytest.mark.parametrize("name", BEYOND)
def test_what_a_host_leaves_over(name):
    others, behind_traefik = BEYOND[name]
    text = f"ingress_apps: {{a: {{hosts: {{h.example: {{paths: {{/x: x:80}}}}}}}}, {others}}}"
    assert [each for each in told(text, "traefik") if each.startswith(LEFT_OVER)] == [behind_traefik]
    assert [each for each in told(text, "nginx") if each.startswith(LEFT_OVER)] == [NOBODY]


def test_at_f5_an_entry_may_match_the_unknown_path_as_text():
    text = one_app("h.example: {paths: {/ingresskit: x:80}}")
    assert not any(each.startswith("unknown-path") for each in told(text, "nginx"))
    assert any(each.startswith("unknown-path") for each in told(text, "traefik"))


EXTRA = """
ingress_apps: {a: {tls: {secret: s}, hosts: {h.example: x:80, '*.w.example': x:80}}}
ingress_smoke:
  extra:
    - {host: h.example, path: /deep, status: 201, backend: a/x, body: hello, method: POST, headers: {X-A: b}}
    - {host: h.example, scheme: http, status: 301, location: "https://.*"}
    - {host: other.example}
    - {host: b.w.example}
    - {host: "*.w.example"}
"""


def test_probes_of_the_users_own():
    assert [each for each in told(EXTRA, "nginx") if each.startswith("extra")] == [
        "extra: POST https://h.example/deep X-A=b = 201 a/x? 'hello' verified [ingress_smoke.extra[0]]",
        "extra: GET http://h.example/ = 301 -> https://.* [ingress_smoke.extra[1]]",
        "extra: GET https://other.example/ = 200 any [ingress_smoke.extra[2]]",
        "extra: GET https://b.w.example/ = 200 verified [ingress_smoke.extra[3]]",
        "extra: GET https://ingresskit-smoke.w.example/ = 200 verified [ingress_smoke.extra[4]]",
    ]


def test_a_host_with_a_certificate_of_its_own_in_an_app_without():
    text = one_app("h.example: {tls: {secret: s}, paths: {/: x:80}}, plain.example: y:80")
    found = [each.split(" = ")[0] for each in told(text, "traefik") if "route" in each or "redirect" in each]
    assert found == [
        "route: GET https://h.example/",
        "redirect: GET http://h.example/",
        "route: GET http://plain.example/",
    ]


def test_a_route_is_another_at_another_way_in():
    text = one_app("h.example: x:80") + "\ningress_controller: {kind: traefik, expose: [{}, {name: b}, {name: c}]}"
    stack = model.load(yaml.safe_load(text))
    found = [each for each in probes(stack, controller_for(stack.controller), None) if each.kind == "route"]
    assert len({identity(each) for each in found}) == 3
