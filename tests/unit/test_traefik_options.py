"""What Traefik is told of each option: middlewares, annotations of Ingresses and Services, routers; what it cannot do."""

import base64
import json
import re

import pytest
import yaml

from module_utils.ingresskit import model, preflight
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.controllers import traefik_dynamic as dynamic
from module_utils.ingresskit.controllers.traefik_dynamic import MIDDLEWARES, TRANSPORT, Dynamic, kept, named
from module_utils.ingresskit.controllers.traefik_routes import EXACT, HOSTLESS, LAST, REGEX, ROUTER, WILDCARD, is_ours
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.manifests import BEFORE_ROUTES
from module_utils.ingresskit.render import render

SERVICE = "traefik.ingress.kubernetes.io/service."
PRIORITY = f"{ROUTER}priority"
HTPASSWD = "guest:{SHA}Q7DeXRskfBwutGPooegnIzNNRI=\n"


def stack_of(apps, **more):
    return model.load({"ingress_controller": {"kind": "traefik"}, "ingress_apps": apps, **more})


def entry(options, *, path="/tea", type="Prefix", tls=True, **more):
    """A stack of one app with one entry that has these options, beside the workloads tea and coffee."""
    route = {"path": path, "service": "tea-svc", "port": 80, "type": type, "options": options}
    cafe = {"hosts": {"h.example": {"paths": [route]}}, "workloads": {"tea": {}, "coffee": {}}}
    return stack_of({"cafe": cafe | ({"tls": {"secret": "s"}} if tls else {})}, **more)


def objects_of(stack, kind, facts=None):
    return [each for each in render(stack, facts or Facts()) if each["kind"] == kind]


def config(stack, facts=None):
    (found,) = objects_of(stack, "ConfigMap", facts)
    return dynamic.read(found, None).configuration


def chain(stack, facts=None):
    """The middlewares of the stack's first Ingress, without the redirect to HTTPS."""
    (annotations, *_) = (each["metadata"].get("annotations", {}) for each in objects_of(stack, "Ingress", facts))
    names = [name.removesuffix("@file") for name in annotations.get(MIDDLEWARES, "").split(",") if name]
    found = config(stack, facts)["http"]["middlewares"]
    return [found[name] for name in names if not name.startswith("redirect-perm")]


def rate(average, burst):
    return {"rateLimit": {"average": average, "period": "1s", "burst": burst}}


def headers(**fields):
    return {"headers": fields}


MIDDLEWARE = [
    ({"hsts": {"max_age": 9}}, headers(stsSeconds=9)),
    (
        {"hsts": {"include_subdomains": True, "preload": True}},
        headers(stsSeconds=31536000, stsIncludeSubdomains=True, stsPreload=True),
    ),
    ({"hsts": {"max_age": 0}}, headers(customResponseHeaders={"Strict-Transport-Security": "max-age=0"})),
    (
        {"redirect": {"to": "https://x.example/$1", "code": 301}},
        {"redirectRegex": {"regex": "^.*$", "replacement": "https://x.example/$$1", "permanent": True}},
    ),
    ({"allow": ["10.0.0.0/8"]}, {"ipAllowList": {"sourceRange": ["10.0.0.0/8"]}}),
    ({"rate_limit": {"rps": 2}}, rate(2, 1)),
    ({"rate_limit": {"rps": 2, "burst": 3}}, rate(2, 4)),
    ({"body_size": "8m"}, {"buffering": {"maxRequestBodyBytes": 8 << 20}}),
    ({"body_size": 1000}, {"buffering": {"maxRequestBodyBytes": 1000}}),
    ({"headers": {"request": {"X-A": "a"}}}, headers(customRequestHeaders={"X-A": "a"})),
    ({"headers": {"response": {"X-B": ""}}}, headers(customResponseHeaders={"X-B": ""})),
    (
        {"cors": {}},
        headers(
            accessControlAllowOriginList=["*"],
            accessControlAllowMethods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
            accessControlMaxAge=1728000,
        ),
    ),
    (
        {"cors": {"origins": ["https://a.example", "https://*.b.example"], "methods": ["GET"], "credentials": True}},
        headers(
            accessControlAllowOriginList=["https://a.example"],
            accessControlAllowOriginListRegex=[r"^https://[A-Za-z0-9-]+\.b\.example$"],
            accessControlAllowMethods=["GET"],
            accessControlAllowCredentials=True,
            accessControlMaxAge=1728000,
            addVaryHeader=True,
        ),
    ),
]


