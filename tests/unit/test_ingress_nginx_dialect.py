"""The dialect nginx.ingress.kubernetes.io: options as annotations and paths, and what it refuses."""

import base64
import re

import pytest
import yaml

from module_utils.ingresskit import model, preflight
from module_utils.ingresskit.controllers import COMPATIBLE, CONTROLLERS, controller_for
from module_utils.ingresskit.controllers.ingress_nginx_dialect import PREFIX
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.render import render

INGRESS_NGINX, COMPAT = CONTROLLERS["ingress-nginx"], COMPATIBLE["traefik", "ingress-nginx"]
READERS = {
    "ingress-nginx": {"kind": "ingress-nginx", "accept_retired": True},
    "compat": {"kind": "traefik", "compat": "ingress-nginx"},
}
BOTH = pytest.mark.parametrize("reader", READERS)
HOST = "h.example"


def stack_of(apps: str, reader: str = "ingress-nginx", controller: str = "{}", **more) -> model.Stack:
    keys = READERS[reader] | yaml.safe_load(controller)
    return model.load({"ingress_controller": keys, "ingress_apps": yaml.safe_load(apps), **more})


def objects_of(apps: str, reader: str = "ingress-nginx", kind: str = "Ingress", controller: str = "{}") -> list[dict]:
    return [each for each in render(stack_of(apps, reader, controller), Facts()) if each["kind"] == kind]


def said(ingress: dict) -> dict[str, str]:
    notes = ingress["metadata"].get("annotations", {})
    assert all(name.startswith(PREFIX) for name in notes)
    return {name.removeprefix(PREFIX): value for name, value in notes.items()}


def refused(apps: str, reader: str = "ingress-nginx") -> dict[str, str]:
    stack = stack_of(apps, reader)
    found = preflight.check(stack, controller_for(stack.controller), Facts())
    return {each.path: each.message for each in found if each.level == "error"}


# option: what both readers are told; what the compat reader is told beside it
SAID = {
    "redirect: {to: 'https://e.example/x'}": {
        "temporal-redirect": "https://e.example/x", "temporal-redirect-code": "302"
    },
    "redirect: {to: 'https://e.example', code: 308}": {
        "permanent-redirect": "https://e.example", "permanent-redirect-code": "308"
    },
    "redirect: {to: 'https://e.example', code: 303}": {
        "temporal-redirect": "https://e.example", "temporal-redirect-code": "303"
    },
    "ssl_passthrough: true": {"ssl-passthrough": "true"},
    "backend_protocol: HTTP": {},
    "backend_protocol: HTTPS": {"backend-protocol": "HTTPS"},
    "backend_protocol: GRPC": {"backend-protocol": "GRPC"},
    "backend_protocol: WS": {"proxy-read-timeout": "3600", "proxy-send-timeout": "3600"},
    "{backend_protocol: WS, timeouts: {read: 5}}": {"proxy-read-timeout": "5", "proxy-send-timeout": "3600"},
    "timeouts: {connect: 1, read: 2, send: 3}": {
        "proxy-connect-timeout": "1", "proxy-read-timeout": "2", "proxy-send-timeout": "3"
    },
    "basic_auth: {secret: theirs}": {"auth-type": "basic", "auth-realm": "Restricted", "auth-secret": "theirs"},
    "allow: [10.0.0.0/8, 192.0.2.1/32]": {"allowlist-source-range": "10.0.0.0/8,192.0.2.1/32"},
    "rate_limit: {rps: 5}": {"limit-rps": "5", "limit-burst-multiplier": "1"},
    "rate_limit: {rps: 5, burst: 20}": {"limit-rps": "5", "limit-burst-multiplier": "4"},
    "affinity: {}": {
        "affinity": "cookie", "affinity-mode": "persistent", "session-cookie-name": "INGRESSCOOKIE",
        "session-cookie-path": "/tea",
    },
    "affinity: {cookie: C, max_age: 60}": {
        "affinity": "cookie", "affinity-mode": "persistent", "session-cookie-name": "C", "session-cookie-path": "/tea",
        "session-cookie-max-age": "60",
    },
    "cors: {}": {
        "enable-cors": "true", "cors-allow-origin": "*", "cors-allow-headers": "Accept", "cors-max-age": "1728000",
        "cors-allow-methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS", "cors-allow-credentials": "false",
    },
    "cors: {origins: ['https://*.e.example', 'http://a:8080'], methods: [GET], headers: [X-A, X-B], "
    "expose_headers: [X-C], credentials: true, max_age: 1}": {
        "enable-cors": "true", "cors-allow-origin": "https://*.e.example, http://a:8080", "cors-allow-methods": "GET",
        "cors-allow-headers": "X-A, X-B", "cors-expose-headers": "X-C", "cors-allow-credentials": "true",
        "cors-max-age": "1",
    },
    "headers: {request: {host: in.example}}": {"upstream-vhost": "in.example"},
    "ssl_redirect: false": {},  # no certificate, nothing to redirect to
}  # fmt: skip


