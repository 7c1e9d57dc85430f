"""The number of replicas, handed to an autoscaler without a fall to one and taken back. Pure.

Where an apply drops a field that only we hold, the API server removes it, and a Deployment without a number gets one
Pod. So a second field manager holds the live number first, until somebody scales the object
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership).
"""

from __future__ import annotations

from ..api.failures import Cause
from ..api.resources import Object, Ref
from .adopt import combined
from .changes import Change
from .fields import ours, paths

HANDOVER = "ingresskit-handover"  # the second field manager
_NUMBER = ".spec.replicas"
_SCALED = {("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "ReplicaSet"), ("", "ReplicationController")}


def hands_over(change: Change) -> bool:
    """Whether we hold the number of replicas of a live object, or would by adopting it, and no longer render it."""
    obj, live = change.desired, change.live
    if (change.ref.group, change.ref.kind) not in _SCALED or obj is None or live is None:
        return False
    held = combined(live) if change.adopt else ours(live) or {}
    return change.action == "configured" and "replicas" not in obj["spec"] and _NUMBER in paths(held)


def number_of(live: Object) -> Object:
    """The manifest that holds nothing but the live number of replicas."""
    ref = Ref.of(live)
    return {
        "apiVersion": live["apiVersion"],
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": {"replicas": live["spec"]["replicas"]},
    }


def comes_back(cause: Cause) -> bool:
    """Whether a field in conflict is a number of replicas that an autoscaler, ``kubectl scale`` or a handover has set:
    a state of the run, which the inventory may always name again."""
    return cause.field == _NUMBER and (cause.manager == HANDOVER or cause.subresource == "scale")
