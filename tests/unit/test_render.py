"""From stack and facts to objects: what golden files cannot hold (keys), what they would hide in their mass."""

import base64
from pathlib import Path

import pytest
import yaml

from module_utils.ingresskit import model, tls
from module_utils.ingresskit.converge import render_offline
from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.model.routes import slug
from module_utils.ingresskit.render import render
from module_utils.ingresskit.render.secrets import INPUTS, NOT_AFTER

from .certificates import NOW, certificate, key_pem

AUTHORITY = tls.new_authority("edge", NOW)
FACTS = Facts(now=NOW, authority=AUTHORITY)
BOTH = pytest.mark.parametrize("kind", ["nginx", "traefik"])


def objects(text: str, kind: str = "nginx", facts: Facts = FACTS) -> list[dict]:
    return render(model.load(yaml.safe_load(text) | {"ingress_controller__kind": {"kind": kind}}), facts)


def places(found: list[dict], kind: str) -> list[str]:
    """ "namespace/name" of every object of a kind."""
    return [f"{obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}" for obj in found if obj["kind"] == kind]


def pick(found: list[dict], kind: str, name: str) -> dict:
    (obj,) = (obj for obj in found if obj["kind"] == kind and obj["metadata"]["name"] == name)
    return obj


def test_a_certificate_of_the_stacks_ca():
    found = objects(
        "ingress_apps: {cafe: {tls: {self_signed: true}, hosts: {a.example: x:80, '*.b.example': x:80, '*': x:80}}}"
    )
    secret = pick(found, "Secret", "cafe-tls")
    assert secret["metadata"]["namespace"] == "cafe" and secret["type"] == "kubernetes.io/tls"
    cert, key = (base64.b64decode(secret["data"][name]) for name in ("tls.crt", "tls.key"))
    tls.check_pair(cert, key)
    assert tls.inspect(cert).sans == ("a.example", "*.b.example")
    hosts = tls.inspect(cert).sans
    assert secret["metadata"]["annotations"][INPUTS] == tls.inputs_hash(hosts, AUTHORITY.certificate)
    assert secret["metadata"]["annotations"][NOT_AFTER] == "2027-08-01T12:00:00+00:00"
    assert key.decode() not in repr([obj for obj in found if obj is not secret])


@BOTH
def test_all_certificates_of_the_stack(kind):
    text = """
    ingress_controller: {default_backend: {page: <h1>}}
    ingress_apps:
      a: {tls: {self_signed: true}, hosts: {a.example: x:80, own.example: {tls: {self_signed: true}, paths: {/: x:80}}}}
      b: {namespace: c, tls: {secret: theirs}, hosts: {b.example: x:80}}
      d: {tls: {issuer: le}, hosts: {d.example: x:80}}
    """
    found = objects(text, kind)
    default = ["nginx-ingress/default-server-tls"] if kind == "nginx" else []
    assert places(found, "Secret") == [*default, "a/a-tls", "a/a-own-example-tls"]
    assert places(found, "Certificate") == ["d/d-tls"]
    used = {
        host: entry["secretName"]
        for obj in found
        if obj["kind"] == "Ingress"
        for entry in obj["spec"].get("tls", ())
        for host in entry["hosts"]
    }
    assert used == {
        "a.example": "a-tls",
        "own.example": "a-own-example-tls",
        "b.example": "theirs",
        "d.example": "d-tls",
    }


