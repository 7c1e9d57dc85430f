"""F5's dialect: what each option becomes, which Ingresses carry it, and what is refused."""

import sys
from pathlib import Path

import pytest
import yaml

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.controllers.nginx_options import of_services, said_of
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.model.options import Options
from module_utils.ingresskit.render import render

sys.path.insert(0, str(Path(__file__).parents[2] / "testbed" / "images" / "nginx-double"))

from nginx_double import flags, plan
from nginx_double.model import Snapshot, key_of

KIND = "nginx.org/mergeable-ingress-type"


def stack_of(text: str, **controller: object) -> model.Stack:
    return model.load(yaml.safe_load(text) | {"ingress_controller": {"kind": "nginx", **controller}})


def rendered(text: str, kind: str = "Ingress", **controller: object) -> dict[str, dict]:
    stack = stack_of(text, **controller)
    assert not refusals(text, **controller)
    return {each["metadata"]["name"]: each for each in render(stack, Facts()) if each["kind"] == kind}


def refusals(text: str, **controller: object) -> dict[str, str]:
    stack = stack_of(text, **controller)
    return dict(controller_for(stack.controller).refusals(stack))


def annotations(ingress: dict) -> dict[str, str]:
    found = ingress["metadata"].get("annotations", {})
    return {name.removeprefix("nginx.org/"): value for name, value in found.items()}


def paths(ingress: dict) -> list[tuple[str, str]]:
    (rule,) = ingress["spec"]["rules"]
    return [(path["path"], path["pathType"]) for path in rule.get("http", {}).get("paths", [])]


def app(paths: str, more: str = "", tls: bool = True) -> str:
    secret = "tls: {secret: s}, " if tls else ""
    return f"ingress_apps: {{cafe: {{{secret}{more}hosts: {{h.example: {{paths: {{{paths}}}}}}}}}}}"


def one(options: str, **more: object) -> str:
    """An app whose only entry is /tea, with these options."""
    return app(f"/tea: {{service: tea, port: 80, options: {options}}}", **more)


# -- one option for a whole host --------------------------------------------------------------------------------------

WHOLE = {
    "{}": {},
    "{ssl_redirect: false}": {"ssl-redirect": "false"},
    "{ssl_redirect: {code: 308}}": {"http-redirect-code": "308"},
    "{hsts: {max_age: 5}}": {"hsts": "true", "hsts-max-age": "5"},
    "{hsts: {include_subdomains: true, preload: true}}": {
        "hsts": "true", "hsts-max-age": "31536000", "hsts-include-subdomains": "true",
    },
    "{body_size: 8M}": {"client-max-body-size": "8m"},
    "{body_size: 0}": {"client-max-body-size": "0"},
    "{timeouts: {read: 5, connect: 2}}": {"proxy-connect-timeout": "2s", "proxy-read-timeout": "5s"},
    "{timeouts: {send: 7}}": {"proxy-send-timeout": "7s"},
    "{rate_limit: {rps: 3}}": {
        "limit-req-rate": "3r/s", "limit-req-reject-code": "429", "limit-req-scale": "true",
    },
    "{rate_limit: {rps: 3, burst: 5, status: 503}}": {
        "limit-req-rate": "3r/s", "limit-req-reject-code": "503", "limit-req-burst": "5", "limit-req-no-delay": "true",
        "limit-req-scale": "true",
    },
    "{basic_auth: {secret: theirs}}": {"basic-auth-secret": "theirs", "basic-auth-realm": "Restricted"},
    "{affinity: {}}": {"sticky-cookie-services": "serviceName=tea INGRESSCOOKIE httponly path=/tea"},
    "{affinity: {cookie: a-b, max_age: 60}}": {
        "sticky-cookie-services": "serviceName=tea a-b expires=60s httponly path=/tea",
    },
    "{backend_protocol: HTTP}": {},
    "{backend_protocol: HTTPS}": {"ssl-services": "tea"},
    "{backend_protocol: WS}": {"websocket-services": "tea"},
    "{rewrite: {prefix: /beans}}": {"rewrites": "serviceName=tea rewrite=/beans"},
    "{rewrite: {path: /beans}}": {"rewrite-target": "/beans"},
    "{regex: true}": {"path-regex": "case_sensitive"},
    "{headers: {request: {X-A: b c, X-D: ''}}}": {"proxy-set-headers": "X-A: b c,X-D:"},
    "{headers: {response: {X-A: b, X-D: ''}}}": {
        "proxy-hide-headers": "X-A,X-D", "add-header": "X-A: b: always", "add-header-inherit": "merge",
    },
    "{headers: {response: {X-D: ''}}}": {"proxy-hide-headers": "X-D"},
}  # fmt: skip


