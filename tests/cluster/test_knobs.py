"""The knobs of a production controller on the cluster, behind the real Traefik and behind the double of F5's controller.

No network plugin of the test bed keeps NetworkPolicies: what theirs let in is held by unit tests, not by requests.
"""

import json
import threading

import pytest

from tests.cluster.conftest import standing
from tests.cluster.double import ask, ingress, path, until
from tests.cluster.monitors import service_monitors
from tests.cluster.playbook import HOST, create, kubectl, proven

pytestmark = pytest.mark.timeout(400)
PORTS = (30007, 30008)
WORKLOAD = {"nginx": "nginx-ingress", "traefik": "traefik"}
DRAIN = {"drain": 8, "grace": 20}  # a loaded machine takes long to see that a Pod has left its endpoints


@pytest.fixture(scope="module")
def site(kind, tmp_path_factory):
    """A stack with every knob that does not exclude another, and ServiceMonitors to be had."""
    with service_monitors():
        for found in standing(tmp_path_factory.mktemp(kind), f"ik-knobs-{kind}", PORTS):
            found.first = found.site(kind, controller=knobs(found, kind))
            yield found


def knobs(site, kind, **more):
    return {
        "replicas": 1,
        "watch_namespaces": [site.namespace("cafe")],
        "metrics": {"enabled": True, "service_monitor": True},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "512Mi"}},
        "termination": DRAIN,
        "node_selector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "edge", "operator": "Exists"}],
        "topology_spread": [{"maxSkew": 1, "topologyKey": "kubernetes.io/os", "whenUnsatisfiable": "ScheduleAnyway"}],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [apart(site, kind)]}},
        "priority_class": "system-cluster-critical",
        "pod_annotations": {"example.com/team": "edge"},
        "pod_labels": {"team": "edge"},
        "env": {"TZ": "UTC"},
        "default_backend": {"page": "<h1>not on the menu</h1>"},
    } | more


def apart(site, kind):
    labels = {"app.kubernetes.io/name": WORKLOAD[kind], "app.kubernetes.io/instance": site.name}
    return {
        "weight": 1,
        "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels}},
    }


def read(site, what, name="", namespace="controller", selector=None):
    where = [name] if name else ["-l", selector or f"ingresskit.io/stack={site.name}"]
    return json.loads(kubectl("get", what, *where, "-n", site.namespace(namespace), "-o", "json"))


def pods(site, kind):
    """Names of the controller's Pods that are not on their way out."""
    found = read(site, "pods", selector=f"app.kubernetes.io/name={WORKLOAD[kind]}")["items"]
    return {pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]}


def test_all_knobs_at_once_under_the_restricted_profile(kind, site):
    assert proven(site.first, f"https://{HOST}:{PORTS[1]}/tea")
    (namespace,) = [each for each in read(site, "namespaces", site.namespace("controller"))["metadata"]["labels"].items()
                    if each[0].endswith("/enforce")]  # fmt: skip
    assert namespace == ("pod-security.kubernetes.io/enforce", "restricted")
    template = read(site, "deployment", WORKLOAD[kind])["spec"]["template"]
    pod = template["spec"]
    assert pod["priorityClassName"] == "system-cluster-critical"
    assert template["metadata"]["labels"]["team"] == "edge"
    assert template["metadata"]["annotations"]["example.com/team"] == "edge"
    assert {"name": "TZ", "value": "UTC"} in pod["containers"][0]["env"]
    assert pod["terminationGracePeriodSeconds"] == 20
    second = site.play().passed()
    assert not second.changed and not second.writes, second.output


