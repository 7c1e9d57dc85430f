"""Is it ready? One pure function per kind, after kstatus (sigs.k8s.io/cli-utils/pkg/kstatus) and our own rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal

from ..api.resources import Object, Ref

State = Literal["ready", "progressing", "failed"]


@dataclass(frozen=True)
class Status:
    """One object's readiness; ``reason`` tells what is still missing or why it cannot become ready."""

    ref: Ref
    state: State
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.ref}: {self.reason or self.state}"


@dataclass(frozen=True)
class Trouble:
    """Why a workload's Pods do not start, or a Service has no address. ``patience``: how many times the grace it may
    take to heal by itself."""

    reason: str
    patience: float = 1.0


_Verdict = tuple[State, str]
_READY: _Verdict = ("ready", "")


def compute(obj: Object, *, ingress_needs_address: bool = False) -> Status:
    """Readiness of a live object. Kinds without a rule are ready once they exist."""
    if obj["kind"] == "Ingress":
        state, reason = _address(obj) if ingress_needs_address else _READY
    else:
        rule = _RULES.get(obj["kind"])
        state, reason = rule(obj) if rule else _READY
    return Status(Ref.of(obj), state, reason)


def endpoints(service: Ref, slices: Iterable[Object]) -> Status:
    """Readiness of a Service: at least one ready address in its EndpointSlices. A condition ``ready`` that is not set
    counts as true (https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions)."""
    found = [endpoint for piece in slices for endpoint in piece.get("endpoints") or ()]
    ready = [endpoint for endpoint in found if (endpoint.get("conditions") or {}).get("ready") is not False]
    if any(endpoint.get("addresses") for endpoint in ready):
        return Status(service, "ready")
    return Status(service, "progressing", "no ready endpoint" if found else "no endpoint: no Pod matches its selector")


def _deployment(obj: Object) -> _Verdict:
    status, wanted = obj.get("status") or {}, obj["spec"].get("replicas", 1)
    progressing = _condition(obj, "Progressing")
    if not _behind(obj) and progressing.get("reason") == "ProgressDeadlineExceeded":
        return "failed", progressing.get("message") or "its progress deadline is exceeded"
    counts = {name: status.get(f"{name}Replicas", 0) for name in ("updated", "ready", "available")}
    total = status.get("replicas", 0)
    missing = _behind(obj) or _short(wanted, counts)
    if not missing and total > counts["updated"]:
        missing = f"{total - counts['updated']} old replicas still to go"
    if not missing and wanted and _condition(obj, "Available").get("status") != "True":
        missing = "not available yet"
    return ("progressing", missing) if missing else _READY


def _daemon_set(obj: Object) -> _Verdict:
    status = obj.get("status") or {}
    if "desiredNumberScheduled" not in status:
        return "progressing", "not seen by its controller yet"
    counts = {
        "scheduled": status.get("currentNumberScheduled", 0),
        "updated": status.get("updatedNumberScheduled", 0),
        "ready": status.get("numberReady", 0),
        "available": status.get("numberAvailable", 0),
    }
    missing = _behind(obj) or _short(status["desiredNumberScheduled"], counts)
    return ("progressing", missing) if missing else _READY


def _stateful_set(obj: Object) -> _Verdict:
    status = obj.get("status") or {}
    counts = {name: status.get(f"{name}Replicas", 0) for name in ("updated", "ready")}
    if (obj["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
        counts.pop("updated")
    missing = _behind(obj) or _short(obj["spec"].get("replicas", 1), counts)
    return ("progressing", missing) if missing else _READY


def _job(obj: Object) -> _Verdict:
    failed = _condition(obj, "Failed")
    if failed.get("status") == "True":
        return "failed", f"{failed.get('reason')}: {failed.get('message')}"
    return _READY


def _service(obj: Object) -> _Verdict:
    if obj["spec"].get("type") != "LoadBalancer":
        return _READY
    wanted, other = obj["spec"].get("loadBalancerIP"), _other_address(obj)
    if other:
        hint = "where a provider does not honour load_balancer.ip, leave it out"
        return "progressing", f"its load balancer gives {other}, not {wanted} as asked for ({hint})"
    return _address(obj)


def _other_address(service: Object) -> str:
    """The addresses a Service has been given where none is the one it asks for; "" else. Where a hostname leads is
    nobody's to say."""
    given = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    found = [_parsed(each.get("ip")) for each in given]
    wanted = _parsed(service["spec"].get("loadBalancerIP"))
    return ", ".join(map(str, found)) if wanted and found and all(found) and wanted not in found else ""


def _parsed(address: str | None) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address or "")
    except ValueError:
        return None


def _address(obj: Object) -> _Verdict:
    if ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress"):
        return _READY
    return "progressing", "no address yet" + (" from a load balancer" if obj["kind"] == "Service" else "")


def _definition(obj: Object) -> _Verdict:
    names = _condition(obj, "NamesAccepted")
    if names.get("status") == "False":
        return "failed", names.get("message") or "its names are taken"
    return _READY if _condition(obj, "Established").get("status") == "True" else ("progressing", "not established yet")


def _namespace(obj: Object) -> _Verdict:
    phase = (obj.get("status") or {}).get("phase") or "Active"
    return _READY if phase == "Active" else ("progressing", f"it is {phase}")


_RULES: dict[str, Callable[[Object], _Verdict]] = {
    "Deployment": _deployment,
    "DaemonSet": _daemon_set,
    "StatefulSet": _stateful_set,
    "Job": _job,
    "Service": _service,
    "CustomResourceDefinition": _definition,
    "Namespace": _namespace,
}


def _behind(obj: Object) -> str:
    seen = (obj.get("status") or {}).get("observedGeneration", 0)
    return "" if seen >= obj["metadata"].get("generation", 0) else "not seen by its controller yet"


def _short(wanted: int, counts: dict[str, int]) -> str:
    """ "1 of 3 ready": the first count that falls short."""
    return next((f"{count} of {wanted} {name}" for name, count in counts.items() if count < wanted), "")


def _condition(obj: Object, kind: str) -> dict[str, Any]:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition.get("type") == kind), {})


