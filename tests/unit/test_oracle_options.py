"""What the options of an entry have its probes ask and expect."""

import pytest
import yaml

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.htpasswd import htpasswd
from module_utils.ingresskit.oracle import probes
from module_utils.ingresskit.oracle.matching import sample

HOST = "h.example"
SECRET_WORD = "earl-grey-at-five"
WORKLOADS = "workloads: {tea: {}, new: {}}"


def stack_of(paths, more="", kind="nginx"):
    text = f"ingress_apps: {{a: {{{WORKLOADS}, hosts: {{{HOST}: {{paths: {{{paths}}}}}}}{more}}}}}"
    return model.load(yaml.safe_load(text) | {"ingress_controller__kind": {"kind": kind}})


def asked(paths, more="", kind="nginx"):
    """The probes of one app's entries, each in a line: request, then what must come."""
    stack = stack_of(paths, more, kind)
    found = probes(stack, controller_for(stack.controller), None)
    return [line(each) for each in found if each.kind not in ("unknown-path", "unknown-host")]


def line(probe):
    request, promise = probe.request, probe.expected
    sent = [f"{name}={value}" for name, value in request.headers]
    sent += [f"as {request.login[0]}"] if request.login else []
    sent += [f"{request.body_size} bytes"] if request.body_size else []
    backends = " or ".join(filter(None, (promise.backend, *promise.others)))
    parts = [
        "|".join(map(str, promise.status)) or "any",
        f"{backends}{'' if promise.identity == 'echo' else '?'}" if backends else "",
        f"-> {promise.location}" if promise.location else "",
        f"at {promise.path}" if promise.path else "",
        *(f"{name}:{value}" for name, value in promise.passed),
        *(f"{each.name}({'none' if each.words is None else ' '.join(each.words)})" for each in promise.headers),
        f"or {promise.turned_away}" if promise.turned_away else "",
        "" if promise.tls == "none" else promise.tls,
    ]
    method = "" if request.method == "GET" else f" {request.method}"
    begin = " ".join((f"{probe.kind}: {request.scheme}{method} {request.path}", *sent))
    return f"{begin} = {' '.join(filter(None, parts))}"


def one(options, path="/tea", service="tea-svc", kind="Prefix"):
    return f'"{path}": {{service: {service}, port: 80, type: {kind}, options: {options}}}'


TLS = ", tls: {secret: s}"
TO = r"https://h\.example(:\d+)?/tea"
BASIC = "401 WWW-Authenticate(basic*)"
# options of an entry without TLS: what is asked
PLAIN = {
    "rewrite: {prefix: /}": ["route: http /tea = 200 a/tea-svc at /"],
    "rewrite: {prefix: /beans}": ["route: http /tea = 200 a/tea-svc at /beans"],
    "rewrite: {path: /fixed}": ["route: http /tea = 200 a/tea-svc at /fixed"],
    "affinity: {}": ["route: http /tea = 200 a/tea-svc Set-Cookie(INGRESSCOOKIE=*)"],
    "rate_limit: {rps: 1}": ["route: http /tea = 200 a/tea-svc or (429,)"],
    "rate_limit: {rps: 1, status: 503}, allow: [10.0.0.0/8]": ["route: http /tea = 200 a/tea-svc or (503, 403)"],
    "allow: [0.0.0.0/0, '::/0']": ["route: http /tea = 200 a/tea-svc"],
    "body_size: 1k": ["route: http /tea = 200 a/tea-svc", "body-size: http /tea 1025 bytes = 413"],
    "body_size: 0": ["route: http /tea = 200 a/tea-svc"],
    "body_size: 1g": ["route: http /tea = 200 a/tea-svc"],
    "backend_protocol: HTTPS": ["route: http /tea = 200 a/tea-svc"],
    "backend_protocol: WS, timeouts: {read: 5}": ["route: http /tea = 200 a/tea-svc"],
    "backend_protocol: GRPC, body_size: 1k": [
        "route: http POST /tea Content-Type=application/grpc TE=trailers = 200 grpc-status()"
    ],
    "ssl_passthrough: true": ["route: https /tea = 200 a/tea-svc any"],
    "redirect: {to: 'https://x.example/?a', code: 308}, body_size: 1k": [
        r"route: http /tea = 308 -> https://x\.example/\?a"
    ],
    "cors: {origins: ['https://*.x.example']}": [
        "route: http /tea Origin=https://ingresskit-smoke.x.example = 200 a/tea-svc "
        "Access-Control-Allow-Origin(https://ingresskit-smoke.x.example)"
    ],
    "cors: {}": [
        "route: http /tea Origin=https://ingresskit-smoke.example = 200 a/tea-svc Access-Control-Allow-Origin()"
    ],
    "headers: {request: {X-Team: tea, X-No: ''}, response: {X-Frame-Options: DENY, Server: ''}}": [
        "route: http /tea X-Team=ingresskit-smoke X-No=ingresskit-smoke = 200 a/tea-svc X-Team:tea X-No:None "
        "X-Frame-Options(DENY) Server(none)"
    ],
    "hsts: {}": ["route: http /tea = 200 a/tea-svc"],
    "canary: {backend: 'new-svc:80', weight: 10}": ["route: http /tea = 200 a/tea-svc or a/new-svc"],
    "canary: {backend: 'new-svc:80', weight: 0}": ["route: http /tea = 200 a/tea-svc"],
    "canary: {backend: 'new-svc:80', weight: 100}, rewrite: {prefix: /}": ["route: http /tea = 200 a/new-svc at /"],
    "canary: {backend: 'other:80', weight: 50}": ["route: http /tea = any a/tea-svc or a/other?"],
    "canary: {backend: 'new-svc:80', header: {name: X-Taste, value: fresh}}": [
        "route: http /tea = 200 a/tea-svc",
        "canary: http /tea X-Taste=fresh = 200 a/new-svc",
    ],
    "canary: {backend: 'new-svc:80', cookie: taste}, allow: [10.0.0.0/8]": [
        "route: http /tea = 200 a/tea-svc or (403,)",
        "canary: http /tea Cookie=taste=always = 200 a/new-svc or (403,)",
    ],
    f"basic_auth: {{users: {{waiter: {SECRET_WORD}}}}}, body_size: 1k": [
        "route: http /tea as waiter = 200 a/tea-svc",
        f"login: http /tea = {BASIC}",
        "body-size: http /tea as waiter 1025 bytes = 413",
    ],
    "basic_auth: {secret: theirs}, body_size: 1k": [f"login: http /tea = {BASIC}"],
}