@pytest.mark.parametrize("options", WHOLE)
def test_an_option_for_all_of_a_host_is_its_ingress_alone(options):
    (name, ingress), *others = rendered(one(options)).items()
    assert (name, others) == ("cafe", [])
    assert annotations(ingress) == WHOLE[options]


@pytest.mark.parametrize("level", ["app", "host", "path"])
def test_at_every_level(level):
    options = "options: {body_size: 1k}, "
    text = {
        "app": app("/tea: 'tea:80'", options),
        "host": f"ingress_apps: {{cafe: {{hosts: {{h.example: {{{options}paths: {{/tea: 'tea:80'}}}}}}}}}}",
        "path": one("{body_size: 1k}", tls=False),
    }[level]
    assert annotations(rendered(text)["cafe"]) == {"client-max-body-size": "1k"}


@pytest.mark.parametrize(
    ("controller", "rps", "scaled"),
    [
        ({"replicas": 60}, 1, True),
        ({"replicas": 61}, 1, False),  # F5 would write 0r/m, which nginx refuses
        ({"autoscaling": {"min": 1, "max": 100}}, 1, False),
        ({"autoscaling": {"min": 1, "max": 100}}, 2, True),
        ({"workload": "DaemonSet"}, 100, False),
    ],
)
def test_a_limit_is_shared_by_the_pods_where_their_number_is_known(controller, rps, scaled):
    found = annotations(rendered(one(f"{{rate_limit: {{rps: {rps}}}}}"), **controller)["cafe"])
    assert ("limit-req-scale" in found) is scaled


def test_users_become_a_secret_of_f5s_type():
    ingress = rendered(one("{basic_auth: {users: {ann: pw}}}"))["cafe"]
    ((name, secret),) = rendered(one("{basic_auth: {users: {ann: pw}}}"), "Secret").items()
    assert annotations(ingress)["basic-auth-secret"] == name
    assert secret["type"] == "nginx.org/htpasswd"
    assert set(secret["data"]) == {"htpasswd"}
    assert secret == rendered(one("{basic_auth: {users: {ann: pw}}}"), "Secret")[name]


def test_grpc_switches_http2_on_and_keeps_plain_http_for_the_redirect():
    text = one("{backend_protocol: GRPC}")
    assert rendered(text, "ConfigMap")["nginx-config"]["data"] == {"http2": "true"}
    assert "data" not in rendered(one("{}"), "ConfigMap")["nginx-config"]
    found = rendered(text)
    assert annotations(found["cafe"]) == {"mergeable-ingress-type": "master"}
    assert annotations(found["cafe-h-example-tea"])["grpc-services"] == "tea"


# -- paths and rewrites -----------------------------------------------------------------------------------------------

SAYINGS = [
    # path, type, options, shadowed -> places, what is said of the Service or of the location
    ("/tea", "Prefix", "{rewrite: {prefix: /}}", False, [("/tea", "Exact"), ("/tea/", "Prefix")], "rewrite=/"),
    ("/tea/", "Prefix", "{rewrite: {prefix: /}}", False, [("/tea", "Exact"), ("/tea/", "Prefix")], "rewrite=/"),
    ("/tea", "Prefix", "{rewrite: {prefix: /a/}}", False, [("/tea", "Prefix")], "rewrite=/a"),
    ("/tea/", "Prefix", "{rewrite: {prefix: /a}}", False, [("/tea", "Prefix")], "rewrite=/a"),
    ("/", "Prefix", "{rewrite: {prefix: /a}}", False, [("/", "Prefix")], "rewrite=/a/"),
    ("/", "Prefix", "{rewrite: {prefix: /}}", False, [("/", "Prefix")], ""),
    ("/tea", "Exact", "{rewrite: {prefix: /a}}", False, [("/tea", "Exact")], "rewrite=/a"),
    ("/tea", "Exact", "{rewrite: {path: /a}}", False, [("/tea", "Exact")], "rewrite=/a"),
    ("/tea", "Prefix", "{rewrite: {path: /a}}", False, [("/tea", "Prefix")], "/a"),
    ("/tea", "Prefix", "{}", True, [("/tea/", "Prefix")], ""),
    ("/tea", "Prefix", "{rewrite: {prefix: /}}", True, [("/tea/", "Prefix")], "rewrite=/"),
    ("/tea", "Prefix", "{rewrite: {prefix: /a}}", True, [("/tea/", "Prefix")], "rewrite=/a/"),
    ("/t[ae]+", "Prefix", "{regex: true}", False, [("/t[ae]+", "ImplementationSpecific")], ""),
    ("/t", "Exact", "{regex: true}", False, [("/t$", "ImplementationSpecific")], ""),
    ("/(a|b)/(.*)", "Prefix", "{regex: true, rewrite: {path: /$2}}", False, [("/(a|b)/(.*)", "ImplementationSpecific")],
     "/$2"),
    ("/v[0-9]", "Prefix", "{regex: true, rewrite: {prefix: /}}", False, [("/v[0-9]/?(.*)", "ImplementationSpecific")],
     "/$1"),
    ("/(a|b)", "Prefix", "{regex: true, rewrite: {prefix: /x}}", False, [("/(a|b)(.*)", "ImplementationSpecific")],
     "/x$2"),
    ("/v/", "Prefix", "{regex: true, rewrite: {prefix: /x}}", False, [("/v/(.*)", "ImplementationSpecific")], "/x/$1"),
    ("/v$", "Prefix", "{regex: true, rewrite: {prefix: /x}}", False, [("/v$", "ImplementationSpecific")], "/x"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "kind", "options", "shadowed", "places", "words"), SAYINGS)
