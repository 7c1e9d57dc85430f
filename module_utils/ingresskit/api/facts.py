"""Small readings of the cluster that other steps need as facts."""

from __future__ import annotations

from .client import Api
from .resources import BUILTIN

TEST_DOUBLE = "ingresskit.io/test-double"


def test_doubles(api: Api, namespace: str, selector: str) -> list[str]:
    """The distinct values of the annotation ``ingresskit.io/test-double`` on the Pods selected: what stands in for
    the real controller, empty where nothing does."""
    pods = api.list_metadata(BUILTIN["v1", "Pod"], namespace, selector).items
    found = ((pod["metadata"].get("annotations") or {}).get(TEST_DOUBLE) for pod in pods)
    return sorted({value for value in found if value})