@pytest.mark.parametrize("options", PLAIN)
def test_options_of_an_entry(options):
    assert asked(one(f"{{{options}}}")) == PLAIN[options]


def test_a_hash_is_no_password():
    hashed = htpasswd({"waiter": SECRET_WORD}, "x").strip().partition(":")[2]
    assert asked(one(f"{{basic_auth: {{users: {{waiter: '{hashed}'}}}}}}")) == [f"login: http /tea = {BASIC}"]


OVER_TLS = {
    "hsts: {max_age: 5, include_subdomains: true}": [
        "route: https /tea = 200 a/tea-svc Strict-Transport-Security(max-age=5 includeSubDomains) verified",
        f"redirect: http /tea = 301 -> {TO}",
    ],
    "backend_protocol: GRPC": [
        "route: https POST /tea Content-Type=application/grpc TE=trailers = 200 grpc-status() verified",
        f"redirect: http /tea Content-Type=application/grpc TE=trailers = 301 -> {TO}",
    ],
    "hsts: {max_age: 5}, ssl_redirect: false": [
        "route: https /tea = 200 a/tea-svc Strict-Transport-Security(max-age=5) verified",
        "route: http /tea = 200 a/tea-svc",
    ],
    f"basic_auth: {{users: {{waiter: {SECRET_WORD}}}}}, ssl_redirect: false": [
        "route: https /tea as waiter = 200 a/tea-svc verified",
        f"login: https /tea = {BASIC} verified",
        f"route: http /tea = {BASIC}",  # no password goes over HTTP where there is HTTPS
    ],
}


@pytest.mark.parametrize("options", OVER_TLS)
def test_options_over_tls(options):
    assert asked(one(f"{{{options}}}"), TLS) == OVER_TLS[options]


def test_where_controllers_differ():
    assert "Strict-Transport-Security(max-age=5) verified" in asked(one("{hsts: {max_age: 5}}"), TLS, "traefik")[0]


REGEX = {
    "/v[0-9]+/tea$": "/v0/tea",
    "/(tea|mate)/.*": "/tea/x",
    "/(?:a|b(c|d))e?": "/ae",
    "/files/.+[.]png": "/files/x.png",
    "/[^/]+/x": None,
    "/(open": None,
}


@pytest.mark.parametrize("path", REGEX)
def test_a_path_that_a_regular_expression_matches(path):
    assert sample(path) == REGEX[path]


def test_regular_expressions():
    """No sample is asked of a backend that need not have it, or where another entry has it."""
    entry = one("{regex: true}", "/v[0-9]/tea", kind="ImplementationSpecific")
    assert asked(entry) == ["route: http /v0/tea = 200 a/tea-svc"]
    assert asked(one("{regex: true}", "/v[0-9]/tea", "mine")) == []
    assert asked(f"{entry}, '/v0/tea': {{service: new-svc, port: 80, type: Exact}}") == [
        "route: http /v0/tea = 200 a/new-svc"
    ]
    assert asked(one("{regex: true, rewrite: {prefix: /}}", "/v[0-9]")) == ["route: http /v0 = 200 a/tea-svc"]


def test_a_host_goes_before_a_looser_one_with_a_longer_path():
    text = """ingress_apps:
      a: {workloads: {tea: {}}, hosts: {h.example: tea-svc:80, '*.example': {paths: {/long/tea: x:80, /tea: x:80}}}}
      b: {hosts: {b.example: y:80}}"""
    stack = model.load(yaml.safe_load(text))
    found = [line(each) for each in probes(stack, controller_for(stack.controller), None)]
    assert "route: http /long/tea = 200 a/tea-svc" in found
    assert not any("a/y" in each and "/long" in each for each in found)  # a stranger need not have that path


def test_an_unknown_path_may_be_refused_as_the_host_is():
    entries = one("{allow: [10.0.0.0/8], basic_auth: {secret: s}}") + ", /coffee: 'tea-svc:80'"
    stack = stack_of(entries)
    found = probes(stack, controller_for(stack.controller), None)
    assert [line(each) for each in found if each.kind == "unknown-path"] == [
        "unknown-path: http /ingresskit-smoke-no-such-path = 404 or (401, 403)"
    ]


def test_a_password_is_in_no_repr():
    stack = stack_of(one(f"{{basic_auth: {{users: {{waiter: {SECRET_WORD}}}}}}}"))
    found = probes(stack, controller_for(stack.controller), None)
    assert any(each.request.login == ("waiter", SECRET_WORD) for each in found)
    assert SECRET_WORD not in repr(found)
