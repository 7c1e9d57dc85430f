"""Users with few rights: a team that may work in its namespace, and one that lacks something. Names: faults-few.

The users are made up: the API server is told whom to take the tests' own user for (impersonation).
"""

import json

import pytest
import yaml

from module_utils.ingresskit.converge import bring, converge, withdraw
from module_utils.ingresskit.errors import ClusterError
from module_utils.ingresskit.parts import route
from module_utils.ingresskit.settings import Settings
from tests.cluster.faultproxy import FaultProxy
from tests.cluster.playbook import ROOT, kubectl
from tests.cluster.smallstack import SmallStack

USER = "faults-few"
STATE = [
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "delete", "get", "list", "update"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "delete", "get", "update"]},
]
BRING = ["create", "delete", "get", "list", "patch"]
TEAM = [
    {"apiGroups": [""], "resources": ["secrets"], "verbs": BRING},
    {"apiGroups": [""], "resources": ["services"], "verbs": [*BRING, "watch"]},
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": [*BRING, "watch"]},
    {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": [*BRING, "watch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
]


@pytest.fixture(scope="module")
def stack():
    made = SmallStack("faults-few")
    made.clear()
    made.prepare()
    yield made
    made.clear()


@pytest.fixture
def team(stack, tmp_path):
    """An app team: nothing but the rights it is given. Of its own app it brings all, the controller is another's."""
    made = Team(stack, tmp_path)
    yield made
    kubectl("delete", "roles,rolebindings", "-l", "faults=few", "-n", stack.home)
    kubectl("delete", "roles,rolebindings", "-l", "faults=few", "-n", stack.state)


class Team:
    def __init__(self, stack, folder):
        self.stack, self.folder = stack, folder

    def grant(self, namespace, rules):
        self.bind({"kind": "Role", "metadata": {"name": "few", "namespace": namespace}, "rules": rules})

    def bind(self, role):
        """An administrator's part: a Role, and the user bound to it."""
        name, namespace = role["metadata"]["name"], role["metadata"]["namespace"]
        meta = {"name": name, "namespace": namespace, "labels": {"faults": "few"}}
        group = "rbac.authorization.k8s.io"
        binding = {
            "kind": "RoleBinding",
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"apiGroup": group, "kind": "User", "name": USER}],
        }
        for obj in (role, binding):
            kubectl("apply", "-f", "-", stdin=json.dumps(obj | {"apiVersion": f"{group}/v1", "metadata": meta}))

    def parameters(self, proxy, *services):
        config = proxy.kubeconfig(self.folder, {"as": USER})
        cluster = {"kubeconfig": str(config), "context": "faulty", "state_namespace": self.stack.state, "timeout": 60}
        workloads = {name: {} for name in services}
        paths = {f"/{name}": f"{name}-svc:80" for name in services}
        app = {"namespace": self.stack.home, "hosts": {"few.example": {"paths": paths}}, "workloads": workloads}
        controller = {"kind": "nginx", "class_name": self.stack.name}
        return {"name": "shop", "stack": self.stack.name, "cluster": cluster, "controller": controller, "app": app}

    def bring(self, proxy, *services):
        return bring(route.load(self.parameters(proxy, *services)), Settings())

    def remove(self, proxy):
        identity = {key: value for key, value in self.parameters(proxy).items() if key in ("name", "stack", "cluster")}
        return withdraw(route.identify(identity)[0], Settings(), route.identify(identity)[1])


def test_rights_in_namespaces_are_enough(stack, team):
    """No LIST of the whole cluster is granted, nor a look at any Namespace."""
    team.grant(stack.state, STATE)
    team.grant(stack.home, TEAM)
    with FaultProxy() as proxy:
        assert team.bring(proxy, "tea", "cake").changes.summary() == "5 created, 1 skipped"
        before = len(proxy.writes)
        assert not team.bring(proxy, "tea", "cake").changes.changed
        assert len(proxy.writes) == before
        assert team.bring(proxy, "tea").changes.summary() == "1 configured, 2 deleted, 2 unchanged, 1 skipped"
        gone = team.remove(proxy)
    assert gone.changes.summary() == "3 deleted"
    left = kubectl("get", "all,ingresses", "-n", stack.home, "-l", f"ingresskit.io/stack={stack.name}", "-o", "name")
    assert not left


