"""managedFields entries as sets of paths."""

import pytest

from module_utils.ingresskit.engine.fields import losses, ours, paths

LEAF = {}


def live(*entries):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "managedFields": list(entries)}}


def entry(manager, fields, operation="Apply", **more):
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields, **more}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, set()),
        ({"f:data": {"f:text": LEAF}}, {".data.text"}),
        ({"f:data": {".": {}, "f:text": LEAF}}, {".data", ".data.text"}),
        ({"f:metadata": {"f:labels": {"f:app.kubernetes.io/name": LEAF}}}, {".metadata.labels.app.kubernetes.io/name"}),
        (
            {"f:containers": {'k:{"name":"tea"}': {".": {}, "f:image": LEAF}}},
            {'.containers[name="tea"]', '.containers[name="tea"].image'},
        ),
        (
            {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}}}},
            {'.ports[port=80,protocol="TCP"]'},
        ),
        ({"f:finalizers": {'v:"a/b"': LEAF}}, {'.finalizers[="a/b"]'}),
        ({"f:list": {"i:0": LEAF}}, {".list[0]"}),
    ],
)
def test_paths_are_printed_as_conflicts_print_them(fields, expected):
    assert set(paths(fields)) == expected


def test_ours_is_the_apply_entry_of_the_object_itself():
    fields = {"f:data": {"f:a": LEAF}}
    others = [
        entry("ingresskit", {"f:status": LEAF}, subresource="status"),
        entry("ingresskit", {"f:x": LEAF}, operation="Update"),
        entry("kubectl", {"f:y": LEAF}),
    ]
    assert ours(live(*others)) is None
    assert ours(live(*others, entry("ingresskit", fields))) == fields
    assert ours(live()) is None


def test_losses_name_the_manager_and_only_the_outermost_field():
    released = {"f:data": {"f:a": LEAF, "f:b": LEAF, "f:c": LEAF}, "f:spec": {"f:x": {".": {}, "f:y": LEAF}}}
    now = live(
        entry("ingresskit", {"f:data": {"f:a": LEAF}}),
        entry("kubectl-edit", {"f:data": {"f:b": LEAF}}, operation="Update"),
        entry("argocd", {"f:spec": {"f:x": {".": {}, "f:y": LEAF}}}),
    )
    found = losses(released, now)
    assert [str(loss) for loss in found] == [
        "kubectl-edit took .data.b",
        ".data.c was removed",
        "argocd took .spec.x",
    ]
    assert [loss.operation for loss in found] == ["Update", "", "Apply"]
    assert losses(released, live(entry("ingresskit", released))) == []


def test_shared_ownership_is_no_loss():
    released = {"f:data": {"f:a": LEAF}}
    assert losses(released, live(entry("ingresskit", released), entry("argocd", released))) == []
