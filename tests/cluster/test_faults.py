"""A network that fails: whatever it does to one call in ten, the cluster ends up as it does without. Names: faults-net."""

import os
import signal
import subprocess
import sys
import time

import pytest

from module_utils.ingresskit.errors import ConflictError
from tests.cluster.double import obj, until
from tests.cluster.faultproxy import FAULTS, FaultProxy, Tokens, restart_api_server
from tests.cluster.playbook import ROOT, config_map, create, kubectl, theirs
from tests.cluster.smallstack import SmallStack, standing

SMALL, LARGE = ("a", "b"), ("a=other:81", "b", "c", "d", "e")
WAY = (SMALL, LARGE, SMALL, None)  # install, upgrade, prune, removal


@pytest.fixture(scope="module")
def stack():
    yield from standing("faults-net")


@pytest.fixture(scope="module")
def foreign(stack):
    return stack.versions(stack.prepare())


@pytest.fixture(scope="module")
def undisturbed(stack, foreign):
    """What the cluster holds after every step of the way, without faults."""
    states = []
    for apps in WAY:
        stack.remove() if apps is None else stack.bring(*apps)
        states.append(stack.labelled())
    return states


@pytest.fixture
def gone(stack, foreign):
    """Nothing of the stack is there."""
    stack.unlock()
    stack.remove()


def started(stack, proxy, folder, apps, user=None, **tuned):
    """A run through the proxy in a process of its own."""
    inventory = stack.inventory(*(apps or ()), kubeconfig=proxy.kubeconfig(folder, user))
    process = stack.process(inventory, "absent" if apps is None else "present", **{"read": 3, **tuned})
    process.start()
    return process


def ended(process, seconds=100):
    process.join(seconds)
    return process.exitcode


def all_the_way(stack, proxy, folder, undisturbed, steps=None, **options):
    """The steps one after another; after each the cluster is as without faults, and nothing is left to do."""
    for apps, expected in list(zip(WAY, undisturbed, strict=True))[:steps]:
        assert ended(started(stack, proxy, folder, apps, **options)) == 0, proxy.met
        assert stack.labelled() == expected
        if apps:
            assert not stack.bring(*apps).changes.changed


@pytest.mark.timeout(300)
def test_one_call_in_ten_fails(stack, foreign, undisturbed, tmp_path):
    with FaultProxy(rate=0.1) as proxy:
        all_the_way(stack, proxy, tmp_path, undisturbed, page=3)
        print("faults met:", dict(proxy.met), "of", len(proxy.calls), "calls")
        assert set(proxy.met) >= {*FAULTS} - {"gone"}, "there was nothing to survive"  # gone: see below
    assert stack.versions(foreign) == foreign


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(2, 8))
def test_one_call_in_ten_fails_at_other_times(stack, foreign, undisturbed, tmp_path, seed):
    with FaultProxy(rate=0.1, seed=seed) as proxy:
        all_the_way(stack, proxy, tmp_path, undisturbed, page=3)
    assert stack.versions(foreign) == foreign


def test_every_second_page_and_watch_is_from_too_long_ago(stack, gone, undisturbed, tmp_path):
    with FaultProxy(rate=0.5, faults=("gone",)) as proxy:
        all_the_way(stack, proxy, tmp_path, undisturbed, steps=2, page=2)
        assert proxy.met["gone"] > 5


def test_every_answer_to_a_write_is_lost_once(stack, gone, undisturbed, tmp_path):
    """What was done is done again, and taken for done."""
    seen = set()

    class Forgetful(FaultProxy):
        def _draw(self, call):
            what = call.method, call.path
            new = call.writes and what not in seen
            seen.add(what)
            return "lost" if new else ""

    with Forgetful() as proxy:
        all_the_way(stack, proxy, tmp_path, undisturbed)
        assert proxy.met["lost"] > 30


def test_an_api_server_that_is_away_for_a_while(stack, gone, undisturbed, tmp_path):
    with FaultProxy(on_write=lambda number, done: number == 5 and done and proxy.down(5)) as proxy:
        assert ended(started(stack, proxy, tmp_path, SMALL)) == 0
        assert proxy.met["down"] > 3
    assert stack.labelled() == undisturbed[0]


@pytest.mark.parametrize("way", ["exec", "tokenFile"])
def test_credentials_that_expire_in_the_middle_are_renewed(stack, gone, undisturbed, tmp_path, way):
    with FaultProxy() as proxy:
        tokens = Tokens(proxy, tmp_path, calls=12)
        assert ended(started(stack, proxy, tmp_path, SMALL, user={way: tokens.user[way]})) == 0
    assert tokens.issued > 3
    logins = [f"token-{number}" for number in range(1, tokens.issued + 1)] if way == "exec" else []
    assert tokens.runs.read_text().split() == logins, "one login for each token"
    assert stack.labelled() == undisturbed[0]


