"""The knobs of a production controller: what each becomes in the objects, and what preflight says of it."""

import pytest

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.controllers.arguments import merged
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.preflight import check
from module_utils.ingresskit.render import render
from tests.unit.test_preflight_config import KINDS

MONITORS = "servicemonitors.monitoring.coreos.com"
EVERY = pytest.mark.parametrize("kind", KINDS)


def stack_of(kind, apps=None, extra=(), hosts=None, **controller):
    variables = {"ingress_controller": KINDS[kind] | controller, "ingress_apps": apps or {}}
    return model.load(variables | {"ingress_extra_objects": list(extra), "ingress_hosts": hosts or {}})


def found(kind, apps=None, facts=None, **more):
    stack = stack_of(kind, apps, **more)
    return [(each.path, each.message) for each in check(stack, controller_for(stack.controller), facts or Facts())]


def objects(kind, of=None, apps=None, **controller):
    rendered = render(stack_of(kind, apps, **controller), Facts())
    return [obj for obj in rendered if of is None or obj["kind"] == of]


def container(kind, **controller):
    (workload,) = objects(kind, controller.get("workload", "Deployment"), **controller)
    return workload["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize(
    ("ours", "theirs", "both"),
    [
        (["-a=1", "-b"], [], ["-a=1", "-b"]),
        (["-a=1", "-b"], ["-a=2"], ["-b", "-a=2"]),
        (["--a.b=1"], ["--A.B=2"], ["--A.B=2"]),
        (["/program", "--a"], ["--a=false", "--", "word"], ["/program", "--a=false", "--", "word"]),
    ],
)
def test_a_flag_of_the_users_takes_the_place_of_ours(ours, theirs, both):
    assert merged(ours, theirs) == both


@pytest.mark.parametrize(
    ("kind", "flag", "before"),
    [
        ("nginx", "-enable-snippets=true", "-enable-snippets=false"),
        ("traefik", "--global.sendAnonymousUsage=true", "--global.sendanonymoususage=false"),
        ("compat", "--log.level=DEBUG", None),
        ("ingress-nginx", "--profiling=true", "--profiling=false"),
    ],
)
def test_no_flag_is_given_twice(kind, flag, before):
    assert found(kind, extra_args=[flag]) == []
    usual, args = container(kind)["args"], container(kind, extra_args=[flag])["args"]
    assert args == [*(each for each in usual if each != before), flag]


@pytest.mark.parametrize(
    ("kind", "flag", "words"),
    [
        ("nginx", "-ingress-class=x", "-ingress-class: set ingress_controller.class_name"),
        ("nginx", "--watch-namespace=x", "set ingress_controller.watch_namespaces"),
        ("traefik", "--entryPoints.web.address=:80", "the Service leads there"),
        ("traefik", "--no.such=flag", "would not start"),
        ("traefik", "--accesslog=maybe", "must be true or false"),
        ("compat", "--providers.kubernetesingressnginx.controllerclass=x", "set ingress_controller.class_name"),
        ("ingress-nginx", "--configmap=a/b", "set ingress_controller.config"),
    ],
)
def test_a_flag_that_the_stack_is_made_for_stays_ours(kind, flag, words):
    ((path, message),) = found(kind, extra_args=["word", flag])
    assert path == "ingress_controller.extra_args[1]" and words in message


REFUSED = [
    ({"env": {"POD_NAME": "x"}}, "ingress_controller.env.POD_NAME", "from the Pod's own fields"),
    ({"pod_labels": {"app.kubernetes.io/name": "x"}}, 'ingress_controller.pod_labels."app.kubernetes.io/name"', "find the Pods"),
    ({"pod_annotations": {"ingresskit.io/x": "y"}}, 'ingress_controller.pod_annotations."ingresskit.io/x"', "are ingresskit's"),
    ({"tolerations": [{"keys": "x"}]}, "ingress_controller.tolerations[0].keys", "did you mean 'key'?"),
    ({"affinity": {"podaffinity": {}}}, "ingress_controller.affinity.podaffinity", "did you mean 'podAffinity'?"),
    ({"topology_spread": [{"maxSkew": 1, "topologyKey": "x"}]}, "ingress_controller.topology_spread[0].whenUnsatisfiable", "is missing"),
    ({"pdb": {"max_unavailable": 0}}, "ingress_controller.pdb.max_unavailable", "lets no node be drained"),
    ({"metrics": {"enabled": False, "service_monitor": True}}, "ingress_controller.metrics.service_monitor", "nothing to scrape"),
]  # fmt: skip


