"""A network that fails: whatever it does to one call in ten, the cluster ends up as it does without. Names: faults-net."""

import pytest

from tests.cluster.faultproxy import FAULTS, FaultProxy
from tests.cluster.smallstack import SmallStack

SMALL, LARGE = ("a", "b"), ("a=other:81", "b", "c", "d", "e")
WAY = (SMALL, LARGE, SMALL, None)  # install, upgrade, prune, removal


@pytest.fixture(scope="module")
def stack():
    made = SmallStack("faults-net")
    made.clear()
    yield made
    made.clear()


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


def run(stack, proxy, folder, apps, user=None, read=3, wait=100):
    """A run through the proxy in a process of its own; returns its exit code."""
    inventory = stack.inventory(*(apps or ()), kubeconfig=proxy.kubeconfig(folder, user))
    process = stack.process(inventory, "absent" if apps is None else "present", read)
    process.start()
    process.join(wait)
    return process.exitcode


def all_the_way(stack, proxy, folder, undisturbed, **options):
    for apps, expected in zip(WAY, undisturbed, strict=True):
        assert run(stack, proxy, folder, apps, **options) == 0, proxy.met
        assert stack.labelled() == expected
        if apps:
            assert not stack.bring(*apps).changes.changed


@pytest.mark.timeout(300)
def test_one_call_in_ten_fails(stack, foreign, undisturbed, tmp_path):
    with FaultProxy(rate=0.1) as proxy:
        all_the_way(stack, proxy, tmp_path, undisturbed)
        print("faults met:", dict(proxy.met), "of", len(proxy.calls), "calls")
        assert set(proxy.met) >= {*FAULTS} - {"gone"}, "there was nothing to survive"  # gone: only of pages and watches
    assert stack.versions(foreign) == foreign


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(2, 8))
def test_one_call_in_ten_fails_at_other_times(stack, foreign, undisturbed, tmp_path, seed):
    with FaultProxy(rate=0.1, seed=seed) as proxy:
        all_the_way(stack, proxy, tmp_path, undisturbed)
    assert stack.versions(foreign) == foreign
