"""What is wanted, what is there and what was released last: every combination that matters."""

import pytest

from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.engine.normalise import digest, fingerprint
from module_utils.ingresskit.engine.ownership import Owner, own
from module_utils.ingresskit.engine.plan import intact, keep_adopted, plan, plan_removal
from module_utils.ingresskit.engine.snapshot import Snapshot
from module_utils.ingresskit.errors import ClusterError, ConflictError
from module_utils.ingresskit.state.release import Entry, Release

OWNER = Owner("edge")
LEAF = {}
FIELDS = {"f:data": {"f:text": LEAF}}


def rendered(name="page", kind="ConfigMap", namespace="cafe", **content):
    meta = {"name": name} | ({"namespace": namespace} if namespace else {}) | content.pop("metadata", {})
    (obj,) = own([{"apiVersion": "v1", "kind": kind, "metadata": meta, **content}], OWNER.stack, OWNER.state_namespace)
    return obj


PAGE = rendered(data={"text": "ours"})
SPACE = rendered("cafe", "Namespace", None)


def entry(manager, fields, operation="Apply"):
    return {"manager": manager, "operation": operation, "fieldsV1": fields}


def alive(obj=PAGE, *managers, labels=None, **meta):
    """Metadata of a live object, by default as our release left it."""
    labels = OWNER.labels if labels is None else labels
    held = list(managers) or [entry("ingresskit", FIELDS)]
    base = {key: value for key, value in obj["metadata"].items() if key != "labels"}
    live = base | {"uid": "1", "resourceVersion": "2", "managedFields": held, "labels": labels} | meta
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": live}


def snapshot(*objects, namespaces=()):
    owned, others = {}, {}
    for obj in objects:
        ours = obj["metadata"]["labels"].get("applyset.kubernetes.io/part-of") == OWNER.id
        (owned if ours else others)[Ref.of(obj)] = obj
    return Snapshot(OWNER, owned, others, {obj["metadata"]["name"]: obj for obj in namespaces})


def released(*objects, hash=None, result="deployed"):
    entries = {Ref.of(obj): Entry(fingerprint(obj) if hash is None else hash, digest(FIELDS)) for obj in objects}
    return Release(3, "2026-01-01T00:00:00+00:00", "me", result, entries, {digest(FIELDS): FIELDS})


