"""What of a render has to be waited for."""

from types import SimpleNamespace

import pytest

from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.engine.board import Board, News
from module_utils.ingresskit.engine.diagnose import leaving, restarted
from module_utils.ingresskit.engine.scopes import narrowed, scopes_of, used_services
from module_utils.ingresskit.manifests import BEFORE_ROUTES


def obj(kind, name="x", api_version="v1", **content):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "cafe"}, **content}


def ingress(*paths, default=None):
    backends = [{"path": "/", "backend": {"service": {"name": name, "port": {"number": 80}}}} for name in paths]
    spec = {"rules": [{"host": "a.example", "http": {"paths": backends}}, {"host": "none.example"}]}
    spec |= {"defaultBackend": {"service": {"name": default}}} if default else {}
    return obj("Ingress", api_version="networking.k8s.io/v1", spec=spec)


SERVICE = obj("Service", "tea", spec={"selector": {"app": "tea"}})
BEFORE = {**SERVICE, "metadata": {**SERVICE["metadata"], "annotations": {BEFORE_ROUTES: "true"}}}
CASES = {
    "nothing": ([obj("ConfigMap"), obj("Secret")], False, {}),
    "workloads": (
        [obj("Deployment", "d", "apps/v1"), obj("DaemonSet", "s", "apps/v1")],
        False,
        {"Deployment": {"d"}, "DaemonSet": {"s"}},
    ),
    "a Service nobody routes to": ([SERVICE], False, {}),
    "a Service an Ingress routes to": ([SERVICE, ingress("tea")], False, {"EndpointSlice": {"tea"}}),
    "a Service that routes will need": ([BEFORE], False, {"EndpointSlice": {"tea"}}),
    "a Service as default backend": ([SERVICE, ingress(default="tea")], False, {"EndpointSlice": {"tea"}}),
    "a Service of somebody else": ([ingress("tea")], False, {}),
    "a Service without selector": ([obj("Service", "tea", spec={"externalName": "a"}), ingress("tea")], False, {}),
    "a load balancer": ([obj("Service", "lb", spec={"type": "LoadBalancer"})], False, {"Service": {"lb"}}),
    "addresses": ([ingress()], True, {"Ingress": {"x"}}),
    "a custom resource of a familiar name": ([obj("Deployment", api_version="example.com/v1")], False, {}),
}


@pytest.mark.parametrize(("objects", "needs_address", "expected"), CASES.values(), ids=CASES)
def testscopes_of(objects, needs_address, expected):
    found = {scope.resource.kind: {ref.name for ref in scope.targets} for scope in scopes_of(objects, needs_address)}
    assert found == expected


@pytest.mark.parametrize(("stamps", "expected"), [([None, None], False), ([None, "now"], True), ([], False)])
def test_a_pod_on_its_way_out_serves_still(stamps, expected):
    pods = [obj("Pod", str(at)) for at in stamps]
    for pod, at in zip(pods, stamps, strict=True):
        pod["metadata"] |= {"deletionTimestamp": at} if at else {}
    asked = []
    api = SimpleNamespace(list_objects=lambda *given: asked.append(given[1:]) or SimpleNamespace(items=pods))
    workload = obj("Deployment", spec={"selector": {"matchLabels": {"app": "tea"}}})
    assert leaving(api, workload) is expected
    assert asked == [("cafe", "app=tea")]


def test_services_are_those_of_the_ingress_own_namespace():
    assert {str(ref) for ref in used_services([ingress("a", "b", default="c")])} == {
        "Service cafe/a", "Service cafe/b", "Service cafe/c",
    }  # fmt: skip


def deployment(name="d", ready=1, probe=False, **meta):
    container = {"name": "c"} | ({"readinessProbe": {}} if probe else {})
    status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": ready}
    status |= {"availableReplicas": ready, "conditions": [{"type": "Available", "status": "True"}]}
    spec = {"replicas": 1, "template": {"spec": {"containers": [container]}}}
    live = obj("Deployment", name, "apps/v1", spec=spec, status=status)
    return live | {"metadata": live["metadata"] | {"generation": 1} | meta}


def board_of(*objects):
    scopes = scopes_of(objects, False)
    return Board(scopes, False), {scope.resource.kind: scope for scope in scopes}


