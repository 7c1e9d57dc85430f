"""What each controller makes of an inventory: its image, flags, dialect, rights."""

import re

import pytest
import yaml

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import CONTROLLERS
from module_utils.ingresskit.controllers.traefik_middlewares import TO_HTTPS
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.model.options import Options
from module_utils.ingresskit.render import render

NGINX, TRAEFIK = CONTROLLERS["nginx"], CONTROLLERS["traefik"]
SHA = "sha256:" + "0" * 64


def stack_of(controller: str, kind: str = "nginx", apps: str = "{}") -> model.Stack:
    variables = {
        "ingress_controller": yaml.safe_load(controller) | {"kind": kind},
        "ingress_apps": yaml.safe_load(apps),
    }
    return model.load(variables)


def objects_of(controller: str, kind: str, apps: str = "{}", name: str = "") -> list[dict]:
    found = render(stack_of(controller, kind, apps), Facts())
    return [obj for obj in found if not name or obj["kind"] == name]


IMAGES = [
    ("{}", "docker.io/nginx/nginx-ingress:5.5.4", "docker.io/library/traefik:v3.7.15"),
    ("{version: 9.1.2}", "docker.io/nginx/nginx-ingress:9.1.2", "docker.io/library/traefik:v9.1.2"),
    ("{version: v9.1.2}", "docker.io/nginx/nginx-ingress:9.1.2", "docker.io/library/traefik:v9.1.2"),
    ("{version: 9.1.2, image: {tag: x}}", "docker.io/nginx/nginx-ingress:x", "docker.io/library/traefik:x"),
    ("{image: {registry: r.example}}", "r.example/nginx/nginx-ingress:5.5.4", "r.example/library/traefik:v3.7.15"),
    ("{image: {registry: '', repository: a/b, tag: c}}", "a/b:c", "a/b:c"),
    ("{image: {repository: a/b, tag: c}}", "docker.io/a/b:c", "docker.io/a/b:c"),
    (
        f"{{image: {{digest: '{SHA}', tag: c}}}}",
        f"docker.io/nginx/nginx-ingress@{SHA}",
        f"docker.io/library/traefik@{SHA}",
    ),
]


@pytest.mark.parametrize(("controller", "nginx", "traefik"), IMAGES, ids=[row[0] for row in IMAGES])
def test_image(controller, nginx, traefik):
    assert NGINX.image(stack_of(controller).controller) == nginx
    assert TRAEFIK.image(stack_of(controller, "traefik").controller) == traefik


@pytest.mark.parametrize(
    ("controller", "version"),
    [
        ("{}", "5.5.4"),
        ("{version: v9.1.2}", "9.1.2"),
        ("{version: 9.1.2, image: {tag: v8.0.0-alpine}}", "8.0.0-alpine"),
    ],
)
def test_version_as_people_write_it(controller, version):
    assert NGINX.version(stack_of(controller).controller) == version


def arguments(controller: str, kind: str, apps: str = "{}") -> list[str]:
    (workload,) = (
        obj
        for obj in objects_of(controller, kind, apps)
        if obj["kind"] in ("Deployment", "DaemonSet") and obj["metadata"]["name"] == CONTROLLERS[kind].default_namespace
    )
    return workload["spec"]["template"]["spec"]["containers"][0]["args"]


