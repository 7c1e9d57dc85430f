"""Watches what was applied until all of it is ready, or says early and plainly why it will not be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..api.client import Api
from ..api.resources import Object
from .ownership import Owner
from .status import Status

Progress = Callable[[list[Status]], None]


def wait(
    api: Api,
    objects: Sequence[Object],
    owner: Owner,
    *,
    timeout: float,
    ingress_needs_address: bool = False,
    progress: Progress | None = None,
    grace: float = 10,
) -> list[Status]:
    """Blocks until every object of ``objects`` (the whole render) is ready; returns their statuses.

    Waited for: Deployments, DaemonSets, StatefulSets, CRDs, Namespaces, LoadBalancer addresses, ready endpoints of the
    stack's Services that its Ingresses use, and the Ingresses' own addresses where ``ingress_needs_address``.
    ``progress`` gets all statuses whenever one changed. ``grace``: seconds a Pod may be in a state that could heal
    (image pulls, scheduling, quota) before it counts as failed.
    Raises WaitError: at once with the reason and last events where something cannot succeed by itself, or after
    ``timeout`` seconds with a list of what is missing and why.
    """
    raise NotImplementedError
