"""Why a Service of type LoadBalancer has no address: what is seen of a provider. Pure.

Nothing in the API names the providers of a cluster; a Service shows only the traces of one that looks at it: an
address, a condition, a finalizer, events (https://kubernetes.io/docs/concepts/services-networking/service/#loadbalancer).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..api.resources import Object
from .status import Trouble

# A provider's own pods may be on their way from one node to another: leader elections take up to half a minute.
_SILENT = 3.0
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
    said = [event for event in events or () if _is_about(event, service) and _component(event) not in _KUBERNETES]
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
    return bool(service["metadata"].get("finalizers") or status.get("conditions") or given)
