"""Why a Service of type LoadBalancer has no address: what is seen of a provider. Pure.

Nothing in the API names the providers of a cluster; a Service shows only the traces of one that looks at it: an
address, a condition, a finalizer, a field it sets, events (https://kubernetes.io/docs/concepts/services-networking/service/#loadbalancer).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from ..api.resources import MANAGER, Object
from .status import Trouble

# A provider's own pods may be on their way from one node to another: leader elections take up to half a minute.
_SILENT = 3.0
_SKEW = timedelta(minutes=1)  # between the clocks of nodes
# What these say of Services is not about load balancers (k8s.io/kubernetes pkg/controller, pkg/proxy, pkg/registry).
_KUBERNETES = {
    "endpoint-controller",
    "endpoint-slice-controller",
    "endpoint-slice-mirroring-controller",
    "ipallocator-repair-controller",
    "portallocator-repair-controller",
    "kube-proxy",
}
# Failures their providers do not get over by themselves. Those of a cloud's controller are not among them: it says
# SyncLoadBalancerFailed of what is slow as well, and tries again (k8s.io/cloud-provider controllers/service).
_FINAL_EVENTS = {("metallb-controller", "AllocationFailed"), ("metallb-controller", "LoadBalancerFailed")}
_FINAL_CONDITION = "cilium.io/IPAMRequestSatisfied"  # False: no pool holds what is asked for (Cilium's LB IPAM)


def balancer_trouble(service: Object, events: Iterable[Object] | None) -> Trouble | None:
    """Why a Service that waits for an address has none: no provider takes it, or one says what is wrong.

    ``events``: those of its namespace, oldest first; None where they may not be read, then silence proves nothing. A
    provider at work is waited for, however long: what it said last is the reason, with endless patience.
    """
    for condition in (service.get("status") or {}).get("conditions") or ():
        if condition.get("type") == _FINAL_CONDITION and condition.get("status") == "False":
            return Trouble(f"{condition.get('reason')}: {condition.get('message')}")
    about = [event for event in events or () if _is_about(event, service) and not _is_stale(event, service)]
    said = [event for event in about if _component(event) not in _KUBERNETES]
    if said:
        last = said[-1]
        words = f"{_component(last)}: {last.get('reason')}: {' '.join(str(last.get('message') or '').split())}"
        return Trouble(words, 1.0 if _is_final(last) else math.inf)
    if events is None or _is_touched(service):
        return None
    return Trouble(_untaken(service), _SILENT)


def _untaken(service: Object) -> str:
    wanted = service["spec"].get("loadBalancerClass")
    return (
        "no load balancer provider in this cluster takes it "
        f"({f'class {wanted}' if wanted else 'it names no class'}): install one (MetalLB with a pool of addresses, the "
        "controller of a cloud), set load_balancer.class to that of one that is there, or expose by NodePort"
    )


def _is_about(event: Object, service: Object) -> bool:
    """Of this very Service, not of a former one of its name."""
    involved = event.get("involvedObject") or {}
    return bool(involved.get("kind") == "Service" and involved.get("uid") == service["metadata"].get("uid"))


def _component(event: Object) -> str:
    return str((event.get("source") or {}).get("component") or event.get("reportingComponent") or "")


def _is_final(event: Object) -> bool:
    return (_component(event), event.get("reason")) in _FINAL_EVENTS


def _is_touched(service: Object) -> bool:
    """Whether a provider left its mark: a finalizer (a cloud's controller begins with it), a condition, an address."""
    status = service.get("status") or {}
    given = (status.get("loadBalancer") or {}).get("ingress")
    theirs = _last_write(service, ours=False)
    written = theirs and theirs >= _last_write(service, ours=True)
    return bool(service["metadata"].get("finalizers") or status.get("conditions") or given or written)


def _last_write(service: Object, *, ours: bool) -> str:
    """When a field of it was last set: by us, or by somebody who is neither we nor a person with kubectl; "" for never.

    What others did before us may be left by a provider that the Service had under another class.
    """
    entries = service["metadata"].get("managedFields") or ()
    known = [(str(entry.get("manager")), str(entry.get("time") or "")) for entry in entries]
    return max((at for who, at in known if (who == MANAGER) is ours and not who.startswith("kubectl")), default="")


def _is_stale(event: Object, service: Object) -> bool:
    """Whether it was said of the Service as it was before our last write."""
    written = _last_write(service, ours=True)
    return bool(written) and _moment(event_time(event)) < _moment(written) - _SKEW


def event_time(event: Object) -> str:
    """When it was seen last, in either form of events."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next(filter(None, times), None) or event["metadata"].get("creationTimestamp") or "")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.max.replace(tzinfo=UTC)