def test_paths_and_rewrites(path, kind, options, shadowed, places, words):
    said = said_of(path, kind, Options.model_validate(yaml.safe_load(options)), shadowed=shadowed)
    assert list(said.places) == places
    found = {**said.location, **said.service}
    found.pop("nginx.org/path-regex", None)
    assert list(found.values()) == ([words] if words else [])


# -- entries that differ ----------------------------------------------------------------------------------------------


def test_what_concerns_services_alone_needs_no_master():
    found = rendered(
        app(
            "/tea: {service: tea, port: 80, options: {rewrite: {prefix: /x}, backend_protocol: HTTPS}},"
            "/milk: {service: milk, port: 80, options: {rewrite: {prefix: /y}}}, /coffee: 'coffee:80'"
        )
    )
    assert list(found) == ["cafe"]
    assert annotations(found["cafe"]) == {
        "ssl-services": "tea", "rewrites": "serviceName=milk rewrite=/y;serviceName=tea rewrite=/x",
    }  # fmt: skip


def test_where_entries_differ_the_ingress_of_the_host_becomes_a_master_in_place():
    before = rendered(app("/tea: 'tea:80', /coffee: 'coffee:80'"))
    after = rendered(app("/tea: {service: tea, port: 80, options: {body_size: 1k}}, /coffee: 'coffee:80'"))
    assert list(before) == ["cafe"]
    assert set(after) == {"cafe", "cafe-h-example-tea", "cafe-h-example-coffee"}
    master, tea, coffee = after["cafe"], after["cafe-h-example-tea"], after["cafe-h-example-coffee"]
    assert (annotations(master), paths(master)) == ({"mergeable-ingress-type": "master"}, [])
    assert master["spec"]["tls"] == before["cafe"]["spec"]["tls"]
    assert annotations(tea) == {"mergeable-ingress-type": "minion", "client-max-body-size": "1k"}
    assert annotations(coffee) == {"mergeable-ingress-type": "minion"}
    assert (paths(tea), paths(coffee)) == ([("/tea", "Prefix")], [("/coffee", "Prefix")])
    assert all("tls" not in each["spec"] for each in (tea, coffee))


def test_a_host_never_changes_its_ingress_because_of_options():
    text = "ingress_apps: {cafe: {hosts: {a.example: {%spaths: {/: 'x:80'}}, b.example: {%spaths: {/: 'x:80'}}}}}"
    hosts = []
    for options in [("", ""), ("options: {body_size: 1k}, ", ""), ("", "options: {timeouts: {read: 3}}, ")]:
        hosts.append({name: each["spec"]["rules"][0]["host"] for name, each in rendered(text % options).items()})
    assert hosts == [{"cafe": "a.example", "cafe-b-example": "b.example"}] * 3