@pytest.mark.parametrize(("options", "wanted"), MIDDLEWARE, ids=[json.dumps(row[0]) for row in MIDDLEWARE])
def test_one_option_one_middleware(options, wanted):
    assert chain(entry(options)) == [wanted]


@pytest.mark.parametrize("options", [{}, {"body_size": "0"}, {"headers": {}}, {"backend_protocol": "WS"}])
def test_what_needs_no_middleware(options):
    stack = entry(options)
    assert chain(stack) == []
    assert not [each for each in objects_of(stack, "Service") if SERVICE in str(each["metadata"].get("annotations"))]


REWRITES = [
    ({"prefix": "/"}, "/tea", False, {"/tea": "/", "/tea/": "/", "/tea/a/": "/a/", "/tea/tea": "/tea"}),
    ({"prefix": "/"}, "/tea/", False, {"/tea": "/", "/tea/a": "/a"}),
    ({"prefix": "/beans"}, "/tea", False, {"/tea": "/beans", "/tea/": "/beans/", "/tea/a": "/beans/a"}),
    ({"prefix": "/beans/"}, "/tea", False, {"/tea": "/beans", "/tea/a": "/beans/a"}),
    ({"prefix": "/beans"}, "/", False, {"/": "/beans/", "/a": "/beans/a"}),
    ({"prefix": "/$1"}, "/t.a", False, {"/t.a/x": "/$1/x"}),
    ({"path": "/fixed$1"}, "/tea", False, {"/tea/a": "/fixed$1"}),
    ({"path": "/got/$1x"}, "/v([0-9])/", True, {"/v1/tea": "/got/1x"}),
    ({"prefix": "/v"}, "/v[0-9]+", True, {"/v12/tea": "/v/tea"}),
]


@pytest.mark.parametrize(("rewrite", "path", "regex", "wanted"), REWRITES)
def test_rewrites(rewrite, path, regex, wanted):
    kind = "ImplementationSpecific" if regex else "Prefix"
    stack = entry({"rewrite": rewrite} | ({"regex": True} if regex else {}), path=path, type=kind)
    (found,) = (each["replacePathRegex"] for each in chain(stack))
    # Go writes groups as ${1}, a dollar as $$
    template = re.sub(r"\$(?:\{(\w+)\}|(\$))", lambda m: r"\g<" + m[1] + ">" if m[1] else "$", found["replacement"])
    assert {asked: re.sub(found["regex"], template, asked, count=1) for asked in wanted} == wanted


def test_the_order_in_which_a_request_meets_them():
    every = {
        "headers": {"request": {"X": "y"}},
        "rewrite": {"prefix": "/"},
        "body_size": "1m",
        "basic_auth": {"users": {"a": "b"}},
        "rate_limit": {"rps": 1},
        "allow": ["10.0.0.0/8"],
        "cors": {},
        "redirect": {"to": "/x"},
        "hsts": {},
    }
    (ingress,) = objects_of(entry(every), "Ingress")
    names = [name.split("@")[0] for name in ingress["metadata"]["annotations"][MIDDLEWARES].split(",")]
    kinds = ["redirect-permanently", "hsts", "redirect", "cors", "allow", "rate-limit", "auth", "body-size"]
    assert [name.rpartition("-")[0] for name in names[1:]] == [*kinds[1:], "rewrite", "headers"]
    assert names[0] == kinds[0]


