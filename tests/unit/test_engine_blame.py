"""Which fields differ, and who holds them."""

import pytest

from module_utils.ingresskit.drifted import Author, Difference
from module_utils.ingresskit.engine.blame import authors, differences, overlaid

LEAF = {}
SELECTOR = {"f:spec": {"f:selector": LEAF}}
IMAGE = {
    "f:spec": {
        "f:template": {
            "f:spec": {
                "f:containers": {'k:{"name":"tea"}': {".": LEAF, "f:name": LEAF, "f:image": LEAF}},
            }
        }
    }
}


def entry(manager, fields, operation="Update", time="2026-11-21T20:15:00Z", **more):
    return {"manager": manager, "operation": operation, "time": time, "fieldsV1": fields, **more}


def live(*entries, kind="Service", **content):
    meta = {"name": "tea", "namespace": "cafe", "resourceVersion": "7", "managedFields": list(entries)}
    return {"apiVersion": "v1", "kind": kind, "metadata": meta | content.pop("metadata", {}), **content}


EDIT = entry("kubectl-edit", SELECTOR)
OURS = entry("ingresskit", SELECTOR, "Apply", "2026-11-20T00:00:00Z")
BY_EDIT = Author("kubectl-edit", "Update", "", "2026-11-21T20:15:00Z")


def selecting(app, *entries):
    return live(*entries, spec={"selector": {"app": app}, "ports": [{"port": 80}]})


def test_a_field_inside_one_that_is_held_as_a_whole():
    found = differences(selecting("coffee", EDIT), selecting("tea", OURS))
    assert found == [Difference(".spec.selector.app", "tea", "coffee", BY_EDIT)]


@pytest.mark.parametrize(
    ("entries", "manager"),
    [
        ([], None),
        ([OURS], "ingresskit"),
        ([OURS, EDIT], "kubectl-edit"),
        ([EDIT, OURS | {"time": "2026-11-22T00:00:00Z"}], "ingresskit"),
        ([entry("kubectl", SELECTOR, subresource="status")], None),
        ([entry("around", {"f:spec": {".": LEAF}}), EDIT], "kubectl-edit"),
        ([entry("around", {"f:spec": {".": LEAF}})], "around"),
        ([entry("ingresskit-handover", SELECTOR)], "ingresskit"),
    ],
)
def test_who_of_several(entries, manager):
    (found,) = differences(selecting("coffee", *entries), selecting("tea"))
    assert (found.author.manager if found.author else None) == manager


def pods(image, *entries, extra=()):
    containers = [*extra, {"name": "tea", "image": image}]
    return live(*entries, kind="Deployment", spec={"template": {"spec": {"containers": containers}}})


def test_items_of_a_list_are_told_apart_by_their_keys():
    """Also where another manager has put one before it."""
    by_hand = entry("kubectl-edit", IMAGE)
    found = differences(pods("tea:2", by_hand, extra=[{"name": "sidecar"}]), pods("tea:1"))
    assert [(each.path, each.wanted, each.live) for each in found] == [
        ('.spec.template.spec.containers[name="tea"].image', "tea:1", "tea:2")
    ]
    assert found[0].author.manager == "kubectl-edit"


def test_an_item_that_is_gone_or_was_added():
    (found,) = differences(
        live(kind="Deployment", spec={"template": {"spec": {"containers": []}}}), pods("tea:1", entry("x", IMAGE))
    )
    assert (found.wanted, found.live) == ({"name": "tea", "image": "tea:1"}, None)
    (found,) = differences(live(spec={"paths": ["/a", "/b"]}), live(spec={"paths": ["/a"]}))
    assert (found.path, found.wanted, found.live) == (".spec.paths", ["/a"], ["/a", "/b"])


def test_what_the_server_sets_is_no_difference():
    assert not differences(
        live(status={"a": 1}, metadata={"generation": 2, "uid": "x"}), live(metadata={"generation": 3})
    )


def test_values_of_secrets_are_hidden():
    def secret(value, **meta):
        return live(EDIT, kind="Secret", data={"tls.key": value, "same": "c2FtZQ=="}, metadata=meta)

    noted = "kubectl.kubernetes.io/last-applied-configuration"
    found = differences(secret("b2xk", annotations={noted: "b2xk"}), secret("bmV3", labels={"a": "b"}))
    assert {each.path: (each.wanted, each.live) for each in found} == {
        ".data.tls.key": ("***", "***"),
        ".metadata.annotations": (None, {noted: "*** (live)"}),
        ".metadata.labels": ({"a": "b"}, None),
    }
    (found,) = differences(live(kind="Secret", data={"a": "c2VjcmV0"}), live(kind="Secret"))
    assert (found.path, found.wanted, found.live) == (".data", None, "***")


