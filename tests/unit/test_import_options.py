"""What annotations come to: options where the contract has one, at the app, host or path; else a loss with the reason.

The tables are by the documentation of each controller. What the target cannot do stays in the inventory, where the checks
of a run name it: nothing that protects an app is dropped.
"""

import pytest
import yaml

from module_utils.ingresskit.importing.reading import UnsaidError, seconds
from tests.unit.test_import_apps import NGINX, TRAEFIK, imported, ingress, path, rule, secured

HOST = "cafe.example.com"


def options_of(annotations, entries=None, kind="traefik", served_by=None, **spec):
    """The app that an Ingress with these annotations becomes."""
    manifest = ingress(rule(HOST, *(entries or [path("/tea")])), annotations=annotations, **spec)
    return imported(manifest, kind=kind, served_by=served_by).inventory["ingress_apps"]["cafe"]


INGRESS_NGINX = {
    "rewrite of the whole path": ({"rewrite-target": "/"}, {"rewrite": {"path": "/"}}),
    "affinity": (
        {"affinity": "cookie", "session-cookie-name": "route", "session-cookie-max-age": "3600"},
        {"affinity": {"cookie": "route", "max_age": 3600}},
    ),
    "affinity by the usual cookie": ({"affinity": "cookie"}, {"affinity": {}}),
    "size of the body": ({"proxy-body-size": "8M"}, {"body_size": "8m"}),
    "no limit for the body": ({"proxy-body-size": "0"}, {"body_size": "0"}),
    "timeouts": (
        {"proxy-connect-timeout": "5", "proxy-read-timeout": "3600", "proxy-send-timeout": "60"},
        {"timeouts": {"connect": 5, "read": 3600, "send": 60}},
    ),
    "protocol": ({"backend-protocol": "GRPC"}, {"backend_protocol": "GRPC"}),
    "the usual protocol": ({"backend-protocol": "http"}, None),
    "password": ({"auth-type": "basic", "auth-secret": "users"}, {"basic_auth": {"secret": "users"}}),
    "password, Secret of the same namespace": (
        {"auth-type": "basic", "auth-secret": "cafe/users"}, {"basic_auth": {"secret": "users"}},
    ),
    "rate": ({"limit-rps": "10"}, {"rate_limit": {"rps": 10, "burst": 50}}),
    "rate by the minute": (
        {"limit-rpm": "120", "limit-burst-multiplier": "1"}, {"rate_limit": {"rps": 2, "burst": 2}},
    ),
    "networks": ({"whitelist-source-range": "10.0.0.0/8, 192.0.2.1"}, {"allow": ["10.0.0.0/8", "192.0.2.1/32"]}),
    "networks by their new name": ({"allowlist-source-range": "10.0.0.0/8"}, {"allow": ["10.0.0.0/8"]}),
    "cors": (
        {"enable-cors": "true", "cors-allow-origin": "https://a.example, https://b.example", "cors-max-age": "600",
         "cors-allow-methods": "GET, POST", "cors-allow-headers": "X-One", "cors-allow-credentials": "false"},
        {"cors": {"origins": ["https://a.example", "https://b.example"], "methods": ["GET", "POST"],
                  "headers": ["X-One"], "max_age": 600}},
    ),
    "cors off": ({"enable-cors": "false", "cors-allow-origin": "*"}, None),
    "redirect for good": ({"permanent-redirect": "https://new.example/"}, {"redirect": {"to": "https://new.example/", "code": 301}}),
    "redirect for now": ({"temporal-redirect": "https://new.example/"}, {"redirect": {"to": "https://new.example/"}}),
    "redirect with a code": (
        {"permanent-redirect": "/x", "permanent-redirect-code": "308"}, {"redirect": {"to": "/x", "code": 308}},
    ),
    "passthrough": ({"ssl-passthrough": "true"}, {"ssl_passthrough": True}),
    "no passthrough": ({"ssl-passthrough": "false"}, None),
    "a header for the backend": (
        {"x-forwarded-prefix": "/shop"}, {"headers": {"request": {"X-Forwarded-Prefix": "/shop"}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", INGRESS_NGINX)
def test_ingress_nginx(case):
    annotations, options = INGRESS_NGINX[case]
    app = options_of({NGINX + name: value for name, value in annotations.items()})
    assert app.get("options") == options
    assert app["hosts"] == {HOST: {"paths": {"/tea": "tea-svc:80"}}}


def test_cors_of_ingress_nginx_says_what_it_does_by_itself():
    cors = options_of({f"{NGINX}enable-cors": "true"})["options"]["cors"]
    assert cors["credentials"] is True
    assert "Authorization" in cors["headers"]
    assert not cors.keys() & {"origins", "methods", "max_age"}, "those are the contract's own defaults"


REWRITES = [
    # path, target, path and prefix in the inventory
    ("/tea(/|$)(.*)", "/$2", "/tea", "/"),
    ("/tea(/|$)(.*)", "/api/$2", "/tea", "/api/"),
    ("/tea(/|$)(.*)", "/api$1$2", "/tea", "/api"),
    ("/tea/?(.*)", "/$1", "/tea", "/"),
    ("/tea/(.*)", "/$1", "/tea", "/"),
    ("/tea(.*)", "/api$1", "/tea", "/api"),
    ("/v1.0/tea(/|$)(.*)", "/v2/$2", "/v1.0/tea", "/v2/"),
    ("/()(.*)", "/$2", "/", "/"),
    ("/(.*)", "/api/$1", "/", "/api"),
]


@pytest.mark.parametrize(("given", "target", "plain", "prefix"), REWRITES)
def test_a_group_with_the_rest_of_the_path_is_a_prefix(given, target, plain, prefix):
    app = options_of({f"{NGINX}rewrite-target": target}, [path(given, kind="ImplementationSpecific")])
    assert app.get("options") == {"rewrite": {"prefix": prefix}}
    assert app["hosts"][HOST] == ("tea-svc:80" if plain == "/" else {"paths": {plain: "tea-svc:80"}})


@pytest.mark.parametrize(
    ("given", "target"),
    [("/tea(/|$)(.*)", "/$1"), ("/(tea|coffee)/(.*)", "/$2"), ("/tea/([0-9]+)", "/$1"), ("/tea(/|$)(.*)", "/$1/$2"),
     ("/tea/(.*)/x", "/$1")],
)  # fmt: skip
def test_other_groups_stay_in_an_expression(given, target):
    app = options_of({f"{NGINX}rewrite-target": target}, [path(given, kind="ImplementationSpecific")])
    assert app["options"] == {"rewrite": {"path": target}, "regex": True}
    assert list(app["hosts"][HOST]["paths"]) == [given]


def test_rewrites_of_prefixes_become_plain_paths():
    entries = [
        path("/tea(/|$)(.*)", kind="ImplementationSpecific"),
        path("/coffee(/|$)(.*)", "coffee-svc", kind="ImplementationSpecific"),
    ]
    app = options_of({f"{NGINX}rewrite-target": "/$2", f"{NGINX}use-regex": "true"}, entries)
    assert app["hosts"] == {HOST: {"paths": {"/tea": "tea-svc:80", "/coffee": "coffee-svc:80"}}}
    assert app["options"] == {"rewrite": {"prefix": "/"}}


def test_other_expressions_stay_what_they_are():
    entries = [path("/(tea|coffee)/[a-z]+", kind="ImplementationSpecific")]
    found = imported(ingress(rule(HOST, *entries), annotations={f"{NGINX}use-regex": "true"}), kind="traefik")
    app = found.inventory["ingress_apps"]["cafe"]
    assert app["options"] == {"regex": True}
    assert list(app["hosts"][HOST]["paths"]) == ["/(tea|coffee)/[a-z]+"]


F5 = {
    "hsts": (
        {"hsts": "true", "hsts-max-age": "600", "hsts-include-subdomains": "true"},
        {"hsts": {"max_age": 600, "preload": True, "include_subdomains": True}},
    ),
    "hsts off": ({"hsts": "false", "hsts-max-age": "600"}, None),
    "size of the body": ({"client-max-body-size": "4m"}, {"body_size": "4m"}),
    "timeouts": (
        {"proxy-connect-timeout": "30s", "proxy-read-timeout": "1m 30s"}, {"timeouts": {"connect": 30, "read": 90}},
    ),
    "password": ({"basic-auth-secret": "users"}, {"basic_auth": {"secret": "users"}}),
    "rate": (
        {"limit-req-rate": "5r/s", "limit-req-burst": "10", "limit-req-key": "${binary_remote_addr}",
         "limit-req-zone-size": "10m", "limit-req-no-delay": "true", "limit-req-reject-code": "503"},
        {"rate_limit": {"rps": 5, "burst": 10, "status": 503}},
    ),
    "rate by the minute": ({"limit-req-rate": "120r/m"}, {"rate_limit": {"rps": 2}}),
    "headers": (
        {"proxy-set-headers": "X-One: 1,X-Two: two words", "proxy-hide-headers": "Server,X-Powered-By"},
        {"headers": {"request": {"X-One": "1", "X-Two": "two words"}, "response": {"Server": "", "X-Powered-By": ""}}},
    ),
    "regular expressions": ({"path-regex": "case_sensitive"}, {"regex": True}),
}  # fmt: skip


@pytest.mark.parametrize("case", F5)
def test_f5(case):
    annotations, options = F5[case]
    app = options_of({f"nginx.org/{name}": value for name, value in annotations.items()}, tls=[secured(HOST)])
    assert app.get("options") == options


def test_what_f5_says_of_a_service_is_an_option_of_its_paths():
    annotations = {
        "nginx.org/rewrites": "serviceName=coffee-svc rewrite=/beans/;serviceName=tea-svc rewrite=/",
        "nginx.org/ssl-services": "tea-svc",
        "nginx.org/websocket-services": "coffee-svc,other-svc",
        "nginx.org/sticky-cookie-services": "serviceName=tea-svc srv_id expires=1h path=/",
    }
    entries = [path("/tea"), path("/tea/green"), path("/coffee", "coffee-svc"), path("/milk", "milk-svc")]
    app = options_of(annotations, entries)
    tea = {"rewrite": {"prefix": "/"}, "affinity": {"cookie": "srv_id", "max_age": 3600}, "backend_protocol": "HTTPS"}
    paths = app["hosts"][HOST]["paths"]
    assert [paths[each].get("options") for each in ("/tea", "/tea/green", "/coffee")] == [
        tea, tea, {"rewrite": {"prefix": "/beans"}, "backend_protocol": "WS"},
    ]  # fmt: skip
    assert paths["/milk"] == "milk-svc:80"
    assert "options" not in app


def test_exact_by_annotation():
    app = options_of({"nginx.org/path-regex": "exact"})
    assert app["hosts"][HOST]["paths"]["/tea"]["type"] == "Exact"


WHY = {
    # served by a controller, for another
    f"{NGINX}configuration-snippet": ("add_header X 1;", "free configuration"),
    f"{NGINX}auth-url": ("http://sso", "asks another service"),
    f"{NGINX}auth-realm": ("Shop", "has no realm"),
    f"{NGINX}denylist-source-range": ("10.0.0.0/8", "names who may"),
    f"{NGINX}server-alias": ("b.example", "further hosts of the app say it"),
    f"{NGINX}backend-protocol": ("FCGI", "the option backend_protocol has no FCGI"),
    f"{NGINX}affinity": ("ip", "the option affinity is by cookie"),
    f"{NGINX}proxy-body-size": ("a lot", "none that the option body_size takes: must be a size"),
    f"{NGINX}proxy-read-timeout": ("1h", "'1h' is no value for it: it had no effect"),
    f"{NGINX}permanent-redirect": ("", "none that the option redirect takes"),
    f"{NGINX}limit-rpm": ("90", "counts whole requests a second"),
    f"{NGINX}allowlist-source-range": ("office", "is no list of networks"),
    f"{NGINX}force-ssl-redirect": ("true", "where another proxy ends TLS"),
    f"{NGINX}x-unknown": ("1", "no option says it"),
    "nginx.org/limit-req-rate": ("fast", "'fast' is no value for it: it had no effect"),
    "nginx.org/rewrites": ("coffee-svc=/", "is no value for it: it had no effect"),
    "nginx.org/path-regex": ("case_insensitive", "minds the case"),
    "nginx.org/proxy-set-headers": ("X-One", "needs a value for X-One"),
    "nginx.org/location-snippets": ("x", "free configuration"),
}


@pytest.mark.parametrize("name", WHY)
def test_what_no_option_says_is_told_with_the_reason(name):
    value, why = WHY[name]
    found = imported(ingress(rule(HOST, path("/tea")), annotations={name: value}), kind="traefik")
    assert "options" not in found.inventory["ingress_apps"]["cafe"]
    (loss,) = [loss for loss in found.losses if loss.what == f"annotation {name}"]
    assert why in loss.why


@pytest.mark.parametrize(
    ("text", "expected"), [("90", 90), ("30s", 30), ("1m30s", 90), ("1h 30m", 5400), ("1d", 86400), ("2000ms", 2)]
)
def test_times_of_nginx(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "1x", "1500ms", "-1"])
def test_no_times_of_nginx(text):
    with pytest.raises(UnsaidError):
        seconds(text)


def middleware(name, kind, **spec):
    metadata = {"name": name, "namespace": "cafe"}
    return {"apiVersion": "traefik.io/v1alpha1", "kind": "Middleware", "metadata": metadata, "spec": {kind: spec}}


MIDDLEWARES = {
    "a prefix away": (("stripPrefix", {"prefixes": ["/tea"]}), {"rewrite": {"prefix": "/"}}),
    "a prefix more": (("addPrefix", {"prefix": "/api"}), {"rewrite": {"prefix": "/api/tea"}}),
    "another path": (("replacePath", {"path": "/x"}), {"rewrite": {"path": "/x"}}),
    "another prefix": (
        ("replacePathRegex", {"regex": "^/tea/(.*)", "replacement": "/api/$1"}), {"rewrite": {"prefix": "/api"}},
    ),
    "a redirect": (
        ("redirectRegex", {"regex": "^.*$", "replacement": "https://new.example/", "permanent": True}),
        {"redirect": {"to": "https://new.example/", "code": 301}},
    ),
    "a rate": (("rateLimit", {"average": 100, "burst": 20}), {"rate_limit": {"rps": 100, "burst": 19}}),
    "a size": (("buffering", {"maxRequestBodyBytes": 8388608}), {"body_size": "8m"}),
    "networks": (("ipAllowList", {"sourceRange": ["10.0.0.0/8"]}), {"allow": ["10.0.0.0/8"]}),
    "headers": (
        ("headers", {"customRequestHeaders": {"X-One": "1"}, "customResponseHeaders": {"Server": ""}}),
        {"headers": {"request": {"X-One": "1"}, "response": {"Server": ""}}},
    ),
    "cors": (
        ("headers", {"accessControlAllowOriginList": ["https://a.example"], "accessControlAllowMethods": ["GET"]}),
        {"cors": {"origins": ["https://a.example"], "methods": ["GET"]}},
    ),
    "a password": (("basicAuth", {"secret": "users"}), {"basic_auth": {"secret": "users"}}),
}  # fmt: skip


@pytest.mark.parametrize("case", MIDDLEWARES)
def test_traefik(case):
    (kind, spec), options = MIDDLEWARES[case]
    annotations = {f"{TRAEFIK}router.middlewares": "cafe-one@kubernetescrd"}
    manifest = ingress(rule(HOST, path("/tea")), annotations=annotations)
    by_kind = imported(manifest, middleware("one", kind, **spec), kind="nginx")
    assert by_kind.inventory["ingress_apps"]["cafe"]["options"] == options
    file = yaml.safe_dump({"http": {"middlewares": {"one": {kind: spec}}}})
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dynamic"}, "data": {"a.yaml": file}}
    manifest["metadata"]["annotations"] = {f"{TRAEFIK}router.middlewares": "one@file"}
    assert imported(manifest, config, kind="nginx").inventory == by_kind.inventory


def test_middlewares_one_after_another():
    annotations = {
        f"{TRAEFIK}router.middlewares": "cafe-strip@kubernetescrd,cafe-add@kubernetescrd,cafe-gone@kubernetescrd"
    }
    found = imported(
        ingress(rule(HOST, path("/tea")), annotations=annotations),
        middleware("strip", "stripPrefix", prefixes=["/tea"]),
        middleware("add", "addPrefix", prefix="/api"),
        kind="nginx",
    )
    assert found.inventory["ingress_apps"]["cafe"]["options"] == {"rewrite": {"prefix": "/api"}}
    assert "cafe-gone@kubernetescrd: this middleware is not among the manifests" in str(found.losses[0])


def canary(name="canary", service="tea-v2", entry="/tea", **notes):
    annotations = {f"{NGINX}canary": "true"} | {
        f"{NGINX}canary-{key.replace('_', '-')}": value for key, value in notes.items()
    }
    return ingress(rule(HOST, path(entry, service)), name=name, annotations=annotations)


CANARIES = {
    "by weight": ({"weight": "10"}, {"weight": 10}),
    "by weight of a total": ({"weight": "5", "weight_total": "50"}, {"weight": 10}),
    "by header": ({"by_header": "X-Canary"}, {"header": {"name": "X-Canary"}}),
    "by the value of a header": (
        {"by_header": "X-Canary", "by_header_value": "beta"}, {"header": {"name": "X-Canary", "value": "beta"}},
    ),
    "by cookie": ({"by_cookie": "beta"}, {"cookie": "beta"}),
}  # fmt: skip


@pytest.mark.parametrize("case", CANARIES)
def test_canaries_join_their_path(case):
    notes, share = CANARIES[case]
    main = ingress(rule(HOST, path("/tea"), path("/coffee", "coffee-svc")))
    apps = imported(canary(**notes), main, kind="traefik").inventory["ingress_apps"]
    assert apps == {"cafe": {"hosts": {HOST: {"paths": {
        "/tea": {"service": "tea-svc", "port": 80, "options": {"canary": {"backend": "tea-v2:80", **share}}},
        "/coffee": "coffee-svc:80",
    }}}}}  # fmt: skip


def test_canaries_that_join_nothing():
    main = ingress(rule(HOST, path("/tea")))
    lonely = imported(main, canary(entry="/milk", weight="1"), kind="traefik")
    assert "no other Ingress has this path" in str(lonely.losses[0])
    second = imported(main, canary(weight="1"), canary("again", weight="2"), kind="traefik")
    assert any("the path has a canary already" in str(loss) for loss in second.losses)
    both = imported(main, canary(weight="1", by_header="X-Canary"), kind="traefik")
    assert any("goes by one thing: by-header was taken" in str(loss) for loss in both.losses)


MASTER = {
    "nginx.org/mergeable-ingress-type": "master",
    "nginx.org/client-max-body-size": "8m",
    "nginx.org/hsts": "true",
}
MINION = {"nginx.org/mergeable-ingress-type": "minion"}


def test_a_master_and_its_minions_are_one_app():
    found = imported(
        ingress({"host": HOST}, name="cafe-master", annotations=MASTER, tls=[secured(HOST)]),
        ingress(rule(HOST, path("/tea")), name="tea", annotations=MINION),
        ingress(
            rule(HOST, path("/coffee", "coffee-svc")),
            name="coffee",
            annotations=MINION | {"nginx.org/rewrites": "serviceName=coffee-svc rewrite=/beans"},
        ),
        kind="traefik",
    )
    assert found.inventory == {"ingress_apps": {"cafe-master": {
        "namespace": "cafe",
        "tls": {"secret": "cafe-tls"},
        "hosts": {HOST: {"paths": {
            "/tea": "tea-svc:80",
            "/coffee": {"service": "coffee-svc", "port": 80, "options": {"rewrite": {"prefix": "/beans"}}},
        }}},
        "options": {"hsts": {"max_age": 2592000, "preload": True}, "body_size": "8m"},
    }}}  # fmt: skip


def test_minions_elsewhere_share_a_host_that_its_master_owns():
    found = imported(
        ingress({"host": HOST}, name="cafe-master", namespace="edge", annotations=MASTER, tls=[secured(HOST)]),
        ingress(rule(HOST, path("/tea")), name="tea", namespace="tea", annotations=MINION),
        ingress(
            rule(HOST, path("/coffee", "coffee-svc")),
            name="coffee",
            namespace="coffee",
            annotations=MINION | {"nginx.org/ssl-redirect": "false"},
        ),
        kind="traefik",
    )
    assert found.inventory["ingress_hosts"] == {HOST: {"namespace": "edge", "tls": {"secret": "cafe-tls"}}}
    assert {name: app["hosts"] for name, app in found.inventory["ingress_apps"].items()} == {
        "tea": {HOST: {"paths": {"/tea": "tea-svc:80"}}}, "coffee": {HOST: {"paths": {"/coffee": "coffee-svc:80"}}},
    }  # fmt: skip
    assert any("a minion may not say this" in str(loss) for loss in found.losses)


def test_a_host_of_two_namespaces_has_one_owner():
    tls = [secured(HOST)]
    found = imported(
        ingress(rule(HOST, path("/tea")), name="tea", namespace="tea", tls=tls),
        ingress(rule(HOST, path("/coffee")), name="coffee", namespace="coffee", tls=tls),
        kind="traefik",
    )
    assert found.inventory["ingress_hosts"] == {HOST: {"namespace": "tea", "tls": {"secret": "cafe-tls"}}}
    assert not any("tls" in app for app in found.inventory["ingress_apps"].values())
    assert any(
        "a host has one certificate: tea/cafe-tls of Ingress tea/tea was taken" in str(loss) for loss in found.losses
    )


PLACES = {
    "all alike: at the app": ([("a", "8m"), ("b", "8m")], {"a": {}, "b": {}}, {"body_size": "8m"}),
    "one host: at the host": ([("a", "8m"), ("b", None)], {"a": {"options": {"body_size": "8m"}}, "b": {}}, None),
    "most hosts: at the app, unset at one": (
        [("a", "8m"), ("b", "8m"), ("c", "8m"), ("d", None)],
        {"a": {}, "b": {}, "c": {}, "d": {"options": {"body_size": None}}}, {"body_size": "8m"},
    ),
    "another value: nearer over farther": (
        [("a", "8m"), ("b", "8m"), ("c", "1m")], {"a": {}, "b": {}, "c": {"options": {"body_size": "1m"}}}, {"body_size": "8m"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PLACES)
def test_options_stand_where_it_takes_the_fewest_words(case):
    given, hosts, whole = PLACES[case]
    # one Ingress of F5 for each host, made one app by a host that all of them have
    manifests = [
        ingress(
            rule(f"{host}.example", path("/tea"), path("/coffee")),
            rule("z.example", path(f"/{host}")),
            name=host,
            annotations={"nginx.org/client-max-body-size": size} if size else {},
        )
        for host, size in given
    ]
    app = imported(*manifests, kind="traefik").inventory["ingress_apps"]["a"]
    assert app.get("options") == whole
    found = {name.removesuffix(".example"): rules for name, rules in app["hosts"].items() if name != "z.example"}
    plain = {"paths": {"/tea": "tea-svc:80", "/coffee": "tea-svc:80"}}
    assert found == {host: {**own, **plain} for host, own in hosts.items()}


def test_raw_where_the_controller_reads_it_and_no_option_does():
    annotations = {"nginx.org/lb-method": "random", "nginx.org/proxy-set-headers": "X-One"}
    app = options_of(annotations, kind="nginx")
    assert app["annotations"] == annotations


def test_policies_that_an_ingress_names():
    def policy(name, **spec):
        metadata = {"name": name, "namespace": "cafe"}
        return {"apiVersion": "k8s.nginx.org/v1", "kind": "Policy", "metadata": metadata, "spec": spec}

    manifest = ingress(rule(HOST, path("/tea")), annotations={"nginx.org/policies": "office,cafe/any-site"})
    found = imported(
        manifest,
        policy("office", accessControl={"allow": ["10.0.0.0/8"]}),
        policy("any-site", cors={"allowOrigin": ["https://a.example"], "maxAge": 5}),
        kind="traefik",
    )
    app = found.inventory["ingress_apps"]["cafe"]
    assert app["options"] == {"allow": ["10.0.0.0/8"], "cors": {"origins": ["https://a.example"], "max_age": 5}}
    missing = imported(manifest, policy("office", jwt={}), kind="traefik")
    assert "no option says jwt" in str(missing.losses[0])


def test_what_routes_and_is_no_ingress_is_told():
    other = {
        "apiVersion": "k8s.nginx.org/v1",
        "kind": "VirtualServer",
        "metadata": {"name": "shop", "namespace": "shop"},
    }
    found = imported(ingress(rule(HOST, path("/tea"))), other)
    assert "VirtualServer shop/shop, the whole object: it routes, but is no Ingress" in str(found.losses[0])


def passed_on(protocol):
    listener = {"name": "x", "protocol": protocol}
    meta = {"name": "db", "namespace": "shop"}
    return {
        "apiVersion": "k8s.nginx.org/v1",
        "kind": "TransportServer",
        "metadata": meta,
        "spec": {"listener": listener},
    }


def config_map(**data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ports", "namespace": "x"}, "data": data}


PASSED_ON = "it passes ports on: write it as ingress_controller.tcp_services or udp_services"
ROUTES = "it routes, but is no Ingress: write its routes as an app"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (passed_on("UDP"), [PASSED_ON]),
        (passed_on("TLS_PASSTHROUGH"), [ROUTES]),
        (config_map(**{"5432": "db/pg:5432", "22": "git/ssh:ssh:PROXY"}), [PASSED_ON]),  # of ingress-nginx
        (config_map(**{"5432": "db/pg:5432", "motd": "hello"}), []),
        (config_map(), []),
    ],
)
def test_ports_that_are_passed_on_are_told(other, why):
    assert [loss.why for loss in imported(ingress(rule(HOST, path("/tea"))), other).losses] == why


def test_users_behind_traefik_are_not_read():
    users = middleware("users", "basicAuth", usersFile="/etc/traefik/dynamic/auth-1")
    annotations = {f"{TRAEFIK}router.middlewares": "cafe-users@kubernetescrd"}
    found = imported(ingress(rule(HOST, path("/tea")), annotations=annotations), users, kind="nginx")
    assert "no Secret is read" in str(found.losses[0])


def test_middlewares_that_traefik_does_not_know_yet_are_told_though_kept():
    annotations = {f"{TRAEFIK}router.middlewares": "cafe-gone@kubernetescrd"}
    found = imported(ingress(rule(HOST, path("/tea")), annotations=annotations), kind="traefik")
    assert found.inventory["ingress_apps"]["cafe"]["annotations"] == annotations
    assert "kept as it is: Traefik answers 404 until it knows what it names" in str(found.losses[0])


def test_what_the_nearer_level_has_less_of_is_unset():
    def headers(name, value):
        annotations = {"nginx.org/proxy-set-headers": value}
        rules = rule(f"{name}.example", path("/tea"), path("/coffee")), rule("z.example", path(f"/{name}"))
        return ingress(*rules, name=name, annotations=annotations)

    found = imported(
        headers("a", "X-One: 1,X-Two: 2"), headers("b", "X-One: 1,X-Two: 2"), headers("c", "X-One: 1"), kind="traefik"
    )
    app = found.inventory["ingress_apps"]["a"]
    assert app["options"] == {"headers": {"request": {"X-One": "1", "X-Two": "2"}}}
    assert app["hosts"]["c.example"]["options"] == {"headers": {"request": {"X-One": "1", "X-Two": None}}}