RENAME = "rename it in the inventory, or delete it from the cluster if nobody needs it"
ADOPT = f"{RENAME}, or set ingress_apply.adopt: true to take it over"
FORCE = "remove the field there, or set ingress_apply.force_conflicts: true"
FOREIGN = {"app": "theirs"}
STRIPPED = {"ingresskit.io/left": "over"}
OTHER_STACK = {"applyset.kubernetes.io/part-of": "applyset-x-v1", "ingresskit.io/stack": "other"}
TAKEN_BY_EDIT = [entry("ingresskit", {"f:metadata": LEAF}), entry("kubectl-edit", FIELDS, "Update")]
TAKEN_BY_ARGO = [entry("ingresskit", {"f:metadata": LEAF}), entry("argocd", FIELDS)]
ONE = {
    # name: (live object or None, record, action, reason)
    "new": (None, None, "created", ""),
    "new, deleted by hand since": (None, released(PAGE), "created", ""),
    "as we left it": (alive(), released(PAGE), "unchanged", ""),
    "rendered otherwise": (alive(), released(PAGE, hash="other"), "configured", ""),
    "shared with another manager": (
        alive(PAGE, entry("ingresskit", FIELDS), entry("argocd", FIELDS)), released(PAGE), "unchanged", ""
    ),
    "record lost": (alive(), None, "configured", ""),
    "interrupted run": (alive(), released(PAGE, hash=""), "configured", ""),
    "taken by an Update": (alive(PAGE, *TAKEN_BY_EDIT), released(PAGE), "configured", "kubectl-edit took .data.text"),
    "removed by an Update": (
        alive(PAGE, entry("ingresskit", {"f:metadata": LEAF})), released(PAGE), "configured", ".data.text was removed"
    ),
    "deleted and made anew by somebody, with our label": (
        alive(PAGE, entry("kubectl", FIELDS, "Update")), released(PAGE), "configured", "kubectl took .data.text"
    ),
    "taken by an Apply": (
        alive(PAGE, *TAKEN_BY_ARGO), released(PAGE), "conflicted",
        f"argocd took .data.text by server-side apply: {FORCE}",
    ),
    "namesake": (
        alive(labels=FOREIGN), None, "conflicted",
        f"exists and is not ours: {ADOPT}",
    ),
    "namesake of helm": (
        alive(labels={"app.kubernetes.io/managed-by": "Helm"}), None, "conflicted",
        f"exists and is not ours (managed by Helm): {ADOPT}",
    ),
    "namesake made in place of ours": (
        alive(PAGE, entry("kubectl", FIELDS, "Update"), labels={}), released(PAGE), "conflicted",
        f"exists and is not ours: {ADOPT}",
    ),
    "of another stack": (
        alive(labels=OTHER_STACK), released(PAGE), "conflicted",
        f"exists and belongs to the stack other: {RENAME}",
    ),
    "label removed by hand": (alive(labels=STRIPPED), released(PAGE, hash=""), "configured", ""),
    "label removed by hand, entry as it was": (alive(labels=STRIPPED), released(PAGE), "configured", ""),
    "still being deleted": (
        alive(deletionTimestamp="t"), released(PAGE), "created", "the former one is still being deleted"
    ),
    "namesake being deleted": (
        alive(labels=FOREIGN, deletionTimestamp="t"), None, "created", "the former one is still being deleted"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("live", "record", "action", "reason"), ONE.values(), ids=ONE)
def test_one_object(live, record, action, reason):
    (change,) = plan([PAGE], snapshot(*filter(None, [live])), record)
    assert (change.action, change.reason) == (action, reason)
    assert change.done is (action == "unchanged")


def test_forced_conflict_is_configured_and_still_told():
    (change,) = plan([PAGE], snapshot(alive(PAGE, *TAKEN_BY_ARGO)), released(PAGE), force_conflicts=True)
    assert (change.action, change.reason) == ("configured", "argocd took .data.text")


TAKEN_BY_HELM = [entry("ingresskit", {"f:metadata": LEAF}), entry("helm", FIELDS)]
BY_KUBECTL = entry("kubectl-client-side-apply", FIELDS, "Update")
MADE = [{"kind": "Deployment", "name": "tea", "controller": True}]
APPLYSET = {"applyset.kubernetes.io/part-of": "applyset-x-v1"}
ADOPTED = {
    # name: (live object, record, action, reason, adopt)
    "namesake": (
        alive(PAGE, BY_KUBECTL, labels=FOREIGN), None,
        "configured", "adopted, was managed by kubectl-client-side-apply", True,
    ),
    "namesake that nobody holds": (
        alive(labels=FOREIGN, managedFields=[]), None, "configured", "adopted", True
    ),
    "namesake of another stack": (
        alive(labels=OTHER_STACK), None, "conflicted", f"exists and belongs to the stack other: {RENAME}", False
    ),
    "namesake of another ApplySet": (
        alive(labels=APPLYSET), None,
        "conflicted", f"exists and belongs to another ApplySet (applyset-x-v1): {RENAME}", False,
    ),
    "namesake that a controller makes": (
        alive(labels=FOREIGN, ownerReferences=MADE), None,
        "conflicted", f"exists and is made by Deployment tea: {RENAME}", False,
    ),
    "as we left it": (alive(), released(PAGE), "unchanged", "", False),
    "as we left it, but for helm": (
        alive(PAGE, entry("ingresskit", FIELDS), entry("helm", FIELDS, "Update")), released(PAGE),
        "configured", "taken over from helm", True,
    ),
    "taken by helm's Apply": (
        alive(PAGE, *TAKEN_BY_HELM), released(PAGE), "configured", "taken over from helm, helm took .data.text", True
    ),
    "taken by another Apply": (
        alive(PAGE, *TAKEN_BY_ARGO), released(PAGE), "conflicted",
        f"argocd took .data.text by server-side apply: {FORCE}", False,
    ),
    "killed between takeover and apply": (alive(labels=FOREIGN), released(PAGE, hash=""), "configured", "", True),
}  # fmt: skip


@pytest.mark.parametrize(("live", "record", "action", "reason", "adopt"), ADOPTED.values(), ids=ADOPTED)
def test_adopting(live, record, action, reason, adopt):
    (change,) = plan([PAGE], snapshot(live), record, adopt=True)
    assert (change.action, change.reason, change.adopt) == (action, reason, adopt)


def test_a_return_to_an_earlier_revision_does_not_delete_what_was_adopted_since():
    stays = rendered("stays", data={"text": "ours"})
    seen = snapshot(alive(stays), alive(annotations={"ingresskit.io/adopted": "true"}))
    changes = plan([stays], seen, released(PAGE, stays))
    assert [change.action for change in changes] == ["unchanged", "deleted"]
    assert [str(change) for change in keep_adopted(changes)][1:] == [
        "ConfigMap cafe/page skipped (kept: it was there before it was adopted)"
    ]


def test_namespaces_are_never_adopted():
    (change,) = plan([SPACE], snapshot(alive(SPACE, labels={})), None, adopt=True)
    assert (change.action, change.adopt) == ("skipped", False)


def test_a_conflict_with_helm_names_the_option():
    (change,) = plan([PAGE], snapshot(alive(PAGE, *TAKEN_BY_HELM)), released(PAGE))
    remedy = f"{FORCE}, or ingress_apply.adopt: true to take over from helm"
    assert (change.action, change.reason) == ("conflicted", f"helm took .data.text by server-side apply: {remedy}")


def test_a_field_no_longer_rendered_may_belong_to_whoever_took_it():
    other = rendered(data={"title": "ours"})
    (change,) = plan([other], snapshot(alive(PAGE, *TAKEN_BY_ARGO)), released(PAGE))
    assert (change.action, change.reason) == ("configured", "")


def test_what_our_own_handover_holds_is_not_lost():
    held = [entry("ingresskit", {"f:metadata": LEAF}), entry("ingresskit-handover", FIELDS)]
    (change,) = plan([PAGE], snapshot(alive(PAGE, *held)), released(PAGE, hash=""))
    assert (change.action, change.reason) == ("configured", "")


def test_namesakes_are_no_field_conflict_that_could_be_forced():
    (change,) = plan([PAGE], snapshot(alive(labels=FOREIGN)), None, force_conflicts=True)
    assert change.action == "conflicted"


@pytest.mark.parametrize(
    ("live", "action", "reason"),
    [
        (None, "created", ""),
        (alive(SPACE, labels={}), "skipped", "exists and is not ours"),
        (alive(SPACE, labels=OTHER_STACK), "skipped", "exists and belongs to the stack other"),
        (alive(SPACE), "unchanged", ""),
    ],
)
def test_namespaces_that_exist_are_used_not_owned(live, action, reason):
    record = released(SPACE) if action == "unchanged" else None
    (change,) = plan([SPACE], snapshot(*filter(None, [live])), record)
    assert (change.action, change.reason) == (action, reason)


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public", "kube-node-lease"])
def test_system_namespaces_are_never_ours_whatever_their_labels(name):
    space = rendered(name, "Namespace", None)
    seen = snapshot(alive(space))
    assert plan([space], seen, None).changes[0].action == "skipped"
    assert not plan_removal(seen, released(space)).changed


def test_objects_of_a_terminating_namespace_are_made_anew():
    going = alive(SPACE, deletionTimestamp="t")
    changes = plan(
        [PAGE, SPACE],
        Snapshot(OWNER, {Ref.of(PAGE): alive(), Ref.of(SPACE): going}, {}, {"cafe": going}),
        released(PAGE, SPACE),
    )
    assert [change.action for change in changes] == ["created", "created"]


GONE = rendered("gone", data={"text": "ours"})
PRUNED = {
    "in the record and labelled": (alive(GONE), released(PAGE, GONE), "deleted"),
    "labelled, applied by us, record lost": (alive(GONE), released(PAGE), "deleted"),
    "label copied by a controller": (alive(GONE, entry("cert-manager", FIELDS, "Update")), released(PAGE), None),
    "label removed, still applied by us": (alive(GONE, labels={}), released(PAGE, GONE), "deleted"),
    "somebody else's in place of ours": (
        alive(GONE, entry("kubectl", FIELDS, "Update"), labels={}), released(PAGE, GONE), None
    ),
    "gone already": (None, released(PAGE, GONE), None),
    "being deleted already": (alive(GONE, deletionTimestamp="t"), released(PAGE, GONE), None),
    "kept": (alive(GONE, annotations={"ingresskit.io/keep": "true"}), released(PAGE, GONE), "skipped"),
    "keep: false": (alive(GONE, annotations={"ingresskit.io/keep": "false"}), released(PAGE, GONE), "deleted"),
}  # fmt: skip


@pytest.mark.parametrize(("live", "record", "action"), PRUNED.values(), ids=PRUNED)
def test_what_is_no_longer_rendered(live, record, action):
    seen = snapshot(alive(), *filter(None, [live]))
    found = {change.ref.name: change.action for change in plan([PAGE], seen, record)}
    assert found.get("gone") == action
    assert found["page"] == "unchanged"


def test_order_is_by_stage_and_removal_reversed():
    objects = [
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i", "namespace": "cafe"}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "cafe"}},
        {"apiVersion": "traefik.io/v1alpha1", "kind": "Middleware", "metadata": {"name": "m", "namespace": "cafe"}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "b", "namespace": "cafe"},
        },
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "cafe"}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "cafe"}},
    ]
    owned = own(objects, OWNER.stack, OWNER.state_namespace)
    order = [change.ref.kind for change in plan(owned, snapshot(), None)]
    assert order == ["Namespace", "Secret", "RoleBinding", "Middleware", "Deployment", "Ingress"]
    removal = plan_removal(snapshot(*(alive(obj) for obj in owned)), released(*owned))
    assert [change.ref.kind for change in removal] == order[::-1]


