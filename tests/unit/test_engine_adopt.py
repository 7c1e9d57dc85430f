"""Whose fields become ours by a takeover, and what of them goes."""

import copy
import json

import pytest

from module_utils.ingresskit.api.failures import Cause
from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.engine.adopt import combined, exchange, holders, legacies, taken_over, takeover
from module_utils.ingresskit.engine.changes import Change
from module_utils.ingresskit.engine.fields import paths, present
from module_utils.ingresskit.engine.handover import comes_back, hands_over, number_of

LEAF = {}
PART = {"labels": {"applyset.kubernetes.io/part-of": "applyset-x-v1"}}
NOTE = "kubectl.kubernetes.io/last-applied-configuration"


def entry(manager, fields, operation="Update", **more):
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields, **more}


def ours(fields):
    return entry("ingresskit", fields, "Apply")


def live(*entries, **content):
    metadata = {"name": "x", "namespace": "cafe", "resourceVersion": "7", "managedFields": list(entries)}
    metadata |= content.pop("metadata", {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **content}


CSA = entry("kubectl-client-side-apply", {"f:data": {".": {}, "f:a": LEAF}})
STATUS = entry("kube-controller-manager", {"f:status": LEAF}, subresource="status")
EDIT = entry("kubectl-edit", {"f:data": {"f:b": LEAF}})


@pytest.mark.parametrize(
    ("entries", "all_of_them", "ended"),
    [
        ([], [], []),
        ([ours({}), STATUS], [], []),
        ([CSA, EDIT, STATUS], ["kubectl-client-side-apply", "kubectl-edit"], ["kubectl-client-side-apply"]),
        ([entry("helm", {}), entry("helm", {}, "Apply")], ["helm"], ["helm"]),
        ([entry("helm", {}, subresource="status")], [], []),
        ([entry("argocd", {}, "Apply"), entry("before-first-apply", {})], ["argocd", "before-first-apply"],
         ["before-first-apply"]),
    ],
)  # fmt: skip
def test_who_holds_an_object(entries, all_of_them, ended):
    assert holders(live(*entries)) == all_of_them
    assert legacies(live(*entries)) == ended


def test_nothing_to_take_over_is_no_patch():
    assert takeover(live(ours({}), EDIT, STATUS, metadata=PART)) == []


def test_a_takeover_unites_their_fields_with_ours_and_removes_their_notes():
    mine = ours({"f:data": {"f:c": LEAF}, "f:metadata": {"f:labels": {"f:x": LEAF}}}) | {"time": "t"}
    helm = entry("helm", {"f:data": {"f:b": LEAF}}, "Apply")
    operations = takeover(
        live(CSA, mine, helm, STATUS, metadata=PART | {"annotations": {NOTE: "{}", "other": "stays"}})
    )
    managed, annotations, version = operations
    fields = {"f:data": {".": {}, "f:a": LEAF, "f:b": LEAF, "f:c": LEAF}, "f:metadata": {"f:labels": {"f:x": LEAF}}}
    assert managed == {
        "op": "replace",
        "path": "/metadata/managedFields",
        "value": [STATUS, mine | {"fieldsV1": fields}],
    }
    assert version == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
    assert annotations == {"op": "add", "path": "/metadata/annotations", "value": {"other": "stays"}}


def test_a_takeover_of_what_was_never_ours_renames_their_entry():
    managed, annotations, _ = takeover(live(CSA | {"time": "t", "fieldsType": "FieldsV1"}))
    (made,) = managed["value"]
    assert made == CSA | {"manager": "ingresskit", "operation": "Apply", "time": "t", "fieldsType": "FieldsV1"}
    assert annotations["value"] == {"ingresskit.io/adopted": "true"}


def test_what_nobody_holds_is_marked_as_adopted():
    version = {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
    annotations = {"op": "add", "path": "/metadata/annotations", "value": {"ingresskit.io/adopted": "true"}}
    assert takeover(live(EDIT)) == [annotations, version]


def test_the_mark_is_kept_where_it_seems_to_be_theirs():
    """On an object older than managedFields, where our first apply counts all that is there as held before."""
    mark = {"f:metadata": {"f:annotations": {"f:ingresskit.io/adopted": LEAF}}}
    (managed, _) = takeover(live(ours({}), entry("before-first-apply", mark), metadata=PART))
    kept, mine = managed["value"]
    assert kept == entry("ingresskit", mark)
    assert mine == ours(mark), "of which our next apply lets go"


def test_the_input_is_not_changed():
    obj = live(
        CSA,
        entry("helm", {"f:metadata": {"f:annotations": {"f:ingresskit.io/adopted": LEAF}}}),
        ours({"f:data": {"f:c": LEAF}}),
        data={"a": "1", "c": "2"},
    )
    before = copy.deepcopy(obj)
    takeover(obj), combined(obj), taken_over(obj, obj)
    assert obj == before


TEA, OIL = 'k:{"name":"tea"}', 'k:{"name":"oil"}'
GOING = {
    # name: (their fields, ours, content before, content after)
    "only theirs": ({"f:data": {"f:a": LEAF, "f:b": LEAF}}, {"f:data": {"f:b": LEAF}},
                    {"data": {"a": "1", "b": "2"}}, {"data": {"b": "2"}}),
    "a whole map": ({"f:data": {".": {}, "f:a": LEAF}}, {}, {"data": {"a": "1"}}, {}),
    "a map with something of ours in it": ({"f:data": {".": {}, "f:a": LEAF}}, {"f:data": {"f:b": LEAF}},
                                           {"data": {"a": "1", "b": "2"}}, {"data": {"b": "2"}}),
    "an item of a list": ({"f:list": {TEA: {".": {}, "f:name": LEAF}, OIL: {".": {}, "f:name": LEAF}}},
                          {"f:list": {OIL: {".": {}, "f:name": LEAF}}},
                          {"list": [{"name": "tea"}, {"name": "oil"}]}, {"list": [{"name": "oil"}]}),
    "a field of an item": ({"f:list": {TEA: {"f:x": LEAF}}}, {"f:list": {TEA: {".": {}, "f:name": LEAF}}},
                           {"list": [{"name": "tea", "x": 1}]}, {"list": [{"name": "tea"}]}),
    "an element of a set": ({"f:set": {'v:"a"': LEAF}}, {}, {"set": ["a", "b"]}, {"set": ["b"]}),
    "an atomic list": ({"f:rules": LEAF}, {}, {"rules": [1, 2]}, {}),
    "gone already": ({"f:data": {"f:a": LEAF}, "f:list": {TEA: LEAF}}, {}, {"data": {"b": "2"}}, {"data": {"b": "2"}}),
}  # fmt: skip


@pytest.mark.parametrize(("theirs", "mine", "before", "after"), GOING.values(), ids=GOING)
def test_what_only_they_hold_goes(theirs, mine, before, after):
    obj = live(entry("helm", theirs), ours(mine), STATUS, metadata=PART, **before)
    done = taken_over(obj, obj)
    assert {key: value for key, value in done.items() if key in before} == after


def test_what_is_shown_has_the_mark_and_not_the_notes():
    obj = live(CSA, metadata={"annotations": {NOTE: "{}", "other": "stays"}}, data={"a": "1"})
    after = live(CSA, metadata=PART | {"annotations": {NOTE: "{}", "other": "stays", "new": "ours"}}, data={"a": "1"})
    shown = taken_over(obj, after)["metadata"]["annotations"]
    assert shown == {"other": "stays", "new": "ours", "ingresskit.io/adopted": "true"}


def test_what_a_third_manager_holds_as_well_stays():
    fields = {"f:data": {"f:a": LEAF}}
    obj = live(entry("helm", fields), entry("controller", fields), data={"a": "1"})
    assert taken_over(obj, obj)["data"] == {"a": "1"}


@pytest.mark.parametrize(
    ("fields", "manifest", "expected"),
    [
        ({"f:data": {"f:a": LEAF, "f:b": LEAF}}, {"data": {"a": 1}}, {".data", ".data.a"}),
        ({"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": LEAF}}}, {"ports": [{"port": 80}]},
         {".ports", '.ports[port=80,protocol="TCP"]', '.ports[port=80,protocol="TCP"].port'}),
        ({"f:ports": {'k:{"port":80}': LEAF}}, {"ports": [{"port": 81}]}, {".ports"}),
        ({"f:set": {'v:"a"': LEAF, 'v:"b"': LEAF}}, {"set": ["b"]}, {".set", '.set[="b"]'}),
        ({"f:list": {"i:0": LEAF, "i:1": LEAF}}, {"list": [1]}, {".list", ".list[0]"}),
        ({"f:list": {TEA: LEAF}, "f:data": {"f:a": LEAF}}, {"list": "text", "data": []}, {".list", ".data"}),
    ],
)  # fmt: skip
def test_fields_that_a_manifest_has(fields, manifest, expected):
    assert set(present(fields, manifest)) == expected
    assert expected - set(paths(fields)) <= {".data", ".ports", ".set", ".list"}, "inner nodes are told as well"