def app(options: str, path: str = "/tea", more: str = "") -> str:
    text = options if options.startswith("{") else f"{{{options}}}"
    return f"{{a: {{hosts: {{{HOST}: {{paths: {{{path}: x:80}}}}}}, options: {text}{more}}}}}"


@BOTH
@pytest.mark.parametrize("option", SAID)
def test_what_is_said(option, reader):
    (ingress,) = objects_of(app(option), reader)
    assert said(ingress) == SAID[option]
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/tea", "Prefix")


def test_traefik_limits_what_it_reads_whole():
    (usual,), (compat,) = (objects_of(app("body_size: 8M"), reader) for reader in READERS)
    assert said(usual) == {"proxy-body-size": "8m"}
    assert said(compat) == {"proxy-body-size": "8m", "proxy-request-buffering": "on"}


TLS = ", tls: {secret: s}"
REDIRECTS = {
    "{}": {},
    "ssl_redirect: true": {},
    "ssl_redirect: false": {"ssl-redirect": "false"},
    "{ssl_redirect: {enabled: false, code: 308}}": {"ssl-redirect": "false"},
}


@BOTH
@pytest.mark.parametrize("option", REDIRECTS)
def test_the_redirect_to_https(option, reader):
    (ingress,) = objects_of(app(option, more=TLS), reader)
    assert said(ingress) == REDIRECTS[option]


@BOTH
def test_a_certificate_in_another_ingress_redirects_too(reader):
    shared = {"ingress_hosts": {HOST: {"namespace": "edge", "tls": {"secret": "s"}}}}
    stack = stack_of(app("{}"), reader, **shared)
    by_name = {each["metadata"]["name"]: each for each in render(stack, Facts()) if each["kind"] == "Ingress"}
    assert said(by_name["a"]) == {"force-ssl-redirect": "true"}
    assert "tls" in by_name["h-example"]["spec"] and "tls" not in by_name["a"]["spec"]


# entry: the pattern, paths that it matches, paths that it does not
PATTERNS = {
    "{path: /tea, type: Prefix}": ("/(?-i)tea(/|$)(.*)", ["/tea", "/tea/", "/tea/a"], ["/teapot", "/TEA", "/a/tea"]),
    "{path: /tea/, type: Prefix}": ("/(?-i)tea(/|$)(.*)", ["/tea", "/tea/", "/tea/a"], ["/teapot"]),
    "{path: /, type: Prefix}": ("/()(.*)", ["/", "/a", "/a/b"], []),
    "{path: /tea, type: Exact}": ("/(?-i)tea(?P<exact>$)", ["/tea"], ["/tea/", "/tea/a", "/TEA", "/teapot"]),
    "{path: /tea/, type: Exact}": ("/(?-i)tea/(?P<exact>$)", ["/tea/"], ["/tea", "/tea/a"]),
    "{path: /, type: Exact}": ("/(?-i)(?P<exact>$)", ["/"], ["/a"]),
    "{path: /a.b, type: ImplementationSpecific}": ("/(?-i)a[.]b(/|$)(.*)", ["/a.b", "/a.b/c"], ["/axb"]),
    '{path: "/a+b*(c)", type: Exact}': ("/(?-i)a[+]b[*][(]c[)](?P<exact>$)", ["/a+b*(c)"], ["/aab(c)"]),
    '{path: "/a[1]|$^", type: Exact}': (r"/(?-i)a\[1\][|][$]\^(?P<exact>$)", ["/a[1]|$^"], ["/a1"]),
    '{path: "/v[0-9]+/tea$", options: {regex: true}}': ("/(?-i)v[0-9]+/tea$", ["/v1/tea"], ["/v/tea", "/v1/TEA"]),
}


