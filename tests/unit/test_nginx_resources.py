"""F5's custom resources: what each option becomes, which host needs which kind, and what is refused."""

import pytest
import yaml

from module_utils.ingresskit import model
from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.controllers.nginx_resources_refusals import resource_refusals
from module_utils.ingresskit.engine.stages import LAST, stage
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.preflight import check

HOST = "cafe.example.com"
AWAY = "https://elsewhere.example.org/menu"
GONE = {"redirect": {"to": AWAY}}  # what makes the host a VirtualServer


def to(service="tea", type="Prefix", port=80, **options):
    return {"service": service, "port": port, "type": type, "options": options}


def stack_of(paths, *, tls=True, custom_resources=True, apps=None, hosts=None, options=None, of=None, **app):
    cafe = {"hosts": of or {HOST: {"paths": paths}}} | ({"tls": {"secret": "cafe-tls"}} if tls else {})
    cafe |= ({"options": options} if options else {}) | app
    variables = {
        "ingress_controller": {"kind": "nginx", "custom_resources": custom_resources},
        "ingress_apps": {"cafe": cafe} | (apps or {}),
        "ingress_hosts": hosts or {},
    }
    return model.load(variables)


def objects_of(stack, kind=""):
    dialect = controller_for(stack.controller)
    found = [each for name in stack.apps for each in dialect.routes(stack, name, Facts())]
    found += [each for host in stack.ingress_hosts for each in dialect.host_routes(stack, host, Facts())]
    return [each for each in found if not kind or each["kind"] == kind]


def server_of(paths, **more):
    """The spec of the VirtualServer that these paths make, beside one that redirects."""
    (found,) = objects_of(stack_of(paths | {"/gone": to(**GONE)}, **more), "VirtualServer")
    return found["spec"]


def routes_of(entry, path="/tea"):
    spec = server_of({path: entry})
    return [route for route in spec["routes"] if route["path"] != "/gone"], spec


def findings(stack):
    dialect = controller_for(stack.controller)
    return [(each.path, each.message) for each in check(stack, dialect, Facts()) if each.level == "error"]


def kinds(objects):
    return sorted(each["kind"] for each in objects)


# -- which kind -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, ["Ingress"]),
        ({"allow": ["10.0.0.0/8"]}, ["Ingress", "Policy"]),
        ({"cors": {}}, ["Ingress", "Policy"]),
        (GONE, ["VirtualServer"]),
        ({"canary": {"backend": "new:80", "weight": 5}}, ["VirtualServer"]),
        ({"canary": {"backend": "new:80", "weight": 5}, "allow": ["10.0.0.0/8"]}, ["Policy", "VirtualServer"]),
        ({"ssl_passthrough": True}, ["TransportServer"]),
    ],
)
def test_an_option_makes_a_host_what_can_say_it(options, wanted):
    assert kinds(objects_of(stack_of({"/": to(**options)}, tls=False))) == wanted


def test_other_ofof_the_app_stay_ingresses():
    stack = model.load({
        "ingress_controller": {"custom_resources": True},
        "ingress_apps": {"cafe": {"hosts": {HOST: {"paths": {"/": to(**GONE)}}, "plain.example.com": "tea:80"}}},
    })  # fmt: skip
    ingress, server = objects_of(stack)
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == ["plain.example.com"]
    assert (server["kind"], server["spec"]["host"]) == ("VirtualServer", HOST)
    assert (server["metadata"]["name"], server["metadata"]["namespace"]) == ("cafe-cafe-example-com", "cafe")


@pytest.mark.parametrize(
    ("option", "value"),
    [("allow", ["10.0.0.0/8"]), ("redirect", {"to": AWAY}), ("ssl_passthrough", True), ("cors", {})],
)
def test_without_custom_resources_the_remedy_is_told(option, value):
    found = dict(findings(stack_of({"/": "tea:80"}, custom_resources=False, options={option: value})))
    assert "needs ingress_controller.custom_resources: true" in found[f"ingress_apps.cafe.options.{option}"]


