"""The release record: nothing is forgotten before it is gone, nothing trusted that was being changed."""

from dataclasses import replace

import pytest

from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.engine.changes import Change, ChangeSet
from module_utils.ingresskit.engine.normalise import digest, fingerprint
from module_utils.ingresskit.engine.ownership import Owner
from module_utils.ingresskit.errors import ClusterError
from module_utils.ingresskit.state.codec import LIMIT, decode, encode, held_in, pack, secret_of
from module_utils.ingresskit.state.release import (
    Entry,
    Note,
    Pack,
    Release,
    Revision,
    concluded,
    content_of,
    judged,
    packed,
    pending,
    trimmed,
)

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
    ahead = pending(record("edit", "same", "old"), changes, Note("you"), time="t1")
    assert hashes(ahead) == {"new": "", "edit": "", "same": "h", "old": ""}
    assert (ahead.revision, ahead.result, ahead.who, ahead.time) == (5, "pending", "you", "t1")
    assert ahead.resource_version == "77", "guards against a run in between"
    assert ahead.extras == {"ca": "PEM"}
    assert ahead.released(Ref.of(manifest("edit"))) == FIELDS, "what we held still tells drift from conflict"


def test_first_release_starts_at_one():
    ahead = pending(None, ChangeSet((change("created", "new"),)), Note("you", extras={"x": 1}), time="t1")
    assert (ahead.revision, hashes(ahead), ahead.extras, ahead.resource_version) == (1, {"new": ""}, {"x": 1}, "")


def test_concluded_after_success():
    held = {"f:data": {"f:b": {}}}
    done = ChangeSet((
        change("created", "new", done=True, fields=FIELDS),
        change("configured", "edit", done=True, fields=held),
        change("unchanged", "same", done=True),
        change("deleted", "old", done=True),
    ))  # fmt: skip
    ahead = pending(record("edit", "same", "old", "vanished"), done, Note("you"), time="t1")
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
    after = concluded(pending(record("old"), half, Note("you"), time="t1"), half, ready=ready, time="t2")
    assert after.result == "failed"
    assert hashes(after) == {"new": fingerprint(manifest("new")), "refused": "", "never tried": "", "old": ""}


def test_not_ready_is_failed():
    done = ChangeSet((change("created", "new", done=True, fields=FIELDS),))
    assert concluded(pending(None, done, Note(), time=""), done, ready=False, time="").result == "failed"


def test_the_secret_is_the_applysets_parent():
    release = record("a")
    objects = release.objects | {
        Ref.of(manifest("i", "Ingress", "networking.k8s.io/v1")): Entry(),
        Ref("", "Namespace", "", "cafe"): Entry(),
        Ref("", "ConfigMap", OWNER.state_namespace, "x"): Entry(),
    }
    release = Release(4, "t0", "me", "deployed", objects, resource_version="77")
    secret = secret_of(release, OWNER, encode(release), [])
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
    lines = (revision(3, blobs=("x", "y")), revision(4, "failed", reason="no", restored=2))
    release = replace(record("a", "b"), history=lines, packs=(Pack(("z",), {"c1": 4}),))
    again = decode(encode(release), OWNER, "77")
    assert again == release
    assert again.kinds == {("v1", "ConfigMap")}
    assert again.blobs == {"x", "y", "b", "z"}


def test_many_objects_share_their_fields_and_fit_a_secret():
    names = [f"app-{number}" for number in range(5000)]
    changes = ChangeSet(tuple(change("created", name, done=True, fields=FIELDS) for name in names))
    release = concluded(pending(None, changes, Note(), time=""), changes, ready=True, time="")
    assert len(release.fields) == 1
    assert len(encode(release)) < 150_000 < LIMIT


def test_a_large_record_is_named_in_its_secret():
    release = record("a")
    assert held_in(secret_of(release, OWNER, b"x", []), OWNER) == (b"x", [])
    assert held_in(secret_of(release, OWNER, b"x", ["one", "two"]), OWNER) == (b"", ["one", "two"])


def test_annotations_stay_within_what_the_api_server_takes():
    names = [f"a-very-long-namespace-of-an-app-{number:030}" for number in range(5000)]
    release = Release(1, "", "", "deployed", {Ref("", "ConfigMap", name, "x"): Entry() for name in names})
    annotations = secret_of(release, OWNER, b"", [])["metadata"]["annotations"]
    assert sum(len(value) for value in annotations.values()) < 256 * 1024


@pytest.mark.parametrize("data", [{}, {"release": "%"}, None])
def test_unreadable_secret_names_itself_and_the_remedy(data):
    with pytest.raises(ClusterError, match=r"^Secret ingresskit-system/ingresskit-edge: this is not a release record"):
        held_in({"metadata": {}, "data": data}, OWNER)