def as_read(pattern: str) -> str:
    """As both readers use it: from the front, and without case but where the pattern says otherwise."""
    return re.sub(r"\(\?-i\)(.*)", r"(?-i:\1)", f"(?i)^{pattern}")


@BOTH
@pytest.mark.parametrize("entry", PATTERNS)
def test_a_path_as_an_expression(entry, reader):
    pattern, hits, misses = PATTERNS[entry]
    other = "{path: /rewritten, service: x, port: 80, options: {rewrite: {path: /}}}"
    apps = f"{{a: {{hosts: {{{HOST}: {{paths: [{entry[:-1]}, service: x, port: 80}}, {other}]}}}}}}}}"
    paths = [
        path
        for each in objects_of(apps, reader)
        for path in each["spec"]["rules"][0]["http"]["paths"]
        if "rewritten" not in path["path"]
    ]
    assert [(path["path"], path["pathType"]) for path in paths] == [(pattern, "ImplementationSpecific")]
    assert all(re.match(as_read(pattern), hit) for hit in hits)
    assert not any(re.match(as_read(pattern), miss) for miss in misses)


RANKED = [
    "{path: /tea/green/cup, type: Exact}",
    "{path: /tea/green, type: Exact}",
    "{path: /tea/green, type: Prefix}",
    "{path: /tea/, type: Exact}",
    "{path: /tea, type: Exact}",
    "{path: /tea, type: Prefix}",
    "{path: /, type: Exact}",
    "{path: /, type: Prefix}",
]


@BOTH
def test_the_longest_expression_is_the_entry_that_the_api_prefers(reader):
    """Of every two that match a request."""
    entries = ", ".join(f"{each[:-1]}, service: x, port: 80, options: {{rewrite: {{path: /}}}}}}" for each in RANKED)
    (ingress,) = objects_of(f"{{a: {{hosts: {{{HOST}: {{paths: [{entries}]}}}}}}}}", reader)
    paths = [each["path"] for each in ingress["spec"]["rules"][0]["http"]["paths"]]
    for request in ("/", "/tea", "/tea/", "/tea/green", "/tea/green/cup", "/tea/green/x", "/x"):
        fitting = [path for path in paths if re.match(as_read(path), request)]
        assert fitting[0] == max(fitting, key=len) and len({len(each) for each in fitting}) == len(fitting), request


REWRITES = {
    ("/tea", "Prefix", "prefix: /"): {"/tea": "/", "/tea/": "/", "/tea/a": "/a"},
    ("/tea", "Prefix", "prefix: /beans"): {"/tea": "/beans", "/tea/": "/beans/", "/tea/a/b": "/beans/a/b"},
    ("/tea", "Prefix", "prefix: /beans/"): {"/tea": "/beans/", "/tea/a": "/beans/a"},
    ("/", "Prefix", "prefix: /beans"): {"/": "/beans/", "/a": "/beans/a"},
    ("/tea", "Prefix", "path: /fixed"): {"/tea": "/fixed", "/tea/a": "/fixed"},
    ("/tea", "Exact", "prefix: /beans"): {"/tea": "/beans"},
    ("/tea", "Exact", "path: /fixed"): {"/tea": "/fixed"},
}


@BOTH
@pytest.mark.parametrize(("path", "type_", "rewrite"), REWRITES)
def test_rewrites(path, type_, rewrite, reader):
    entry = f"{{path: {path}, type: {type_}, service: x, port: 80, options: {{rewrite: {{{rewrite}}}}}}}"
    (ingress,) = objects_of(f"{{a: {{hosts: {{{HOST}: {{paths: [{entry}]}}}}}}}}", reader)
    (made,) = ingress["spec"]["rules"][0]["http"]["paths"]
    target = re.sub(r"\$(\d)", r"\\\1", said(ingress)["rewrite-target"])
    for asked, wanted in REWRITES[path, type_, rewrite].items():
        assert (
            re.sub(as_read(made["path"]) + ("" if made["path"].endswith((")(.*)", "$)")) else ".*"), target, asked)
            == wanted
        )