HOSTLESS = "-allow-empty-ingress-host"
SECRET = "default_tls: {secret: s}"
# controller's keys, apps, flags that must be there, flags that must not
NGINX_FLAGS = [
    (
        "{}",
        "{}",
        ["-ingress-class=nginx", "-enable-prometheus-metrics=true", "-external-service=nginx-ingress"],
        [HOSTLESS],
    ),
    ("{class_name: edge}", "{}", ["-ingress-class=edge"], ["-ingress-class=nginx"]),
    ("{metrics: {enabled: false}}", "{}", ["-enable-prometheus-metrics=false"], ["-enable-prometheus-metrics=true"]),
    ("{extra_args: [-v=3]}", "{}", ["-v=3"], []),
    ("{}", "{a: {hosts: {'*': x:80}}}", [HOSTLESS], []),
    ("{}", "{a: {default_backend: x:80}}", [HOSTLESS], []),
    ("{}", "{a: {default_backend: x:80, hosts: {h.example: x:80}}}", [], [HOSTLESS]),
    (
        f"{{default_backend: {{page: <h1>}}, {SECRET}}}",
        "{}",
        [HOSTLESS, "-default-server-tls-secret=$(POD_NAMESPACE)/s"],
        [],
    ),
    (
        "{default_tls: {issuer: i}}",
        "{}",
        ["-default-server-tls-secret=$(POD_NAMESPACE)/default-server-tls"],
        [HOSTLESS],
    ),
    (
        "{expose: [{}, {type: LoadBalancer, name: lb}]}",
        "{}",
        ["-external-service=lb"],
        ["-external-service=nginx-ingress"],
    ),
]
INGRESS = "--providers.kubernetesingress"
TRAEFIK_FLAGS = [
    ("{}", "{}", ["--entrypoints.web.address=:8000", f"{INGRESS}.ingressclass=traefik", "--metrics.prometheus=true",
     f"{INGRESS}.ingressendpoint.publishedservice=traefik/traefik"], []),
    ("{class_name: edge}", "{}", [f"{INGRESS}.ingressclass=edge"], []),
    ("{metrics: {enabled: false}}", "{}", [], ["--metrics.prometheus=true", "--entrypoints.metrics.address=:9100"]),
    ("{config: {log.level: DEBUG, accesslog: true, ping.entrypoint: null}}", "{}", ["--log.level=DEBUG", "--accesslog=true"],
     ["--ping.entrypoint=None", "--accesslog=True"]),
    ("{termination: {drain: 5, grace: 20}}", "{}", ["--entrypoints.web.transport.lifecycle.requestacceptgracetimeout=5s",
     "--entrypoints.websecure.transport.lifecycle.gracetimeout=15s"], []),
    ("{namespace: n, expose: {type: LoadBalancer, name: lb}}", "{}", [f"{INGRESS}.ingressendpoint.publishedservice=n/lb"], []),
    ("{expose: [{}, {type: LoadBalancer, name: lb}]}", "{}", [f"{INGRESS}.ingressendpoint.publishedservice=traefik/lb"], []),
]  # fmt: skip
FLAGS = [("nginx", *row) for row in NGINX_FLAGS] + [("traefik", *row) for row in TRAEFIK_FLAGS]


@pytest.mark.parametrize(
    ("kind", "controller", "apps", "there", "absent"), FLAGS, ids=[f"{r[0]} {r[1]} {r[2]}" for r in FLAGS]
)
def test_flags(kind, controller, apps, there, absent):
    found = arguments(controller, kind, apps)
    assert set(there) <= set(found)
    assert not set(absent) & set(found)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("kind", CONTROLLERS)
def test_extra_arguments_have_the_last_word(kind):
    assert arguments("{extra_args: [--last]}", kind)[-1] == "--last"


MIDDLEWARES = "traefik.ingress.kubernetes.io/router.middlewares"
ANNOTATIONS = [
    ({}, False, {}, {}),
    ({}, True, {}, {MIDDLEWARES: "redirect-permanently@file"}),
    ({"ssl_redirect": False}, True, {"nginx.org/ssl-redirect": "false"}, {}),
    ({"ssl_redirect": False}, False, {}, {}),
    ({"ssl_redirect": True}, True, {}, {MIDDLEWARES: "redirect-permanently@file"}),
    ({"ssl_redirect": True}, False, {}, {}),
    (
        {"ssl_redirect": {"code": 302}},
        True,
        {"nginx.org/http-redirect-code": "302"},
        {MIDDLEWARES: "redirect-temporarily@file"},
    ),
]


@pytest.mark.parametrize(("options", "tls", "nginx", "traefik"), ANNOTATIONS)
def test_the_redirect_in_each_dialect(options, tls, nginx, traefik):
    app = {"hosts": {"a.example": "x:80"}, "options": options} | ({"tls": {"secret": "s"}} if tls else {})
    stack = model.load({"ingress_apps": {"a": app}})
    site = stack.sites["a.example"]
    for dialect, expected in ((NGINX, nginx), (TRAEFIK, traefik)):
        assert dialect.treat(site.entries[0], site, stack, Facts()).annotations == expected


@pytest.mark.parametrize("kind", CONTROLLERS)
@pytest.mark.parametrize(
    ("options", "code"), [({}, None), ({"ssl_redirect": {"code": 302}}, 302), ({"ssl_redirect": True}, None)]
)
def test_the_code_that_is_answered(kind, options, code):
    usual = {"nginx": 301, "traefik": 301, "ingress-nginx": 308}
    assert CONTROLLERS[kind].redirect_code(Options.model_validate(options)) == (code or usual[kind])


