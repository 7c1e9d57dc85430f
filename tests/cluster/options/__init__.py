"""Options of the contract, each proven by hand-written requests behind every controller that does not refuse it.

A case is an app and a proof (``case.py``); the cases are in one file per family. ``variants.py`` knows the controllers,
``stand.py`` brings a stack with all cases to the cluster and asks them.
"""

import pytest

FAMILIES = ("paths", "limits", "access", "backends", "together")
pytest.register_assert_rewrite(*(f"{__name__}.{family}" for family in FAMILIES))

from tests.cluster.options import access, backends, limits, paths, together  # noqa: E402, F401  (they fill CASES)
from tests.cluster.options.case import CASES  # noqa: E402

__all__ = ["CASES"]