def test_only_traefik_needs_expressions_for_exact_paths():
    entries = "[{path: /tea, type: Exact, service: x, port: 80}, {path: /, service: y, port: 80}]"
    (usual,), (compat,) = (objects_of(f"{{a: {{hosts: {{{HOST}: {{paths: {entries}}}}}}}}}", each) for each in READERS)
    assert said(usual) == {} and said(compat) == {"use-regex": "true"}


@BOTH
def test_a_character_that_a_plain_path_may_not_have(reader):
    (ingress,) = objects_of(app("{}", path='"/a+b"'), reader)
    assert said(ingress) == {"use-regex": "true"}


@BOTH
def test_raw_annotations_that_make_expressions_keep_the_paths_of_their_app(reader):
    raw = f", annotations: {{{PREFIX}use-regex: 'true'}}"
    both = app("{}", path='"/t.*"', more=raw)[:-1] + f", b: {{hosts: {{{HOST}: {{paths: {{/tea: 'y:80'}}}}}}}}}}"
    first, second = objects_of(both, reader)
    paths = [each["spec"]["rules"][0]["http"]["paths"][0]["path"] for each in (first, second)]
    assert paths == ["/t.*", "/(?-i)tea(/|$)(.*)"]


@BOTH
def test_users_become_a_secret(reader):
    options = "basic_auth: {users: {cook: oolong, waiter: '{SHA}abc='}}"
    (ingress,), (secret,) = (objects_of(app(options), reader, kind) for kind in ("Ingress", "Secret"))
    text = base64.b64decode(secret["data"]["auth"]).decode()
    assert re.fullmatch(r"cook:\$2y\$\S+\nwaiter:\{SHA\}abc=\n", text)
    assert said(ingress)["auth-secret"] == secret["metadata"]["name"]
    assert secret["metadata"]["namespace"] == ingress["metadata"]["namespace"]
    assert objects_of(app(options), reader, "Secret") == [secret]
    (other,) = objects_of(app(options.replace("oolong", "assam")), reader, "Secret")
    assert other["metadata"]["name"] != secret["metadata"]["name"]


def headers_of(reader: str, options: str, more: str = "") -> tuple[dict, dict, str]:
    """A ConfigMap's content, what the Ingress says, and the names that the controller allows."""
    stack = stack_of(app(options, more=more), reader)
    objects = render(stack, Facts())
    (config,) = (each for each in objects if each["kind"] == "ConfigMap" and each["metadata"]["name"].startswith("a-"))
    (ingress,) = (each for each in objects if each["kind"] == "Ingress")
    assert said(ingress)["custom-headers"] == f"a/{config['metadata']['name']}"
    return config["data"], said(ingress), str([each for each in objects if each["kind"] in ("ConfigMap", "Deployment")])


@BOTH
@pytest.mark.parametrize(
    ("options", "more", "wanted"),
    [
        ("hsts: {}", TLS, {"Strict-Transport-Security": "max-age=31536000"}),
        (
            "hsts: {max_age: 1, include_subdomains: true, preload: true}",
            TLS,
            {"Strict-Transport-Security": "max-age=1; includeSubDomains; preload"},
        ),
        ("headers: {response: {X-Menu: tea}}", "", {"X-Menu": "tea"}),
        (
            "{hsts: {max_age: 1}, headers: {response: {X-Menu: tea}}}",
            TLS,
            {"X-Menu": "tea", "Strict-Transport-Security": "max-age=1"},
        ),
    ],
)
def test_response_headers(reader, options, more, wanted):
    found, _, controller = headers_of(reader, options, more)
    assert found == wanted
    assert all(name in controller for name in wanted)