CERT, KEY = certificate("a.example", since=-4000, days=36500), key_pem()  # the clock of these is the real one
GIVEN = {
    "files": ("{cert_file: c.pem, key_file: k.pem}", Facts(files={"c.pem": CERT, "k.pem": KEY})),
    "inline": (yaml.safe_dump({"cert": CERT.decode(), "key": KEY.decode()}, default_flow_style=True), Facts()),
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_given_pair_goes_into_the_secret_as_it_is(name):
    source, facts = GIVEN[name]
    secret = pick(
        objects(f"ingress_apps: {{a: {{tls: {source}, hosts: {{a.example: x:80}}}}}}", facts=facts), "Secret", "a-tls"
    )
    assert {key: base64.b64decode(value) for key, value in secret["data"].items()} == {"tls.crt": CERT, "tls.key": KEY}
    assert "annotations" not in secret["metadata"]


APP = "ingress_apps: {a: {tls: %s, hosts: {a.example: x:80}}}"
OFFLINE = [
    (APP % "{self_signed: true}", "ingress_apps.a.tls", "which a cluster keeps: use secret or issuer"),
    (APP % GIVEN["inline"][0], "ingress_apps.a.tls", "would put its key there: use secret or issuer"),
    (APP % GIVEN["files"][0], "ingress_apps.a.tls", "would put its key there"),
    ("ingress_controller: {default_backend: {page: <h1>}}", "ingress_controller.default_tls", "use secret or issuer"),
    (
        "ingress_controller: {default_tls: {self_signed: true}}",
        "ingress_controller.default_tls",
        "use secret or issuer",
    ),
    (
        "ingress_extra_objects: [{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: b}, stringData: {a: canary}}]",
        "ingress_extra_objects[0]",
        "hold no Secret's content",
    ),
    (
        "ingress_apps: {a: {options: {basic_auth: {users: {tea: canary}}}, hosts: {a.example: x:80}}}",
        "ingress_apps.a.options.basic_auth.users",
        "hold no password",
    ),
]


@pytest.mark.parametrize(("text", "path", "words"), OFFLINE, ids=[f"{row[1]} {row[2]}" for row in OFFLINE])
def test_without_a_cluster_no_key_is_rendered(text, path, words, tmp_path):
    (tmp_path / "c.pem").write_bytes(CERT)
    (tmp_path / "k.pem").write_bytes(KEY)
    with pytest.raises(InventoryError) as caught:
        render_offline(yaml.safe_load(text), tmp_path)
    (problem,) = caught.value.problems
    assert problem.path == path and words in problem.message
    assert "canary" not in str(caught.value) and "-----" not in str(caught.value)


@pytest.mark.parametrize("facts", [Facts(), Facts(now=NOW), Facts(authority=AUTHORITY)], ids=["nothing", "clock", "CA"])
def test_nothing_is_issued_without_clock_and_ca(facts):
    with pytest.raises(InventoryError, match=r"^ingress_apps.a.tls: self_signed needs a cluster"):
        objects(APP % "{self_signed: true}", facts=facts)
    with pytest.raises(InventoryError, match=r"set ingress_controller.default_tls: give cert_file and key_file"):
        objects("ingress_controller: {default_backend: {page: <h1>}}", facts=facts)


def ingresses(text: str, kind: str) -> dict[str, list[str]]:
    return {
        obj["metadata"]["name"]: [rule.get("host", "") for rule in obj["spec"]["rules"]]
        for obj in objects(text, kind)
        if obj["kind"] == "Ingress"
    }


PLAIN = "{paths: {/: x:80}}"
NO_REDIRECT = "{options: {ssl_redirect: false}, paths: {/: x:80}}"
OWN = "{tls: {secret: t}, paths: {/: x:80}}"
BOTH_APART = {"app": ["a.b"], "app-c-d": ["c.d"]}
# hosts and more of one app -> its Ingresses behind F5, where each host has one; behind Traefik
SPLITS = {
    "all alike": (
        f"hosts: {{a.b: {PLAIN}, '*.c': {PLAIN}}}, tls: {{secret: s}}",
        {"app": ["a.b"], "app-wildcard-c": ["*.c"]}, {"app": ["a.b", "*.c"]},
    ),
    "one with options": (
        f"hosts: {{a.b: {PLAIN}, c.d: {NO_REDIRECT}}}, tls: {{secret: s}}", {"app-c-d": ["c.d"], "app": ["a.b"]}, None,
    ),
    "all with the same options": (
        f"hosts: {{a.b: {PLAIN}, c.d: {NO_REDIRECT}}}, tls: {{secret: s}}, options: {{ssl_redirect: false}}",
        BOTH_APART, {"app": ["a.b", "c.d"]},
    ),
    "one alone with options": (f"hosts: {{c.d: {NO_REDIRECT}}}, tls: {{secret: s}}", {"app": ["c.d"]}, None),
    "a certificate of its own": (
        f"hosts: {{a.b: {PLAIN}, c.d: {OWN}}}, tls: {{secret: s}}", BOTH_APART, {"app": ["a.b", "c.d"]},
    ),
    "TLS for one only": (f"hosts: {{a.b: {PLAIN}, c.d: {OWN}}}", BOTH_APART, {"app-c-d": ["c.d"], "app": ["a.b"]}),
    "every host beside one": (
        f"hosts: {{'*': {PLAIN}, a.b: {PLAIN}}}, tls: {{secret: s}}",
        {"app": [""], "app-a-b": ["a.b"]}, {"app-wildcard": [""], "app": ["a.b"]},
    ),
    "every host alone": (f"hosts: {{'*': {PLAIN}}}", {"app": [""]}, None),
    "a default backend alone": ("default_backend: x:80", {"app": [""]}, None),
    "workloads alone": ("workloads: {w: {}}", {}, None),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("name", SPLITS)
def test_hosts_share_an_ingress_where_they_share_its_annotations(name, kind):
    app, nginx, traefik = SPLITS[name]
    assert ingresses(f"ingress_apps: {{app: {{{app}}}}}", kind) == (
        nginx if kind == "nginx" or traefik is None else traefik
    )


def paths(found: list[dict], name: str) -> list[str]:
    """ "path service:port" of an Ingress of one rule."""
    (rule,) = pick(found, "Ingress", name)["spec"]["rules"]
    backends = [(path["path"], path["backend"]["service"]) for path in rule["http"]["paths"]]
    return [f"{path} {service['name']}:{next(iter(service['port'].values()))}" for path, service in backends]


PAGE = "/ edge-default-backend:80"
# app, has the stack a page -> entries behind F5, behind Traefik
REST = [
    ("hosts: {a.b: {paths: {/x: s:80}}}", False, ["/x s:80"], None),
    ("hosts: {a.b: {paths: {/x: s:80}}}", True, ["/x s:80", PAGE], ["/x s:80"]),
    ("hosts: {a.b: {paths: {/x: s:http}}}, default_backend: d:web", True, ["/x s:http", "/ d:web"], None),
    ("hosts: {a.b: {paths: {/x: s:80}}}, default_backend: d:81", False, ["/x s:80", "/ d:81"], None),
    ("hosts: {a.b: {paths: {/: s:80}}}, default_backend: d:81", True, ["/ s:80"], None),
    ("hosts: {a.b: {paths: {/: {service: s, port: 80, type: ImplementationSpecific}}}}", True, ["/ s:80"], None),
    ("hosts: {'*': {paths: {/x: s:80}}}", True, ["/x s:80", PAGE], ["/x s:80"]),
    ("default_backend: d:81", False, ["/ d:81"], None),
]


@BOTH
@pytest.mark.parametrize(("app", "page", "nginx", "traefik"), REST, ids=[f"{row[0]} {row[1]}" for row in REST])
def test_who_gets_what_no_entry_takes(app, page, nginx, traefik, kind):
    backend = "{page: <h1>}" if page else "null"
    found = objects(f"{{ingress_apps: {{app: {{{app}}}}}, ingress_controller: {{default_backend: {backend}}}}}", kind)
    assert paths(found, "app") == (nginx if kind == "nginx" or traefik is None else traefik)


def test_an_exact_root_leaves_the_rest_to_the_page():
    text = "{ingress_apps: {a: {hosts: {a.b: {paths: {/: {service: s, port: 80, type: Exact}}}}}}, ingress_controller: {default_backend: {page: <h1>}}}"
    assert paths(objects(text, "nginx"), "a") == ["/ s:80", PAGE]


PAGES = [
    ("{a: {hosts: {a.b: {paths: {/x: s:80}}}}, c: {hosts: {c.d: {paths: {/x: s:80}}}}}", ["nginx-ingress", "a", "c"], True),
    ("{a: {hosts: {a.b: s:80}}}", ["nginx-ingress"], True),
    ("{a: {hosts: {a.b: {paths: {/x: s:80}}}, default_backend: d:80}}", ["nginx-ingress"], True),
    ("{a: {hosts: {'*': {paths: {/x: s:80}}}}}", ["a"], False),
    ("{a: {namespace: n, hosts: {a.b: {paths: {/x: s:80}}}}, b: {namespace: n, hosts: {c.d: {paths: {/x: s:80}}}}}", ["nginx-ingress", "n"], True),
    ("{a: {workloads: {w: {image: x}}}}", ["nginx-ingress"], True),
]  # fmt: skip


@pytest.mark.parametrize(("apps", "namespaces", "catch_all"), PAGES, ids=[row[0] for row in PAGES])
def test_the_page_stands_where_something_asks_for_it(apps, namespaces, catch_all):
    text = f"{{ingress_apps: {apps}, ingress_controller: {{default_backend: {{page: <h1>}}}}}}"
    found = objects(text, "nginx")
    for kind in ("Deployment", "Service", "ConfigMap"):
        assert [each for each in places(found, kind) if each.endswith("default-backend")] == [
            f"{namespace}/edge-default-backend" for namespace in namespaces
        ]
    assert ("nginx-ingress/edge-default-backend" in places(found, "Ingress")) is catch_all
    behind_traefik = objects(text, "traefik")
    assert [each for each in places(behind_traefik, "Service") if each.endswith("default-backend")] == [
        "traefik/edge-default-backend"
    ]
    assert "traefik/edge-default-backend" in places(behind_traefik, "Ingress")


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<h1>no</h1>", "<h1>no</h1>"),
        ('"no\\n"', "no\n"),
        ("404.html", "<h1>from a file</h1>"),
    ],
)
def test_the_page_is_text_or_a_file(page, text):
    facts = Facts(files={"404.html": b"<h1>from a file</h1>"})
    found = objects(f"ingress_controller: {{default_backend: {{page: {page}}}}}", "traefik", facts)
    assert pick(found, "ConfigMap", "edge-default-backend")["data"]["404.html"] == text