@pytest.mark.parametrize("content", [b"", b"AAAA", pack([]), pack({"format": 1})])
def test_unreadable_record_names_the_secret_and_the_remedy(content):
    with pytest.raises(ClusterError, match=r"^Secret ingresskit-system/ingresskit-edge: this is not a release record"):
        decode(content, OWNER)


def test_record_of_a_later_version():
    with pytest.raises(ClusterError, match="later ingresskit"):
        decode(pack({"format": 99}), OWNER)


def revision(number, result="deployed", blobs=("b",), **more):
    return Revision(number, "t", "me", result, blobs=blobs, **more)


def with_history(*lines, packs=()):
    last = lines[-1]
    return replace(record("a"), revision=last.number, result=last.result, history=lines, packs=packs)


def test_the_history_says_who_when_from_what_and_how_it_ended():
    changes = ChangeSet((change("created", "new", done=True, fields=FIELDS),))
    ahead = pending(None, changes, Note("me", "inventory-hash", restored=3), time="t1", blobs=["x"])
    assert ahead.history == (Revision(1, "t1", "me", "pending", "inventory-hash", "1 created", "", 3, ("x",)),)
    failed = concluded(ahead, changes, ready=False, time="t2", reason="no Pod")
    assert (failed.history[0].result, failed.history[0].reason) == ("failed", "no Pod")
    assert concluded(ahead, changes, ready=True, time="t2").history[0].result == "deployed"


@pytest.mark.parametrize(
    ("results", "good"),
    [
        (["deployed"], None),  # there is nothing before it
        (["deployed", "failed"], 1),
        (["deployed", "deployed"], 1),
        (["deployed", "failed", "failed"], 1),
        (["failed", "failed"], None),
        (["deployed", "pending", "failed"], 1),  # one run was killed
    ],
)
def test_last_good(results, good):
    release = with_history(*(revision(number, result) for number, result in enumerate(results, 1)))
    assert (release.last_good() and release.last_good().number) == good


def test_a_smoke_tests_verdict_is_the_revisions_not_the_engines():
    release = judged(with_history(revision(1), revision(2)), 2, "failed", reason="/tea: 503")
    assert (release.result, release.history[1].result, release.history[1].reason) == ("deployed", "failed", "/tea: 503")


def test_trimming_keeps_the_last_and_the_last_good_one():
    lines = [revision(1), *(revision(number, "failed") for number in range(2, 9))]
    assert [line.number for line in trimmed(with_history(*lines), 3).history] == [1, 6, 7, 8]
    lines = [revision(number) for number in range(1, 9)]
    assert [line.number for line in trimmed(with_history(*lines), 3).history] == [6, 7, 8]
    assert [line.number for line in trimmed(with_history(*lines), 1).history] == [7, 8], "one to return to"


def test_trimming_drops_contents_that_no_revision_holds():
    packs = (Pack(("p1",), {"old": 1, "kept": 8}), Pack(("p2",), {"gone": 2}), Pack(("p3",), {"new": 8}))
    lines = [revision(number) for number in range(1, 9)]
    assert trimmed(with_history(*lines, packs=packs), 3).packs == (
        Pack(("p1",), {"kept": 8}),
        Pack(("p3",), {"new": 8}),
    )


def secret(name, **data):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "cafe"}, "data": data}


def test_contents_are_kept_once_and_known_by_their_hash():
    first, second = secret("a", key="MQ=="), secret("b", key="MQ==")
    assert content_of(first, None) == content_of(second, None) == digest({"key": "MQ=="})
    assert content_of(manifest("a"), None) == ""
    left_out = {key: value for key, value in first.items() if key != "data"}
    known = replace(record(), objects={Ref.of(first): Entry("h", "m", "c")})
    assert content_of(left_out, known) == "c", "kept as it is in the cluster"


def test_packed_adds_what_is_new_and_marks_what_is_still_held():
    before = with_history(revision(4), packs=(Pack(("p1",), {"a": 3, "b": 3}),))
    after = packed(before, ["b", "c", ""], ["p2"])
    assert after.packs == (Pack(("p1",), {"a": 3, "b": 4}), Pack(("p2",), {"c": 4}))


def test_concluded_keeps_the_hash_of_a_secrets_content():
    obj = secret("s", key="MQ==")
    changes = ChangeSet((Change(Ref.of(obj), "created", obj, done=True, fields=FIELDS),))
    after = concluded(pending(None, changes, Note(), time=""), changes, ready=True, time="")
    assert after.objects[Ref.of(obj)].content == digest(obj["data"])
