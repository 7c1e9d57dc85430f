"""A node port that moves from one Service of the stack to another, as when the controller is exchanged.

The API server gives a port to one Service at a time, so the one that leaves has to go before the new one can come:
the only deletion that does not wait until what replaces it is ready.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..api.resources import Object, Ref
from .changes import ChangeSet
from .prune import prune

if TYPE_CHECKING:
    from ..api.client import Api


def release_node_ports(api: Api, changes: ChangeSet, *, diff: bool = False) -> ChangeSet:
    """Deletes those doomed Services whose node ports a Service of this plan claims. Returns the plan with outcomes.

    Reads a Service only where one is to go and another claims a fixed port; no call is made otherwise."""
    leaving = _holders(api, changes)
    if not leaving:
        return changes
    gone = prune(api, ChangeSet(tuple(change for change in changes.of("deleted") if change.ref in leaving)), diff=diff)
    return changes.replaced({change.ref: change for change in gone})


def forgive_node_ports(api: Api, changes: ChangeSet) -> ChangeSet:
    """In check mode: the server's dry run refuses a port that only the real run would have freed. That is no error."""
    refused = [
        change for change in changes.of("created", "configured") if change.error and change.ref.kind == "Service"
    ]
    if not refused or not _holders(api, changes):
        return changes
    return changes.replaced({each.ref: replace(each, error="", after=each.desired, done=True) for each in refused})


def _holders(api: Api, changes: ChangeSet) -> set[Ref]:
    """The Services to be deleted that hold a node port which another Service of the plan wants."""
    wanted = {port for change in changes.of("created", "configured") for port in _node_ports(change.desired)}
    doomed = [change.ref for change in changes.of("deleted") if change.ref.kind == "Service" and not change.done]
    if not wanted:
        return set()
    return {ref for ref in doomed if wanted & _node_ports(api.get(ref))}


def _node_ports(service: Object | None) -> set[tuple[str, int]]:
    if service is None or service.get("kind") != "Service":
        return set()
    ports = service.get("spec", {}).get("ports") or []
    return {(port.get("protocol", "TCP"), port["nodePort"]) for port in ports if port.get("nodePort")}