def test_an_ingress_names_policies_by_their_content():
    stack = stack_of({"/": "tea:80"}, options={"allow": ["10.0.0.0/8", "192.0.2.1/32"], "cors": {}})
    cors, allow = sorted(objects_of(stack, "Policy"), key=lambda each: "allow" in each["metadata"]["name"])
    (ingress,) = objects_of(stack, "Ingress")
    names = f"{allow['metadata']['name']},{cors['metadata']['name']}"
    assert ingress["metadata"]["annotations"]["nginx.org/policies"] == names
    said = {"ingressClassName": "nginx", "accessControl": {"allow": ["10.0.0.0/8", "192.0.2.1/32"]}}
    assert allow["spec"] == said
    assert cors["spec"]["cors"]["allowOrigin"] == ["*"]
    assert "allowCredentials" not in cors["spec"]["cors"]
    other = stack_of({"/": "tea:80"}, options={"allow": ["10.0.0.0/9"]})
    assert objects_of(other, "Policy")[0]["metadata"]["name"] != allow["metadata"]["name"]


# -- VirtualServer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ssl_redirect", "redirect"),
    [
        (None, {"enable": True, "code": 301}),
        ({"code": 308}, {"enable": True, "code": 308}),
        (False, None),
    ],
)
def test_tls(ssl_redirect, redirect):
    options = {} if ssl_redirect is None else {"ssl_redirect": ssl_redirect}
    wanted = {"secret": "cafe-tls"} | ({"redirect": redirect} if redirect else {})
    (found,) = objects_of(stack_of({"/": {"service": "tea", "port": 80}}, options=options | GONE), "VirtualServer")
    assert found["spec"]["tls"] == wanted
    (plain,) = objects_of(stack_of({"/": to(**GONE)}, tls=False), "VirtualServer")
    assert "tls" not in plain["spec"]


@pytest.mark.parametrize(
    ("path", "type", "options", "wanted"),
    [
        ("/tea", "Prefix", {}, [("/tea", None)]),
        ("/tea", "Exact", {}, [("=/tea", None)]),
        ("/tea", "Prefix", {"rewrite": {"prefix": "/"}}, [("=/tea", "/"), ("/tea/", "/")]),
        ("/tea/", "Prefix", {"rewrite": {"prefix": "/x"}}, [("=/tea", "/x"), ("/tea/", "/x/")]),
        ("/", "Prefix", {"rewrite": {"prefix": "/x"}}, [("/", "/x/")]),
        ("/", "Prefix", {"rewrite": {"prefix": "/"}}, [("/", None)]),
        ("/a.b", "Prefix", {"rewrite": {"path": "/x"}}, [(r"~ ^/a\.b(?:/|$)", "/x")]),
        ("/", "Prefix", {"rewrite": {"path": "/x"}}, [("~ ^/", "/x")]),
        ("/tea", "Exact", {"rewrite": {"path": "/x"}}, [("=/tea", "/x")]),
        ("/t[ea]+", "ImplementationSpecific", {"regex": True}, [("~ ^/t[ea]+", None)]),
        ("/t[ea]+", "ImplementationSpecific", {"regex": True, "rewrite": {"path": "/x"}}, [("~ ^/t[ea]+", "/x")]),
    ],
)
def test_paths_and_rewrites(path, type, options, wanted):
    routes, _ = routes_of(to(type=type, **options), path)
    assert [(each["path"], each["action"].get("proxy", {}).get("rewritePath")) for each in routes] == wanted


def test_an_exact_entry_keeps_its_path_from_a_rewritten_prefix():
    entries = [to(rewrite={"prefix": "/"}) | {"path": "/tea"}, to("green", "Exact") | {"path": "/tea"}]
    spec = server_of_list(entries)
    assert [(each["path"]) for each in spec["routes"]] == ["/tea/", "=/tea", "/gone"]


def server_of_list(entries):
    (found,) = objects_of(stack_of([*entries, to(**GONE) | {"path": "/gone"}]), "VirtualServer")
    return found["spec"]