@EVERY
@pytest.mark.parametrize(("controller", "path", "words"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_the_api_server_would_refuse_late(kind, controller, path, words):
    ((told, message),) = found(kind, **controller)
    assert told == path and words in message


@EVERY
def test_a_node_has_a_new_pod_before_the_old_one_goes(kind):
    (daemon,) = objects(kind, "DaemonSet", workload="DaemonSet")
    rolling = {"maxSurge": 1, "maxUnavailable": 0}
    assert daemon["spec"]["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": rolling}


@EVERY
def test_a_spread_of_the_users_counts_our_pods(kind):
    spread = {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    own = {**spread, "labelSelector": {"matchLabels": {"a": "b"}}}
    (workload,) = objects(kind, "Deployment", topology_spread=[spread, own])
    template = workload["spec"]["template"]
    first, second = template["spec"]["topologySpreadConstraints"]
    assert first["labelSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert second == own


@EVERY
@pytest.mark.parametrize("enabled", [True, False])
def test_the_network_policy_opens_what_clients_need(kind, enabled):
    (policy,) = objects(kind, "NetworkPolicy", metrics={"enabled": enabled})
    ports = {port["name"]: port["containerPort"] for port in container(kind, metrics={"enabled": enabled})["ports"]}
    entries, *inside = policy["spec"]["ingress"]
    assert {port["port"] for port in entries["ports"]} == {ports["http"], ports["https"]} and "from" not in entries
    assert len(inside) == enabled
    for rule in inside:
        assert rule["from"] == [{"namespaceSelector": {}}]
        assert [port["port"] for port in rule["ports"]] == [ports.get("metrics", ports.get("status"))]


@EVERY
def test_rights_shrink_to_the_namespaces_that_are_watched(kind):
    watched = ["shop"] if kind == "ingress-nginx" else ["shop", "cafe"]
    everywhere = objects(kind, "ClusterRole")[0]["rules"]
    (cluster,) = objects(kind, "ClusterRole", watch_namespaces=watched)
    resources = {name for rule in cluster["rules"] for name in rule["resources"]}
    assert resources <= {"ingressclasses", "nodes", "namespaces"}
    roles = objects(kind, "Role", watch_namespaces=watched)
    wide = {
        role["metadata"]["namespace"]: role["rules"]
        for role in roles
        if role["metadata"]["name"] == cluster["metadata"]["name"]
    }
    home = [] if kind == "ingress-nginx" else [controller_for(stack_of(kind).controller).default_namespace]
    assert sorted(wide) == sorted([*watched, *home])
    before = {(name, verb) for rule in everywhere for name in rule["resources"] for verb in rule["verbs"]}
    for rules in wide.values():
        now = {(name, verb) for rule in rules for name in rule["resources"] for verb in rule["verbs"]}
        assert now == {pair for pair in before if pair[0] not in resources}
    bindings = {each["metadata"]["namespace"] for each in objects(kind, "RoleBinding", watch_namespaces=watched)}
    assert set(wide) <= bindings


@pytest.mark.parametrize(
    ("kind", "flag"),
    [
        ("nginx", "-watch-namespace=shop,nginx-ingress"),
        ("traefik", "--providers.kubernetesingress.namespaces=shop,traefik"),
        ("compat", "--providers.kubernetesingressnginx.watchnamespaceselector=kubernetes.io/metadata.name in (shop,traefik)"),
        ("ingress-nginx", "--watch-namespace=shop"),
    ],
)  # fmt: skip
def test_the_controller_is_told_what_to_watch(kind, flag):
    assert flag in container(kind, watch_namespaces=["shop"])["args"]


def test_the_provider_of_custom_resources_watches_the_same():
    args = container("traefik", watch_namespaces=["shop"], custom_resources=True)["args"]
    assert "--providers.kubernetescrd.namespaces=shop,traefik" in args


SHOP = {"shop": {"hosts": {"shop.example.com": "web:80"}}}


@EVERY
def test_an_app_that_would_not_be_seen_is_refused(kind):
    assert found(kind, SHOP, watch_namespaces=["shop"]) == []
    ((path, message),) = found(kind, SHOP, watch_namespaces=["cafe"])
    assert path == "ingress_apps.shop.namespace"
    assert message.startswith("shop is not in ingress_controller.watch_namespaces")


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"hosts": {"shop.example.com": {"namespace": "edge", "tls": {"secret": "s"}}}}, 'ingress_hosts."shop.example.com".namespace'),
        ({"default_backend": {"service": "edge/page:80"}}, "ingress_controller.default_backend.service"),
        ({"tcp_services": {"5432": "edge/db:5432"}}, "ingress_controller.tcp_services.5432"),
    ],
)  # fmt: skip
def test_so_is_whatever_else_is_routed_to(more, path):
    paths = [path for path, _ in found("traefik", SHOP, watch_namespaces=["shop"], **more)]
    assert path in paths