def test_what_a_whole_host_has_is_the_masters():
    found = rendered(
        app(
            "/tea: {service: tea, port: 80, options: {body_size: 1k}}, /coffee: 'coffee:80'",
            "options: {hsts: {max_age: 5}, ssl_redirect: {code: 307}, headers: {response: {X-A: '', X-B: c}}}, ",
        )
    )
    assert annotations(found["cafe"]) == {
        "mergeable-ingress-type": "master", "http-redirect-code": "307", "hsts": "true", "hsts-max-age": "5",
        "proxy-hide-headers": "X-A,X-B",
    }  # fmt: skip
    assert annotations(found["cafe-h-example-coffee"]) == {
        "mergeable-ingress-type": "minion", "add-header": "X-B: c: always", "add-header-inherit": "merge",
    }  # fmt: skip


def test_hsts_of_one_path_is_a_header_of_its_location():
    found = rendered(app("/tea: {service: tea, port: 80, options: {hsts: {max_age: 5}}}, /coffee: 'coffee:80'"))
    assert annotations(found["cafe"]) == {"mergeable-ingress-type": "master"}
    assert annotations(found["cafe-h-example-tea"])["add-header"] == "Strict-Transport-Security: max-age=5: always"
    assert annotations(found["cafe-h-example-coffee"]) == {"mergeable-ingress-type": "minion"}


def test_two_types_on_one_path_that_differ():
    text = """
ingress_apps: {cafe: {hosts: {h.example: {paths: [
  {path: /t, type: Exact, service: a, port: 80, options: {body_size: 1k}}, {path: /t, service: b, port: 80}]}}}}"""
    found = rendered(text)
    minions = [each for each in found.values() if annotations(each)["mergeable-ingress-type"] == "minion"]
    assert [paths(each) for each in minions] == [[("/t", "Exact")], [("/t/", "Prefix")]]
    assert len(found) == 3, "the names of the two are told apart"


def test_apps_that_share_a_host_from_two_namespaces():
    text = """
ingress_hosts: {h.example: {namespace: edge, tls: {secret: s}, options: {hsts: {max_age: 5}}}}
ingress_apps:
  a: {hosts: {h.example: {paths: {/a: 'x:80'}}}}
  b: {hosts: {h.example: {paths: {/b: 'y:80'}}}, options: {body_size: 1k}}"""
    found = rendered(text)
    assert {name: each["metadata"]["namespace"] for name, each in found.items()} == {
        "h-example": "edge", "a-h-example-a": "a", "b-h-example-b": "b",
    }  # fmt: skip
    assert annotations(found["h-example"]) == {"mergeable-ingress-type": "master", "hsts": "true", "hsts-max-age": "5"}
    assert found["h-example"]["spec"]["tls"] == [{"hosts": ["h.example"], "secretName": "s"}]
    assert annotations(found["b-h-example-b"]) == {"mergeable-ingress-type": "minion", "client-max-body-size": "1k"}


def test_raw_annotations_reach_every_ingress_that_may_have_them():
    raw = {"nginx.org/lb-method": "ip_hash", "nginx.org/websocket-services": "tea,milk", "nginx.org/rewrites":
           "serviceName=tea rewrite=/;serviceName=milk rewrite=/m"}  # fmt: skip
    assert of_services(raw, {"milk"}) == {
        "nginx.org/lb-method": "ip_hash", "nginx.org/websocket-services": "milk",
        "nginx.org/rewrites": "serviceName=milk rewrite=/m",
    }  # fmt: skip
    assert of_services(raw, {"coffee"}) == {"nginx.org/lb-method": "ip_hash"}
    text = app(
        "/tea: {service: tea, port: 80, options: {body_size: 1k}}, /milk: 'milk:80'",
        "annotations: {nginx.org/lb-method: ip_hash, nginx.org/websocket-services: 'tea,milk'}, ",
    )
    found = {name: annotations(each) for name, each in rendered(text).items()}
    assert {each["lb-method"] for each in found.values()} == {"ip_hash"}
    assert [each.get("websocket-services") for each in found.values()] == [None, "tea", "milk"]


# -- what F5's controller says to it, as its double has its rules ------------------------------------------------------

EVERYTHING = """
ingress_hosts: {shared.example: {namespace: edge, options: {hsts: {max_age: 5}}}}
ingress_apps:
  cafe:
    options: {timeouts: {read: 5}, affinity: {}, rate_limit: {rps: 5}, headers: {request: {X-A: ''}}}
    hosts:
      a.example: {paths: {/: 'x:80', /b: {service: y, port: 80, options: {backend_protocol: HTTPS}}}}
      b.example: {paths: {"/v[0-9]": {service: x, port: 80, options: {regex: true, rewrite: {prefix: /}}}, /: 'y:80'}}
      shared.example: {paths: {/cafe: {service: x, port: 80, options: {basic_auth: {users: {a: b}}}}}}
  other: {hosts: {shared.example: {paths: {/other: {service: z, port: 80, options: {rewrite: {path: /}}}}}}}
"""


