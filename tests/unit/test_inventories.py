"""Every inventory in the repository loads, passes preflight and renders, for every controller that it is for."""

import pytest

from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.preflight import check
from module_utils.ingresskit.render import render
from tests.inventories import cases


@pytest.mark.parametrize("case", cases(), ids=str)
def test_inventory(case):
    stack = case.stack
    assert [str(each) for each in check(stack, controller_for(stack.controller), case.facts)] == []
    kinds = {each["kind"] for each in render(stack, case.facts)}
    assert {"Namespace", stack.controller.workload, "Service", "Ingress", "IngressClass"} <= kinds