def test_ctrl_c_while_the_server_is_busy(stack, gone, undisturbed, tmp_path):
    """What waits for its next try does not hold up the end; what was done is on record, the lock is given back."""
    ran, seconds = interrupted(stack, tmp_path, "429", heals=True)
    assert ran == 1
    assert seconds < 10
    assert stack.record().result == "failed"
    assert not kubectl("get", "leases", "-n", stack.state, "-o", "name")
    stack.bring(*SMALL)
    assert stack.labelled() == undisturbed[0]


def test_ctrl_c_while_no_answer_comes(stack, gone, undisturbed, tmp_path):
    """There is no way to save anything; the record written ahead is enough for the next run."""
    ran, seconds = interrupted(stack, tmp_path, "stall", heals=False)
    assert ran == 1
    assert seconds < 20
    assert stack.record().result == "pending"
    stack.unlock()
    stack.bring(*SMALL)
    assert stack.labelled() == undisturbed[0]


def interrupted(stack, folder, fault, *, heals):
    """A run that is stopped by one Ctrl-C while every call meets the fault; how it ended, and how long that took."""

    def break_down(number, done):
        if number == 6 and not done:
            proxy.rate, proxy.faults = 1.0, (fault,)

    with FaultProxy(on_write=break_down) as proxy:
        process = started(stack, proxy, folder, SMALL, read=35)
        end = time.monotonic() + 30
        while not proxy.met[fault]:
            assert time.monotonic() < end, "the run has not come so far"
            time.sleep(0.05)
        time.sleep(1)
        begun = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        if heals:
            proxy.rate = 0.0
        return ended(process, 60), time.monotonic() - begun


def test_a_foreign_namesake_stops_the_run_before_anything_is_sent(stack, gone, tmp_path):
    page = obj("v1", "ConfigMap", "nginx-config", stack.home, data={"kept": "yes"})
    create(page)
    try:
        with FaultProxy() as proxy:
            with pytest.raises(ConflictError, match=f"ConfigMap {stack.home}/nginx-config: exists and is not ours"):
                stack.bring(*SMALL, kubeconfig=proxy.kubeconfig(tmp_path))
            assert not proxy.writes
        assert kubectl("get", "cm", "nginx-config", "-n", stack.home, "-o", "jsonpath={.data}") == '{"kept":"yes"}'
    finally:
        kubectl("delete", "cm", "nginx-config", "-n", stack.home)


def test_a_foreign_object_and_its_namespace_stay_at_state_absent():
    """The namespace was made by the stack, and somebody has put something into it since."""
    own = SmallStack("faults-own")
    own.clear()
    try:
        own.bring("a")
        create(config_map(own.home))
        outcome = own.remove()
        (said,) = [line for line in outcome.changes.messages() if line.startswith(f"Namespace {own.home} ")]
        assert f"kept: ConfigMap {own.home}/theirs lives in it" in said
        assert theirs(own.home) == "yes"
        assert not own.labelled().keys() - {f"Namespace {own.home}"}
        assert own.bring("a").changes.changed, "the state namespace is still being deleted: that is waited for"
    finally:
        own.clear()


@pytest.fixture
def breakable():
    """The context of a cluster of its own, whose API server may be killed. The user's current one stays."""
    testbed = [sys.executable, "-m", "testbed"]
    ports = ["--http-port", "30024", "--https-port", "30025"]
    current = subprocess.run(["kubectl", "config", "current-context"], capture_output=True, text=True, check=False)
    back = ["config", "use-context", current.stdout.strip()] if current.returncode == 0 else ["config", "view"]
    subprocess.run([*testbed, "up", "--name", "ingresskit-faults", *ports], cwd=ROOT, check=True)
    kubectl(*back)
    yield "kind-ingresskit-faults"
    subprocess.run([*testbed, "down", "--name", "ingresskit-faults"], cwd=ROOT, check=True)
    kubectl(*back)


def answers(context):
    ready = ["kubectl", "--context", context, "get", "--raw", "/readyz"]
    return subprocess.run(ready, check=False, capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_api_server_restarts_in_the_middle(breakable, tmp_path):
    stack = SmallStack("faults-restart", breakable)
    node = "ingresskit-faults-control-plane"
    inventory = stack.inventory(*SMALL)
    inventory["ingress_cluster"]["timeout"] = 240  # the kubelet takes its time, and controllers elect their leader anew
    process = stack.process(inventory)
    process.start()
    time.sleep(0.5)
    restart_api_server(node)
    assert ended(process, 300) == 0
    until(lambda: answers(breakable), 240)  # where the run had ended before: a first call is told at once
    assert not stack.bring(*SMALL).changes.changed

    with FaultProxy(
        on_write=lambda number, done: number == 8 and done and restart_api_server(node), context=breakable
    ) as proxy:
        inventory = stack.inventory(*LARGE, kubeconfig=proxy.kubeconfig(tmp_path))
        inventory["ingress_cluster"]["timeout"] = 240
        process = stack.process(inventory)
        process.start()
        assert ended(process, 300) == 0
        assert proxy.away, "the API server was there all the time"
    until(lambda: answers(breakable), 240)
    assert not stack.bring(*LARGE).changes.changed