def test_another_page_rolls_its_pods_out():
    def template(page):
        found = objects(f"ingress_controller: {{default_backend: {{page: {page}}}}}", "traefik")
        return pick(found, "Deployment", "edge-default-backend")["spec"]["template"]

    assert template("<h1>a") == template("<h1>a") != template("<h1>b")


def test_a_page_that_was_not_read_is_told():
    with pytest.raises(InventoryError, match=r"the file 404.html was not read"):
        objects("ingress_controller: {default_backend: {page: 404.html}}", "traefik", Facts())


NAMESPACES = [
    ("{}", ["/traefik"]),
    ("{ingress_apps: {a: {namespace: default, hosts: {a.b: s:80}}, b: {default_backend: s:80}}}", ["/b", "/traefik"]),
    ("{ingress_controller: {namespace: kube-system}}", []),
    (
        "{ingress_extra_objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: elsewhere}}]}",
        ["/traefik"],
    ),
    (
        "{ingress_apps: {a: {hosts: {a.b: s:80}}}, ingress_extra_objects: [{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {x: y}}}]}",
        ["/a", "/traefik"],
    ),
]


@pytest.mark.parametrize(("text", "expected"), NAMESPACES, ids=[row[0] for row in NAMESPACES])
def test_namespaces(text, expected):
    found = objects(text, "traefik")
    assert sorted(places(found, "Namespace")) == expected
    assert [
        obj["metadata"].get("labels") for obj in found if obj["metadata"]["name"] == "a" and obj["kind"] == "Namespace"
    ] in (
        [],
        [{"x": "y"}],
    )