# --- why Pods do not start -----------------------------------------------------------------------------------------

# States of a waiting container that a correction from outside is needed for (k8s.io/kubernetes pkg/kubelet/images,
# pkg/kubelet/container). A pull may fail once and work the next time: it gets the whole grace.
_WAITING = {
    "ErrImagePull": 1.0,
    "ImagePullBackOff": 1.0,
    "RegistryUnavailable": 1.0,
    "ErrImageNeverPull": 0.2,
    "InvalidImageName": 0.2,
    "CreateContainerConfigError": 0.5,
    "CreateContainerError": 0.5,
    "RunContainerError": 0.5,
}
_RESTARTS = 2  # a container that ended so many times will not start by itself
_SCHEDULING = 3.0  # a node may be freed by somebody else's Pods that are still shutting down
_GRACE = 10.0  # seconds of which patience tells how often
_HASHES = ("pod-template-hash", "controller-revision-hash")


def trouble(workload: Object, pods: Sequence[Object]) -> Trouble | None:
    """What keeps a workload that is not ready from getting so, None where nothing does: by its own conditions (quota,
    Pod Security), else by the Pods of its newest revision."""
    refused = _condition(workload, "ReplicaFailure")
    if _behind(workload):
        return None  # all that is seen is about the revision before
    if refused.get("status") == "True":
        return Trouble(f"{refused.get('reason')}: {refused.get('message')}")
    if not _updated(workload):
        return None
    found = next(filter(None, map(_pod_trouble, _newest(pods))), None)
    if found and found.patience == _SCHEDULING:
        return replace(found, patience=_SCHEDULING + _departure(pods) / _GRACE)
    return found


def _departure(pods: Sequence[Object]) -> float:
    """Seconds in which a node's ports may still be held by Pods that are shutting down."""
    leaving = [pod["metadata"] for pod in pods if pod["metadata"].get("deletionTimestamp")]
    return float(max((meta.get("deletionGracePeriodSeconds") or 0 for meta in leaving), default=0))


def restarts(pods: Sequence[Object]) -> int:
    """How often the containers of a workload's newest revision were started again."""
    statuses = (status for pod in _newest(pods) for status in (pod.get("status") or {}).get("containerStatuses") or ())
    return sum(int(status.get("restartCount") or 0) for status in statuses)


def _updated(workload: Object) -> int:
    status = workload.get("status") or {}
    return int(status.get("updatedReplicas") or status.get("updatedNumberScheduled") or 0)


def _newest(pods: Sequence[Object]) -> list[Object]:
    """The Pods of the revision that the youngest of them belongs to."""
    alive = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    if not alive:
        return []
    youngest = max(alive, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    return [pod for pod in alive if _revision(pod) == _revision(youngest)]


def _revision(pod: Object) -> list[str | None]:
    return [(pod["metadata"].get("labels") or {}).get(label) for label in _HASHES]


def _pod_trouble(pod: Object) -> Trouble | None:
    name = f"Pod {pod['metadata']['name']}"
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("reason") == "Unschedulable":
        return Trouble(f"{name} cannot be scheduled: {scheduled.get('message')}", _SCHEDULING)
    status = pod.get("status") or {}
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        found = _container_trouble(container)
        if found:
            return Trouble(f"{name}, container {container['name']}: {found.reason}", found.patience)
    return None


def _container_trouble(container: dict[str, Any]) -> Trouble | None:
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason = waiting.get("reason") or ""
    if reason in _WAITING:
        return Trouble(f"{reason}: {waiting.get('message') or container.get('image')}", _WAITING[reason])
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
    if container.get("restartCount", 0) >= _RESTARTS and ended.get("exitCode") and not container.get("ready"):
        said = str(ended.get("message") or "").strip().splitlines()
        detail = f": {said[-1]}" if said else ""
        why = f" ({ended['reason']})" if ended.get("reason") not in (None, "Error") else ""
        return Trouble(
            f"{reason or 'restarting'}: ended {container['restartCount']} times, last with exit code "
            f"{ended['exitCode']}{why}{detail}",
            0,
        )
    return None
