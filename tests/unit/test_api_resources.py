"""References and the paths objects are served under."""

import pytest

from module_utils.ingresskit.api.resources import BUILTIN, Ref, Resource, served_by_crds


@pytest.mark.parametrize(
    ("api_version", "kind", "namespace", "name", "path"),
    [
        ("v1", "ConfigMap", "cafe", "page", "/api/v1/namespaces/cafe/configmaps/page"),
        ("v1", "Namespace", "", "cafe", "/api/v1/namespaces/cafe"),
        ("v1", "Endpoints", "cafe", "tea", "/api/v1/namespaces/cafe/endpoints/tea"),
        ("networking.k8s.io/v1", "Ingress", "cafe", "x", "/apis/networking.k8s.io/v1/namespaces/cafe/ingresses/x"),
        ("networking.k8s.io/v1", "IngressClass", "", "x", "/apis/networking.k8s.io/v1/ingressclasses/x"),
        (
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "c",
            "x",
            "/apis/networking.k8s.io/v1/namespaces/c/networkpolicies/x",
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            "",
            "a:b",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/a%3Ab",
        ),
        ("policy/v1", "PodDisruptionBudget", "c", "x", "/apis/policy/v1/namespaces/c/poddisruptionbudgets/x"),
        (
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "c",
            "x",
            "/apis/autoscaling/v2/namespaces/c/horizontalpodautoscalers/x",
        ),
    ],
)
def test_paths(api_version, kind, namespace, name, path):
    resource = BUILTIN[api_version, kind]
    assert resource.path(namespace, name) == path
    assert resource.namespaced is bool(namespace)


def test_collections():
    assert BUILTIN["v1", "Secret"].path() == "/api/v1/secrets"
    assert BUILTIN["v1", "Secret"].path("cafe") == "/api/v1/namespaces/cafe/secrets"
    assert BUILTIN["networking.k8s.io/v1", "Ingress"].name == "ingresses.networking.k8s.io"
    assert BUILTIN["v1", "Secret"].name == "secrets"


def ref(api_version="v1", **meta):
    return Ref.of({"apiVersion": api_version, "kind": "Ingress", "metadata": {"name": "cafe"} | meta})


def test_a_reference_is_the_object_whatever_version_it_is_asked_for():
    assert ref("networking.k8s.io/v1") == ref("networking.k8s.io/v1beta1")
    assert len({ref("networking.k8s.io/v1"), ref("networking.k8s.io/v1beta1")}) == 1
    assert ref("networking.k8s.io/v1") != ref("extensions/v1")
    assert ref(namespace="a") != ref(namespace="b")
    assert ref(namespace=None) == ref()
    assert ref("networking.k8s.io/v1beta1").api_version == "networking.k8s.io/v1beta1"
    assert (str(ref(namespace="cafe")), str(ref())) == ("Ingress cafe/cafe", "Ingress cafe")


def test_kinds_are_learnt_from_definitions_in_the_same_stack():
    versions = [{"name": "v1", "served": True}, {"name": "v2"}, {"name": "v1alpha1", "served": False}]
    names = {"kind": "Middleware", "plural": "middlewares"}
    spec = {"group": "traefik.io", "names": names, "scope": "Namespaced", "versions": versions}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x"},
        "spec": spec,
    }
    assert served_by_crds([crd, {"kind": "ConfigMap"}]) == [
        Resource("traefik.io/v1", "Middleware", "middlewares", True),
        Resource("traefik.io/v2", "Middleware", "middlewares", True),
    ]