@BOTH
def test_hsts_without_a_certificate_is_nothing(reader):
    (ingress,) = objects_of(app("hsts: {}"), reader)
    assert said(ingress) == {}


CANARIES = {
    "weight: 10": {"canary-weight": "10"},
    "cookie: taste": {"canary-by-cookie": "taste"},
    "header: {name: X-Taste}": {"canary-by-header": "X-Taste"},
    "header: {name: X-Taste, value: new}": {"canary-by-header": "X-Taste", "canary-by-header-value": "new"},
}


def canaried(by: str, more: str = "") -> str:
    options = f"{{canary: {{backend: 'coffee-svc:80', {by}}}}}"
    entry = f"/tea: {{service: tea-svc, port: 80, options: {options}}}"
    return f"{{a: {{workloads: {{tea: {{}}, coffee: {{}}}}, hosts: {{{HOST}: {{paths: {{{entry}{more}}}}}}}}}}}"


@BOTH
@pytest.mark.parametrize("by", CANARIES)
def test_canaries(by, reader):
    canary, main = objects_of(canaried(by), reader)
    assert said(canary) == {"canary": "true", **CANARIES[by]}
    assert said(main) == {}
    beside, path = (each["spec"]["rules"][0]["http"]["paths"][0] for each in (canary, main))
    assert beside["backend"]["service"] == {"name": "coffee-svc", "port": {"number": 80}}
    assert (beside["path"], beside["pathType"]) == (path["path"], path["pathType"])


@BOTH
def test_a_canary_has_a_mainline_of_its_own(reader):
    """Or the other entries with the Service would get it as well."""
    services = {each["metadata"]["name"]: each for each in objects_of(canaried("weight: 10"), reader, "Service")}
    main = objects_of(canaried("weight: 10"), reader)[-1]
    name = main["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"]
    assert name != "tea-svc" and services[name]["spec"] == services["tea-svc"]["spec"]


@BOTH
def test_canaries_of_two_types_on_one_path(reader):
    option = "options: {canary: {backend: 'coffee-svc:80', weight: 10}}"
    entries = ", ".join(
        f"{{path: /tea, type: {kind}, service: {kind.lower()}-svc, port: 80, {option}}}" for kind in ("Exact", "Prefix")
    )
    apps = (
        f"{{a: {{workloads: {{exact: {{}}, prefix: {{}}, coffee: {{}}}}, hosts: {{{HOST}: {{paths: [{entries}]}}}}}}}}"
    )
    names = [each["metadata"]["name"] for each in objects_of(apps, reader)]
    assert len(names) == len(set(names)) == 3


FOREIGN = canaried("weight: 10", ", /plain: 'tea-svc:80'").replace("workloads: {tea: {}, coffee: {}}, ", "")
AT = f'ingress_apps.a.hosts."{HOST}".paths."/tea".options'
APP = "ingress_apps.a.options"
# an inventory's options at the app: the path that is refused, words of the reason
REFUSED = {
    "rewrite: {path: '/a$1'}": (f"{APP}.rewrite.path", "only"),
    "rewrite: {prefix: '/a;b'}": (f"{APP}.rewrite.prefix", "only"),
    "{regex: true, rewrite: {path: '/a$x'}}": (f"{APP}.rewrite.path", "$1"),
    "rate_limit: {rps: 2, burst: 3}": (f"{APP}.rate_limit.burst", "multiple"),
    "rate_limit: {rps: 2, burst: 0}": (f"{APP}.rate_limit.burst", "multiple"),
    "allow: []": (f"{APP}.allow", "everybody"),
    "headers: {request: {X-A: $host}}": (f"{APP}.headers.request.X-A", ""),
    "headers: {request: {Host: 'a b'}}": (f"{APP}.headers.request.Host", "host name"),
    "headers: {response: {X-A: ''}}": (f"{APP}.headers.response.X-A", "removes"),
    "headers: {response: {'X A': b}}": (f"{APP}.headers.response.X A", "name"),
    'headers: {response: {X-A: "b\\nX-B: c"}}': (f"{APP}.headers.response.X-A", "character"),
    "cors: {origins: ['https://a;b']}": (f"{APP}.cors.origins", "nothing that"),
    "cors: {methods: ['GET;']}": (f"{APP}.cors.methods", "nothing that"),
    "redirect: {to: /elsewhere}": (f"{APP}.redirect.to", "whole URL"),
    "redirect: {to: 'https://e.example/$request_uri'}": (f"{APP}.redirect.to", "whole URL"),
    'redirect: {to: "https://e.example/\';"}': (f"{APP}.redirect.to", "whole URL"),
}


