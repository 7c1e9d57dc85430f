"""How the objects of a plan that nobody carries out are judged, and that no old report outlives a failure."""

from types import SimpleNamespace

import pytest

from module_utils.ingresskit.api.resources import BUILTIN, Ref
from module_utils.ingresskit.drift import _Comparison
from module_utils.ingresskit.engine.changes import Change, ChangeSet
from module_utils.ingresskit.engine.ownership import Owner
from module_utils.ingresskit.engine.snapshot import Snapshot
from plugins.module_utils.ingresskit.errors import InventoryError
from plugins.modules.ingress_drift import work

SPACE, PAGE = Ref("", "Namespace", "", "old"), Ref("", "ConfigMap", "cafe", "page")
OTHERS = {"applyset.kubernetes.io/part-of": "applyset-x-v1"}
CONTROLLED = [{"kind": "Deployment", "name": "x", "controller": True}]


def alive(ref, **meta):
    name = {"name": ref.name} | ({"namespace": ref.namespace} if ref.namespace else {})
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": name | meta}


class Cluster:
    """Answers what it holds of ConfigMaps, and a dry run that changes nothing."""

    def __init__(self, *objects):
        self.objects = {Ref.of(obj): obj for obj in objects}

    def discover(self):
        return [BUILTIN["v1", "ConfigMap"]]

    def list_metadata(self, _resource, namespace, _selector=None):
        return SimpleNamespace(items=[obj for ref, obj in self.objects.items() if ref.namespace == namespace])


def judged(change, *objects):
    return _Comparison(Cluster(*objects), ChangeSet((change,)), Snapshot(Owner("edge")), None)


def test_a_namespace_that_the_run_keeps_is_no_drift():
    going = Change(SPACE, "deleted", None, alive(SPACE))
    (found,) = judged(going).report().objects
    assert found.state == "extra"
    theirs = alive(Ref("", "ConfigMap", "old", "theirs"))
    report = judged(going, theirs).report()
    assert report.objects == ()
    assert report.notes == ("Namespace old is kept: ConfigMap old/theirs lives in it",)


@pytest.mark.parametrize(
    ("meta", "foreign"),
    [
        ({}, False),
        ({"labels": {"app": "x"}}, False),
        ({"labels": OTHERS}, True),
        ({"labels": {"ingresskit.io/stack": "other"}}, True),
        ({"ownerReferences": CONTROLLED}, True),
        ({"labels": OTHERS | {"kustomize.toolkit.fluxcd.io/name": "other"}}, True),
    ],
)
def test_without_a_record_what_is_another_owners_is_foreign(meta, foreign, monkeypatch):
    monkeypatch.setattr(_Comparison, "_compared", lambda *_: None)
    change = Change(PAGE, "conflicted", alive(PAGE), alive(PAGE, **meta), "exists and belongs to x: rename it")
    found = judged(change).report().objects
    assert [(each.state, each.reason) for each in found] == [("foreign", "exists and belongs to x")] * foreign


def test_no_report_of_before_is_left_where_nothing_could_be_compared(tmp_path):
    for name in ("drift.json", "drift.xml"):
        (tmp_path / name).write_text("all is well")
    call = SimpleNamespace(inventory={"ingress_nonsense": 1}, base_dir=tmp_path, params={"report_dir": str(tmp_path)})
    with pytest.raises(InventoryError):
        work(call)
    assert not list(tmp_path.iterdir())
