"""Settings of the controllers: what would break them is refused, with the key, what is allowed and what to say instead."""

import pytest

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import CONTROLLERS, controller_for
from module_utils.ingresskit.controllers.nginx_syntax import syntax_problem
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.preflight import check

KINDS = {
    "nginx": {"kind": "nginx"},
    "traefik": {"kind": "traefik"},
    "compat": {"kind": "traefik", "compat": "ingress-nginx"},
    "ingress-nginx": {"kind": "ingress-nginx", "accept_retired": True},
}


def told(kind, **controller):
    """(level, path, message) of everything that is found."""
    stack = model.load({"ingress_controller": KINDS[kind] | controller})
    found = check(stack, controller_for(stack.controller), Facts())
    return [(each.level, each.path, each.message) for each in found]


# kind, key, a good value, a bad one, words of what is allowed
VALUES = [
    ("nginx", "server-tokens", False, "build", "true or false"),
    ("nginx", "proxy-connect-timeout", "1h30m", "5 seconds", "a time of nginx"),
    ("nginx", "proxy-read-timeout", 30, "1m1h", "a time of nginx"),
    ("nginx", "proxy-send-timeout", "500ms", "", "a time of nginx"),
    ("nginx", "client-max-body-size", "2g", "2gb", "a size of nginx"),
    ("nginx", "proxy-buffer-size", "16k", "1g", "a size of nginx"),
    ("nginx", "proxy-buffers", "8 4k", "4k", "a number and a size"),
    ("nginx", "worker-processes", "auto", "many", "a number or auto"),
    ("nginx", "worker-connections", 1024, 0, "from 1 on"),
    ("nginx", "keepalive", 32, "-1", "a whole number from 0"),
    ("nginx", "lb-method", "hash $request_uri consistent", "fastest", "round_robin"),
    ("nginx", "ssl-protocols", "TLSv1.2 TLSv1.3", "TLSv1.4", "versions of TLS"),
    ("nginx", "ssl-ciphers", "HIGH:!aNULL", "HIGH; } http {", "without ; { }"),
    ("nginx", "set-real-ip-from", "10.0.0.0/8, ::1", "lan", "addresses or CIDRs"),
    ("nginx", "access-log", "syslog:server=127.0.0.1:514", "/dev/stdout", "syslog:"),
    ("nginx", "log-format", '{"a": "$status"}', "it's", "without '"),
    ("nginx", "error-log-level", "warn", "loud", "debug"),
    ("nginx", "proxy-next-upstream", "error timeout http_502", "always", "words of proxy_next_upstream"),
    ("nginx", "http-snippets", "map $a $b {\n  default 1;\n}\n", "map $a $b {", '"{" of line 1 is never closed'),
    ("nginx", "main-snippets", "worker_priority -5;", "worker_priority -5", 'has no ";"'),
    ("ingress-nginx", "use-gzip", True, "yes", "true or false"),
    ("ingress-nginx", "proxy-connect-timeout", 5, "5s", "a whole number"),
    ("ingress-nginx", "proxy-body-size", "8m", "8mb", "a size of nginx"),
    ("ingress-nginx", "upstream-keepalive-time", "1h", "an hour", "a time of nginx"),
    ("ingress-nginx", "custom-http-errors", "404, 503", "4xx", "HTTP codes"),
    ("ingress-nginx", "annotations-risk-level", "High", "Some", "Low, Medium, High or Critical"),
    ("ingress-nginx", "load-balance", "ewma", "least_conn", "round_robin or ewma"),
    ("ingress-nginx", "whitelist-source-range", "10.0.0.0/8", "office", "addresses"),
    ("ingress-nginx", "server-snippet", "location /a { return 200; }", "return 200 }", 'has no ";"'),
    ("ingress-nginx", "proxy-protocol-header-timeout", "5s", "5 s", "a duration"),
    *[
        (kind, *row)
        for kind in ("traefik", "compat")
        for row in (
            ("accesslog", True, "on", "true or false"),
            ("log.level", "DEBUG", "loud", "DEBUG"),
            ("accesslog.bufferingsize", 100, "1k", "a whole number"),
            ("entrypoints.web.transport.respondingtimeouts.readtimeout", "1m30s", "1 minute", "a duration"),
            ("entryPoints.web.transport.respondingTimeouts.idleTimeout", 90, "90x", "a duration"),
            ("certificatesresolvers.mine.acme.tlschallenge", True, "2", "true or false"),
            ("tracing.otlp.grpc.insecure", True, "never", "true or false"),
        )
    ],
]


