"""What a stack keeps in the cluster: its record of any size, its history, and the lock that lets one run at a time change it."""

import base64
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

from module_utils.ingresskit.api.client import connect
from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.engine.changes import Change, ChangeSet
from module_utils.ingresskit.engine.ownership import Owner
from module_utils.ingresskit.engine.prune import forget
from module_utils.ingresskit.errors import ClusterError, ConflictError
from module_utils.ingresskit.state import blobs, lease, store
from module_utils.ingresskit.state.codec import LIMIT, encode, unpack
from module_utils.ingresskit.state.release import Note
from tests.cluster.playbook import CONTEXT, kubectl

ROOT = Path(__file__).resolve().parents[2]
LEASE = "coordination.k8s.io", "Lease"


@pytest.fixture(scope="module")
def api():
    return connect(None, CONTEXT, timeout=60)


@pytest.fixture
def owner(api):
    """A stack with a state namespace of its own, gone afterwards."""
    mine = Owner("kept", f"ik-state-{uuid.uuid4().hex[:6]}")
    store.ensure_namespace(api, mine)
    yield mine
    kubectl("delete", "namespace", "--ignore-not-found", "--wait=false", mine.state_namespace)


def secret(name, content, namespace="somewhere"):
    data = {"tls.key": base64.b64encode(content.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data}


def release(api, owner, objects, *, keep=10, note=None, ready=True):
    """Saves a release of these objects, as if they had been brought."""
    record = store.load(api, owner)
    changes = ChangeSet(
        tuple(
            Change(Ref.of(obj), "created", obj, done=True, fields={"f:data": {f"f:{index}": {}}})
            for index, obj in enumerate(objects)
        )
    )
    pending = store.begin(api, owner, record, changes, note or Note("me"))
    return store.finish(api, owner, pending, changes, ready=ready, keep=keep)


def test_a_record_larger_than_a_secret_is_kept_in_pieces(api, owner):
    unique = [secret(f"a-name-of-its-own-{uuid.uuid4().hex}", "same") for _ in range(9000)]
    saved = release(api, owner, unique)
    assert len(encode(saved)) > LIMIT
    again = store.load(api, owner)
    assert again == saved
    assert store.recall(api, owner, again, 1).objects == unique
    for obj in blobs.kept(api, owner):
        whole = api.get(Ref.of(obj))
        assert len(base64.b64decode(whole["data"]["blob"])) <= LIMIT

    few = release(api, owner, unique[:3], keep=1)
    release(api, owner, unique[:3], keep=1)
    assert len(encode(few)) < LIMIT
    assert len(blobs.kept(api, owner)) < 6, "the pieces of the large record are swept"


def test_contents_are_kept_once_and_no_longer_than_a_revision_holds_them(api, owner):
    for number in range(1, 6):
        release(api, owner, [secret("fixed", "the same for ever"), secret("turning", f"content {number}")], keep=3)
    record = store.load(api, owner)
    assert [line.number for line in record.history] == [3, 4, 5]
    assert store.recall(api, owner, record, 3).objects[1] == secret("turning", "content 3")
    with pytest.raises(ClusterError, match="revision 1 of the stack kept is not kept: there are 3, 4, 5"):
        store.recall(api, owner, record, 1)
    held = {content for pack in record.packs for content in pack.contents}
    assert len(held) == 4
    packs = [unpack(blobs.get(api, owner, pack.blobs)) for pack in record.packs]
    texts = "the same for ever", "content 3", "content 4", "content 5"
    values = [data["tls.key"] for pack in packs for data in pack.values()]
    assert sorted(values) == sorted(secret("", text)["data"]["tls.key"] for text in texts)
    assert {obj["metadata"]["name"] for obj in blobs.kept(api, owner)} == record.blobs, "no blob is left over"


def test_a_piece_that_was_tampered_with_is_not_taken(api, owner):
    record = release(api, owner, [secret("one", "content")])
    (name,) = record.history[0].blobs
    kubectl("delete", "secret", name, "-n", owner.state_namespace)
    with pytest.raises(ClusterError, match=f"{name}: a part of the stack's history is gone"):
        store.recall(api, owner, record, 1)


def test_forgetting_leaves_nothing(api, owner):
    release(api, owner, [secret("one", "content")])
    forget(api, owner, timeout=60)
    assert api.get(Ref("", "Namespace", "", owner.state_namespace)) is None


def test_the_second_run_is_told_who_holds_the_lock(api, owner):
    with lease.held(api, owner, "anna@desk"):
        told = "the stack kept is being changed by anna@desk process"
        with pytest.raises(ConflictError, match=told) as refused, lease.held(api, owner, "bert@ci"):
            pass
        assert "ingress_apply.lock_wait" in str(refused.value)
    with lease.held(api, owner, "bert@ci"):
        pass
    assert api.get(Ref(*LEASE, owner.state_namespace, owner.record_name)) is None


def test_the_second_run_waits_as_long_as_it_is_told(api, owner):
    said = []
    with lease.held(api, owner, "anna@desk") as first:
        threading.Timer(2, first.release).start()
        with lease.held(api, owner, "bert@ci", wait=20, say=said.append):
            pass
    assert len(said) == 1 and "anna@desk" in said[0] and "waiting up to 20 s" in said[0]


def test_a_lock_that_was_taken_stops_the_run(api, owner):
    with lease.held(api, owner, "anna@desk") as lock:
        lock.check()
        kubectl("delete", "lease", owner.record_name, "-n", owner.state_namespace)
        end = time.monotonic() + 20
        with pytest.raises(lease.LockLost, match="the lock of the stack kept is lost"):
            while time.monotonic() < end:
                lock.check()
                time.sleep(0.1)


HOLDER = """
import sys, time
from module_utils.ingresskit.api.client import connect
from module_utils.ingresskit.engine.ownership import Owner
from module_utils.ingresskit.state import lease
with lease.held(connect(None, sys.argv[1], timeout=60), Owner("kept", sys.argv[2]), "killed@machine"):
    print("held", flush=True)
    time.sleep(120)
"""


def test_a_killed_run_holds_the_lock_for_15_seconds_and_no_longer(api, owner):
    command = [sys.executable, "-c", HOLDER, CONTEXT, owner.state_namespace]
    holder = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline().strip() == "held"
        time.sleep(6)  # one renewal
        with pytest.raises(ConflictError, match="killed@machine"), lease.held(api, owner, "next@machine", wait=5):
            pass
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    killed = time.monotonic()
    with lease.held(api, owner, "next@machine", wait=30):
        assert time.monotonic() - killed < lease.DURATION + 3
    api.renew(60)
