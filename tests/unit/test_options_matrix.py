"""The matrix of options and controllers, against the table of the issue and what each controller's file refuses now."""

import pytest

from tests.cluster.options import CASES
from tests.cluster.options.promises import MUST_WORK, OPTIONS
from tests.cluster.options.variants import VARIANTS
from tests.cluster.playbook import ROOT
from tools import matrix

SEEN = matrix.load(ROOT)


def seen(name, what):
    return {case: option for option, found in SEEN[name]["options"].items() for case in found[what]}


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda each: each.name)
def test_what_is_not_refused_was_seen_to_work(variant):
    """Where this fails a controller's file has changed: `make matrix` asks again."""
    refused = {case.name for case in CASES if variant.refused(case)}
    assert set(seen(variant.name, "refused")) == refused
    assert set(seen(variant.name, "works")) == {case.name for case in CASES} - refused


@pytest.mark.parametrize("name", MUST_WORK)
def test_what_the_issue_promises_works(name):
    works = set(seen(name, "works").values())
    assert works >= MUST_WORK[name]
    assert works | set(seen(name, "refused").values()) == OPTIONS