def test_equal_options_have_one_middleware_and_others_another():
    stack = stack_of(
        {
            name: {"hosts": {f"{name}.example": "x:80"}, "options": {"rate_limit": {"rps": rps}}}
            for name, rps in (("a", 1), ("b", 1), ("c", 2))
        }
    )
    found = {name for name in config(stack)["http"]["middlewares"] if name.startswith("rate-limit")}
    assert found == {named("rate-limit", rate(1, 1)), named("rate-limit", rate(2, 1))}


def test_no_template_of_a_user_is_evaluated():
    """The file provider takes its files for Go templates."""
    stack = entry({"headers": {"response": {"X-A": '{{ env "HOME" }}'}}})
    (found,) = objects_of(stack, "ConfigMap")
    assert not re.findall(r"\{\{(?! \"\{\{\" \}\})", found["data"]["dynamic.yaml"].replace('{{ "{{" }}', ""))
    assert chain(stack) == [headers(customResponseHeaders={"X-A": '{{ env "HOME" }}'})]


@pytest.mark.parametrize(
    ("auth", "facts"),
    [
        ({"users": {"guest": "{SHA}Q7DeXRskfBwutGPooegnIzNNRI="}}, Facts()),
        ({"secret": "theirs"}, Facts(htpasswd={("cafe", "theirs"): HTPASSWD})),
    ],
)
def test_hashes_are_in_a_secret_alone(auth, facts):
    stack = entry({"basic_auth": auth})
    (found,) = chain(stack, facts)
    (secret,) = objects_of(stack, "Secret", facts)
    name = found["basicAuth"]["usersFile"].rpartition("/")[2]
    assert secret["metadata"]["name"] == dynamic.NAME
    assert base64.b64decode(secret["data"][name]).decode() == HTPASSWD
    others = [each for each in render(stack, facts) if each["kind"] != "Secret"]
    assert "SHA" not in yaml.safe_dump(others)


def test_a_secret_that_nobody_has_read_is_an_error():
    from module_utils.ingresskit.errors import InventoryError

    with pytest.raises(InventoryError) as raised:
        render(entry({"basic_auth": {"secret": "theirs"}}), Facts())
    assert "cafe/theirs" in str(raised.value)


def test_preflight_does_without_it():
    """Raw annotations are compared with the rendered ones, before the cluster is asked."""
    stack = entry({"basic_auth": {"secret": "theirs"}})
    noted = stack.apps["cafe"].model_copy(update={"annotations": {"example.com/owner": "me"}})
    assert not errors(stack.model_copy(update={"ingress_apps": {"cafe": noted}}))
    (ingress,) = controller_for(stack.controller).routes(stack, "cafe", Facts())
    assert ",auth-" in ingress["metadata"]["annotations"][MIDDLEWARES]  # no route without its password


# options, annotations of the Service, its transport
ON_SERVICES = [
    (
        {"affinity": {"cookie": "POT", "max_age": 60}},
        {"sticky.cookie": "true", "sticky.cookie.httponly": "true", "sticky.cookie.maxage": "60",
         "sticky.cookie.name": "POT", "sticky.cookie.samesite": "lax", "sticky.cookie.secure": "true"},
        None,
    ),
    ({"backend_protocol": "GRPC"}, {"serversscheme": "h2c"}, None),
    ({"backend_protocol": "HTTPS"}, {"serversscheme": "https"}, {"insecureSkipVerify": True}),
    (
        {"timeouts": {"connect": 2, "read": 0}},
        {},
        {"forwardingTimeouts": {"dialTimeout": "2s", "responseHeaderTimeout": "0s"}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("options", "said", "transport"), ON_SERVICES)
def test_what_stands_on_a_service_of_the_entrys_own(options, said, transport):
    stack = entry(options)
    (ingress,), services = objects_of(stack, "Ingress"), objects_of(stack, "Service")
    to = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    (own,) = (each for each in services if each["metadata"]["name"] == to["name"])
    (theirs,) = (each for each in services if each["metadata"]["name"] == "tea-svc")
    assert own is not theirs and to["port"] == {"number": 80}
    assert own["spec"] == theirs["spec"] and "annotations" not in theirs["metadata"]
    annotations = own["metadata"]["annotations"]
    assert annotations.pop(BEFORE_ROUTES) == "true"  # a route without endpoints would answer 503
    called = annotations.pop(TRANSPORT, None)
    assert annotations == {f"{SERVICE}{key}": value for key, value in said.items()}
    transports = config(stack)["http"].get("serversTransports", {})
    assert transports.get((called or "").removesuffix("@file")) == transport


EXTRA = [
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "far", "namespace": "cafe"},
     "spec": {"type": "ExternalName", "externalName": "far.example", "ports": [{"name": "web", "port": 8080}]}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "near", "namespace": "cafe"},
     "spec": {"type": "NodePort", "selector": {"a": "b"}, "ports": [{"port": 80, "targetPort": 8, "nodePort": 30001}]}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "bare", "namespace": "cafe"},
     "spec": {"clusterIP": "None", "ports": [{"port": 80}]}},
]  # fmt: skip