def test_f5_accepts_all_of_it():
    ingresses = list(rendered(EVERYTHING).values())
    for number, each in enumerate(ingresses):
        each["metadata"] |= {"uid": str(number), "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1}
    snapshot = Snapshot(ingresses={key_of(each): each for each in ingresses})
    found = plan.build(snapshot, flags.parse(["-enable-custom-resources=false"]), {})
    assert [report.message for report in (*found.problems, *found.notes)] == []
    assert len(found.accepted) == len(ingresses)


# -- refusals ---------------------------------------------------------------------------------------------------------

AT = 'ingress_apps.cafe.hosts."h.example".paths."/tea"'
BESIDE = "/tea: {service: tea, port: 80, options: %s}, /coffee: 'coffee:80'"
REFUSED = [
    (one("{timeouts: {read: 0}}"), f"{AT}.options.timeouts", "takes 0 for at once"),
    (one("{rewrite: {path: '/a?b'}}"), f"{AT}.options.rewrite", "a plain path"),
    (one("{rewrite: {prefix: '/a;b'}}"), f"{AT}.options.rewrite", "a plain path"),
    (one("{rewrite: {path: /$1}}"), f"{AT}.options.rewrite", "a plain path"),
    (one("{rewrite: {prefix: /../x}}"), f"{AT}.options.rewrite", "a plain path"),
    (one("{backend_protocol: GRPC}", tls=False), f"{AT}.options.backend_protocol", "needs TLS"),
    (one("{backend_protocol: GRPC, body_size: 1k}"), f"{AT}.options.body_size", "none for gRPC"),
    (one("{backend_protocol: GRPC, rewrite: {path: /}}"), f"{AT}.options.rewrite", "no path of gRPC"),
    (one("{headers: {request: {Host: x}}}"), f"{AT}.options.headers", "nginx writes this header itself"),
    (one("{headers: {response: {Server: x}}}"), f"{AT}.options.headers", "nginx writes this header itself"),
    (one("{headers: {request: {X-A: 'a, b'}}}"), f"{AT}.options.headers", "takes no value with a comma"),
    (one("{headers: {request: {X-A: $host}}}"), f"{AT}.options.headers", "takes no value with a comma"),
    (one("{headers: {response: {X-A: 'a: b'}}}"), f"{AT}.options.headers", "and a colon"),
    (one("{headers: {response: {X A: b}}}"), f"{AT}.options.headers", "a header's name has"),
    (app(BESIDE % "{headers: {response: {X-A: ''}}}"), f"{AT}.options.headers", "of a whole host only"),
    (app(BESIDE % "{ssl_redirect: false}"), f"{AT}.options.ssl_redirect", "a whole host or nothing"),
    (app(BESIDE % "{hsts: {}}", "options: {ssl_redirect: false}, "), f"{AT}.options.hsts", "over plain HTTP"),
    (app("/t(: 'tea:80'"), 'ingress_apps.cafe.hosts."h.example".paths."/t("', "can read as regular expressions"),
    (app("/c++: 'tea:80'"), 'ingress_apps.cafe.hosts."h.example".paths."/c++"', "nested quantifier"),
    (app("/a|/b: {service: t, port: 80, options: {regex: true}}"), 'ingress_apps.cafe.hosts."h.example".paths."/a|/b"',
     "in parentheses"),
    (app("/a+b: {service: t, port: 80, options: {rewrite: {path: /}}}"),
     'ingress_apps.cafe.hosts."h.example".paths."/a+b".options.rewrite', "does not match itself"),
    ("ingress_apps: {cafe: {hosts: {h.example: {paths: [{path: /, type: Exact, service: a, port: 80,"
     " options: {body_size: 1k}}, {path: /, service: b, port: 80}]}}}}",
     'ingress_apps.cafe.hosts."h.example".paths[0]', "once only"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "words"), REFUSED)
def test_refused(text, path, words):
    found = refusals(text)
    assert words in found.get(path, ""), found


def test_an_option_is_refused_where_it_is_said():
    text = app("/tea: 'tea:80', /coffee: 'coffee:80'", "options: {timeouts: {read: 0}}, ")
    assert list(refusals(text)) == ["ingress_apps.cafe.options.timeouts"]
    assert list(refusals(one("{backend_protocol: GRPC}"), config={"http2": False})) == [
        f"{AT}.options.backend_protocol"
    ]