def piece(name, ready):
    meta = {"name": name, "namespace": "cafe", "labels": {"kubernetes.io/service-name": "tea"}}
    return {"metadata": meta, "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}]}


def test_probed_workloads_are_done_at_once_others_after_a_while(monkeypatch):
    now = 100.0
    monkeypatch.setattr("module_utils.ingresskit.engine.board.time.monotonic", lambda: now)
    for probe, done in ((True, True), (False, False)):
        board, scopes = board_of(deployment())
        board.take(News(scopes["Deployment"], [deployment(probe=probe)], all=True))
        assert not board.unready()
        assert board.done() is done
    now = 102.0
    board.take(News(scopes["Deployment"], [deployment(ready=0)]))  # it has crashed
    board.take(News(scopes["Deployment"], [deployment()]))
    now = 104.0
    assert not board.done()
    now = 105.0
    assert board.done()


def test_what_was_started_again_has_to_stay_for_longer(monkeypatch):
    now = 100.0
    monkeypatch.setattr("module_utils.ingresskit.engine.board.time.monotonic", lambda: now)
    board, scopes = board_of(deployment())
    board.take(News(scopes["Deployment"], [deployment()], all=True))
    now = 103.0
    assert board.done()
    board.doubt(Ref.of(live) for live in board.unprobed())
    assert not board.done()
    now = 114.9
    assert not board.done()
    now = 115.0
    assert board.done()


@pytest.mark.parametrize(("counts", "expected"), [([0, 0], False), ([0, 1], True), ([], False)])
def test_restarts_are_those_of_the_pods_containers(counts, expected):
    pods = [
        obj("Pod", str(index)) | {"status": {"containerStatuses": [{"restartCount": count}]}}
        for index, count in enumerate(counts)
    ]
    for pod in pods:
        pod["metadata"] |= {"creationTimestamp": "2026-01-01T00:00:00Z"}
    api = SimpleNamespace(list_objects=lambda *_: SimpleNamespace(items=pods))
    workload = obj("Deployment", spec={"selector": {"matchLabels": {"app": "tea"}}})
    assert restarted(api, [workload]) == ([Ref.of(workload)] if expected else [])


def test_what_a_list_no_longer_holds_is_missing_again():
    board, scopes = board_of(deployment(probe=True))
    board.take(News(scopes["Deployment"], [deployment(probe=True)], all=True))
    assert board.done()
    board.take(News(scopes["Deployment"], [], all=True))
    assert [str(status) for status in board.unready()] == ["Deployment cafe/d: does not exist"]
    board.take(News(scopes["Deployment"], [deployment(probe=True)]))
    board.take(News(scopes["Deployment"], [deployment(probe=True)], deleted=True))
    assert [str(status) for status in board.unready()] == ["Deployment cafe/d: was deleted"]


def test_endpoints_are_gathered_over_slices():
    board, scopes = board_of(SERVICE, ingress("tea"))
    scope = scopes["EndpointSlice"]
    board.take(News(scope, [piece("a", False)], all=True))
    assert [status.reason for status in board.unready()] == ["no ready endpoint"]
    board.take(News(scope, [piece("b", True)]))
    assert board.done()
    board.take(News(scope, [piece("b", True)], deleted=True))
    assert not board.done()


def test_what_is_not_rendered_does_not_count():
    board, scopes = board_of(deployment(probe=True))
    board.take(News(scopes["Deployment"], [deployment(probe=True), deployment("old", ready=0)], all=True))
    assert board.done()


def test_scopes_of_single_namespaces_do_not_forget_each_other():
    elsewhere = {"metadata": {"name": "tea", "namespace": "shop"}}
    objects = [SERVICE, ingress("tea"), SERVICE | elsewhere, ingress("tea") | elsewhere]
    (whole,) = scopes_of(objects, False)
    cafe, shop = narrowed(whole)
    assert [(scope.namespace, {ref.namespace for ref in scope.targets}) for scope in (cafe, shop)] == [
        ("cafe", {"cafe"}),
        ("shop", {"shop"}),
    ]
    board = Board([cafe, shop], False)
    board.take(News(cafe, [piece("a", True)], all=True))
    other = piece("b", True)
    other["metadata"]["namespace"] = "shop"
    board.take(News(shop, [other], all=True))
    assert board.done()
