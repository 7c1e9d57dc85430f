"""Argo CD's and Flux's marks: read as these tools read them, and nothing of theirs is planned to be written."""

import pytest

from module_utils.ingresskit.engine.keepers import keeper, refuse_kept
from module_utils.ingresskit.engine.plan import plan, plan_removal
from module_utils.ingresskit.errors import ConflictError
from tests.unit.test_engine_plan import FIELDS, OWNER, PAGE, SPACE, alive, entry, released, rendered, snapshot

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


def refusal(changes, *let_go):
    with pytest.raises(ConflictError) as caught:
        refuse_kept(changes, let_go)
    return str(caught.value)


def test_one_message_names_tool_objects_and_remedy():
    pages = [rendered(f"page-{number}", data={"text": "ours"}) for number in range(5)]
    live = [tracked(f"edge:/ConfigMap:cafe/page-{number}", page) for number, page in enumerate(pages)]
    told = refusal(plan(pages, snapshot(*live), released(*pages)), "other")
    assert told.startswith(
        "Argo CD's Application edge looks after ConfigMap cafe/page-0, ConfigMap cafe/page-1, ConfigMap cafe/page-2 "
        "and 2 more: nothing was sent"
    )
    assert told.endswith("argocd app delete edge --cascade=false, then set ingress_apply.adopt_from: [edge]")


def test_each_tool_has_its_line():
    other = rendered("other")
    changes = plan([PAGE, other], snapshot(labelled(FLUX), tracked("edge:/ConfigMap:cafe/other", other)), None)
    argocd, flux = refusal(changes).splitlines()
    assert argocd.startswith("Argo CD's Application edge looks after ConfigMap cafe/other:")
    assert flux.startswith("Flux's Kustomization flux-system/apps looks after ConfigMap cafe/page:")
    assert "set spec.deletionPolicy: Orphan in Kustomization flux-system/apps, then delete it" in flux
    assert refusal(changes, "edge") == flux
    refuse_kept(changes, ["edge", "flux-system/apps"])


@pytest.mark.parametrize(
    "changes",
    [
        plan([PAGE], snapshot(labelled(FLUX)), released(PAGE)),  # also where nothing would be written
        plan([PAGE], snapshot(alive(labels=FLUX)), None, adopt=True),  # as it comes from Git, without our labels
        plan([rendered("other")], snapshot(labelled(FLUX)), released(PAGE)),
        plan_removal(snapshot(labelled(FLUX)), released(PAGE)),
    ],
    ids=["unchanged", "never ours", "pruned", "removed"],
)
def test_whatever_is_planned(changes):
    assert "Flux's Kustomization flux-system/apps looks after ConfigMap cafe/page:" in refusal(changes)


def test_what_is_only_used_is_no_hindrance():
    """A namespace, and definitions that somebody else brings: these are told with a remedy of their own."""
    space = alive(SPACE, labels=FLUX)
    crd = rendered("pages.example", "CustomResourceDefinition", None)
    changes = plan([SPACE, crd, PAGE], snapshot(space, alive(crd, labels=FLUX), alive(), namespaces=[space]), None)
    refuse_kept(changes)
    (skipped, conflicted) = changes.of("skipped", "conflicted")
    whose = "exists and belongs to Flux's Kustomization flux-system/apps"
    assert (skipped.reason, conflicted.reason) == (whose, f"{whose}: leave it to that stack and say source: none here")


@pytest.mark.parametrize("live", [alive(labels=FLUX), labelled(FLUX)], ids=["never ours", "ours"])
def test_what_they_let_go_of_is_taken_over(live):
    live["metadata"]["managedFields"] = [entry("kustomize-controller", FIELDS)]
    (change,) = plan([PAGE], snapshot(live), None, adopt_from=["flux-system/apps"])
    assert (change.action, change.adopt) == ("configured", True)
    (change,) = plan([rendered("other")], snapshot(live), None, adopt_from=["flux-system/apps"]).of("created")
    assert not change.adopt


def test_adopting_is_no_leave_to_take_from_them():
    (change,) = plan([PAGE], snapshot(alive(labels=FLUX)), None, adopt=True, adopt_from=["other"])
    assert change.action == "conflicted"
    assert change.reason.startswith("exists and belongs to Flux's Kustomization flux-system/apps: rename it")