def test_exchange_is_a_patch_from_one_state_to_the_other():
    before = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "data": {"a": 1}, "old": 1, "status": {}}
    after = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "data": {"b": 1}, "new": 1}
    assert exchange(before, after) == [
        {"op": "add", "path": "/metadata", "value": {"name": "x"}},
        {"op": "add", "path": "/data", "value": {"b": 1}},
        {"op": "add", "path": "/new", "value": 1},
        {"op": "remove", "path": "/old"},
    ]


# --- replicas --------------------------------------------------------------------------------------------------------

NUMBERED = {"f:spec": {"f:replicas": LEAF}}
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment"}
PLACE = {"metadata": {"name": "x", "namespace": "cafe", "resourceVersion": "7"}}


def change(*entries, spec=None, action="configured", kind="Deployment", adopt=False):
    ref = Ref("apps", kind, "cafe", "x")
    return Change(ref, action, {**DEPLOYMENT, **PLACE, "spec": spec or {}}, live(*entries), adopt=adopt)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (change(ours(NUMBERED)), True),
        (change(ours(NUMBERED), spec={"replicas": 3}), False),
        (change(ours(NUMBERED), action="unchanged"), False),
        (change(ours(NUMBERED), kind="DaemonSet"), False),
        (change(ours({})), False),
        (change(entry("kubectl", NUMBERED, subresource="scale"), ours({})), False),
        (change(entry("kubectl-client-side-apply", NUMBERED)), False),
        (change(entry("kubectl-client-side-apply", NUMBERED), adopt=True), True),
        (Change(Ref("apps", "Deployment", "cafe", "x"), "created", {**DEPLOYMENT, **PLACE, "spec": {}}), False),
    ],
)
def test_when_replicas_are_handed_over(given, expected):
    assert hands_over(given) is expected


def test_a_handover_holds_the_number_and_nothing_else():
    obj = {**DEPLOYMENT, **PLACE, "spec": {"replicas": 3, "paused": False}, "status": {}}
    place = {"name": "x", "namespace": "cafe"}
    assert number_of(obj) == {**DEPLOYMENT, "metadata": place, "spec": {"replicas": 3}}
    assert json.dumps(obj), "still plain JSON"


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (Cause(".spec.replicas", "kube-controller-manager", "Update", "scale"), True),
        (Cause(".spec.replicas", "kubectl", "Update", "scale"), True),
        (Cause(".spec.replicas", "ingresskit-handover", "Apply"), True),
        (Cause(".spec.replicas", "kubectl-edit", "Update"), False),
        (Cause(".spec.replicas", "argocd", "Apply"), False),
        (Cause(".spec.template", "x", "Update", "scale"), False),
    ],
)
def test_which_numbers_come_back_by_themselves(cause, expected):
    assert comes_back(cause) is expected