HOST_PORTS = ("{type: HostPort}", "[{}, {type: HostPort, name: b}]")


@pytest.mark.parametrize(
    ("expose", "expected"),
    [("{}", ["restricted"]), *((each, ["privileged", "restricted", "restricted"]) for each in HOST_PORTS)],
)
def test_the_controllers_namespace_takes_restricted_pods_where_that_can_be(expose, expected):
    found = objects(
        f"{{ingress_controller: {{expose: {expose}}}, ingress_apps: {{a: {{hosts: {{a.b: s:80}}}}}}}}", "traefik"
    )
    modes = [f"pod-security.kubernetes.io/{mode}" for mode in ("enforce", "audit", "warn")]
    labels = pick(found, "Namespace", "traefik")["metadata"]["labels"]
    assert labels == dict(zip(modes, expected, strict=False))
    assert "labels" not in pick(found, "Namespace", "a")["metadata"]


TWINS = [
    ("{a: {workloads: {w: {}}}, b: {namespace: a, workloads: {w: {}}}}", ["Deployment a/w", "Service a/w-svc"]),
    ("{cafe: {namespace: n, default_backend: x:80, hosts: {a-b: {tls: {self_signed: true}, paths: {/: x:80}}}}, cafe-a: {namespace: n, "
     "hosts: {b: {tls: {self_signed: true}, paths: {/: x:80}}}}}", ["Secret n/cafe-a-b-tls"]),
    ("{a: {hosts: {x-y.z: {tls: {self_signed: true}, paths: {/: x:80}}, x.y-z: {tls: {self_signed: true}, paths: {/: x:80}}}}}",
     ["Secret a/a-x-y-z-tls"]),
]  # fmt: skip


