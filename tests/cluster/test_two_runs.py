"""Two runs for one stack at once: one after the other, or the second is told who is at it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from module_utils.ingresskit.converge import converge
from module_utils.ingresskit.engine.ownership import Owner
from module_utils.ingresskit.errors import ConflictError
from module_utils.ingresskit.settings import Settings
from module_utils.ingresskit.state import lease
from tests.cluster.smallstack import standing


@pytest.fixture
def stack():
    for made in standing("ik-two"):
        made.prepare()
        yield made


def test_the_second_waits_plans_anew_and_has_nothing_left_to_do(stack):
    inventory = stack.inventory("a", "b", ingress_apply={"lock_wait": 60})
    with ThreadPoolExecutor(2) as pool:
        outcomes = [run.result() for run in [pool.submit(converge, inventory, Settings()) for _ in range(2)]]
    changed = [outcome for outcome in outcomes if outcome.changes.changed]
    assert len(changed) == 1, "the plan of the one that waited was made anew"
    assert {outcome.revision for outcome in outcomes} == {1}
    assert stack.record().result == "deployed"


def test_two_inventories_at_once_end_as_one_of_them(stack):
    stack.bring("a")
    wanted = [stack.inventory("a", name, ingress_apply={"lock_wait": 60}) for name in ("b", "c")]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda inventory: converge(inventory, Settings()), wanted))
    assert sorted(outcome.revision for outcome in outcomes) == [2, 3]
    last = max(outcomes, key=lambda outcome: outcome.revision)
    assert {ref.name for ref in stack.record().objects if ref.kind == "Ingress"} == {
        change.ref.name for change in last.changes if change.ref.kind == "Ingress" and change.action != "deleted"
    }


def test_without_patience_it_is_told_who_is_at_it_and_nothing_is_sent(stack):
    stack.bring("a")
    with lease.held(stack.api, Owner(stack.name, stack.state), "anna@desk"):
        before = stack.labelled()
        with pytest.raises(ConflictError, match="the stack ik-two is being changed by anna@desk"):
            stack.bring("a", "b")
        with pytest.raises(ConflictError, match="anna@desk"):
            stack.remove()
        assert stack.labelled() == before
        unchanged = stack.bring("a")
        assert not unchanged.changes.changed, "a run that writes nothing needs no lock"
