"""Why a Service of type LoadBalancer has no address, by the traces a provider leaves."""

import math
from types import SimpleNamespace

import pytest

from module_utils.ingresskit.api.failures import Forbidden
from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.engine.balancers import balancer_trouble
from module_utils.ingresskit.engine.board import Board, News
from module_utils.ingresskit.engine.diagnose import troubles
from module_utils.ingresskit.engine.scopes import scopes_of


def service(status=None, finalizers=(), **spec):
    meta = {"name": "edge", "namespace": "ingress", "uid": "u1", "finalizers": list(finalizers)}
    spec = {"type": "LoadBalancer", **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec, "status": status or {}}


def event(component, reason, message="m", *, uid="u1", kind="Service", at="2026-01-01T00:00:00Z", new=False):
    source = {"reportingComponent": component} if new else {"source": {"component": component}}
    involved = {"kind": kind, "namespace": "ingress", "name": "edge", "uid": uid}
    return {
        "involvedObject": involved,
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
        "metadata": {},
    } | source


NOON, LATER = "2026-01-01T12:00:00Z", "2026-01-01T12:10:00Z"
UNTAKEN = "no load balancer provider in this cluster takes it"
CLOUD = ["service.kubernetes.io/load-balancer-cleanup"]
FULL = event("metallb-controller", "AllocationFailed", "no available IPs in\n pool")
BUSY = event("service-controller", "EnsuringLoadBalancer", "Ensuring load balancer")
RETRIED = event("service-controller", "SyncLoadBalancerFailed", "not yet active")
SATISFIED = "cilium.io/IPAMRequestSatisfied"


def condition(kind, status):
    return {"conditions": [{"type": kind, "status": status, "reason": "no_pool", "message": "none match"}]}


def written(**times):
    """A Service with fields of these managers, each with the time of its last change."""
    made = service()
    made["metadata"]["managedFields"] = [{"manager": name, "time": at} for name, at in times.items()]
    return made


CASES = {
    "nothing at all": (service(), [], (3, f"{UNTAKEN} (it names no class): install one")),
    "a class": (service(loadBalancerClass="example.com/x"), [], (3, f"{UNTAKEN} (class example.com/x): ")),
    "the pool is empty": (service(), [FULL], (1, "metallb-controller: AllocationFailed: no available IPs in pool")),
    "another address is asked for": (
        service(), [event("metallb-controller", "LoadBalancerFailed", "invalid")], (1, "LoadBalancerFailed: invalid")
    ),
    "it had worked before": (
        service(), [event("metallb-controller", "IPAllocated"), event("metallb-speaker", "nodeAssigned"), FULL],
        (1, "AllocationFailed"),
    ),
    "MetalLB tries again": (
        service(), [FULL, event("metallb-controller", "IPAllocated", "Assigned")], (math.inf, "IPAllocated: Assigned")
    ),
    "a cloud is at work": (service(), [BUSY], (math.inf, "service-controller: EnsuringLoadBalancer: Ensuring")),
    "a cloud is at work, and slow": (service(), [BUSY, RETRIED], (math.inf, "SyncLoadBalancerFailed: not yet active")),
    "another's failure of the same name": (service(), [event("other", "AllocationFailed")], (math.inf, "other: ")),
    "an event of the newer kind": (
        service(), [event("metallb-controller", "AllocationFailed", new=True)], (1, "AllocationFailed")
    ),
    "a cloud's finalizer": (service(finalizers=CLOUD), [], None),
    "a silent provider's annotation": (written(ingresskit=NOON, tunnels=LATER), [], None),
    "what a former provider left": (written(ingresskit=LATER, controller=NOON), [], (3, UNTAKEN)),
    "what a person did": (written(ingresskit=NOON, **{"kubectl-edit": LATER}), [], (3, UNTAKEN)),
    "what a provider said before the last write": (
        written(ingresskit=LATER), [event("metallb-controller", "AllocationFailed", at=NOON)], (3, UNTAKEN)
    ),
    "what it says since, by a clock that is behind": (
        written(ingresskit=LATER), [event("metallb-controller", "AllocationFailed", at="2026-01-01T12:09:30Z")],
        (1, "AllocationFailed"),
    ),
    "what it has said again and again": (
        written(ingresskit=LATER),
        [event("metallb-controller", "AllocationFailed", at=NOON) | {"series": {"lastObservedTime": LATER}}],
        (1, "AllocationFailed"),
    ),
    "somebody's condition": (service(condition("example.com/Programmed", "Unknown")), [], None),
    "Cilium has no pool": (service(condition(SATISFIED, "False")), [], (1, "no_pool: none match")),
    "Cilium is content": (service(condition(SATISFIED, "True")), [], None),
    "an address, not the one asked for": (service({"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}]}}), [], None),
    "events may not be read": (service(), None, None),
    "events of a former Service": (service(), [event("metallb-controller", "AllocationFailed", uid="u0")], (3, UNTAKEN)),
    "events of something else": (service(), [event("metallb-controller", "AllocationFailed", kind="Pod")], (3, UNTAKEN)),
    "what Kubernetes says of endpoints": (
        service(), [event("endpoint-slice-controller", "FailedToUpdateEndpointSlices")], (3, UNTAKEN)
    ),
    "what Kubernetes says of endpoints later": (
        service(), [FULL, event("endpoint-slice-controller", "TopologyAwareHintsEnabled")], (1, "AllocationFailed")
    ),
}  # fmt: skip


@pytest.mark.parametrize(("live", "events", "expected"), CASES.values(), ids=CASES)
def test_reason_and_patience(live, events, expected):
    found = balancer_trouble(live, events)
    if expected is None:
        assert found is None
    else:
        patience, words = expected
        assert found is not None
        assert found.patience == patience
        assert words in found.reason


def test_the_remedy_is_told():
    found = balancer_trouble(service(), [])
    assert found is not None
    assert all(words in found.reason for words in ("MetalLB", "load_balancer.class", "expose by NodePort"))


def test_the_last_event_counts_whatever_the_order_of_the_list():
    later = FULL | {"lastTimestamp": "2026-01-01T00:00:09Z"}
    asked = []
    listing = SimpleNamespace(items=[later, event("metallb-controller", "IPAllocated")])
    api = SimpleNamespace(list_objects=lambda *given: asked.append(given[1:]) or listing)
    (found,) = troubles(api, [service()]).values()
    assert "AllocationFailed" in found.reason
    assert asked == [("ingress",)]


def test_silence_that_may_not_be_heard_proves_nothing():
    def refuse(*_):
        raise Forbidden("events is forbidden")

    assert troubles(SimpleNamespace(list_objects=refuse), [service()]) == {}


def test_of_services_those_are_asked_about_that_wait_for_an_address():
    scopes = scopes_of([service()], ingress_needs_address=False)
    board = Board(scopes, ingress_needs_address=False)
    board.take(News(scopes[0], [service()], all=True))
    assert [Ref.of(obj) for obj in board.unready_objects()] == [Ref.of(service())]
    board.take(News(scopes[0], [service({"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}]}})]))
    assert board.unready_objects() == []
