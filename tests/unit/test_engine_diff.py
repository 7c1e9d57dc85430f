"""What a reader gets to see: diffs, counts, messages; never a Secret's value."""

import pytest

from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.engine.changes import Change, ChangeSet
from module_utils.ingresskit.engine.diff import diff, same
from module_utils.ingresskit.engine.stages import stage

NOISE = {
    "uid": "1",
    "resourceVersion": "2",
    "generation": 3,
    "creationTimestamp": "t",
    "managedFields": [{"manager": "x"}],
}
LAST = "kubectl.kubernetes.io/last-applied-configuration"


def obj(kind="ConfigMap", meta=None, **content):
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "y"} | (meta or {}), **content}


def test_noise_is_stripped_and_headers_tell_the_object():
    before, after = (
        obj(meta=NOISE, data={"a": "1"}, status={"x": 1}),
        obj(meta=NOISE | {"resourceVersion": "9"}, data={"a": "2"}),
    )
    found = diff(Ref.of(before), before, after)
    assert found == {
        "before": "apiVersion: v1\ndata:\n  a: '1'\nkind: ConfigMap\nmetadata:\n  name: x\n  namespace: y\n",
        "after": "apiVersion: v1\ndata:\n  a: '2'\nkind: ConfigMap\nmetadata:\n  name: x\n  namespace: y\n",
        "before_header": "ConfigMap y/x (before)",
        "after_header": "ConfigMap y/x (after)",
    }
    assert same(before, obj(meta=NOISE | {"resourceVersion": "9"}, data={"a": "1"}))
    assert not same(before, after)


@pytest.mark.parametrize(
    ("before", "after", "shown_before", "shown_after"),
    [
        ({"data": {"k": "b25l"}}, {"data": {"k": "dHdv"}}, "k: '*** (before)'", "k: '*** (after)'"),
        ({"data": {"k": "b25l"}}, {"data": {"k": "b25l"}}, "k: '***'", "k: '***'"),
        ({"data": {"k": "b25l"}}, {}, "k: '*** (before)'", ""),
        ({}, {"stringData": {"k": "plain"}}, "", "k: '*** (after)'"),
        (
            {"meta": {"annotations": {LAST: "b25l"}}},
            {"meta": {"annotations": {LAST: "dHdv"}}},
            f"{LAST}: '*** (before)'",
            f"{LAST}: '*** (after)'",
        ),
        (None, {"data": {"k": "b25l"}}, "", "k: '*** (after)'"),
        ({"data": {"k": "b25l"}}, None, "k: '*** (before)'", ""),
    ],
)
def test_secret_values_never_show(before, after, shown_before, shown_after):
    ref = Ref("", "Secret", "y", "x")
    found = diff(
        ref,
        obj("Secret", **before) if before is not None else None,
        obj("Secret", **after) if after is not None else None,
    )
    assert shown_before in found["before"]
    assert shown_after in found["after"]
    for value in ("b25l", "dHdv", "plain"):
        assert value not in str(found)


def test_absent_sides_are_empty():
    ref = Ref("", "ConfigMap", "y", "x")
    assert diff(ref, None, obj())["before"] == ""
    assert diff(ref, obj(), None)["after"] == ""
    assert diff(ref, obj(), None)["after_header"] == "ConfigMap y/x (absent)"


def change(action, name="x", **more):
    return Change(Ref("", "ConfigMap", "y", name), action, **more)


def test_one_change_set_tells_all():
    changes = ChangeSet((
        change("created", "a", after=obj()),
        change("configured", "b", reason="kubectl-edit took .data.x"),
        change("unchanged", "c"),
        change("skipped", "d", reason="exists and is not ours"),
        change("deleted", "e", error="ConfigMap y/e: no"),
    ))  # fmt: skip
    assert changes.changed
    assert changes.summary() == "1 created, 1 configured, 1 deleted, 1 unchanged, 1 skipped"
    assert changes.messages() == [
        "ConfigMap y/a created",
        "ConfigMap y/b configured (kubectl-edit took .data.x)",
        "ConfigMap y/d skipped (exists and is not ours)",
        "ConfigMap y/e not deleted: ConfigMap y/e: no",
    ]
    assert changes.errors == ["ConfigMap y/e: no"]
    assert len(changes.diff()) == 1


@pytest.mark.parametrize("action", ["unchanged", "skipped", "conflicted"])
def test_what_is_not_written_is_no_change(action):
    assert not ChangeSet((change(action),)).changed
    assert ChangeSet(()).summary() == "nothing to do"


def test_repr_holds_no_content():
    hidden = change("created", desired=obj("Secret", data={"k": "b25l"}), after=obj("Secret", data={"k": "b25l"}))
    assert "b25l" not in repr(ChangeSet((hidden,)))


@pytest.mark.parametrize(
    ("api_version", "kinds", "expected"),
    [
        ("v1", "Namespace", 0),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", 0),
        ("v1", "ServiceAccount ConfigMap Secret", 1),
        ("rbac.authorization.k8s.io/v1", "ClusterRole Role", 1),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding RoleBinding", 2),
        ("networking.k8s.io/v1", "IngressClass", 2),
        ("traefik.io/v1alpha1", "Middleware Service", 3),
        ("v1", "Service", 4),
        ("apps/v1", "Deployment DaemonSet", 4),
        ("autoscaling/v2", "HorizontalPodAutoscaler", 4),
        ("networking.k8s.io/v1", "NetworkPolicy", 4),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", 5),
        ("networking.k8s.io/v1", "Ingress", 6),
    ],
)
def test_stages(api_version, kinds, expected):
    for kind in kinds.split():
        assert stage(Ref.of({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}})) == expected
