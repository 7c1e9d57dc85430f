"""What of a render has to be waited for."""

import pytest

from module_utils.ingresskit.engine.wait import _scopes, _used_services


def obj(kind, name="x", api_version="v1", **content):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "cafe"}, **content}


def ingress(*paths, default=None):
    backends = [{"path": "/", "backend": {"service": {"name": name, "port": {"number": 80}}}} for name in paths]
    spec = {"rules": [{"host": "a.example", "http": {"paths": backends}}, {"host": "none.example"}]}
    spec |= {"defaultBackend": {"service": {"name": default}}} if default else {}
    return obj("Ingress", api_version="networking.k8s.io/v1", spec=spec)


SERVICE = obj("Service", "tea", spec={"selector": {"app": "tea"}})
CASES = {
    "nothing": ([obj("ConfigMap"), obj("Secret")], False, {}),
    "workloads": (
        [obj("Deployment", "d", "apps/v1"), obj("DaemonSet", "s", "apps/v1")],
        False,
        {"Deployment": {"d"}, "DaemonSet": {"s"}},
    ),
    "a Service nobody routes to": ([SERVICE], False, {}),
    "a Service an Ingress routes to": ([SERVICE, ingress("tea")], False, {"EndpointSlice": {"tea"}}),
    "a Service as default backend": ([SERVICE, ingress(default="tea")], False, {"EndpointSlice": {"tea"}}),
    "a Service of somebody else": ([ingress("tea")], False, {}),
    "a Service without selector": ([obj("Service", "tea", spec={"externalName": "a"}), ingress("tea")], False, {}),
    "a load balancer": ([obj("Service", "lb", spec={"type": "LoadBalancer"})], False, {"Service": {"lb"}}),
    "addresses": ([ingress()], True, {"Ingress": {"x"}}),
    "a custom resource of a familiar name": ([obj("Deployment", api_version="example.com/v1")], False, {}),
}


@pytest.mark.parametrize(("objects", "needs_address", "expected"), CASES.values(), ids=CASES)
def test_scopes(objects, needs_address, expected):
    found = {scope.resource.kind: {ref.name for ref in scope.targets} for scope in _scopes(objects, needs_address)}
    assert found == expected


def test_services_are_those_of_the_ingress_own_namespace():
    assert {str(ref) for ref in _used_services([ingress("a", "b", default="c")])} == {
        "Service cafe/a", "Service cafe/b", "Service cafe/c",
    }  # fmt: skip
