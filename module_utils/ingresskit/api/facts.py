"""Small readings of the cluster that other steps need as facts."""

from __future__ import annotations

from .client import Api

TEST_DOUBLE = "ingresskit.io/test-double"


def test_doubles(api: Api, namespace: str, selector: str) -> list[str]:
    """The distinct values of the annotation ``ingresskit.io/test-double`` on the Pods selected: what stands in for
    the real controller, empty where nothing does."""
    raise NotImplementedError
