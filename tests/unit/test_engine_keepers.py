"""Argo CD's and Flux's marks: read as these tools read them, and nothing of theirs is planned to be written."""

import pytest

from module_utils.ingresskit.engine.keepers import keeper, refuse_kept
from module_utils.ingresskit.engine.plan import plan, plan_removal
from module_utils.ingresskit.errors import ConflictError
from tests.unit.test_engine_plan import OWNER, PAGE, SPACE, alive, entry, released, rendered, snapshot

ID = "argocd.argoproj.io/tracking-id"
INSTANCE = "app.kubernetes.io/instance"
FLUX = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
HELM = {"helm.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/namespace": "shop"}
LABELLED = {"f:metadata": {"f:labels": {f"f:{INSTANCE}": {}}}}
BY_ARGOCD = entry("argocd-controller", LABELLED, "Update")
BY_HELM = entry("helm", LABELLED, "Update")
INGRESS = rendered("cafe", "Ingress") | {"apiVersion": "networking.k8s.io/v1"}


def tracked(tracking, obj=PAGE):
    return alive(obj, annotations={ID: tracking})


def labelled(labels, *managers):
    return alive(PAGE, *managers, labels=OWNER.labels | labels)


KEPT = {
    # name: (live object, what it is called)
    "nobody's": (alive(), None),
    "Argo CD, annotation": (tracked("edge:/ConfigMap:cafe/page"), "Argo CD's Application edge"),
    "Argo CD, with a group": (
        tracked("edge:networking.k8s.io/Ingress:cafe/cafe", INGRESS), "Argo CD's Application edge"
    ),
    "Argo CD, cluster-scoped": (tracked("edge:/Namespace:somewhere/cafe", SPACE), "Argo CD's Application edge"),
    "Argo CD, Application in any namespace": (
        tracked("team-a_edge:/ConfigMap:cafe/page"), "Argo CD's Application team-a/edge"
    ),
    "Argo CD, copied from another object": (tracked("edge:/ConfigMap:cafe/other"), None),
    "Argo CD, copied to another namespace": (tracked("edge:/ConfigMap:shop/page"), None),
    "Argo CD, copied from another kind": (tracked("edge:apps/Deployment:cafe/page"), None),
    "Argo CD, no tracking id at all": (tracked("edge"), None),
    "Argo CD, label": (labelled({INSTANCE: "edge"}, BY_ARGOCD), "Argo CD's Application edge"),
    "Helm's label": (labelled({INSTANCE: "edge"}, BY_HELM), None),
    "Argo CD, a label of its own": (
        labelled({"argocd.argoproj.io/instance": "edge"}), "Argo CD's Application edge"
    ),
    "Flux": (labelled(FLUX), "Flux's Kustomization flux-system/apps"),
    "Flux, HelmRelease": (labelled(HELM), "Flux's HelmRelease shop/shop"),
}  # fmt: skip


@pytest.mark.parametrize(("live", "called"), KEPT.values(), ids=KEPT)
def test_whose(live, called):
    found = keeper(live)
    assert (found and str(found)) == called


def test_a_label_that_is_rendered_just_so_tells_nothing():
    wanted = rendered(metadata={"labels": {INSTANCE: "edge"}})
    assert keeper(labelled({INSTANCE: "edge"}, BY_ARGOCD), wanted) is None
    assert keeper(labelled({INSTANCE: "other"}, BY_ARGOCD), wanted)


def refusal(changes):
    with pytest.raises(ConflictError) as caught:
        refuse_kept(changes, OWNER.stack)
    return str(caught.value)


def test_one_message_names_tool_objects_and_remedy():
    pages = [rendered(f"page-{number}", data={"text": "ours"}) for number in range(5)]
    live = [tracked(f"edge:/ConfigMap:cafe/page-{number}", page) for number, page in enumerate(pages)]
    told = refusal(plan(pages, snapshot(*live), released(*pages)))
    assert told.startswith(
        "Argo CD's Application edge looks after ConfigMap cafe/page-0, ConfigMap cafe/page-1, ConfigMap cafe/page-2 "
        "and 2 more: nothing was sent"
    )
    assert "argocd app delete edge --cascade=false" in told
    assert f"kubectl annotate configmap -A -l ingresskit.io/stack=edge {ID}-" in told


def test_each_tool_has_its_line():
    other = rendered("other")
    told = refusal(plan([PAGE, other], snapshot(labelled(FLUX), tracked("edge:/ConfigMap:cafe/other", other)), None))
    argocd, flux = told.splitlines()
    assert argocd.startswith("Argo CD's Application edge looks after ConfigMap cafe/other:")
    assert flux.startswith("Flux's Kustomization flux-system/apps looks after ConfigMap cafe/page:")
    assert "spec.deletionPolicy: Orphan" in flux
    assert f"kubectl label configmap -A -l ingresskit.io/stack=edge {' '.join(f'{key}-' for key in FLUX)}" in flux


@pytest.mark.parametrize(
    "changes",
    [
        plan([PAGE], snapshot(labelled(FLUX)), released(PAGE)),  # also where nothing would be written
        plan([rendered("other")], snapshot(labelled(FLUX)), released(PAGE)),
        plan_removal(snapshot(labelled(FLUX)), released(PAGE)),
    ],
    ids=["unchanged", "pruned", "removed"],
)
def test_whatever_is_planned(changes):
    assert "Flux's Kustomization flux-system/apps looks after ConfigMap cafe/page:" in refusal(changes)


def test_a_namespace_that_is_only_used_is_no_hindrance():
    space = alive(SPACE, labels=FLUX)
    changes = plan([SPACE, PAGE], snapshot(space, alive(), namespaces=[space]), released(PAGE))
    refuse_kept(changes, OWNER.stack)
    assert [(change.action, change.reason) for change in changes.of("skipped")] == [
        ("skipped", "exists and belongs to Flux's Kustomization flux-system/apps")
    ]


@pytest.mark.parametrize("adopt", [False, True])
def test_a_namesake_of_theirs_is_told_as_theirs_and_never_adopted(adopt):
    changes = plan([PAGE], snapshot(alive(labels=FLUX)), None, adopt=adopt)
    refuse_kept(changes, OWNER.stack)  # not of the stack: an ordinary namesake
    (change,) = changes
    assert change.action == "conflicted"
    assert change.reason.startswith("exists and belongs to Flux's Kustomization flux-system/apps: rename it")


@pytest.mark.parametrize("manager", ["argocd-controller", "kustomize-controller"])
def test_what_they_let_go_of_is_taken_over(manager):
    fields = {"f:data": {"f:text": {}}}
    left = alive(PAGE, entry("ingresskit", {"f:metadata": {}}), entry(manager, fields))
    (change,) = plan([PAGE], snapshot(left), released(PAGE), adopt=True)
    assert (change.action, change.adopt) == ("configured", True)
    (change,) = plan([PAGE], snapshot(left), released(PAGE))
    assert change.action == "conflicted"
    assert change.reason.endswith(f"or ingress_apply.adopt: true to take over from {manager}")
