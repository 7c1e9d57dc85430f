"""Objects that carry the marks of Argo CD or Flux: nothing is sent, and the way to take them over is the one told.

The tools themselves are in test_argocd and test_flux; here stand their marks, set by kubectl in their names.
"""

import re

import pytest

from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.engine.ownership import Owner
from module_utils.ingresskit.errors import ConflictError
from module_utils.ingresskit.rollback import roll_back
from module_utils.ingresskit.settings import Settings
from tests.cluster.playbook import kubectl
from tests.cluster.smallstack import standing

TRACKING = "argocd.argoproj.io/tracking-id"
FLUX = {"kustomize.toolkit.fluxcd.io/name": "edge", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}


@pytest.fixture
def stack():
    for made in standing("ik-kept"):
        made.prepare()
        yield made
        for command in ("annotate", TRACKING), ("label", *FLUX):  # whatever a test left: it would not be removed
            marks = [f"{mark}-" for mark in command[1:]]
            kubectl(command[0], "ingress,service", "-A", "-l", f"ingresskit.io/stack={made.name}", *marks)


def argocd(stack, name):
    """What Argo CD leaves on an Ingress: its mark, and a field that it holds."""
    where = ("ingress", name, "-n", stack.home, "--overwrite", "--field-manager", "argocd-controller")
    kubectl("annotate", *where, f"{TRACKING}=edge:networking.k8s.io/Ingress:{stack.home}/{name}", "by=git")
    return "Argo CD's Application edge"


def flux(stack, name):
    where = ("ingress", name, "-n", stack.home, "--overwrite", "--field-manager", "kustomize-controller")
    kubectl("label", *where, *(f"{key}={value}" for key, value in FLUX.items()))
    kubectl("annotate", *where, "by=git")
    return "Flux's Kustomization flux-system/edge"


@pytest.mark.parametrize("mark", [argocd, flux])
def test_nothing_is_sent_until_it_has_let_go(stack, mark):
    stack.bring("a")
    stack.bring("a", "b")
    called = mark(stack, "a")
    before = stack.versions(stack.record().objects)
    said = f"{called} looks after Ingress {stack.home}/a: nothing was sent"
    for run in (
        lambda: stack.bring("a", "b"),
        lambda: stack.bring("a", "b", "c"),
        lambda: stack.bring("b"),
        lambda: roll_back(stack.inventory("a", "b"), Settings(), 1),
        stack.remove,
    ):
        with pytest.raises(ConflictError) as caught:
            run()
        assert str(caught.value).startswith(said)
    assert stack.versions(stack.record().objects) == before
    assert stack.record().revision == 2

    name = called.rpartition(" ")[2]
    assert str(caught.value).endswith(f"then set ingress_apply.adopt_from: [{name}]")
    stack.bring("a", "b", ingress_apply={"adopt_from": [name]})
    assert_taken_over(stack)
    assert not stack.bring("a", "b").changed


def assert_taken_over(stack):
    """What only the tool has set goes with it: its marks, and what Git said."""
    live = stack.api.get(Ref("networking.k8s.io", "Ingress", stack.home, "a"))
    assert {entry["manager"] for entry in live["metadata"]["managedFields"]} == {"ingresskit"}
    assert not {"by", TRACKING} & set(live["metadata"].get("annotations", {}))
    assert not set(FLUX) & set(live["metadata"]["labels"])


@pytest.mark.parametrize("mark", [argocd, flux])
def test_what_was_never_ours_is_refused_all_the_same(stack, mark):
    """As Git has it, without the stack's labels; adopting alone is no leave to take it."""
    stack.bring("a")
    kubectl("label", "ingress", "a", "-n", stack.home, *(f"{key}-" for key in Owner(stack.name, stack.state).labels))
    kubectl("delete", "secret", f"ingresskit-{stack.name}", "-n", stack.state)
    called = mark(stack, "a")
    with pytest.raises(
        ConflictError, match=f"^{re.escape(called)} looks after Ingress {stack.home}/a: nothing was sent"
    ):
        stack.bring("a", ingress_apply={"adopt": True})
    assert stack.record() is None
    stack.bring("a", ingress_apply={"adopt_from": [called.rpartition(" ")[2]]})
    live = stack.api.get(Ref("networking.k8s.io", "Ingress", stack.home, "a"))
    assert not set(FLUX) & set(live["metadata"]["labels"]) and TRACKING not in live["metadata"]["annotations"]