@pytest.mark.parametrize(
    ("controller", "path", "words"),
    [
        ({"watch_namespaces": ["shop", "cafe"]}, "ingress_controller.watch_namespaces", "one namespace or all"),
        (
            {"watch_namespaces": ["shop"], "default_backend": {"page": "x"}},
            "ingress_controller.default_backend",
            "set ingress_controller.namespace: shop too",
        ),
        ({"watch_namespaces": ["shop"], "default_tls": {"secret": "s"}}, "ingress_controller.default_tls", "would not be watched"),
    ],
)  # fmt: skip
def test_ingress_nginx_watches_one_namespace(controller, path, words):
    ((told, message),) = found("ingress-nginx", **controller)
    assert told == path and words in message
    assert found("ingress-nginx", **controller | {"watch_namespaces": ["shop"], "namespace": "shop"}) == []


def test_ingress_nginx_rolls_out_for_settings_that_it_does_not_watch():
    def annotations(**more):
        (workload,) = objects("ingress-nginx", "Deployment", **more)
        return workload["spec"]["template"]["metadata"].get("annotations")

    changed = {"config": {"use-gzip": True}}
    assert annotations(**changed) == annotations()  # it reloads
    assert annotations(watch_namespaces=["shop"], **changed) != annotations(watch_namespaces=["shop"])
    assert annotations(config={"http-snippet": "a;"}) != annotations()


@EVERY
def test_prometheus_finds_the_metrics(kind):
    (monitor,) = objects(kind, "ServiceMonitor", metrics={"service_monitor": True})
    wanted = monitor["spec"]["selector"]["matchLabels"]
    chosen = [
        each
        for each in objects(kind, "Service", metrics={"service_monitor": True})
        if wanted.items() <= each["metadata"]["labels"].items()
    ]
    (service,) = chosen  # and none of the ways in
    (port,) = service["spec"]["ports"]
    assert port["name"] == monitor["spec"]["endpoints"][0]["port"]
    assert port["targetPort"] in [each["name"] for each in container(kind)["ports"]]
    assert not objects(kind, "ServiceMonitor")


@EVERY
def test_a_service_monitor_needs_its_definition(kind):
    asked = {"metrics": {"service_monitor": True}}
    assert found(kind, facts=Facts(served={MONITORS: True}), **asked) == []
    ((path, message),) = found(kind, facts=Facts(served={MONITORS: False}), **asked)
    assert path == "ingress_controller.metrics.service_monitor" and MONITORS in message
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": MONITORS},
    }
    assert found(kind, facts=Facts(served={MONITORS: False}), extra=[definition], **asked) == []


def test_response_headers_of_options_and_settings_are_allowed_together():
    apps = {"shop": {"hosts": {"h.example": "web:80"}, "options": {"headers": {"response": {"X-One": "1"}}}}}
    (config,) = [
        each
        for each in objects("ingress-nginx", "ConfigMap", apps, config={"global-allowed-response-headers": "X-Two"})
        if each["metadata"]["name"] == "ingress-nginx-controller"
    ]
    assert config["data"]["global-allowed-response-headers"].split(",")[-2:] == ["X-One", "X-Two"]