def test_request_headers_are_for_who_has_a_config_map_for_them():
    assert "kinds traefik and nginx" in refused(app("headers: {request: {X-A: b}}"), "compat").popitem()[1]
    assert not refused(app("headers: {request: {X-A: b}}"), "ingress-nginx")


@BOTH
@pytest.mark.parametrize("option", REFUSED)
def test_refused_values(option, reader):
    path, why = REFUSED[option]
    found = refused(app(option), reader)
    assert why in found.pop(path)
    assert not found


@BOTH
@pytest.mark.parametrize(
    ("apps", "path", "why"),
    [
        (app("{hsts: {}, ssl_redirect: false}", more=TLS), f"{AT}.hsts", "plain HTTP"),
        (app("ssl_passthrough: true"), AT.removesuffix(".options"), "whole named host"),
        (FOREIGN, AT.removesuffix(".options"), "Service of its own"),
        (canaried("header: {name: 'X T'}"), f"{AT}.canary.header.name", "letters"),
        (canaried("header: {name: X-T, value: 'a;b'}"), f"{AT}.canary.header.value", "letters"),
        (canaried("cookie: 'a b'"), f"{AT}.canary.cookie", "letters"),
    ],
    ids=lambda value: str(value)[-24:],
)
def test_refused_combinations(apps, path, why, reader):
    found = refused(apps, reader)
    assert path in found and why in found[path], found


def two_hosts(first: str, second: str) -> str:
    hosts = f"{{one.example: {{options: {first}, paths: {{/: x:80}}}}, two.example: {{options: {second}, paths: {{/: x:80}}}}}}"
    return f"{{a: {{tls: {{secret: s}}, hosts: {hosts}}}}}"


def test_what_ingress_nginx_has_for_all_hosts_at_once():
    config = {}
    for key, one, value in (
        ("http-redirect-code", "{ssl_redirect: {code: 301}}", "301"),
        ("limit-req-status-code", "{rate_limit: {rps: 1, status: 503}}", "503"),
    ):
        (config,) = objects_of(two_hosts(one, one), kind="ConfigMap")
        assert config["data"][key] == value
        (at,) = refused(two_hosts(one, "{rate_limit: {rps: 1}}"))
        assert at.startswith('ingress_apps.a.hosts."two.example".paths."/"')
    (config,) = objects_of(
        app("{}"), kind="ConfigMap", controller="{config: {hsts: true, annotations-risk-level: High}}"
    )
    assert (config["data"]["hsts"], config["data"]["annotations-risk-level"]) == ("true", "High")


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ("ssl_redirect: {code: 301}", f"{APP}.ssl_redirect.code"),
        ("rate_limit: {rps: 1, status: 503}", f"{APP}.rate_limit.status"),
    ],
)
def test_codes_that_traefik_cannot_change(options, path):
    assert list(refused(app(options, more=TLS), "compat")) == [path]


LOOSER = "{a: {hosts: {a.h.example: {paths: {/: x:80}}, '%s': {paths: {%s: y:80}}}}}"


@pytest.mark.parametrize(
    ("host", "path", "wins"),
    [
        ("*.h.example", "/", True),  # as long as the other's
        ("*.h.example", "/a-path", True),
        ("*", "/", False),
        ("*", "/a", False),
        ("*", "/a-path-that-is-longer-than-the-host", True),
        ("*.example", "/a-path", False),  # one label alone
    ],
)
def test_a_looser_host_that_would_take_the_requests_of_a_named_one(host, path, wins):
    found = refused(LOOSER % (host, path), "compat")
    assert list(found) == ([f'ingress_apps.a.hosts."{host}".paths."{path}"'] if wins else [])
    assert not refused(LOOSER % (host, path))
