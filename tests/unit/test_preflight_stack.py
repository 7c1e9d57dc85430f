"""Findings before anything is sent: each offence beside its nearest innocent neighbour."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import CONTROLLERS, controller_for
from module_utils.ingresskit.controllers.base import NOT_YET
from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.model.controller import Controller
from module_utils.ingresskit.model.options import Options
from module_utils.ingresskit.preflight import Finding, check, raise_findings

ROOT = Path(__file__).parents[2]
BOTH = ("nginx", "traefik")


def findings(text: str, kind: str) -> list[Finding]:
    layer = {"ingress_controller__kind": {"kind": kind}}
    stack = model.load(yaml.safe_load(text) | layer)
    return check(stack, controller_for(stack.controller), Facts())


@dataclass(frozen=True)
class Row:
    """An inventory at fault, one that is not, and what is said of the first: its path and some of the words."""

    offence: str
    innocent: str
    path: str
    words: str
    level: str = "error"
    kinds: tuple[str, ...] = BOTH


def expose(*ways: str) -> str:
    return f"ingress_controller: {{expose: [{', '.join(ways)}]}}"


DAEMON = "ingress_controller: {workload: DaemonSet"


def host(rules: str, more: str = "") -> str:
    return f"ingress_apps: {{a: {{hosts: {{h.example: {rules}}}{more}}}}}"


def secret(content: str) -> str:
    return f"ingress_extra_objects: [{{apiVersion: v1, kind: Secret, metadata: {{name: x}}, {content}}}]"


HOST = 'ingress_apps.a.hosts."h.example"'
ROWS = {
    "a host in two apps": Row(
        "ingress_apps: {a: {hosts: {h.example: x:80}}, b: {hosts: {h.example: y:80}}}",
        "ingress_apps: {a: {hosts: {h.example: x:80}}, b: {hosts: {h.example: {paths: {/b: y:80}}}}}",
        'ingress_apps.b.hosts."h.example".paths."/"',
        'ingress_apps.a.hosts."h.example".paths."/" is a Prefix entry for this path already', kinds=("traefik",),
    ),
    "a host in two apps with two certificates": Row(
        "ingress_apps: {a: {tls: {secret: s}, hosts: {h.example: x:80}}, b: {tls: {issuer: s}, hosts: {h.example: {paths: {/b: y:80}}}}}",
        "ingress_apps: {a: {tls: {secret: s}, hosts: {h.example: x:80}}, b: {tls: {secret: s}, namespace: a, hosts: {h.example: {paths: {/b: y:80}}}}}",
        'ingress_apps.b.hosts."h.example".tls', "has another certificate for this host: say it in ingress_hosts", kinds=("traefik",),
    ),
    "a host in two apps with its own options": Row(
        "ingress_apps: {a: {hosts: {h.example: x:80}}, b: {hosts: {h.example: {paths: {/b: y:80}, options: {ssl_redirect: false}}}}}",
        "ingress_apps: {a: {hosts: {h.example: x:80}}, b: {options: {ssl_redirect: false}, hosts: {h.example: {paths: {/b: y:80}}}}}",
        'ingress_apps.b.hosts."h.example".options', "the host has other options", kinds=("traefik",),
    ),
    "a certificate beside the owner's": Row(
        "{ingress_hosts: {h.example: {namespace: e, tls: {secret: s}}}, ingress_apps: {a: {hosts: {h.example: {tls: {secret: s}, paths: {/: x:80}}}}}}",
        "{ingress_hosts: {h.example: {namespace: e, tls: {secret: s}}}, ingress_apps: {a: {tls: {secret: s}, hosts: {h.example: x:80, i.example: x:80}}}}",
        'ingress_apps.a.hosts."h.example".tls', 'the host is owned by ingress_hosts."h.example"', kinds=("traefik",),
    ),
    "an owner without the certificate": Row(
        "{ingress_hosts: {h.example: {namespace: e}}, ingress_apps: {a: {tls: {secret: s}, hosts: {h.example: x:80, i.example: x:80}}}}",
        "{ingress_hosts: {h.example: {namespace: e}}, ingress_apps: {a: {hosts: {h.example: x:80, i.example: x:80}}}}",
        'ingress_hosts."h.example".tls', "ingress_apps.a.tls does not reach a host that has an owner", kinds=("traefik",),
    ),
    "a path twice": Row(
        host("{paths: [{path: /tea, service: x, port: 80}, {path: /tea, service: y, port: 80}]}"),
        host("{paths: [{path: /tea, service: x, port: 80}, {path: /tea, service: y, port: 80, type: Exact}]}"),
        f'{HOST}.paths."/tea"', "two Prefix entries for this path: remove one",
    ),
    "a path twice, spelt differently": Row(
        host("{paths: {/tea: 'x:80', /tea/: 'y:80'}}"),
        host("{paths: {/tea: 'x:80', /tea/green: 'y:80'}}"),
        f'{HOST}.paths."/tea/"', "it equals '/tea': Prefix compares element by element",
    ),
    "an exact path twice": Row(
        host("{paths: [{path: /t, type: Exact, service: x, port: 80}, {path: /t, type: Exact, service: y, port: 80}]}"),
        host("{paths: [{path: /t, type: Exact, service: x, port: 80}, {path: /t/, type: Exact, service: y, port: 80}]}"),
        f'{HOST}.paths."/t"', "two Exact entries",
    ),
    "a prefix by another name": Row(
        host("{paths: [{path: /t, service: x, port: 80}, {path: /t, type: ImplementationSpecific, service: y, port: 80}]}"),
        host("{paths: [{path: /t, service: x, port: 80}, {path: /u, type: ImplementationSpecific, service: y, port: 80}]}"),
        f'{HOST}.paths."/t"', "two Prefix entries",
    ),
    "two answers for unknown hosts": Row(
        "{ingress_controller: {default_backend: {page: <h1>}}, ingress_apps: {a: {default_backend: x:80}}}",
        "{ingress_controller: {default_backend: {page: <h1>}}, ingress_apps: {a: {default_backend: x:80, hosts: {h.example: {paths: {/x: x:80}}}}}}",
        "ingress_apps.a.default_backend", "answers unknown hosts too",
    ),
    "two apps for every request": Row(
        "ingress_apps: {a: {default_backend: x:80}, b: {default_backend: x:80}}",
        "ingress_apps: {a: {default_backend: x:80}, b: {hosts: {'*': {paths: {/b: x:80}}}}}",
        "ingress_apps.b.default_backend", "ingress_apps.a.default_backend is a Prefix entry for this path already", kinds=("traefik",),
    ),
    "two apps without a host": Row(
        "ingress_apps: {a: {default_backend: x:80}, b: {hosts: {'*': {paths: {/b: x:80}}}}}",
        "ingress_apps: {a: {default_backend: x:80}, b: {hosts: {h.example: {paths: {/b: x:80}}}}}",
        "ingress_apps.b", "one default server, and ingress_apps.a is it", kinds=("nginx",),
    ),
    "a workload of a long name": Row(
        f"ingress_apps: {{a: {{workloads: {{{'w' * 60}: {{}}}}}}}}", f"ingress_apps: {{a: {{workloads: {{{'w' * 59}: {{}}}}}}}}",
        f"ingress_apps.a.workloads.{'w' * 60}", "is too long",
    ),
    "a workload that begins with a digit": Row(
        "ingress_apps: {a: {workloads: {2048-game: {}}}}", "ingress_apps: {a: {workloads: {game-2048: {}}}}",
        "ingress_apps.a.workloads.2048-game", "begin with a letter",
    ),
    "two ways in of one name": Row(
        expose("{}", "{}"), expose("{}", "{name: b}"), "ingress_controller.expose[1].name", "expose[0]",
    ),
    "a name that is the other's default": Row(
        expose("{}", "{name: traefik}"), expose("{}", "{name: nginx-ingress}"),
        "ingress_controller.expose[1].name", "expose[0]", kinds=("traefik",),
    ),
    "a Service that begins with a digit": Row(
        "ingress_controller: {expose: {name: 1st}}", "ingress_controller: {expose: {name: first}}",
        "ingress_controller.expose.name", "begins with a letter",
    ),
    "no way in": Row(
        expose("{ports: {http: null, https: null}}"), expose("{ports: {http: null}}"),
        "ingress_controller.expose[0].ports", "nothing could get in",
    ),
    "one port for both": Row(
        expose("{ports: {http: 443}}"), expose("{ports: {http: 443, https: null}}"),
        "ingress_controller.expose[0].ports", "http and https cannot share port 443",
    ),
    "a node port twice": Row(
        expose("{node_ports: {http: 30080}}", "{name: b, node_ports: {https: 30080}}"),
        expose("{node_ports: {http: 30080}}", "{name: b, node_ports: {https: 30081}}"),
        "ingress_controller.expose[1].node_ports.https", "ingress_controller.expose[0].node_ports.http already",
    ),
    "a node port of no port": Row(
        expose("{ports: {http: null}, node_ports: {http: 30080}}"), expose("{ports: {http: null}, node_ports: {https: 30080}}"),
        "ingress_controller.expose[0].node_ports.http", "ports.http is null",
    ),
    "a node port below the range": Row(
        "ingress_controller: {expose: {node_ports: {http: 29999}}}", "ingress_controller: {expose: {node_ports: {http: 30000}}}",
        "ingress_controller.expose.node_ports.http", "outside 30000-32767", "warning",
    ),
    "a node port above the range": Row(
        "ingress_controller: {expose: {node_ports: {https: 32768}}}", "ingress_controller: {expose: {node_ports: {https: 32767}}}",
        "ingress_controller.expose.node_ports.https", "outside 30000-32767", "warning",
    ),
    "the nodes' ports twice": Row(
        f"{DAEMON}, expose: [{{type: HostPort}}, {{type: HostPort, name: b, ports: {{http: 8080, https: 8443}}}}]}}",
        f"{DAEMON}, expose: [{{type: HostPort}}, {{name: b}}]}}",
        "ingress_controller.expose[1].type", "ingress_controller.expose[0] has the nodes' ports already",
    ),
    "Pods that wait for a free node": Row(
        expose("{}", "{type: HostPort, name: b}"), f"{DAEMON}, expose: {{type: HostPort}}}}",
        "ingress_controller.expose[1].type", "2 replicas need as many nodes", "warning",
    ),
    "an autoscaler that wants more nodes": Row(
        "ingress_controller: {autoscaling: {max: 7}, expose: {type: HostPort}}", "ingress_controller: {autoscaling: {max: 7}}",
        "ingress_controller.expose.type", "7 replicas need as many nodes", "warning",
    ),
    "nodes without a Pod": Row(
        "ingress_controller: {expose: {external_traffic_policy: Local}}",
        f"{DAEMON}, expose: {{external_traffic_policy: Local}}}}",
        "ingress_controller.expose.external_traffic_policy", "only nodes that run a Pod of the controller answer", "warning",
    ),
    "a load balancer that knows where Pods are": Row(
        expose("{}", "{name: b, external_traffic_policy: Local}"),
        expose("{}", "{name: b, type: LoadBalancer, external_traffic_policy: Local}"),
        "ingress_controller.expose[1].external_traffic_policy", "drop what comes in", "warning",
    ),
    "an object without a kind": Row(
        "ingress_extra_objects: [{apiVersion: v1, metadata: {name: x}}]",
        "ingress_extra_objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}]",
        "ingress_extra_objects[0].kind", "is missing",
    ),
    "an object without a version": Row(
        "ingress_extra_objects: [{apiVersion: '', kind: ConfigMap, metadata: {name: x}}]",
        "ingress_extra_objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}]",
        "ingress_extra_objects[0].apiVersion", "is missing",
    ),
    "an object without a name": Row(
        "ingress_extra_objects: [{apiVersion: v1, kind: ConfigMap, metadata: {generateName: x}}]",
        "ingress_extra_objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x, generateName: x}}]",
        "ingress_extra_objects[0].metadata.name", "generateName cannot be applied twice",
    ),
    "an object whose file would stand elsewhere": Row(
        "ingress_extra_objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: ../../x}}]",
        "ingress_extra_objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x..y, namespace: x}}]",
        "ingress_extra_objects[0].metadata.namespace", "is no name",
    ),
    "a namespace that is the folder above": Row(
        "ingress_extra_objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: ..}}]",
        "ingress_extra_objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: x}}]",
        "ingress_extra_objects[0].metadata.namespace", "is no name",
    ),
    "a name with a folder": Row(
        "ingress_extra_objects: [{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: a/b}}]",
        "ingress_extra_objects: [{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: 'a:b'}}]",
        "ingress_extra_objects[0].metadata.name", "is no name",
    ),
    "a kind with a folder": Row(
        "ingress_extra_objects: [{apiVersion: example.com/v1, kind: ../a, metadata: {name: a}}]",
        "ingress_extra_objects: [{apiVersion: example.com/v1, kind: A, metadata: {name: a}}]",
        "ingress_extra_objects[0].kind", "is no name",
    ),
    "a version with a folder": Row(
        "ingress_extra_objects: [{apiVersion: a/b/v1, kind: A, metadata: {name: a}}]",
        "ingress_extra_objects: [{apiVersion: a/v1, kind: A, metadata: {name: a}}]",
        "ingress_extra_objects[0].apiVersion", "a group and a version",
    ),
    "an object with a number for a name": Row(
        "ingress_extra_objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: 1}}]",
        "ingress_extra_objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: '1'}}]",
        "ingress_extra_objects[0].metadata.name", "is missing or no text",
    ),
    "an object whose metadata is a list": Row(
        "ingress_extra_objects: [{apiVersion: v1, kind: ConfigMap, metadata: [x]}]",
        "ingress_extra_objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}]",
        "ingress_extra_objects[0].metadata.name", "is missing or no text",
    ),
    "a list of objects": Row(
        "ingress_extra_objects: [{apiVersion: v1, kind: List, metadata: {name: x}, items: []}]",
        "ingress_extra_objects: [{apiVersion: example.com/v1, kind: AllowList, metadata: {name: x}}]",
        "ingress_extra_objects[0]", "give its items one by one",
    ),
    "a Secret in plain text": Row(
        secret("data: {a: 'not base64!'}"), secret("data: {a: 'bm90 YmFz'}, stringData: {a: 'not base64!'}"),
        'ingress_extra_objects[0].data."a"', "is not base64: plain text goes to stringData",
    ),
    "a Secret of numbers": Row(
        secret("stringData: {a: 1}"), secret("stringData: {a: '1'}"),
        'ingress_extra_objects[0].stringData."a"', "must be a text: put it in quotes",
    ),
    "a Secret of one text": Row(
        secret("data: text"), secret("data: null"), "ingress_extra_objects[0].data", "must be a mapping of names to texts",
    ),
    "a setting that is a mapping": Row(
        "ingress_controller: {config: {log: {level: DEBUG}}}", "ingress_controller: {config: {log.level: DEBUG, accesslog.bufferingsize: 1, accesslog: true, c: null}}",
        'ingress_controller.config."log"', "must be a text, a number, true or false, not a mapping", kinds=("traefik",),
    ),
    "a setting that is a list": Row(
        "ingress_controller: {config: {ssl-ciphers: [b]}}", "ingress_controller: {config: {ssl-ciphers: b}}",
        'ingress_controller.config."ssl-ciphers"', "not a list", kinds=("nginx",),
    ),
    "a certificate that nobody takes": Row(
        "ingress_apps: {a: {tls: {secret: s}, hosts: {'*': x:80}}}",
        "ingress_apps: {a: {tls: {secret: s}, hosts: {'*': x:80, h.example: x:80}}}",
        "ingress_apps.a.tls", "no host of the app takes it",
    ),
    "a redirect to nowhere": Row(
        "ingress_apps: {a: {hosts: {h.example: x:80}, options: {ssl_redirect: true}}}",
        "ingress_apps: {a: {hosts: {h.example: x:80}, options: {ssl_redirect: false}}}",
        "ingress_apps.a.options.ssl_redirect", "no TLS here to redirect to",
    ),
    "a host's redirect to nowhere": Row(
        host("{options: {ssl_redirect: {code: 301}}, paths: {/: x:80}}"),
        host("{options: {ssl_redirect: {code: 301}}, paths: {/: x:80}, tls: {secret: s}}"),
        f"{HOST}.options.ssl_redirect", "no TLS here to redirect to",
    ),
    "a redirect that others have use for": Row(
        "ingress_apps: {a: {tls: {secret: s}, hosts: {h.example: x:80, '*': {options: {ssl_redirect: {code: 302}}, paths: {/: x:80}}}}}",
        "ingress_apps: {a: {tls: {secret: s}, options: {ssl_redirect: {code: 302}}, hosts: {h.example: x:80, '*': {options: {}, paths: {/: x:80}}}}}",
        'ingress_apps.a.hosts."*".options.ssl_redirect', "no TLS here to redirect to",
    ),
    "a redirect without an https port": Row(
        "{ingress_controller: {expose: {ports: {https: null}}}, ingress_apps: {a: {tls: {secret: s}, hosts: {h.example: x:80}}}}",
        "{ingress_controller: {expose: {ports: {https: null}}}, ingress_apps: {a: {tls: {secret: s}, hosts: {h.example: x:80}, options: {ssl_redirect: false}}}}",
        "ingress_apps.a.tls", "no way in has an https port: h.example could not be reached",
    ),
    "a host's redirect without an https port": Row(
        "{ingress_controller: {expose: {ports: {https: null}}}, ingress_apps: {a: {hosts: {h.example: {tls: {secret: s}, paths: {/: x:80}}}}}}",
        "{ingress_controller: {expose: [{ports: {https: null}}, {name: b}]}, ingress_apps: {a: {hosts: {h.example: {tls: {secret: s}, paths: {/: x:80}}}}}}",
        'ingress_apps.a.hosts."h.example".tls', "no way in has an https port",
    ),
    "an autoscaler without a measure": Row(
        "ingress_controller: {autoscaling: {}, resources: {requests: {memory: 1Gi}}}",
        "ingress_controller: {autoscaling: {}, resources: {limits: {cpu: 1}}}",
        "ingress_controller.autoscaling", "is a share of ingress_controller.resources.requests.cpu",
    ),
    "definitions of custom resources that are off": Row(
        "ingress_controller: {crds: {source: none}}", "ingress_controller: {custom_resources: true, crds: {source: none}}",
        "ingress_controller.crds", "goes with ingress_controller.custom_resources: true",
    ),
    "F5's version": Row(
        "ingress_controller: {version: 5.4.9}", "ingress_controller: {version: 5.5.0}",
        "ingress_controller.version", "5.4.9 is too old", kinds=("nginx",),
    ),
    "Traefik's tag": Row(
        "ingress_controller: {image: {tag: v3.4.9}}", "ingress_controller: {image: {tag: edge}}",
        "ingress_controller.image.tag", "v3.4.9 is too old", kinds=("traefik",),
    ),
    "a code that Traefik has not": Row(
        host("{options: {ssl_redirect: {code: 308}}, paths: {/: x:80}, tls: {secret: s}}"),
        host("{options: {ssl_redirect: {code: 302}}, paths: {/: x:80}, tls: {secret: s}}"),
        f"{HOST}.options.ssl_redirect.code", "Traefik redirects with 301, 302 (308 and 307 to other methods than GET), not 308", kinds=("traefik",),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, row in ROWS.items() for kind in row.kinds])
def test_offence_and_neighbour(name, kind):
    row = ROWS[name]
    (found,) = findings(row.offence, kind)
    assert (found.level, found.path) == (row.level, row.path)
    assert row.words in found.message
    assert findings(row.innocent, kind) == []


# what the contract allows and this version has not: key by key
UNSUPPORTED = {
    'ingress_apps.a.hosts."*".tls': "ingress_apps: {a: {hosts: {'*': {tls: {secret: s}, paths: {/: x:80}}}}}",
}


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("path", UNSUPPORTED)
def test_what_is_not_there_is_refused_by_its_path(path, kind):
    assert [(each.path, each.message) for each in findings(UNSUPPORTED[path], kind)] == [(path, NOT_YET)]


VALUES = {
    "ssl_redirect": False, "hsts": {}, "rewrite": {"path": "/"}, "regex": True, "affinity": {}, "rate_limit": {"rps": 1},
    "body_size": "1m", "timeouts": {}, "backend_protocol": "GRPC", "ssl_passthrough": True, "basic_auth": {"secret": "s"},
    "allow": ["10.0.0.0/8"], "cors": {}, "canary": {"backend": "x:80", "weight": 1}, "redirect": {"to": "/"}, "headers": {},
}  # fmt: skip


@pytest.mark.parametrize("option", VALUES)
@pytest.mark.parametrize("kind", BOTH)
def test_an_option_that_the_controller_cannot_do_is_refused_wherever_it_stands(kind, option):
    """No option can be forgotten: the list is the model's."""
    assert VALUES.keys() == Options.model_fields.keys()
    options = {option: VALUES[option]}
    path = {"service": "x", "port": 80, "options": options}
    app = {"hosts": {"h.example": {"options": options, "paths": [path | {"path": "/"}]}}, "options": options}
    found = findings(yaml.safe_dump({"ingress_apps": {"a": app}}), kind)
    refused = {each.path for each in found if "not with" in each.message}
    levels = ("ingress_apps.a", f"{HOST}", f"{HOST}.paths[0]")
    dialect = CONTROLLERS[kind]
    cannot = dialect.cannot(option, Controller(kind=kind)) is not None
    assert refused == {f"{level}.options.{option}" for level in levels if cannot}


def test_a_retired_controller_has_to_be_accepted():
    (found,) = findings("ingress_controller: {}", "ingress-nginx")
    assert found.path == "ingress_controller.kind"
    for words in ("retired", "unfixed", "compat: ingress-nginx", "kind: nginx", "accept_retired: true"):
        assert words in found.message
    assert not findings("ingress_controller: {accept_retired: true}", "ingress-nginx")


@pytest.mark.parametrize("kind", ["haproxy", "envoy-gateway", "kgateway"])
def test_a_reserved_controller_names_those_there_are(kind):
    with pytest.raises(InventoryError) as caught:
        controller_for(model.load({"ingress_controller": {"kind": kind}}).controller)
    assert str(caught.value).startswith("ingress_controller.kind: ")
    assert all(name in str(caught.value) for name in (kind, *CONTROLLERS))


def test_errors_come_first_and_alone_stop_the_run():
    text = "{ingress_controller: {crds: {}, expose: {node_ports: {http: 80}}}}"
    found = findings(text, "nginx")
    assert [each.level for each in found] == ["error", "warning"]
    with pytest.raises(InventoryError) as caught:
        raise_findings(found)
    assert [problem.path for problem in caught.value.problems] == ["ingress_controller.crds"]
    raise_findings(found[1:])