@pytest.mark.parametrize(
    ("url", "to"),
    [
        ("http://cafe.example.com/tea?x=1", "https://cafe.example.com/tea?x=1"),
        ("http://cafe.example.com:30080/tea", "https://cafe.example.com/tea"),
        ("http://cafe.example.com", "https://cafe.example.com"),
        ("http://127.0.0.1:80/a:b", "https://127.0.0.1/a:b"),
        ("http://[::1]:30080/tea", "https://[::1]/tea"),
        ("https://cafe.example.com:30443/tea", None),
        ("https://cafe.example.com/?to=http://x/", None),
    ],
)
def test_traefiks_redirect_takes_http_alone(url, to):
    """Traefik's file holds the same pattern; HTTPS redirected to itself would go on for ever."""
    found = re.match(TO_HTTPS, url)
    assert (found and f"https://{found[1]}{found[2] or ''}") == to
    (config,) = (obj for obj in objects_of("{}", "traefik", name="ConfigMap"))
    middlewares = yaml.safe_load(config["data"]["dynamic.yaml"])["http"]["middlewares"]
    assert {each["redirectRegex"]["regex"] for each in middlewares.values()} == {TO_HTTPS}
    assert {name: each["redirectRegex"]["permanent"] for name, each in middlewares.items()} == {
        "redirect-permanently": True,
        "redirect-temporarily": False,
    }


UNKNOWN_HOSTS = [("{}", False, True), (f"{{{SECRET}}}", True, True), ("{default_backend: {page: x}}", True, True)]


@pytest.mark.parametrize(("controller", "nginx", "traefik"), UNKNOWN_HOSTS)
def test_who_answers_the_handshake_of_an_unknown_host(controller, nginx, traefik):
    assert NGINX.unknown_host_tls(stack_of(controller).controller) is nginx
    assert TRAEFIK.unknown_host_tls(stack_of(controller, "traefik").controller) is traefik


PATHS = """{a: {tls: {secret: s}, hosts: {
  h.example: {paths: [{path: /t, type: Exact, service: e, port: 80}, {path: /t, service: p, port: 80}]},
  all.example: {paths: {/x: x:80}}, exact.example: {paths: {/x: {service: x, port: 80, type: Exact}}}}}}"""


def routes(kind: str) -> dict[str, set[tuple[str, str, str]]]:
    found = {}
    for obj in objects_of("{}", kind, PATHS, "Ingress"):
        found[obj["metadata"]["name"]] = {
            (rule["host"], path["path"], path["pathType"])
            for rule in obj["spec"]["rules"]
            for path in rule["http"]["paths"]
        }
    return found


def test_behind_traefik_exact_entries_come_first():
    """Its own order is by the length of the rule's text, and a Prefix makes the longer rule."""
    exact = {("h.example", "/t", "Exact"), ("exact.example", "/x", "Exact")}
    others = {("h.example", "/t", "Prefix"), ("all.example", "/x", "Prefix")}
    assert routes("traefik") == {"a-exact": exact, "a": others}
    first, second = objects_of("{}", "traefik", PATHS, "Ingress")
    priority = "traefik.ingress.kubernetes.io/router.priority"
    assert int(first["metadata"]["annotations"][priority]) > 10_000
    assert priority not in second["metadata"]["annotations"]
    assert first["metadata"]["annotations"][MIDDLEWARES] == second["metadata"]["annotations"][MIDDLEWARES]
    assert first["spec"]["tls"] == [{"hosts": ["h.example", "exact.example"], "secretName": "s"}]
    assert second["spec"]["tls"] == [{"hosts": ["h.example", "all.example"], "secretName": "s"}]


def test_f5_orders_them_itself_and_every_host_has_its_ingress():
    everything = routes("traefik")["a"] | routes("traefik")["a-exact"]
    assert set().union(*routes("nginx").values()) == everything
    assert {name: {host for host, _, _ in paths} for name, paths in routes("nginx").items()} == {
        "a": {"h.example"}, "a-exact-example": {"exact.example"}, "a-all-example": {"all.example"},
    }  # fmt: skip