@pytest.mark.parametrize(("apps", "names"), TWINS, ids=[", ".join(row[1]) for row in TWINS])
def test_two_objects_of_one_name_are_refused(apps, names):
    with pytest.raises(InventoryError) as caught:
        objects(f"ingress_apps: {apps}")
    assert [problem.message.split(" would be made twice: ")[0] for problem in caught.value.problems] == names


def test_an_extra_object_may_not_stand_in_for_ours():
    extra = "ingress_extra_objects: [{apiVersion: v1, kind: Service, metadata: {name: traefik, namespace: traefik}}]"
    with pytest.raises(InventoryError, match="Service traefik/traefik would be made twice"):
        objects(extra, "traefik")
    other = extra.replace("v1", "serving.knative.dev/v1").replace("name: traefik,", "name: traefik,")
    assert places(objects(other, "traefik"), "Service") == ["traefik/traefik", "traefik/traefik"]


def test_extra_objects_come_last_and_as_they_are():
    extra = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "y"}, "data": {"a": ""}}
    found = render(model.load({"ingress_extra_objects": [extra]}), FACTS)
    assert found[-1] == extra


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("a.example.com", "a-example-com"),
        ("*.example.com", "wildcard-example-com"),
        ("*", "wildcard"),
        ("a--b.c", "a-b-c"),
    ],
)
def test_hosts_in_names(host, expected):
    assert slug(host) == expected


def test_relative_files_are_meant_from_the_inventory(tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/404.html").write_text("<h1>mine</h1>")
    inventory = {"ingress_controller": {"kind": "traefik", "default_backend": {"page": "pages/404.html"}}}
    _, found = render_offline(inventory, tmp_path)
    assert pick(found, "ConfigMap", "edge-default-backend")["data"]["404.html"] == "<h1>mine</h1>"
    with pytest.raises(InventoryError, match=r"ingress_controller.default_backend.page: there is no file /.*404.html"):
        render_offline(inventory, Path("/nowhere"))


@pytest.mark.parametrize(
    ("spec", "probe"),
    [
        ("{}", {"httpGet": {"path": "/.ingresskit/healthz", "port": "http"}}),
        ("{env: {PROTOCOL: HTTPS}}", {"httpGet": {"path": "/.ingresskit/healthz", "port": "http", "scheme": "HTTPS"}}),
        ("{env: {PROTOCOL: GRPC}}", {"tcpSocket": {"port": "http"}}),
        ("{image: x, env: {PROTOCOL: HTTPS}}", {"tcpSocket": {"port": "http"}}),
    ],
)
def test_a_workload_is_ready_when_it_answers_in_its_protocol(spec, probe):
    deployment = pick(objects(f"ingress_apps: {{a: {{workloads: {{w: {spec}}}}}}}"), "Deployment", "w")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"] == {**probe, "periodSeconds": 2}