def test_settings_of_upstreams():
    options = {"timeouts": {"connect": 1, "read": 2, "send": 3}, "body_size": "8m", "backend_protocol": "HTTPS"}
    (route,), spec = routes_of(to(**options))
    said = {"connect-timeout": "1s", "read-timeout": "2s", "send-timeout": "3s", "client-max-body-size": "8m"}
    assert spec["upstreams"] == [
        {"name": "tea-80", "service": "tea", "port": 80, **said, "tls": {"enable": True}},
    ]
    assert route["action"] == {"pass": "tea-80"}
    assert routes_of(to(backend_protocol="GRPC"))[1]["upstreams"][0]["type"] == "grpc"


def test_one_backend_with_two_settings_is_two_upstreams():
    spec = server_of({"/a": to(), "/b": to(body_size="1m"), "/c": to()})
    assert [each["name"] for each in spec["upstreams"]] == ["tea-80", "tea-80-2"]
    assert [each["action"].get("pass") for each in spec["routes"]] == ["tea-80", "tea-80-2", "tea-80", None]


@pytest.mark.parametrize(
    ("canary", "wanted"),
    [
        ({"weight": 0}, {"action": {"pass": "tea-80"}}),
        ({"weight": 100}, {"action": {"pass": "new-81"}}),
        ({"weight": 30}, {"splits": [
            {"weight": 70, "action": {"pass": "tea-80"}}, {"weight": 30, "action": {"pass": "new-81"}}]}),
        ({"header": {"name": "X-New", "value": "yes"}}, ("header", "X-New", "yes")),
        ({"header": {"name": "X-New"}}, ("header", "X-New", "always")),
        ({"cookie": "new"}, ("cookie", "new", "always")),
    ],
)  # fmt: skip
def test_canary(canary, wanted):
    (route,), _ = routes_of(to(canary={"backend": "new:81", **canary}))
    if isinstance(wanted, tuple):
        by, name, value = wanted
        match = {"conditions": [{by: name, "value": value}], "action": {"pass": "new-81"}}
        wanted = {"matches": [match], "action": {"pass": "tea-80"}}
    assert route == {"path": "/tea"} | wanted


def test_a_canary_on_a_rewritten_path_is_reached_by_expressions():
    """F5 rewrites what an internal location gets by the text of the route's path: "=/tea" would match nothing."""
    routes, _ = routes_of(to(rewrite={"prefix": "/"}, canary={"backend": "new:80", "weight": 5}))
    assert [each["path"] for each in routes] == ["~ ^/tea$", "/tea/"]


@pytest.mark.parametrize(
    ("redirect", "wanted"),
    [
        ({"to": AWAY}, {"url": AWAY, "code": 302}),
        ({"to": "/new?x=1", "code": 308}, {"url": "${scheme}://${host}/new?x=1", "code": 308}),
    ],
)
def test_redirect(redirect, wanted):
    (route,), spec = routes_of(to("unused", port="http", redirect=redirect))
    assert route["action"] == {"redirect": wanted}
    assert "upstreams" not in spec


def test_headers_and_hsts():
    headers = {"request": {"X-A": "1", "X-B": ""}, "response": {"X-C": "2", "X-D": ""}}
    (route,), _ = routes_of(to(headers=headers, hsts={"max_age": 60, "include_subdomains": True, "preload": True}))
    proxy = route["action"]["proxy"]
    assert proxy["requestHeaders"] == {"set": [{"name": "X-A", "value": "1"}, {"name": "X-B", "value": ""}]}
    assert proxy["responseHeaders"] == {
        "hide": ["X-C", "X-D", "Strict-Transport-Security"],
        "add": [
            {"name": "X-C", "value": "2", "always": True},
            {
                "name": "Strict-Transport-Security",
                "value": "max-age=60; includeSubDomains; preload",
                "always": True,
            },
        ],
    }


