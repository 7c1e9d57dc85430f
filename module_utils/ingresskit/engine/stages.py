"""The order in which kinds are applied. Pure."""

from __future__ import annotations

from ..api.resources import Ref

LAST = 6


def stage(ref: Ref) -> int:
    """0 Namespaces and CRDs, 1 accounts, roles and configuration, 2 role bindings and classes, 3 kinds unknown here,
    4 Services and workloads, 5 what guards them (webhooks), 6 Ingresses. Deleted in reverse."""
    raise NotImplementedError
