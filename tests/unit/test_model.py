"""The inventory contract: what is taken, what is refused, and with which words."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from module_utils.ingresskit import model
from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.model.duplicates import duplicate_keys
from module_utils.ingresskit.model.layers import deep_merge, flatten

ROOT = Path(__file__).parents[2]

FULL = """
ingress_cluster: {kubeconfig: ~/.kube/config, context: kind-ingresskit, state_namespace: ingresskit-system, timeout: 300}
ingress_stack_name: edge
ingress_apply: {verify: fast, force_conflicts: false, recreate: false, history: 10, lock_wait: 0}
ingress_controller:
  kind: nginx
  accept_retired: false
  version: 5.5.4
  image: {registry: docker.io, repository: nginx/nginx-ingress, tag: 5.5.4, pull_policy: IfNotPresent, pull_secrets: []}
  namespace: nginx-ingress
  class_name: nginx
  default_class: false
  workload: Deployment
  replicas: 2
  pdb: {max_unavailable: 1}
  resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 1Gi}}
  node_selector: {kubernetes.io/os: linux}
  tolerations: [{operator: Exists}]
  affinity: {nodeAffinity: {}}
  topology_spread: []
  priority_class: system-cluster-critical
  pod_annotations: {a: b}
  pod_labels: {a: b}
  env: {TZ: UTC}
  termination: {drain: 10, grace: 60}
  config: {proxy-body-size: 8m}
  extra_args: [-v=3]
  custom_resources: false
  crds: {source: upstream}
  default_backend: {page: 404.html}
  error_pages: {503: <h1>soon</h1>}
  default_tls: {self_signed: true}
  watch_namespaces: []
  metrics: {enabled: true, service_monitor: false}
  network_policy: true
  tcp_services: {"5432": db/postgres:5432}
  udp_services: {"53": dns/dns:53}
  expose:
    type: NodePort
    name: ingress
    ports: {http: 80, https: 443}
    node_ports: {http: 30080, https: 30443}
    external_traffic_policy: Local
    address: 127.0.0.1
