"""Ingresses of a live cluster: read by who may read nothing else, and taken over as they are. Names: ik-importing."""

import json

import pytest
import yaml

from module_utils.ingresskit.converge import converge
from module_utils.ingresskit.settings import Settings
from tests.cluster.double import ingress, make_pair, obj, path, tls_secret
from tests.cluster.faultproxy import FaultProxy
from tests.cluster.playbook import CONTEXT, KEY_TEXT, create, kubectl
from tests.cluster.smallstack import SmallStack

NAME = "ik-importing"
USER = "importing-reader"
ELSEWHERE = f"{NAME}-elsewhere"


@pytest.fixture(scope="module")
def stack():
    """Two namespaces of somebody else's, each with an Ingress."""
    made = SmallStack(NAME)
    made.clear()
    made.prepare()
    kubectl("delete", "namespace", ELSEWHERE, "--ignore-not-found")  # what a killed run left
    kubectl("create", "namespace", ELSEWHERE)
    shop = [path("/tea", "tea"), path("/", "web")]
    notes = {"nginx.org/client-max-body-size": "8m"}
    create(
        ingress("shop", made.home, "shop.example", *shop, class_name=NAME, tls="shop-tls", annotations=notes),
        tls_secret("shop-tls", made.home, make_pair("shop.example")),
        ingress("other", ELSEWHERE, "other.example", path(), class_name="another"),
    )
    yield made
    made.clear()
    kubectl("delete", "namespace", ELSEWHERE, "--wait=false")


@pytest.fixture
def reader(stack):
    """A user who may list Ingresses, and nothing else."""
    group = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": ["list"]}]
    role = {"apiGroup": group, "kind": "ClusterRole", "name": USER}
    create(
        obj(f"{group}/v1", "ClusterRole", USER, rules=rules),
        obj(f"{group}/v1", "ClusterRoleBinding", USER, roleRef=role,
            subjects=[{"apiGroup": group, "kind": "User", "name": USER}]),
    )  # fmt: skip
    yield
    kubectl("delete", "clusterrole,clusterrolebinding", USER)


def imported(project, **variables):
    """The inventory that the playbook has written, and the run."""
    project.write({})
    run = project.play("playbooks/import.yml", import_dest="apps.yml", **variables)
    dest = project.folder / "apps.yml"
    return (yaml.safe_load(dest.read_text()) if dest.exists() else None), run


def test_one_list_is_all_that_is_read(stack, reader, project):
    with FaultProxy() as proxy:
        config = proxy.kubeconfig(project.folder, {"as": USER})
        options = {"cluster": {"kubeconfig": str(config), "context": "faulty"}, "namespaces": [stack.home, ELSEWHERE]}
        found, run = imported(project, import_options=options)
        run.passed()
        asked = [call.path for call in proxy.calls if call.path != "/version"]
    assert asked == [f"/apis/networking.k8s.io/v1/namespaces/{each}/ingresses" for each in (stack.home, ELSEWHERE)]
    assert sorted(found["ingress_apps"]) == ["other", "shop", "theirs"]
    assert not KEY_TEXT.search(run.output)


def test_the_whole_cluster_by_class(stack, project):
    found, run = imported(project, import_context=CONTEXT, import_options={"class_name": NAME})
    run.passed()
    shop = found["ingress_apps"]["shop"]
    assert shop["tls"] == {"secret": "shop-tls"}
    assert shop["hosts"] == {"shop.example": {"paths": {"/tea": "tea:80", "/": "web:80"}}}
    left = {loss["object"]: loss["why"] for loss in run.of("ingress_import")["not_imported"]}
    assert "another" in left[f"Ingress {ELSEWHERE}/other"], "what is left out is told"


def test_what_was_imported_is_taken_over_unchanged(stack, project):
    def live():
        text = kubectl("get", "ingress", "shop", "-n", stack.home, "-o", "json")
        found = json.loads(text)
        return (
            found["metadata"]["uid"],
            found["metadata"]["annotations"]["nginx.org/client-max-body-size"],
            found["spec"],
        )

    before = live()
    found, run = imported(project, import_context=CONTEXT, import_options={"namespaces": [stack.home]})
    run.passed()
    inventory = stack.inventory(ingress_apply={"adopt": True}) | found
    converge(inventory, Settings())
    assert live() == before, "the same object with the same routes"
    assert not converge(inventory, Settings()).changes.changed


def test_no_cluster_is_a_message(project):
    found, run = imported(project, import_context="no-such-context")
    run.failed("cluster.context", "has no context 'no-such-context'")
    assert found is None