def test_who_wrote_to_an_object():
    status = entry("kubelet", LEAF, subresource="status", time="2026-11-23T00:00:00Z")
    scale = entry("kubectl", LEAF, subresource="scale", time="2026-11-22T00:00:00Z")
    assert [each.manager for each in authors(live(OURS, status, scale, EDIT))] == [
        "kubectl",
        "kubectl-edit",
        "ingresskit",
    ]


@pytest.mark.parametrize(
    ("live", "wanted", "after"),
    [
        ({"a": 1, "b": 2}, {"a": 3}, {"a": 3, "b": 2}),
        ([{"port": 80, "protocol": "TCP"}], [{"port": 80}], [{"port": 80, "protocol": "TCP"}]),
        (["a", "b"], ["a"], ["a"]),
        ({"on": True}, {"on": 1}, {"on": True}),
        (None, {"a": 1}, {"a": 1}),
    ],
)
def test_what_an_apply_would_make_of_it(live, wanted, after):
    assert overlaid(live, wanted) == after


def nested(value, *keys):
    for key in reversed(keys):
        value = [value] if isinstance(key, int) else {key: value}
    return value


@pytest.mark.parametrize(
    ("live", "wanted", "alike"),
    [("500m", 0.5, True), ("1Gi", "1024Mi", True), ("1Gi", "1G", False), ("1.5.5", "1.5.50", False)],
)
@pytest.mark.parametrize(
    "place",
    [
        ("spec", "template", "spec", "containers", 0, "resources", "limits", "memory"),
        ("spec", "resources", "requests", "nvidia.com/gpu"),
        ("spec", "template", "spec", "volumes", 0, "emptyDir", "sizeLimit"),
        ("spec", "metrics", 0, "pods", "target", "averageValue"),
    ],
)
def test_one_quantity_may_be_written_in_two_ways(place, live, wanted, alike):
    assert overlaid(nested(live, *place), nested(wanted, *place)) == nested(live if alike else wanted, *place)


@pytest.mark.parametrize(
    "place",
    [
        ("data", "limits"),
        ("data", "sizeLimit"),
        ("metadata", "annotations", "requests"),
        ("spec", "template", "metadata", "annotations", "sizeLimit"),
        ("spec", "template", "spec", "containers", 0, "env", 0, "value"),
        ("spec", "template", "spec", "containers", 0, "args", 0),
        ("spec", "target", "value"),
    ],
)
def test_any_other_text_is_what_it_says(place):
    assert overlaid(nested("1000m", *place), nested("1", *place)) == nested("1", *place)


def running(*variables, image="tea:1", **meta):
    env = [{"name": name, "value": value} for name, value in variables]
    containers = [{"name": "tea", "image": image, "env": env}]
    return live(kind="Deployment", metadata=meta, spec={"template": {"spec": {"containers": containers}}})


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "db_passwd", "OAUTH_CLIENT_SECRET", "Token", "API_KEY", "AWS_CREDENTIALS", "PASSPHRASE"]
)
def test_variables_whose_names_speak_of_a_credential_are_hidden(name):
    (found,) = differences(running((name, "old"), ("MODE", "a")), running((name, "new"), ("MODE", "a")))
    assert found == Difference(".spec.template.spec.containers[0].env[0].value", "***", "***")
    assert not differences(running((name, "same")), running((name, "same")))


def test_so_are_they_within_more_that_differs_and_in_kubectls_note():
    (found,) = differences(running(("TOKEN", "canary"), ("MODE", "a")), running())
    assert (found.wanted, found.live) == ([], [{"name": "TOKEN", "value": "***"}, {"name": "MODE", "value": "a"}])
    noted = {"kubectl.kubernetes.io/last-applied-configuration": "canary"}
    (found,) = differences(running(annotations=noted), running())
    assert list(found.live.values()) == ["***"]
    (found,) = differences(running(("MODE", "b")), running(("MODE", "a")))
    assert (found.wanted, found.live) == ("a", "b")
