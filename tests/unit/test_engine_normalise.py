"""One form for what is sent and what is compared."""

import copy

import pytest

from module_utils.ingresskit.engine.normalise import fingerprint, normalise
from module_utils.ingresskit.engine.ownership import Owner, own


def manifest(kind="ConfigMap", api_version="v1", **content):
    meta = {"name": "x", "namespace": "y"} | content.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **content}


NETWORKING, CRD = "networking.k8s.io/v1", "apiextensions.k8s.io/v1"

CASES = {
    "nulls go at any depth": (
        manifest("Deployment", "apps/v1", spec={"a": None, "template": {"metadata": {"creationTimestamp": None}}}),
        manifest("Deployment", "apps/v1", spec={"template": {"metadata": {}}}),
    ),
    "empty lists go": (
        manifest("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", subjects=[], metadata={"namespace": None}),
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "x"}},
    ),
    "empty maps that mean something stay": (
        manifest("Deployment", "apps/v1", spec={"volumes": [{"name": "a", "emptyDir": {}}]}),
        manifest("Deployment", "apps/v1", spec={"volumes": [{"name": "a", "emptyDir": {}}]}),
    ),
    "a list of an empty map stays (allow all)": (
        manifest("NetworkPolicy", NETWORKING, spec={"podSelector": {}, "egress": [{}]}),
        manifest("NetworkPolicy", NETWORKING, spec={"podSelector": {}, "egress": [{}]}),
    ),
    "an empty list inside a kept list's item goes": (
        manifest("Role", "rbac.authorization.k8s.io/v1", rules=[{"verbs": ["get"], "resourceNames": []}]),
        manifest("Role", "rbac.authorization.k8s.io/v1", rules=[{"verbs": ["get"]}]),
    ),
    "false, 0 and empty strings stay": (
        manifest("Deployment", "apps/v1", spec={"replicas": 0, "paused": False, "x": ""}),
        manifest("Deployment", "apps/v1", spec={"replicas": 0, "paused": False, "x": ""}),
    ),
    "empty labels, annotations and data go": (
        manifest(metadata={"labels": {}, "annotations": {"a": None}}, data={}),
        manifest(),
    ),
    "status and what the server sets go": (
        manifest(
            metadata={
                "uid": "1",
                "resourceVersion": "2",
                "generation": 3,
                "managedFields": [{}],
                "creationTimestamp": "t",
            },
            data={"a": "b"},
            status={"phase": "x"},
        ),
        manifest(data={"a": "b"}),
    ),
    "stringData becomes data and wins": (
        manifest("Secret", stringData={"a": "new", "b": "é"}, data={"a": "b2xk", "c": "Yw=="}),
        manifest("Secret", data={"a": "bmV3", "b": "w6k=", "c": "Yw=="}),
    ),
    "a cluster-scoped kind loses its namespace": (
        manifest("IngressClass", NETWORKING, spec={"controller": "c"}),
        {"apiVersion": NETWORKING, "kind": "IngressClass", "metadata": {"name": "x"}, "spec": {"controller": "c"}},
    ),
    "custom resources keep their words": (
        manifest("Middleware", "traefik.io/v1alpha1", spec={"chain": [], "buffering": None, "x": {}}),
        manifest("Middleware", "traefik.io/v1alpha1", spec={"chain": [], "buffering": None, "x": {}}),
    ),
    "a CRD's schema keeps its empty defaults": (
        {"apiVersion": CRD, "kind": "CustomResourceDefinition", "metadata": {"name": "x"}, "spec": {"default": []}},
        {"apiVersion": CRD, "kind": "CustomResourceDefinition", "metadata": {"name": "x"}, "spec": {"default": []}},
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_normalise(given, expected):
    before = copy.deepcopy(given)
    assert normalise(given) == expected
    assert given == before, "the input is not changed"
    assert normalise(normalise(given)) == expected, "once is enough"


def secret(data=None, **annotations):
    body = {"data": data} if data else {}
    return manifest("Secret", type="kubernetes.io/tls", metadata={"annotations": annotations}, **body)


INPUTS = "ingresskit.io/inputs"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (manifest(data={"a": "1", "b": "2"}), manifest(data={"b": "2", "a": "1"}), True),
        (manifest(data={"a": "1"}), manifest(data={"a": "2"}), False),
        (manifest(data={"a": "1"}), manifest(data={"a": 1}), False),
        (secret({"k": "b25l"}), secret({"k": "dHdv"}), False),
        (secret({"k": "b25l"}, **{INPUTS: "h"}), secret({"k": "dHdv"}, **{INPUTS: "h"}), True),
        (secret({"k": "b25l"}, **{INPUTS: "h"}), secret(**{INPUTS: "h"}), True),
        (secret({"k": "b25l"}, **{INPUTS: "h"}), secret({"k": "b25l"}, **{INPUTS: "i"}), False),
        (secret({"k": "b25l"}, **{INPUTS: "h", "x": "1"}), secret({"k": "b25l"}, **{INPUTS: "h"}), False),
    ],
)
def test_fingerprint(one, other, same):
    assert (fingerprint(one) == fingerprint(other)) is same
    assert len(fingerprint(one)) == 16


def test_own_labels_without_touching_the_input():
    given = [manifest(data={"a": "b"}, metadata={"labels": {"tier": "web"}})]
    before = copy.deepcopy(given)
    (owned,) = own(given, "edge", "ingresskit-system")
    assert owned["metadata"]["labels"] == {
        "tier": "web",
        "applyset.kubernetes.io/part-of": Owner("edge").id,
        "ingresskit.io/stack": "edge",
        "app.kubernetes.io/managed-by": "ingresskit",
    }
    assert given == before


def test_applyset_id_follows_the_specification():
    """KEP-3659: applyset-<base64url(sha256("<name>.<namespace>.<kind>.<group>"))>-v1; the digest was made with
    `printf ingresskit-edge.ingresskit-system.Secret. | openssl dgst -sha256 -binary | base64 | tr +/ -_`."""
    assert Owner("edge").id == "applyset-89nR3IiRtkB4okWiNFsWY-B9D1eQloIF_XaQ5W7DES4-v1"
    assert len(Owner("edge").id) <= 63, "fits a label value"