ingress_apps:
  cafe:
    namespace: cafe
    tls: {self_signed: true}
    hosts:
      cafe.example.com:
        paths:
          /tea: tea-svc:80
          /coffee: {service: coffee-svc, port: 80, type: Prefix, options: {}}
      shop.example.com: shop-svc:http
      both.example.com:
        tls: {secret: both}
        paths: [{path: /tea, type: Exact, service: a, port: 80}, {path: /tea, service: b, port: web}]
    options: {ssl_redirect: {code: 301}, hsts: {max_age: 60, preload: false}, rewrite: {prefix: /}, regex: false,
      affinity: {cookie: c, max_age: 60}, rate_limit: {rps: 5, burst: 2, by: client_ip, status: 429}, body_size: 8m,
      timeouts: {connect: 5, read: 60, send: 60}, backend_protocol: HTTP, ssl_passthrough: false,
      basic_auth: {users: {a: b}}, allow: [10.0.0.0/8], cors: {origins: [https://a.example]},
      redirect: {to: https://b.example, code: 308}, headers: {request: {X-A: b}, response: {}}}
    annotations: {nginx.org/x: "1"}
    workloads: {tea: {replicas: 3, image: x, port: 80, env: {A: b}, resources: {limits: {cpu: 1}}}, coffee: {}}
  fallback: {default_backend: myweb:8080}
  anyhost: {hosts: {"*": {paths: {/foo: service1:4200}}}}
  canary: {hosts: {c.example.com: {paths: {/: {service: a, port: 80, options: {canary: {backend: b:80, weight: 10}}}}}}}
ingress_app_files: [apps/]
ingress_hosts: {shared.example.com: {namespace: edge, tls: {secret: s}, options: {ssl_redirect: false}}}
ingress_extra_objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: b}}]
ingress_smoke:
  {enabled: true, timeout: 5, wait: 60, on_failure: rollback, extra: [{host: cafe.example.com, path: /tea, status: 200}]}
"""


def load(text: str) -> model.Stack:
    return model.load(yaml.safe_load(text))


def problems(text: str) -> dict[str, str]:
    with pytest.raises(InventoryError) as caught:
        load(text)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_every_key_of_the_contract_is_taken():
    stack = load(FULL)
    assert stack.controller.exposes[0].node_ports.https == 30443
    assert stack.apps["cafe"].hosts["shop.example.com"].paths["/"].port == "http"


def test_the_json_schema_takes_the_same():
    schema = json.loads((ROOT / "docs/schema/inventory.json").read_text())
    jsonschema.validate(json.loads(json.dumps(yaml.safe_load(FULL))), schema)
    for inventory in (*ROOT.glob("inventories/*/group_vars/**/*.yml"), *ROOT.glob("inventories/*/apps/*.yml")):
        jsonschema.validate(json.loads(json.dumps(yaml.safe_load(inventory.read_text()))), schema)
    layered = {"ingress_apps__prod": {"cafe": {"tls": None}}, "other": 1}
    jsonschema.validate(layered, schema)
    for wrong in ({"ingress_controler": {}}, {"ingress_apps": {"a": {"host": {}}}}, {"ingress_cluster__x": {}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def cafe(paths: str) -> str:
    return f"ingress_apps: {{cafe: {{hosts: {{cafe.example.com: {{paths: {paths}}}}}}}}}"


AT = 'ingress_apps.cafe.hosts."cafe.example.com".paths'

REFUSED = [
    ("ingress_controler: {}", "ingress_controler", "unknown key; did you mean 'ingress_controller'?"),
    ("ingress_controller: {kind: ngnix}", "ingress_controller.kind", "did you mean 'nginx'?"),
    ("ingress_controller: {replicas: '2'}", "ingress_controller.replicas", "must be an integer, not the string '2'"),
    (
        "ingress_controller: {default_class: 1}",
        "ingress_controller.default_class",
        "must be true or false, not the number 1",
    ),
    (
        "ingress_controller: {expose: [{node_port: {}}]}",
        "ingress_controller.expose[0].node_port",
        "did you mean 'node_ports'?",
    ),
    ("ingress_controller: {replicas: 2, autoscaling: {}}", "ingress_controller", "exclude each other"),
    ("ingress_controller: {compat: ingress-nginx}", "ingress_controller", "compat goes with kind traefik only"),
    ("ingress_controller: {image: {digest: abc}}", "ingress_controller.image.digest", "match"),
    ("ingress_controller: {resources: {limits: {cpu: many}}}", "ingress_controller.resources.limits.cpu", "quantity"),
    (
        "ingress_controller: {expose: {type: ClusterIP, node_ports: {http: 30080}}}",
        "ingress_controller.expose",
        "do not go",
    ),
    (
        "ingress_controller: {expose: {type: HostPort, node_ports: {tcp: {'53': 30080}}}}",
        "ingress_controller.expose",
        "node_ports do not go with type HostPort",
    ),
    (
        "ingress_controller: {expose: {load_balancer: {source_ranges: [10.0.0.0/8]}}}",
        "ingress_controller.expose",
        "load_balancer goes with type LoadBalancer, not NodePort; the option allow limits clients anywhere",
    ),
    (
        "ingress_controller: {expose: {type: LoadBalancer, load_balancer: {ip: 10.0.0.300}}}",
        "ingress_controller.expose.load_balancer.ip",
        "must be an IP address",
    ),
    (
        "ingress_controller: {expose: {type: LoadBalancer, load_balancer: {class: a/b/c}}}",
        "ingress_controller.expose.load_balancer.class",
        "match",
    ),
    (
        "ingress_controller: {expose: {type: LoadBalancer, load_balancer: {source_ranges: [10.0.0.1/8]}}}",
        "ingress_controller.expose.load_balancer.source_ranges[0]",
        "must be a network in CIDR form",
    ),
    *(
        (
            f"ingress_controller: {{expose: {{address: '{address}'}}}}",
            "ingress_controller.expose.address",
            "IP address or",
        )
        for address in ("http://lb.example.com", "192.0.2.1:80", "a b", "[2001:db8::1]:80")
    ),
    ("ingress_stack_name: My_Stack", "ingress_stack_name", "DNS label"),
    ("ingress_apps: []", "ingress_apps", "must be a mapping, not a list"),
    ("ingress_apps: {cafe: {}}", "ingress_apps.cafe", "needs hosts, default_backend or workloads"),
    ("ingress_apps: {cafe: {hosts: {a.example: {paths: {}}}}}", 'ingress_apps.cafe.hosts."a.example"', "needs a path"),
    (
        "ingress_apps: {cafe: {hosts: {CAFE.example: a:80}}}",
        'ingress_apps.cafe.hosts."CAFE.example"',
        "write 'cafe.example'",
    ),
    ("ingress_apps: {cafe: {hosts: {10.0.0.1: a:80}}}", 'ingress_apps.cafe.hosts."10.0.0.1"', "IP address"),
    (
        "ingress_apps: {cafe: {hosts: {'a.example:443': a:80}}}",
        'ingress_apps.cafe.hosts."a.example:443"',
        "without scheme, port",
    ),
    (
        "ingress_apps: {cafe: {hosts: {a.example: shop-svc}}}",
        'ingress_apps.cafe.hosts."a.example"',
        "write 'shop-svc:80'",
    ),
    (cafe("{tea: tea-svc:80}"), f'{AT}."tea"', "a path begins with '/': write '/tea'"),
    (cafe("{/tea: tea-svc}"), f'{AT}."/tea"', "a backend is service:port"),
    (cafe("{/tea: 'tea-svc:99999'}"), f'{AT}."/tea"', "99999 is not a port"),
    (cafe("{/tea: {service: tea-svc}}"), f'{AT}."/tea".port', "is missing"),
    (cafe("{/tea: {service: tea-svc, port: '80'}}"), f'{AT}."/tea".port', "without quotes"),
    (cafe("{/tea: {service: tea-svc, port: 80, typ: Exact}}"), f'{AT}."/tea".typ', "did you mean 'type'?"),
    (cafe("{/a//b: tea-svc:80}"), f'{AT}."/a//b"', "refuses '//'"),
    (cafe("{'/a;b': tea-svc:80}"), f'{AT}."/a;b"', "white space"),
    (cafe("[{path: tea, service: a, port: 80}]"), f"{AT}[0].path", "begins with '/'"),
    ("ingress_apps: {cafe: {tls: {cert_file: x}}}", "ingress_apps.cafe.tls", "cert_file and key_file go together"),
    ("ingress_apps: {cafe: {tls: {secret: x, self_signed: true}}}", "ingress_apps.cafe.tls", "needs exactly one of"),
    (
        "ingress_apps: {cafe: {options: {hsts: {max_ag: 1}}}}",
        "ingress_apps.cafe.options.hsts.max_ag",
        "did you mean 'max_age'?",
    ),
    ("ingress_apps: {cafe: {options: {allow: [10.0.0.1/8]}}}", "ingress_apps.cafe.options.allow[0]", "CIDR"),
    ("ingress_smoke: {extra: [{host: a.example, status: 99}]}", "ingress_smoke.extra[0].status", "greater than"),
]


@pytest.mark.parametrize(("text", "path", "words"), REFUSED, ids=[row[0][:60] for row in REFUSED])
def test_bad_input_names_the_key_and_the_remedy(text, path, words):
    found = problems(text)
    assert path in found, found
    assert words in found[path]


def test_every_fault_is_told_at_once():
    assert len(problems("{ingress_stack_name: X_Y, ingress_apps: {a: {}, b: {}}, ingress_x: 1}")) == 4


def test_no_secret_stands_in_a_message():
    text = "ingress_apps: {cafe: {tls: {cert: [1], key: {canary-key: canary-key}}, options: {basic_auth: {users: canary-key}}}}"
    with pytest.raises(InventoryError) as caught:
        load(text)
    assert "canary-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("ingress_apps: {a: {hosts: {x: 1, x: 2}}}", 'ingress_apps.a.hosts."x"'),
        ("ingress_apps:\n  a: {}\ningress_apps:\n  b: {}", "ingress_apps"),
        ("all: {vars: {ingress_smoke: {wait: 1, wait: 2}}}", "ingress_smoke.wait"),
        ("ingress_smoke: {extra: [{}, {host: a, host: b}]}", "ingress_smoke.extra[1].host"),
        ("ingress_controller__prod: {config: {a: {b: 1}, c: [1], a: 2}}", "ingress_controller__prod.config.a"),
        ("ingress_apps: {a: {x: 1}, b: {x: 1}}", None),
        ("other: {a: 1, a: 2}", None),
        ("ingress_apps: {a: &a {x: 1}, b: *a, c: [*a, *a]}", None),
        ("ingress_apps: {a: !vault |\n  x", None),
        ("$ANSIBLE_VAULT;1.1;AES256\n6162", None),
        ("", None),
    ],
)
def test_keys_given_twice_are_found_in_the_text(text, path):
    found = duplicate_keys(text, "all.yml")
    assert [problem.path for problem in found] == ([path] if path else [])


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
        ({"a": {"b": 1}}, {"a": {"b": None}}, {"a": {}}),
        ({"a": 1}, {"b": {"c": None, "d": 1}}, {"a": 1, "b": {"d": 1}}),
        ({"a": 1}, {"a": {"c": None, "d": 1}}, {"a": {"d": 1}}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
    ],
)
def test_layers_merge_deeply(base, over, merged):
    assert deep_merge(base, over) == merged


def test_layers_go_in_the_order_of_their_names():
    flat = flatten({"ingress_apps__b": {"x": 2}, "ingress_apps": {"x": 0, "y": 0}, "ingress_apps__a": {"x": 1, "y": 1}})
    assert flat == {"ingress_apps": {"x": 2, "y": 1}}


def test_nearer_options_merge_over_farther_ones():
    stack = load(
        "ingress_apps: {cafe: {options: {hsts: {max_age: 1}, body_size: 1m}, hosts: {a.example: {options: {hsts: "
        "{preload: true}}, paths: {/x: {service: a, port: 80, options: {body_size: null}}, /y: a:80}}}}}"
    )
    host = stack.apps["cafe"].hosts["a.example"]
    assert host.options.hsts.max_age == 1 and host.options.hsts.preload
    assert host.paths["/x"].options.body_size is None and host.paths["/x"].options.hsts.max_age == 1
    assert host.paths["/y"].options is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [("LB.example.com", "lb.example.com"), ("[2001:DB8::1]", "2001:db8::1"), ("192.0.2.1", "192.0.2.1")],
)
def test_an_address_is_kept_in_one_form(given, kept):
    assert model.load({"ingress_controller": {"expose": {"address": given}}}).controller.exposes[0].address == kept