def may(site, kind, verb, what, namespace):
    """Whether the controller's account has a right; "" is all namespaces."""
    account = f"system:serviceaccount:{site.namespace('controller')}:{WORKLOAD[kind]}"
    asked = {"user": account, "resourceAttributes": {"verb": verb, "resource": what, "namespace": namespace}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": asked}
    return kubectl("create", "-f", "-", "-o", "jsonpath={.status.allowed}", stdin=json.dumps(review)) == "true"


def test_it_has_rights_in_what_it_watches_and_nowhere_else(kind, site, node, foreign):
    """And works with them: a route that comes in a namespace that is watched is served, one elsewhere is not."""
    elsewhere = foreign(f"{site.name}-elsewhere")
    for what in ("secrets", "services"):
        assert may(site, kind, "list", what, site.namespace("cafe"))
        assert not may(site, kind, "list", what, elsewhere) and not may(site, kind, "list", what, "")

    class_name = f"{site.name}-{kind}"
    theirs = ingress("theirs", elsewhere, "theirs.example.com", path("/", "tea-svc"), class_name=class_name)
    ours = ingress("ours", site.namespace("cafe"), "ours.example.com", path("/", "tea-svc"), class_name=class_name)
    create(theirs)
    create(ours)

    def status(host):
        return ask(node, PORTS[0], host, "/").status

    until(lambda: status("ours.example.com") == 200)
    assert status("theirs.example.com") == 404
    kubectl("delete", "ingress", "ours", "-n", site.namespace("cafe"))
    for name in pods(site, kind):
        log = kubectl("logs", name, "-n", site.namespace("controller"), "--all-containers")
        assert "forbidden" not in log.lower(), log


def test_prometheus_would_find_the_metrics(kind, site):
    (monitor,) = read(site, "servicemonitors")["items"]
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    (service,) = [each for each in read(site, "services")["items"] if wanted <= each["metadata"]["labels"].items()]
    at = f"/api/v1/namespaces/{site.namespace('controller')}/services/{service['metadata']['name']}:metrics/proxy/metrics"
    assert {"nginx": "nginx_ingress_controller_", "traefik": "traefik_"}[kind] in kubectl("get", "--raw", at)


BAD = {
    "nginx": [
        ({"config": {"proxy-read-timeout": "a minute"}}, 'config."proxy-read-timeout"', "a time of nginx"),
        ({"config": {"main-snippets": "env A"}}, 'config."main-snippets"', "no "),
        ({"config": {"ssl-redirect": True}}, 'config."ssl-redirect"', "set the option ssl_redirect"),
    ],
    "traefik": [
        ({"config": {"log.level": "loud"}}, 'config."log.level"', "DEBUG"),
        ({"config": {"acces.log": True}}, 'config."acces.log"', "would not start"),
        ({"extra_args": ["--no.such=flag"]}, "extra_args[0]", "would not start"),
    ],
}


def test_bad_values_are_told_all_at_once_and_nothing_is_sent(kind, site):
    before = read(site, "configmaps,deployments")
    controller = knobs(site, kind, watch_namespaces=["nowhere"], env={"POD_NAME": "x"})
    for bad, _, _ in BAD[kind]:
        for key, value in bad.items():
            controller[key] = {**controller.get(key, {}), **value} if isinstance(value, dict) else value
    site.write(site.inventory(kind, controller=controller))
    said = [words for _, at, why in BAD[kind] for words in (f"ingress_controller.{at}", why)]
    site.play().failed("ingress_controller.env.POD_NAME", "ingress_apps.cafe.namespace", *said)
    versions = [
        [each["metadata"]["resourceVersion"] for each in found["items"]]
        for found in (before, read(site, "configmaps,deployments"))
    ]
    assert versions[0] == versions[1]


def test_a_setting_takes_effect_as_the_controller_needs(kind, site, node):
    """F5's controller reloads it, Traefik rolls out."""
    former = pods(site, kind)
    config = {"nginx": {"client-max-body-size": "1k"}, "traefik": {"accesslog": True}}[kind]
    run = site.site(kind, controller=knobs(site, kind, config=config))
    assert proven(run)
    if kind == "nginx":
        until(lambda: ask(node, PORTS[1], HOST, "/tea", tls=True, method="POST", body=b"x" * 2000).status == 413)
        assert pods(site, kind) == former
    else:
        (name,) = pods(site, kind)
        assert name not in former

        def logged():  # the former Pod goes on serving for a while
            ask(node, PORTS[1], HOST, "/tea?seen", tls=True)
            return "GET /tea?seen" in kubectl("logs", name, "-n", site.namespace("controller"))

        until(logged, 60)


# what no table can know: a directive that nginx has not, a port that does not exist
BREAKS = {"nginx": {"main-snippets": "no_such_directive on;"}, "traefik": {"entrypoints.extra.address": ":123456"}}


@pytest.mark.slow
def test_what_breaks_the_start_is_seen_by_a_new_pod_while_the_old_one_serves(kind, site, node):
    former = pods(site, kind)
    site.write(site.inventory(kind, controller=knobs(site, kind, config=BREAKS[kind])))
    site.play().failed("returned to revision")
    assert ask(node, PORTS[1], HOST, "/tea", tls=True).status == 200
    until(lambda: pods(site, kind) == former, 60)


class Requests:
    """One request after another, each on a new connection, for as long as the block runs; what failed."""

    def __init__(self, node):
        self.node, self.failed, self.count = node, [], 0
        self._end, self._thread = threading.Event(), threading.Thread(target=self._run)

    def _run(self):
        while not self._end.wait(0.05):
            answer = ask(self.node, PORTS[1], HOST, "/tea", tls=True)
            self.count += 1
            if answer.status != 200:
                self.failed.append(answer)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


@pytest.mark.parametrize(
    "kind", [pytest.param("nginx", marks=pytest.mark.slow), "traefik"], indirect=True, scope="module"
)
def test_deployment_daemonset_and_autoscaler_follow_each_other_without_a_gap(kind, site, node):
    """One after the other in place, from and to each; no request fails, and no Pod is taken by the autoscaler."""
    daemon = {key: value for key, value in knobs(site, kind, workload="DaemonSet").items() if key != "replicas"}
    scaled = {
        key: value for key, value in knobs(site, kind, autoscaling={"min": 2, "max": 3}).items() if key != "replicas"
    }
    with Requests(node) as requests:
        site.write(inventory(site, kind, daemon))
        assert proven(site.play().passed())
        assert read(site, "daemonsets")["items"] and not read(site, "deployments", selector=mine(site, kind))["items"]
        site.write(inventory(site, kind, scaled))
        assert proven(site.play().passed())
        assert read(site, "deployments", selector=mine(site, kind))["items"] and not read(site, "daemonsets")["items"]
        (autoscaler,) = read(site, "horizontalpodautoscalers")["items"]
        assert autoscaler["spec"]["scaleTargetRef"]["name"] == WORKLOAD[kind]
        until(lambda: read(site, "deployment", WORKLOAD[kind])["status"].get("readyReplicas") == 2, 60)
        site.write(inventory(site, kind, knobs(site, kind, replicas=2)))
        assert proven(site.play().passed())
        assert read(site, "deployment", WORKLOAD[kind])["spec"]["replicas"] == 2
        assert not read(site, "horizontalpodautoscalers")["items"]
        assert len(pods(site, kind)) == 2
    assert requests.count > 50 and not requests.failed, requests.failed[:5]


def mine(site, kind):
    return f"ingresskit.io/stack={site.name},app.kubernetes.io/name={WORKLOAD[kind]}"


def inventory(site, kind, controller):
    """Of a stack whose controller says nothing about its replicas but what is given."""
    found = site.inventory(kind, controller=controller)
    if "replicas" not in controller:
        del found["ingress_controller"]["replicas"]
    return found


def test_in_the_place_of_ingress_nginx_traefik_finds_its_namespaces_by_their_label(tmp_path):
    """Its provider has no list of them, but a selector: every namespace has a label that is its name."""
    for site in standing(tmp_path, "ik-knobs-compat", PORTS):
        watched = [site.namespace("cafe"), site.namespace("empty")]
        more = {"compat": "ingress-nginx", "watch_namespaces": watched, "expose": {}}
        assert proven(site.site("traefik", controller=more))
        assert may(site, "traefik", "list", "secrets", watched[1]) and not may(site, "traefik", "list", "secrets", "")