def test_limits_and_passwords_are_policies():
    options = {"rate_limit": {"rps": 3, "burst": 2, "status": 503}, "basic_auth": {"users": {"waiter": "x"}}}
    stack = stack_of({"/tea": to(**options), "/gone": to(**GONE)})
    found = {each["metadata"]["name"]: each for each in objects_of(stack)}
    (server,) = objects_of(stack, "VirtualServer")
    limit, auth = (found[each["name"]]["spec"] for each in server["spec"]["routes"][0]["policies"])
    assert limit["rateLimit"] == {
        "rate": "3r/s", "key": "${binary_remote_addr}", "zoneSize": "10M", "burst": 2, "noDelay": True,
        "rejectCode": 503, "scale": True,
    }  # fmt: skip
    secret = found[auth["basicAuth"]["secret"]]
    assert (secret["kind"], secret["type"]) == ("Secret", "nginx.org/htpasswd")
    theirs = stack_of({"/tea": to(basic_auth={"secret": "theirs"}), "/gone": to(**GONE)})
    assert kinds(objects_of(theirs)) == ["Policy", "VirtualServer"]
    assert objects_of(theirs, "Policy")[0]["spec"]["basicAuth"]["secret"] == "theirs"


def test_what_no_path_takes_goes_to_the_default_backend():
    spec = server_of({}, default_backend="page:8080")
    assert spec["routes"][-1] == {"path": "/", "action": {"pass": "page-8080"}}


# -- a host of several apps -------------------------------------------------------------------------------------------


def shared(**more):
    milk = {"namespace": "dairy", "hosts": {HOST: {"paths": {"/milk": to("milk", allow=["10.0.0.0/8"])}}}}
    return stack_of({"/gone": to(**GONE)}, apps={"milk": milk}, **more)


def test_an_app_of_another_namespace_has_a_route_of_its_own():
    stack = shared()
    (server,), (route,) = objects_of(stack, "VirtualServer"), objects_of(stack, "VirtualServerRoute")
    assert server["spec"]["routes"][1] == {"path": "/milk", "route": "dairy/milk-cafe-example-com-milk"}
    assert (route["metadata"]["namespace"], route["spec"]["host"]) == ("dairy", HOST)
    (subroute,) = route["spec"]["subroutes"]
    assert subroute["path"] == "/milk"
    (policy,) = objects_of(stack, "Policy")
    assert subroute["policies"] == [{"name": policy["metadata"]["name"]}]
    assert policy["metadata"]["namespace"] == "dairy"


def test_a_host_of_nobodys_is_in_its_owners_namespace():
    stack = shared(tls=False, hosts={HOST: {"namespace": "edge", "tls": {"secret": "edge-tls"}}})
    (server,) = objects_of(stack, "VirtualServer")
    assert (server["metadata"]["name"], server["metadata"]["namespace"]) == ("cafe-example-com", "edge")
    assert server["spec"]["tls"]["secret"] == "edge-tls"
    assert [list(each) for each in server["spec"]["routes"]] == [["path", "route"]] * 2
    assert kinds(objects_of(stack)) == ["Policy", "VirtualServer", "VirtualServerRoute", "VirtualServerRoute"]


# -- TransportServer --------------------------------------------------------------------------------------------------


def test_passthrough():
    stack = stack_of({"/": to("secure", port=443, ssl_passthrough=True)}, tls=False)
    (found,) = objects_of(stack)
    assert found["spec"] == {
        "ingressClassName": "nginx",
        "listener": {"name": "tls-passthrough", "protocol": "TLS_PASSTHROUGH"},
        "host": HOST,
        "upstreams": [{"name": "secure-443", "service": "secure", "port": 443}],
        "action": {"pass": "secure-443"},
    }
    assert not findings(stack)
    dialect = controller_for(stack.controller)
    assert "-enable-tls-passthrough" in dialect.args(stack)
    assert "-enable-tls-passthrough" not in dialect.args(stack_of({"/": to(**GONE)}))


@pytest.mark.parametrize("namespace", ["a", "n" * 63])
def test_a_passthroughs_name_leaves_room_for_a_socket(namespace):
    entry = to("secure", port=443, ssl_passthrough=True)
    names = set()
    for first in ("x", "y"):
        host = f"{first}.{'h' * 60}.example.com"
        stack = stack_of({}, tls=False, namespace=namespace, of={host: {"paths": {"/": entry}}})
        (found,) = objects_of(stack, "TransportServer")
        names.add(found["metadata"]["name"])
    assert len(names) == 2
    assert all(len(f"/var/lib/nginx/passthrough-{namespace}_{name}.sock") <= 107 for name in names)


# -- refused ----------------------------------------------------------------------------------------------------------