@pytest.mark.parametrize(
    ("service", "port", "spec"),
    [
        ("far", "web", EXTRA[0]["spec"]),
        ("near", 80, {"selector": {"a": "b"}, "ports": [{"port": 80, "targetPort": 8}]}),
        ("bare", 80, {"type": "ExternalName", "externalName": "bare.cafe.svc",
                      "ports": [{"name": "backend", "port": 80, "protocol": "TCP"}]}),
        ("unknown", 81, {"type": "ExternalName", "externalName": "unknown.cafe.svc",
                         "ports": [{"name": "backend", "port": 81, "protocol": "TCP"}]}),
    ],
)  # fmt: skip
def test_the_service_beside_one_that_is_no_workload(service, port, spec):
    route = {"service": service, "port": port, "options": {"timeouts": {"read": 1}}}
    stack = stack_of({"cafe": {"hosts": {"h.example": {"paths": {"/": route}}}}}, ingress_extra_objects=EXTRA)
    assert not errors(stack)
    own = [
        each["spec"] for each in objects_of(stack, "Service") if TRANSPORT in each["metadata"].get("annotations", {})
    ]
    assert own == [spec]


@pytest.mark.parametrize(
    ("type_", "path", "wanted", "band"),
    [
        ("Prefix", "/v[0-9]", "/?^(?:/v[0-9])", REGEX),
        ("ImplementationSpecific", "/a|/b", "/?^(?:/a|/b)", REGEX),
        ("Exact", "/v[0-9]", "/?^(?:/v[0-9])$", EXACT),
    ],
)
def test_a_regular_expression_is_anchored(type_, path, wanted, band):
    (ingress,) = objects_of(entry({"regex": True}, path=path, type=type_), "Ingress")
    (found,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert (found["path"], found["pathType"]) == (wanted, "ImplementationSpecific")
    assert ingress["metadata"]["annotations"][f"{ROUTER}pathmatcher"] == "PathRegexp"
    assert 0 <= int(ingress["metadata"]["annotations"][PRIORITY]) - band < 100_000
    for asked, hit in (("/v1", "v[" in path), ("/x/v1", False), ("/a", "|" in path), ("/x/b", False)):
        assert bool(re.search(wanted, asked)) == hit


def priorities(hosts):
    """(host, path, type) -> what its router ranks by: its priority, else the length of its rule, as Traefik counts."""
    paths = {host: {"paths": [{"service": "s", "port": 80, **each} for each in found]} for host, found in hosts.items()}
    found = {}
    for ingress in objects_of(stack_of({"cafe": {"hosts": paths}}), "Ingress"):
        said = ingress["metadata"].get("annotations", {}).get(PRIORITY)
        for rule in ingress["spec"]["rules"]:
            for each in rule["http"]["paths"]:
                host, path = rule.get("host", "*"), each["path"]
                text = (
                    f'Path("{path}")' if each["pathType"] == "Exact" else f'(Path("{path}") || PathPrefix("{path}/"))'
                )
                text = 'PathPrefix("/")' if path == "/" and each["pathType"] != "Exact" else text
                text = text if host == "*" else f'Host("{host}") && {text}'
                found[host, path, each["pathType"]] = int(said) if said else len(text)
    return found


RANKS = [
    # a wildcard's longest path stays behind a host's shortest, and "*" behind both
    [("a.x.example", "/t", "Exact"), ("a.x.example", "/long/long", "Prefix"), ("a.x.example", "/", "Prefix"),
     ("*.x.example", "/t", "Exact"), ("*.x.example", "/very/very/very/very/long", "Prefix"), ("*.x.example", "/", "Prefix"),
     ("*", "/t", "Exact"), ("*", "/extremely/extremely/extremely/extremely/long", "Prefix"), ("*", "/t", "Prefix")],
    [("a.example", "/t", "Exact"), ("a.example", "/", "Prefix")],
    [("*.x.example", "/t", "Exact"), ("*.x.example", "/tttttttttttttttttt", "Prefix")],
]  # fmt: skip


@pytest.mark.parametrize("rank", RANKS)
def test_the_closer_host_first_then_exact_then_the_longer_path(rank):
    hosts = {}
    for host, path, kind in rank:
        hosts.setdefault(host, []).append({"path": path, "type": kind})
    found = priorities(hosts)
    assert sorted(found, key=found.__getitem__, reverse=True) == rank
    assert len(set(found.values())) == len(found)
    assert min(found.values()) > LAST


def test_no_priority_where_none_is_needed():
    hosts = {"a.example": [{"path": "/"}, {"path": "/t"}], "*.x.example": [{"path": "/t"}]}
    assert not any(is_ours(str(value)) for value in priorities(hosts).values())


@pytest.mark.parametrize(
    ("text", "ours"),
    [(str(EXACT), True), (str(WILDCARD + 6), True), (str(HOSTLESS), True), ("40", False), ("x", False)],
)
def test_which_priorities_are_ours(text, ours):
    assert is_ours(text) is ours


def test_an_exact_entry_in_an_ingress_of_its_own_comes_before_a_prefix_in_another():
    paths = [
        {"path": "/tea", "type": "Exact", "service": "a", "port": 80, "options": {"body_size": "1k"}},
        {"path": "/tea", "service": "b", "port": 80},
    ]
    exact, prefix = objects_of(stack_of({"cafe": {"hosts": {"h.example": {"paths": paths}}}}), "Ingress")
    assert exact["metadata"]["annotations"][PRIORITY] == str(EXACT)
    assert PRIORITY not in prefix["metadata"].get("annotations", {})


def canary(**by):
    return {"canary": {"backend": "coffee-svc:http", **by}}


RULE = 'Host("h.example") && (Path("/tea") || PathPrefix("/tea/"))'
CONDITIONS = [
    ({"header": {"name": "X-C"}}, 'Header("X-C", "always")'),
    ({"header": {"name": "X-C", "value": 'a"b'}}, r'Header("X-C", "a\"b")'),
    ({"cookie": "t.c"}, r'HeaderRegexp("Cookie", "(?:^|; *)t\\.c=always(?:;|$)")'),
]


@pytest.mark.parametrize(("by", "condition"), CONDITIONS)
def test_a_canary_for_some_requests(by, condition):
    stack = entry(canary(**by), tls=False)
    (router,) = config(stack)["http"]["routers"].values()
    assert router == {
        "rule": f"{RULE} && {condition}",
        "priority": len(RULE) + 1,
        "service": "cafe-coffee-svc-http@kubernetes",
    }


def test_a_canary_for_a_share():
    stack = entry({**canary(weight=10), "timeouts": {"read": 1}, "headers": {"request": {"X": "y"}}})
    http = config(stack)["http"]
    (router,), (service,) = http["routers"].values(), http["services"].items()
    assert (router["rule"], router["priority"], router["service"]) == (RULE, len(RULE) + 1, service[0])
    other, ingress = sorted(
        objects_of(stack, "Ingress"), key=lambda each: PRIORITY not in each["metadata"]["annotations"]
    )
    assert ",".join(f"{name}@file" for name in router["middlewares"]) == ingress["metadata"]["annotations"][MIDDLEWARES]
    backends = [each["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"] for each in (ingress, other)]
    known = [f"cafe-{each['name']}-{next(iter(each['port'].values()))}@kubernetes" for each in backends]
    assert service[1]["weighted"]["services"] == [{"name": known[0], "weight": 90}, {"name": known[1], "weight": 10}]
    assert int(other["metadata"]["annotations"][PRIORITY]) < LAST
    assert {each["metadata"]["name"] for each in objects_of(stack, "Service")} >= {each["name"] for each in backends}


def test_passthrough():
    """By TCP; HTTP alone is left for the Ingress, whose HTTPS router would be asked before."""
    stack = entry({"ssl_passthrough": True}, path="/", tls=False)
    tcp = config(stack)["tcp"]
    (router,), (service,) = tcp["routers"].values(), tcp["services"].items()
    assert router == {
        "rule": 'HostSNI("h.example")',
        "entryPoints": ["websecure"],
        "service": service[0],
        "tls": {"passthrough": True},
    }
    assert service[1] == {"loadBalancer": {"servers": [{"address": "tea-svc.cafe.svc:80"}]}}
    (ingress,) = objects_of(stack, "Ingress")
    assert ingress["metadata"]["annotations"] == {
        f"{ROUTER}entrypoints": "web",
        MIDDLEWARES: "redirect-permanently@file",
    }


def errors(stack):
    found = preflight.check(stack, controller_for(stack.controller), Facts())
    return {each.path: each.message for each in found if each.level == "error"}


AT = 'ingress_apps.cafe.hosts."h.example".paths[0]'
REFUSED = [
    ({"ssl_redirect": {"code": 308}}, {}, f"{AT}.options.ssl_redirect.code", "301, 302"),
    ({"redirect": {"to": "/x", "code": 307}}, {}, f"{AT}.options.redirect.code", "301, 302"),
    ({"rate_limit": {"rps": 1, "status": 503}}, {}, f"{AT}.options.rate_limit.status", "429"),
    ({"timeouts": {"send": 1}}, {}, f"{AT}.options.timeouts.send", "connect and read"),
    ({"basic_auth": {"users": {}}}, {}, f"{AT}.options.basic_auth.users", "empty"),
    ({"backend_protocol": "GRPC", "body_size": "1m"}, {}, f"{AT}.options.body_size", "gRPC"),
    ({"regex": True}, {"path": "/(?=x)"}, AT, "RE2"),
    ({"regex": True}, {"path": "/a++"}, AT, "RE2"),
    ({"regex": True}, {"path": "/(a"}, AT, "no regular expression"),
    ({"ssl_passthrough": True}, {}, f"{AT}.options.ssl_passthrough", '"/"'),
    ({"ssl_passthrough": True, "hsts": {}}, {"path": "/"}, f"{AT}.options.ssl_passthrough", "hsts"),
]


@pytest.mark.parametrize(("options", "more", "path", "words"), REFUSED, ids=[json.dumps(row[:2]) for row in REFUSED])
def test_what_it_cannot_do_is_refused(options, more, path, words):
    found = errors(entry(options, **more))
    assert words in found[path]


@pytest.mark.parametrize(
    ("options", "port", "at", "words"),
    [
        ({"affinity": {}}, 80, ".options.affinity", "ingress_extra_objects"),
        ({"timeouts": {"read": 1}}, "http", "", "as a number"),
        ({"ssl_passthrough": True}, "http", ".options.ssl_passthrough", "as a number"),
    ],
)
def test_a_service_that_the_inventory_does_not_hold(options, port, at, words):
    route = {"service": "theirs", "port": port, "options": options}
    stack = stack_of({"cafe": {"hosts": {"h.example": {"paths": {"/": route}}}}})
    assert words in errors(stack)[f'ingress_apps.cafe.hosts."h.example".paths."/"{at}']


def test_passthrough_of_a_host_that_a_wildcard_covers():
    """The wildcard's HTTPS router is asked first."""
    hosts = {"a.x.example": {"paths": {"/": "s:443"}, "options": {"ssl_passthrough": True}}, "*.x.example": "s:80"}
    (found,) = errors(stack_of({"cafe": {"hosts": hosts}})).items()
    assert found[0] == 'ingress_apps.cafe.hosts."a.x.example".paths."/".options.ssl_passthrough'
    assert "*.x.example" in found[1]


# what stays of a configuration that is live

ONE, TWO, STALE = (rate(number, 1) for number in (1, 2, 3))


def of(*bodies, rest=None, files=()):
    found = {named("rate-limit", each): each for each in bodies}
    return Dynamic(found, rest=rest or {}, files={named("auth", each): each for each in files})


def test_a_live_configuration_that_lacks_nothing_is_left_alone():
    assert kept(of(ONE), of(ONE, TWO), ()) == of(ONE, TWO)


def test_one_that_lacks_something_keeps_what_is_used():
    live = of(ONE, STALE)
    found = kept(of(TWO), live, {named("rate-limit", ONE), "redirect-permanently"})
    assert found == of(ONE, TWO)
    assert kept(of(TWO), found, ()) == found  # the next run writes nothing


def test_routers_are_never_kept():
    assert kept(of(ONE), of(ONE, rest={"http": {"routers": {"r": {}}}}), ()) == of(ONE)


@pytest.mark.parametrize("name", ["rate-limit-00000000", "x"])
def test_what_was_changed_by_hand_is_undone(name):
    assert kept(of(ONE), Dynamic({**of(ONE).middlewares, name: TWO}), {name}) == of(ONE)


def test_hashes_stay_as_long_as_their_middleware():
    body = {"basicAuth": {"usersFile": f"{dynamic.FOLDER}/{named('auth', HTPASSWD)}"}}
    live = Dynamic({named("auth", body): body}, files={named("auth", HTPASSWD): HTPASSWD})
    assert kept(of(ONE), live, {named("auth", body)}).files == live.files
    assert kept(of(ONE), live, ()) == of(ONE)


def test_the_pods_are_rolled_out_for_what_is_kept():
    """Rendered for a cluster that runs a former configuration: ConfigMap, Secret and Pods go together."""
    former = entry({"basic_auth": {"users": {"a": "b"}}})
    now = entry({"rate_limit": {"rps": 1}})
    (config_map,), (secret,) = objects_of(former, "ConfigMap"), objects_of(former, "Secret")
    used = dynamic.references(objects_of(former, "Ingress"))
    brought = dynamic.with_former(render(now, Facts()), config_map, secret, used)
    by_kind = {each["kind"]: each for each in brought if each["metadata"]["name"] in (dynamic.NAME, "traefik")}
    found = dynamic.read(by_kind["ConfigMap"], by_kind["Secret"])
    assert {name.rpartition("-")[0] for name in found.middlewares} == {"auth", "rate-limit", "redirect"}
    assert by_kind["Secret"]["data"] == secret["data"]
    annotations = by_kind["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations[dynamic.HASH] == found.hash
    again = dynamic.with_former(render(now, Facts()), by_kind["ConfigMap"], by_kind["Secret"], ())
    assert [each for each in again if each not in brought] == []
    assert dynamic.with_former(render(now, Facts()), None, None, used) == render(now, Facts())


@pytest.mark.parametrize("text", ["[", "- a", "http: 1", "{{ x }}"])
def test_a_live_configuration_that_is_none(text):
    found = dynamic.read({"data": {dynamic.FILE: text}}, None)
    assert kept(of(ONE), found, ()) == of(ONE)