def test_all_that_is_missing_is_told_at_once_and_can_be_granted_as_told(stack, team):
    with FaultProxy() as proxy:
        with pytest.raises(ClusterError) as caught:
            team.bring(proxy, "tea")
        message = str(caught.value)
        assert not proxy.writes
        assert f"the user {USER} lacks rights that the stack {stack.name} needs. Missing:" in message
        assert f"in namespace {stack.state}: create, delete, get, list, update secrets\n" in message
        assert f"in namespace {stack.home}: create, delete, get, list, patch, watch deployments.apps\n" in message
        assert f"in namespace {stack.home}: list, watch endpointslices.discovery.k8s.io\n" in message
        assert "whole cluster" not in message, "the namespaces are there"
        assert message.count("lacks rights") == 1
        for role in documents(message):
            team.bind(role)
        assert team.bring(proxy, "tea").changes.summary() == "3 created, 1 skipped"
        assert team.remove(proxy).changes.summary() == "3 deleted"


def test_one_missing_verb_is_told_alone(stack, team):
    team.grant(stack.state, STATE)
    rules = [rule | {"verbs": [verb for verb in rule["verbs"] if verb != "delete"]} for rule in TEAM]
    team.grant(stack.home, rules)
    with FaultProxy() as proxy:
        team.bring(proxy, "tea")
        with pytest.raises(ClusterError) as caught:
            team.remove(proxy)
        said = [line.strip() for line in str(caught.value).splitlines() if line.startswith("  in ")]
        assert said == [
            f"in namespace {stack.home}: delete services",
            f"in namespace {stack.home}: delete deployments.apps",
            f"in namespace {stack.home}: delete ingresses.networking.k8s.io",
        ]
        team.grant(stack.home, TEAM)
        team.remove(proxy)


def test_a_whole_stack_needs_rights_in_the_whole_cluster(stack, tmp_path):
    with FaultProxy() as proxy:
        config = proxy.kubeconfig(tmp_path, {"as": USER})
        with pytest.raises(ClusterError) as caught:
            converge(stack.inventory("a", kubeconfig=config), Settings())
        assert not proxy.writes
    assert "in the whole cluster: create, delete, get, list, patch clusterrolebindings.rbac.authorization.k8s.io" in (
        str(caught.value).replace(", clusterroles.rbac.authorization.k8s.io", "")
    )
    assert "kind: ClusterRole\nmetadata: {name: ingresskit-faults-few}\n" in str(caught.value)


@pytest.fixture
def administrator():
    """Makes objects as a cluster's administrator; they go at the end."""
    made = []

    def make(obj):
        made.append(f"{obj['kind'].lower()}/{obj['metadata']['name']}")
        kubectl("apply", "-f", "-", stdin=json.dumps(obj))

    yield make
    kubectl("delete", "--ignore-not-found", *made)


def test_the_role_of_the_guide_is_enough_for_a_whole_stack(stack, tmp_path, administrator):
    section = (ROOT / "docs/guide/rights.md").read_text()
    role = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
    group, meta = "rbac.authorization.k8s.io", {"name": "faults-few-guide"}
    administrator(role | {"metadata": meta})
    binding = {"apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding", "metadata": meta}
    reference = {"apiGroup": group, "kind": "ClusterRole", **meta}
    administrator(binding | {"roleRef": reference, "subjects": [{"apiGroup": group, "kind": "User", "name": USER}]})
    with FaultProxy() as proxy:
        config = proxy.kubeconfig(tmp_path, {"as": USER})
        assert stack.bring("a", "b", kubeconfig=config).changes.changed
        assert not stack.bring("a", "b", kubeconfig=config).changes.changed
        assert stack.bring("a", kubeconfig=config).changes.of("deleted")
        assert stack.remove(kubeconfig=config).changes.changed
        assert not [call for call in proxy.calls if "accessreviews" in call.path], "nothing was refused"
    assert not stack.labelled()


def documents(message):
    """The objects that a message prints to be applied."""
    _, _, text = message.partition("\n---\n")
    return list(yaml.safe_load_all(text))