@pytest.mark.parametrize("kind", CONTROLLERS)
@pytest.mark.parametrize("type_", ["Exact", "Prefix"])
def test_entries_of_one_sort_stay_together(kind, type_):
    apps = f"{{a: {{hosts: {{h.example: {{paths: [{{path: /t, type: {type_}, service: e, port: 80}}]}}}}}}}}"
    (ingress,) = objects_of("{}", kind, apps, "Ingress")
    assert (
        ingress["metadata"]["name"] == "a" and "annotations" not in ingress["metadata"] and "tls" not in ingress["spec"]
    )


@pytest.mark.parametrize("kind", CONTROLLERS)
def test_rights_are_the_least(kind):
    """Nothing but its own namespace's leases, Pods and the status of Ingresses is written, no secret outside TLS read by name."""
    roles = objects_of("{}", kind, name="ClusterRole") + objects_of("{}", kind, name="Role")
    writes = {
        (role["kind"], resource)
        for role in roles
        for rule in role["rules"]
        for resource in rule["resources"]
        if set(rule["verbs"]) - {"get", "list", "watch"}
    }
    allowed = {("ClusterRole", "ingresses/status"), ("ClusterRole", "events"), ("Role", "leases"), ("Role", "pods")}
    assert writes <= allowed
    assert not any(
        "*" in rule[key] for role in roles for rule in role["rules"] for key in ("verbs", "resources", "apiGroups")
    )


OWN_CLASS = {
    "nginx": "nginx.org/ingress-controller",
    "traefik": "traefik.io/ingress-controller",
    "ingress-nginx": "k8s.io/ingress-nginx-c",  # shared by everyone who says it without the name
}


@pytest.mark.parametrize("kind", CONTROLLERS)
@pytest.mark.parametrize(
    ("default", "mark"), [("true", {"ingressclass.kubernetes.io/is-default-class": "true"}), ("false", None)]
)
def test_the_class(kind, default, mark):
    (found,) = objects_of(f"{{default_class: {default}, class_name: c}}", kind, name="IngressClass")
    assert found["metadata"]["name"] == "c" and found["metadata"].get("annotations") == mark
    assert found["spec"]["controller"] == OWN_CLASS[kind]


def kinds(controller: str) -> list[str]:
    return sorted(obj["kind"] for obj in objects_of(controller, "nginx"))


def test_what_stands_around_the_controller():
    usual = set(kinds("{}"))
    assert usual - set(kinds("{pdb: null}")) == {"PodDisruptionBudget"}
    assert usual - set(kinds("{network_policy: false}")) == {"NetworkPolicy"}
    assert set(kinds("{autoscaling: {}}")) - usual == {"HorizontalPodAutoscaler"}
    assert usual - set(kinds("{workload: DaemonSet}")) == {"Deployment", "PodDisruptionBudget"}
    assert kinds("{expose: [{}, {name: b}, {name: c}]}").count("Service") == 3


@pytest.mark.parametrize(("controller", "replicas"), [("{}", 2), ("{replicas: 0}", 0), ("{autoscaling: {}}", None)])
def test_replicas(controller, replicas):
    (deployment,) = objects_of(controller, "nginx", name="Deployment")
    assert deployment["spec"].get("replicas") == replicas


@pytest.mark.parametrize("kind", CONTROLLERS)
def test_pod_labels_of_the_user_do_not_break_the_selector(kind):
    controller = "{pod_labels: {app.kubernetes.io/name: mine, team: edge}}"
    (deployment,) = objects_of(controller, kind, name="Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels["team"] == "edge" and deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()


def rolled_out(kind: str, controller: str) -> dict:
    (deployment,) = objects_of(controller, kind, name="Deployment")
    return deployment["spec"]["template"]


@pytest.mark.parametrize(
    ("kind", "controller", "rolls"),
    [
        ("nginx", "{config: {main-snippets: x}}", True),
        ("nginx", "{config: {proxy-body-size: 8m}}", False),
        ("traefik", f"{{{SECRET}}}", True),
        ("traefik", "{config: {log.level: DEBUG}}", True),
    ],
)
def test_pods_roll_out_where_they_read_a_change_only_at_start(kind, controller, rolls):
    assert (rolled_out(kind, controller) != rolled_out(kind, "{}")) is rolls


def test_settings_of_f5_are_text():
    (config,) = objects_of("{config: {a: true, b: 1, c: 0.5, d: text, e: null}}", "nginx", name="ConfigMap")
    assert config["data"] == {"a": "true", "b": "1", "c": "0.5", "d": "text"}