LONG = {"/a": to(rewrite={"path": "/x"}), "/a/b": to(), "/gone": to(**GONE)}
REFUSED = {
    "a port's name": ({"/": to(port="http", canary={"backend": "x:80", "weight": 5})}, ".port", "number"),
    "a canary's port's name": ({"/": to(canary={"backend": "x:web", "weight": 5})}, "options.canary", "number"),
    "affinity": ({"/": to(affinity={}), "/gone": to(**GONE)}, "options.affinity", "NGINX Plus"),
    "303": ({"/": to(redirect={"to": AWAY, "code": 303})}, "options.redirect", "301, 302, 307, 308"),
    "no URL": ({"/": to(redirect={"to": "elsewhere"})}, "options.redirect", "https://"),
    "a variable": ({"/": to(redirect={"to": "https://$host/"})}, "options.redirect", "without variables"),
    "both": ({"/": to(canary={"backend": "x:80", "weight": 5}, **GONE)}, "options.canary", "does not go with redirect"),
    "one path's own redirect to HTTPS": (
        {"/": to(ssl_redirect=False), "/gone": to(**GONE)}, "options.ssl_redirect", "whole host"),
    "a path below": (LONG, "options.rewrite", "would take /a/b along"),
    "a regex's prefix": (
        {"/a": to(regex=True, rewrite={"prefix": "/"}), "/gone": to(**GONE)}, "options.rewrite", "regex"),
    "a header with a variable": (
        {"/a": to(headers={"request": {"X-A": "$x"}}), "/gone": to(**GONE)}, "options.headers", "request.X-A"),
    "nobody": ({"/": to(allow=[])}, "options.allow", "names no network"),
    "any origin with credentials": ({"/": to(cors={"credentials": True})}, "options.cors", "name the origins"),
    "two paths through": (
        {"/": to(ssl_passthrough=True), "/a": to()}, "ssl_passthrough", "takes the whole host"),
    "a path through": ({"/a": to(ssl_passthrough=True)}, "ssl_passthrough", "takes the whole host"),
    "what is encrypted": ({"/": to(ssl_passthrough=True, body_size="1m")}, "body_size", "cannot see the requests"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_f5_cannot_say_is_refused_by_its_path(name):
    paths, at, words = REFUSED[name]
    ((path, why),) = resource_refusals(stack_of(paths))
    assert path.endswith(at)
    assert words in why


def test_raw_annotations_do_not_reach_a_virtual_server():
    found = findings(stack_of({"/": to(**GONE)}, annotations={"nginx.org/server-tokens": "off"}))
    assert [path for path, _ in found] == ["ingress_apps.cafe.annotations"]


def test_a_hostless_rule_is_no_virtual_server():
    app = yaml.safe_load("{hosts: {'*': {paths: {/: {service: x, port: 80, options: {redirect: {to: /a}}}}}}}")
    stack = model.load({"ingress_controller": {"custom_resources": True}, "ingress_apps": {"any": app}})
    assert any("needs a host" in why for _, why in findings(stack))
    assert kinds(objects_of(stack)) == ["Ingress"]


# -- in the cluster ---------------------------------------------------------------------------------------------------


def test_what_routes_comes_after_what_it_names_and_goes_before():
    def stage_of(kind):
        return stage(Ref("k8s.nginx.org", kind, "a", "b", "v1"))

    routes = {stage_of(kind) for kind in ("VirtualServer", "VirtualServerRoute", "TransportServer")}
    assert routes == {LAST} == {stage(Ref("networking.k8s.io", "Ingress", "a", "b", "v1"))}
    assert stage_of("Policy") < LAST


def test_rights():
    stack = stack_of({"/": "tea:80"})
    objects = controller_for(stack.controller).objects(stack, Facts())
    (role,) = (each for each in objects if each["kind"] == "ClusterRole")
    verbs = {
        resource: rule["verbs"] for rule in role["rules"] for resource in rule["resources"]
        if rule["apiGroups"] == ["k8s.nginx.org"]
    }  # fmt: skip
    assert verbs["policies"] == ["get", "list", "watch"]
    assert verbs["virtualservers/status"] == ["update"]