def test_an_empty_render_never_prunes():
    with pytest.raises(ClusterError, match="nothing was rendered"):
        plan([], snapshot(alive()), released(PAGE))


def test_an_object_rendered_twice_is_an_error():
    with pytest.raises(ClusterError, match=r"rendered more than once: ConfigMap cafe/page"):
        plan([PAGE, PAGE], snapshot(), None)


def generated(inputs, data=None):
    body = {"data": {"k": data}} if data else {}
    return rendered("cert", "Secret", metadata={"annotations": {"ingresskit.io/inputs": inputs}}, **body)


CERT = alive(generated("h"), annotations={"ingresskit.io/inputs": "h"})


def test_generated_content_left_out_means_keep():
    record = released(generated("h", "a2V5"))
    assert plan([generated("h")], snapshot(CERT), record).changes[0].action == "unchanged"
    assert plan([generated("i", "bmV3")], snapshot(CERT), record).changes[0].action == "configured"
    with pytest.raises(ClusterError, match="its inputs changed"):
        plan([generated("i")], snapshot(CERT), record)
    with pytest.raises(ClusterError, match="deleted by somebody while this run was being planned"):
        plan([generated("h")], snapshot(), record)


@pytest.mark.parametrize(
    ("live", "record", "is_intact"),
    [
        (CERT, released(generated("h", "a2V5")), True),
        (CERT, None, False),
        (CERT, released(), False),
        (CERT, released(generated("h", "a2V5"), hash=""), False),
        (alive(generated("h"), *TAKEN_BY_EDIT), released(generated("h", "a2V5")), False),
    ],
)
def test_intact(live, record, is_intact):
    assert intact(snapshot(live), record) == ({Ref.of(live)} if is_intact else set())


def test_conflicts_are_raised_together():
    others = [rendered(name, data={"a": "b"}) for name in ("one", "two")]
    changes = plan(others, snapshot(*(alive(obj, labels=FOREIGN) for obj in others)), None)
    with pytest.raises(ConflictError) as caught:
        changes.raise_conflicts()
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "ConfigMap cafe/one",
        "ConfigMap cafe/two",
    ]


def test_definitions_that_another_stack_brings_are_left_to_it():
    crd = rendered("policies.k8s.nginx.org", "CustomResourceDefinition", None)
    (change,) = plan([crd], snapshot(alive(crd, labels=OTHER_STACK)), None)
    said = "exists and belongs to the stack other: leave it to that stack and say source: none here"
    assert (change.action, change.reason) == ("conflicted", said)
