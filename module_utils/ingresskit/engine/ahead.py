"""What has to go before the rest can come: the only deletions that do not wait until what replaces them is ready.

The API server gives a node port to one Service at a time, and the scheduler a port of a node to one Pod, so when the
controller is exchanged the Service or workload that leaves makes room for the new one. And an autoscaler that is to go
would undo the number of replicas that the inventory names again.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..api.resources import Object, Ref, split_api_version
from .changes import Change, ChangeSet
from .diagnose import podless
from .prune import prune
from .until import until

if TYPE_CHECKING:
    from ..api.client import Api

_PARTING = 5.0  # seconds more than their grace in which Pods are gone


def delete_ahead(api: Api, changes: ChangeSet, *, diff: bool = False) -> ChangeSet:
    """Deletes those doomed Services whose node ports a Service of this plan claims, those doomed workloads whose host
    ports another one claims, and those doomed autoscalers whose workload gets its number from this plan. Returns the
    plan with outcomes, once the Pods that were on host ports are gone.

    Reads a doomed object only where it may be in the way; no call is made otherwise."""
    on_hosts = _host_port_holders(api, changes)
    leaving = _port_holders(api, changes) | {Ref.of(each) for each in on_hosts} | _scalers(api, changes)
    if not leaving:
        return changes
    gone = prune(api, ChangeSet(tuple(change for change in changes.of("deleted") if change.ref in leaving)), diff=diff)
    for workload in on_hosts:  # a Pod on a dead node never goes
        grace = workload["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 30)
        until(partial(podless, api, workload), grace + _PARTING)
    return changes.replaced({change.ref: change for change in gone})


def forgive_node_ports(api: Api, changes: ChangeSet) -> ChangeSet:
    """In check mode: the server's dry run refuses a port that only the real run would have freed. That is no error."""
    refused = [
        change for change in changes.of("created", "configured") if change.error and change.ref.kind == "Service"
    ]
    if not refused or not _port_holders(api, changes):
        return changes
    return changes.replaced({each.ref: replace(each, error="", after=each.desired, done=True) for each in refused})


def _doomed(changes: ChangeSet, kind: str) -> list[Change]:
    return [change for change in changes.of("deleted") if change.ref.kind == kind and not change.done]


def _port_holders(api: Api, changes: ChangeSet) -> set[Ref]:
    """The Services to be deleted that hold a node port which another Service of the plan wants."""
    wanted = {port for change in changes.of("created", "configured") for port in _node_ports(change.desired)}
    if not wanted:
        return set()
    return {change.ref for change in _doomed(changes, "Service") if wanted & _node_ports(api.get(change.ref))}


def _node_ports(service: Object | None) -> set[tuple[str, int]]:
    if service is None or service.get("kind") != "Service":
        return set()
    ports = service.get("spec", {}).get("ports") or []
    return {(port.get("protocol", "TCP"), port["nodePort"]) for port in ports if port.get("nodePort")}


def _host_port_holders(api: Api, changes: ChangeSet) -> list[Object]:
    """The workloads to be deleted whose Pods hold ports of their nodes that Pods of another one want."""
    wanted = {port for change in changes.of("created", "configured") for port in _host_ports(change.desired)}
    if not wanted:
        return []
    doomed = [api.get(change.ref) for kind in ("Deployment", "DaemonSet") for change in _doomed(changes, kind)]
    return [live for live in doomed if live and wanted & _host_ports(live)]


def _host_ports(workload: Object | None) -> set[tuple[str, int]]:
    if workload is None or workload.get("kind") not in ("Deployment", "DaemonSet"):
        return set()
    containers = workload["spec"]["template"]["spec"]["containers"]
    ports = [port for container in containers for port in container.get("ports") or () if port.get("hostPort")]
    return {(port.get("protocol", "TCP"), port["hostPort"]) for port in ports}


def _scalers(api: Api, changes: ChangeSet) -> set[Ref]:
    """The autoscalers to be deleted whose workload is about to be given a fixed number of replicas."""
    numbered = {change.ref for change in changes.of("configured") if _is_numbered(change.desired or {})}
    near = [change.ref for change in _doomed(changes, "HorizontalPodAutoscaler") if numbered]
    return {ref for ref in near if _target(api.get(ref)) in numbered}


def _is_numbered(obj: Object) -> bool:
    spec = obj.get("spec")
    return isinstance(spec, dict) and "replicas" in spec


def _target(scaler: Object | None) -> Ref | None:
    if scaler is None:
        return None
    target = scaler["spec"]["scaleTargetRef"]
    group, version = split_api_version(target.get("apiVersion") or "v1")
    return Ref(group, target["kind"], scaler["metadata"]["namespace"], target["name"], version)
