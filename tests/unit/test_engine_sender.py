"""Which fields in conflict may be taken, and what a dry run tells of a plan."""

import pytest

from module_utils.ingresskit.api.failures import Cause
from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.engine.changes import Change
from module_utils.ingresskit.engine.sender import _to_be_taken
from module_utils.ingresskit.engine.verify import _believed, _kept

REF = Ref("", "ConfigMap", "cafe", "page")
TEXT = ".data.text"
RELEASED = {TEXT}
CONFLICTS = {
    # name: (cause, whether it is being adopted, what our last release owned, whether to take it)
    "an edit of a field of ours": (Cause(TEXT, "kubectl-edit", "Update"), False, RELEASED, True),
    "a field that was never ours": (Cause(".data.new", "kubectl-edit", "Update"), False, RELEASED, False),
    "an Apply of a field of ours": (Cause(TEXT, "argocd", "Apply"), False, RELEASED, False),
    "an object that was never ours": (Cause(TEXT, "kubectl-edit", "Update"), False, None, False),
    "a namesake, adopted": (Cause(TEXT, "OpenAPI-Generator", "Update"), True, None, True),
    "a namesake of argocd, adopted": (Cause(TEXT, "argocd", "Apply"), True, None, False),
    "helm's Apply": (Cause(TEXT, "helm", "Apply"), False, RELEASED, False),
    "helm's Apply, adopted": (Cause(TEXT, "helm", "Apply"), True, RELEASED, True),
    "a field never ours of an object of ours freed of helm": (
        Cause(".data.new", "controller", "Update"), True, RELEASED, False
    ),
    "a number of replicas": (Cause(".spec.replicas", "kube-controller-manager", "Update", "scale"), False, set(), True),
}  # fmt: skip


@pytest.mark.parametrize(("cause", "adopt", "released", "expected"), CONFLICTS.values(), ids=CONFLICTS)
def test_which_fields_in_conflict_are_taken(cause, adopt, released, expected):
    assert _to_be_taken(cause, Change(REF, "configured", adopt=adopt), released) is expected


def state(**data):
    entry = {"manager": "ingresskit", "operation": "Apply", "fieldsV1": {"f:data": {}}}
    metadata = {"name": "page", "managedFields": [entry]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


@pytest.mark.parametrize(
    ("action", "reason", "before", "after", "told"),
    [
        ("unchanged", "rendered otherwise", state(a="1"), state(a="1"), ""),
        ("configured", "", state(a="1", b="1"), state(a="2", c="1"), "the server's dry run differs in .data.a, .data.b, .data.c"),
        ("configured", "kubectl-edit took .data.a", state(a="1"), state(a="2"), "kubectl-edit took .data.a"),
        ("created", "", None, state(a="1"), ""),
    ],
)  # fmt: skip
def test_what_a_dry_run_tells(action, reason, before, after, told):
    outcome = _believed(Change(REF, action, reason=reason, before=before, after=after, done=True))
    assert outcome.reason == told
    assert (outcome.before, outcome.after) == (None, None), "no object is kept longer than needed"
    assert outcome.fields == ({"f:data": {}} if action == "unchanged" else None)


@pytest.mark.parametrize(
    ("action", "annotations", "data", "expected"),
    [
        ("unchanged", {"ingresskit.io/inputs": "h"}, {}, True),
        ("configured", {"ingresskit.io/inputs": "h"}, {}, False),
        ("unchanged", {"ingresskit.io/inputs": "h"}, {"data": {"a": "b"}}, False),
        ("unchanged", {}, {}, False),
    ],
)
def test_only_generated_content_that_stays_is_believed_without_asking(action, annotations, data, expected):
    obj = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "annotations": annotations}, **data}
    assert _kept(Change(REF, action, obj)) is expected
