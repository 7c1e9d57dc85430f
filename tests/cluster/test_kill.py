"""kill -9 around API writes: whatever the moment, the next run converges, leaves no orphan and touches nothing foreign.

The driver's own ``converge`` and ``remove`` run in a process that is killed by the proxy between it and the API server,
right after its k-th write came to the cluster and before the answer went back. Names begin with faults-kill.
"""

import pytest

from tests.cluster.faultproxy import FaultProxy, killer
from tests.cluster.smallstack import standing

BASE, UPGRADED, FEWER = ("a", "b"), ("a=other:81", "b", "c", "d"), ("a",)


@pytest.fixture(scope="module")
def stack():
    yield from standing("faults-kill")


@pytest.fixture(scope="module")
def foreign(stack):
    """Somebody else's objects beside the stack's, and their resourceVersions."""
    return stack.versions(stack.prepare())


class Phase:
    """One way from a state of the cluster to another."""

    def __init__(self, stack, folder, before, after):
        self.stack, self.folder, self.before, self.after = stack, folder, before, after

    def reset(self):
        """The cluster as it is before. After a removal the record is gone, so the stack comes anew."""
        self.stack.unlock()
        if self.before is None:
            self.stack.remove()
        else:
            self.stack.bring(*self.before)

    def finish(self):
        """The run that follows a kill."""
        return self.stack.remove() if self.after is None else self.stack.bring(*self.after)

    def killed(self, at=0, *, done=True):
        """The way, killed around its ``at``-th write. Returns how the process ended and how many writes it came to:
        the history that is tidied up at the end differs a little from run to run."""
        process = None
        with FaultProxy(on_write=killer(lambda: process, at, done=done)) as proxy:
            state = "absent" if self.after is None else "present"
            inventory = self.stack.inventory(*(self.after or ()), kubeconfig=proxy.kubeconfig(self.folder))
            process = self.stack.process(inventory, state)
            process.start()
            process.join(60)
            proxy.settle()
            return process.exitcode, len(proxy.writes)

    def undisturbed(self):
        """How many writes it takes, and what is in the cluster then."""
        self.reset()
        ended, writes = self.killed()
        assert ended == 0
        return writes, self.stack.labelled()


PHASES = {
    "install": (None, BASE),
    "upgrade": (BASE, UPGRADED),
    "prune": (UPGRADED, FEWER),
    "removal": (BASE, None),
}


def some(count):
    """The first and the last writes, where the records are, and every fifth between, where objects are alike."""
    return sorted({*range(1, min(count, 3) + 1), *range(max(1, count - 1), count + 1), *range(5, count, 5)})


def survives(phase, foreign, at, *, done, expected):
    """Kills the run there, runs again, and looks at everything."""
    where = f"killed {'after' if done else 'before'} write {at}"
    phase.reset()
    ended, writes = phase.killed(at, done=done)
    assert ended == -9 or (ended == 0 and writes < at), f"{where}: ended with {ended} after {writes} writes"
    phase.stack.unlock()
    phase.finish()
    assert phase.stack.labelled() == expected, where
    assert phase.stack.versions(foreign) == foreign, f"{where}: something foreign was touched"
    again = phase.finish()
    assert not again.changes.changed, f"{where}: {again.changes.messages()}"
    assert not {"create", "update", "patch", "delete"} & {*again.calls}, where


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PHASES)
def test_killed_after_a_write(stack, foreign, tmp_path, name):
    phase = Phase(stack, tmp_path, *PHASES[name])
    writes, expected = phase.undisturbed()
    assert bool(expected) is (phase.after is not None)
    for at in some(writes):
        survives(phase, foreign, at, done=True, expected=expected)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", PHASES)
def test_killed_before_and_after_every_write(stack, foreign, tmp_path, name):
    phase = Phase(stack, tmp_path, *PHASES[name])
    writes, expected = phase.undisturbed()
    for at in range(1, writes + 1):
        for done in (False, True):
            survives(phase, foreign, at, done=done, expected=expected)