@pytest.mark.parametrize(("kind", "key", "good", "bad", "words"), VALUES, ids=[f"{row[0]} {row[1]}" for row in VALUES])
def test_a_bad_value_is_refused_and_a_good_one_is_not(kind, key, good, bad, words):
    assert told(kind, config={key: good}) == []
    ((level, path, message),) = told(kind, config={key: bad})
    assert (level, path) == ("error", f'ingress_controller.config."{key}"')
    assert words in message


@pytest.mark.parametrize(
    ("kind", "key", "level", "words"),
    [
        ("nginx", "proxy-conect-timeout", "warning", "did you mean proxy-connect-timeout?"),
        ("nginx", "zzz", "warning", "is not known of F5 NGINX Ingress Controller 5.5.4"),
        ("ingress-nginx", "use-gzipp", "warning", "did you mean use-gzip?"),
        ("traefik", "acceslog", "error", "would not start: did you mean accesslog?"),
        ("compat", "log.levle", "error", "would not start: did you mean log.level?"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_one(kind, key, level, words):
    ((found, path, message),) = told(kind, config={key: "x"})
    assert (found, path) == (level, f'ingress_controller.config."{key}"')
    assert words in message


@pytest.mark.parametrize("newer", [{"version": "3.99.0"}, {"image": {"digest": f"sha256:{'1' * 64}"}}])
def test_a_version_that_we_do_not_know_may_know_a_key(newer):
    ((level, _, _),) = told("traefik", config={"new.key": "x"}, **newer)
    assert level == "warning"


# what ingresskit sets itself or relies on, and what to say instead
RESERVED = [
    ("nginx", "ssl-redirect", True, "set the option ssl_redirect"),
    ("nginx", "http-redirect-code", 308, "set the option ssl_redirect"),
    ("nginx", "default-server-return", 444, "ingress_controller.default_backend"),
    ("ingress-nginx", "force-ssl-redirect", True, "set the option ssl_redirect"),
    ("ingress-nginx", "limit-req-status-code", 429, "set the option rate_limit"),
    ("traefik", "entrypoints.web.address", ":80", "the Service leads there"),
    ("traefik", "providers.kubernetesIngress.ingressClass", "x", "ingress_controller.class_name"),
    ("traefik", "entrypoints.web.http.redirections.entrypoint.to", "websecure", "set the option ssl_redirect"),
    ("compat", "providers.kubernetesingressnginx.watchnamespace", "x", "ingress_controller.watch_namespaces"),
    ("nginx", "resolver-addresses", "10.0.0.10", "NGINX Plus only"),
]


@pytest.mark.parametrize(("kind", "key", "value", "words"), RESERVED, ids=[f"{row[0]} {row[1]}" for row in RESERVED])
def test_a_key_of_ours_is_refused_with_what_to_say_instead(kind, key, value, words):
    ((level, path, message),) = told(kind, config={key: value})
    assert (level, path) == ("error", f'ingress_controller.config."{key}"')
    assert words in message


def test_what_needs_plus_goes_with_it():
    assert told("nginx", config={"zone-sync": True}, extra_args=["-nginx-plus"]) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing",
        "worker_priority -5;",
        'add_header X "a;b{c}";',
        "if ($a ~ '{') { return 204; } # }",
        "map $a $b {\n  ~^/x\\{ 1; # {\n  default 0;\n}",
        "set $a ${b}c;",
        "content_by_lua_block { if a then b = {1} end }",
        "log_format x '$a'\n  '$b';",
        r'set $q "say \"hi\"";',
    ],
)
def test_complete_directives(text):
    assert syntax_problem(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a", "the last directive (a) has no"),
        ("a b;\nc }", 'line 2: the directive before "}" (c) has no'),
        ("a;\n}", 'line 2: this "}" closes nothing'),
        ("a { b;", 'the "{" of line 1 is never closed'),
        ("a;\n;", 'line 2: there is no directive before ";"'),
        ("{ a; }", 'line 1: there is no directive before "{"'),
        ("a 'b;", "line 1: the quote ' is never closed"),
        ('a "b"c;', "without a blank"),
        ("x_by_lua_block { a = {", 'the "{" of line 1 is never closed'),
    ],
)
def test_what_breaks_every_reload(text, said):
    assert said in syntax_problem(text)


def test_every_kind_has_its_tables():
    for dialect in CONTROLLERS.values():
        assert dialect.config_table.values and dialect.own_flags
        # what is said to be ours is a key at all
        assert not [key for key in dialect.config_table.reserved if dialect.config_table.value(key) is None]
