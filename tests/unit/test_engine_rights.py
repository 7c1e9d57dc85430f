"""What a run must be allowed, what of that is missing, and how that is told."""

import pytest
import yaml

from module_utils.ingresskit.api.failures import Forbidden, failure
from module_utils.ingresskit.api.resources import BUILTIN, Ref
from module_utils.ingresskit.engine.ownership import Owner
from module_utils.ingresskit.engine.rights import Right, missing, needed, telling, told
from module_utils.ingresskit.errors import ClusterError, InventoryError, Problem

OWNER = Owner("edge", "state")
INGRESS, SPACE = Ref("networking.k8s.io", "Ingress", "cafe", "cafe"), Ref("", "Namespace", "", "cafe")
CLASS = Ref("networking.k8s.io", "IngressClass", "", "nginx")
BRING = "create, delete, get, list, patch"


class Cluster:
    """Namespaces that are there (``hidden``: but may not be looked at), and what the user is allowed."""

    def __init__(self, *there, hidden=(), allowed=lambda right: False, refused="paul"):
        self.there, self.hidden, self.allowed, self.refused = there, hidden, allowed, refused
        self.asked = []

    def get(self, ref, *, metadata_only=False):
        if ref.name in self.hidden:
            raise Forbidden("no")
        return {"metadata": {"name": ref.name}} if ref.name in self.there else None

    def resource(self, api_version, kind):
        return BUILTIN[api_version, kind]

    def may(self, verb, group, plural, namespace=""):
        right = Right(namespace, group, plural, verb)
        self.asked.append(right)
        return self.allowed(right)


def words(rights):
    return {f"{right.namespace or '*'} {right.verb} {right.resource}" for right in rights}


def test_what_a_run_needs():
    found = words(needed(Cluster("cafe", "state"), OWNER, [INGRESS, SPACE, CLASS]))
    assert "cafe watch ingresses.networking.k8s.io" in found
    assert "cafe watch endpointslices.discovery.k8s.io" in found
    assert "* patch ingressclasses.networking.k8s.io" in found
    assert "* watch ingressclasses.networking.k8s.io" not in found, "nothing is waited for"
    assert {"state update secrets", "state update leases.coordination.k8s.io"} <= found
    assert not any("namespaces" in each for each in found), "they are there"


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [(Cluster("cafe", "state"), False), (Cluster("state"), True), (Cluster("state", hidden=["cafe"]), False),
     (Cluster("cafe"), True)],
)  # fmt: skip
def test_namespaces_need_rights_only_where_one_is_to_be_made(cluster, expected):
    assert ("* create namespaces" in words(needed(cluster, OWNER, [SPACE]))) is expected


def test_what_is_allowed_everywhere_is_not_asked_for_in_each_namespace():
    wanted = [Right(space, "", "secrets", verb) for space in ("a", "b", "c") for verb in ("get", "list")]
    cluster = Cluster(allowed=lambda right: right.verb == "get" or right.namespace == "b")
    assert words(missing(cluster, wanted)) == {"a list secrets", "c list secrets"}
    assert len(cluster.asked) == 2 + 3
    assert not missing(Cluster(allowed=lambda right: True), wanted)


def test_of_very_many_namespaces_some_are_asked_about():
    wanted = [Right(f"n{number}", "", "secrets", "get") for number in range(1000)]
    cluster = Cluster()
    assert 10 < len(missing(cluster, wanted)) < 100
    assert len(cluster.asked) < 200


def test_all_is_told_in_one_message_with_objects_to_apply():
    lacking = [
        *(Right("cafe", "", plural, verb) for plural in ("services", "secrets") for verb in ("patch", "get")),
        Right("", "networking.k8s.io", "ingressclasses", "create"),
    ]
    text = told(lacking, "paul", "edge")
    assert "the user paul lacks rights that the stack edge needs. Missing:\n" in text
    assert "  in namespace cafe: get, patch secrets, services\n" in text
    assert "  in the whole cluster: create ingressclasses.networking.k8s.io\n" in text
    cluster_role, role = yaml.safe_load_all(text.partition("\n---\n")[2])
    assert (cluster_role["kind"], cluster_role["metadata"]) == ("ClusterRole", {"name": "ingresskit-edge"})
    assert cluster_role["rules"] == [
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingressclasses"], "verbs": ["create"]}
    ]
    assert (role["kind"], role["metadata"]) == ("Role", {"name": "ingresskit-edge", "namespace": "cafe"})
    assert role["rules"] == [{"apiGroups": [""], "resources": ["secrets", "services"], "verbs": ["get", "patch"]}]


def test_where_too_much_is_missing_the_guide_is_named():
    text = told([Right(f"n{number}", "", "secrets", "get") for number in range(40)], "paul", "edge")
    assert "---" not in text
    assert 'the guide, "Rights"' in text


def denied(verb):
    message = f'secrets is forbidden: User "paul" cannot {verb} resource "secrets" in API group "" in the namespace "a"'
    return failure(403, {"message": message}, "Secret a/x")


def test_the_error_that_was_met_gives_way_to_all_that_is_missing():
    assert denied("get").user == "paul"
    with pytest.raises(ClusterError) as caught, telling(Cluster("cafe", "state"), OWNER, lambda: [INGRESS]):
        raise ClusterError(f"Ingress cafe/cafe: something else\n{denied('get')}\n{denied('list')}")
    first, second, *_ = str(caught.value).splitlines()
    assert (first, second) == (
        "Ingress cafe/cafe: something else",
        "the user paul lacks rights that the stack edge needs. Missing:",
    )
    assert f"  in namespace cafe: {BRING}, watch ingresses.networking.k8s.io" in str(caught.value)
    assert "grant that by RBAC" not in str(caught.value)


@pytest.mark.parametrize(
    ("cluster", "error"),
    [
        (Cluster("cafe", "state", refused=""), ClusterError("of another kind")),
        (Cluster("cafe", "state", allowed=lambda right: True), ClusterError("of another kind")),
        (Cluster("cafe", "state"), InventoryError([Problem("ingress_apps", "of another kind")])),
    ],
)
def test_other_errors_stay_as_they_are(cluster, error):
    with pytest.raises(type(error)) as caught, telling(cluster, OWNER, lambda: [INGRESS]):
        raise error
    assert str(caught.value).endswith("of another kind")


def test_nothing_is_asked_as_long_as_nothing_was_refused():
    cluster = Cluster(refused="")
    with pytest.raises(ClusterError), telling(cluster, OWNER, lambda: [INGRESS]):
        raise ClusterError("x")
    assert not cluster.asked
