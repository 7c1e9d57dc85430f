"""The release record: nothing is forgotten before it is gone, nothing trusted that was being changed."""

import base64
import gzip
import json

import pytest

from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.engine.changes import Change, ChangeSet
from module_utils.ingresskit.engine.normalise import digest, fingerprint
from module_utils.ingresskit.engine.ownership import Owner
from module_utils.ingresskit.errors import ClusterError
from module_utils.ingresskit.state.release import Entry, Release, concluded, decode, encode, pending

OWNER = Owner("edge")
FIELDS = {"f:data": {"f:a": {}}}


def manifest(name, kind="ConfigMap", api_version="v1"):
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": "cafe"},
        "data": {"a": name},
    }


def change(action, name, **more):
    obj = manifest(name)
    return Change(Ref.of(obj), action, None if action == "deleted" else obj, **more)


def record(*names, hash="h", result="deployed"):
    entries = {Ref.of(manifest(name)): Entry(hash, digest(FIELDS)) for name in names}
    return Release(4, "t0", "me", result, entries, {digest(FIELDS): FIELDS}, {"ca": "PEM"}, "run", "77")


def hashes(release):
    return {ref.name: entry.hash for ref, entry in release.objects.items()}


def test_written_ahead_is_the_union_and_what_is_touched_has_no_hash():
    changes = ChangeSet(
        (change("created", "new"), change("configured", "edit"), change("unchanged", "same"), change("deleted", "old"))
    )
    ahead = pending(record("edit", "same", "old"), changes, who="you", time="t1")
    assert hashes(ahead) == {"new": "", "edit": "", "same": "h", "old": ""}
    assert (ahead.revision, ahead.result, ahead.who, ahead.time) == (5, "pending", "you", "t1")
    assert ahead.resource_version == "77", "guards against a run in between"
    assert ahead.extras == {"ca": "PEM"}
    assert ahead.released(Ref.of(manifest("edit"))) == FIELDS, "what we held still tells drift from conflict"


def test_first_release_starts_at_one():
    ahead = pending(None, ChangeSet((change("created", "new"),)), who="you", time="t1", extras={"x": 1})
    assert (ahead.revision, hashes(ahead), ahead.extras, ahead.resource_version) == (1, {"new": ""}, {"x": 1}, "")


def test_concluded_after_success():
    held = {"f:data": {"f:b": {}}}
    done = ChangeSet((
        change("created", "new", done=True, fields=FIELDS),
        change("configured", "edit", done=True, fields=held),
        change("unchanged", "same", done=True),
        change("deleted", "old", done=True),
    ))  # fmt: skip
    ahead = pending(record("edit", "same", "old", "vanished"), done, who="you", time="t1")
    after = concluded(ahead, done, ready=True, time="t2")
    assert after.result == "deployed"
    assert hashes(after) == {"new": fingerprint(manifest("new")), "edit": fingerprint(manifest("edit")), "same": "h"}
    assert after.released(Ref.of(manifest("edit"))) == held
    assert set(after.fields) == {digest(FIELDS), digest(held)}


@pytest.mark.parametrize("ready", [True, False])
def test_concluded_after_failure_keeps_what_is_unknown(ready):
    half = ChangeSet((
        change("created", "new", done=True, fields=FIELDS),
        change("created", "refused", error="no"),
        change("created", "never tried"),
        change("deleted", "old", error="no"),
    ))  # fmt: skip
    after = concluded(pending(record("old"), half, who="you", time="t1"), half, ready=ready, time="t2")
    assert after.result == "failed"
    assert hashes(after) == {"new": fingerprint(manifest("new")), "refused": "", "never tried": "", "old": ""}


def test_not_ready_is_failed():
    done = ChangeSet((change("created", "new", done=True, fields=FIELDS),))
    assert concluded(pending(None, done, who="", time=""), done, ready=False, time="").result == "failed"


def test_the_secret_is_the_applysets_parent():
    release = record("a")
    objects = release.objects | {
        Ref.of(manifest("i", "Ingress", "networking.k8s.io/v1")): Entry(),
        Ref("", "Namespace", "", "cafe"): Entry(),
        Ref("", "ConfigMap", OWNER.state_namespace, "x"): Entry(),
    }
    secret = encode(Release(4, "t0", "me", "deployed", objects, resource_version="77"), OWNER)
    meta = secret["metadata"]
    assert (meta["name"], meta["namespace"], meta["resourceVersion"]) == ("ingresskit-edge", "ingresskit-system", "77")
    assert meta["labels"]["applyset.kubernetes.io/id"] == OWNER.id
    assert "applyset.kubernetes.io/part-of" not in meta["labels"], "a parent is no member"
    assert meta["annotations"]["applyset.kubernetes.io/tooling"].startswith("ingresskit/v")
    assert (
        meta["annotations"]["applyset.kubernetes.io/contains-group-kinds"]
        == "ConfigMap,Ingress.networking.k8s.io,Namespace"
    )
    assert meta["annotations"]["applyset.kubernetes.io/additional-namespaces"] == "cafe"


def test_round_trip():
    release = record("a", "b")
    secret = encode(release, OWNER)
    assert decode(secret, OWNER) == release
    assert decode(secret, OWNER).kinds == {("v1", "ConfigMap")}


def test_many_objects_share_their_fields_and_fit_a_secret():
    names = [f"app-{number}" for number in range(5000)]
    changes = ChangeSet(tuple(change("created", name, done=True, fields=FIELDS) for name in names))
    release = concluded(pending(None, changes, who="", time=""), changes, ready=True, time="")
    assert len(release.fields) == 1
    assert len(base64.b64decode(encode(release, OWNER)["data"]["release"])) < 150_000


@pytest.mark.parametrize(
    "data",
    [{}, {"release": "%"}, {"release": "AAAA"}, {"release": base64.b64encode(gzip.compress(b"[]")).decode()}, None],
)
def test_unreadable_record_names_the_secret_and_the_remedy(data):
    with pytest.raises(ClusterError, match=r"^Secret ingresskit-system/ingresskit-edge: this is not a release record"):
        decode({"metadata": {}, "data": data}, OWNER)


def test_record_of_a_later_version():
    later = base64.b64encode(gzip.compress(json.dumps({"format": 99}).encode())).decode()
    with pytest.raises(ClusterError, match="later ingresskit"):
        decode({"metadata": {}, "data": {"release": later}}, OWNER)
