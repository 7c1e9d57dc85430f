"""Readiness, kind by kind and state by state, and why Pods do not start."""

import pytest

from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.engine.status import compute, endpoints, trouble


def obj(kind, api_version, spec=None, status=None, generation=2):
    meta = {"name": "x", "namespace": "y", "generation": generation}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec or {}, "status": status or {}}


def conditions(**states):
    return [{"type": kind, "status": str(state)} for kind, state in states.items()]


def deployment(wanted=2, **status):
    base = {
        "observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
        "conditions": conditions(Available=True, Progressing=True),
    }  # fmt: skip
    spec = {} if wanted is None else {"replicas": wanted}
    return obj("Deployment", "apps/v1", spec, base | status)


def daemon_set(**status):
    base = {
        "observedGeneration": 2, "desiredNumberScheduled": 3, "currentNumberScheduled": 3, "updatedNumberScheduled": 3,
        "numberReady": 3, "numberAvailable": 3,
    }  # fmt: skip
    return obj("DaemonSet", "apps/v1", {}, base | status)


def stateful_set(**status):
    base = {"observedGeneration": 2, "updatedReplicas": 1, "readyReplicas": 1}
    return obj("StatefulSet", "apps/v1", {"replicas": 1}, base | status)


LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "has timed out"}
BACKOFF = {"type": "Failed", "status": "True", "reason": "B", "message": "m"}
LB = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}


def balanced(wanted, *given):
    spec = {"type": "LoadBalancer", "loadBalancerIP": wanted}
    return obj("Service", "v1", spec, {"loadBalancer": {"ingress": [{"ip": each} for each in given or ("192.0.2.1",)]}})


NETWORKING = "networking.k8s.io/v1"
CASES = {
    "deployment ready": (deployment(), "ready", ""),
    "deployment without status": (obj("Deployment", "apps/v1"), "progressing", "not seen by its controller yet"),
    "deployment behind": (deployment(observedGeneration=1), "progressing", "not seen by its controller yet"),
    "deployment updating": (deployment(updatedReplicas=1), "progressing", "1 of 2 updated"),
    "deployment not ready": (deployment(readyReplicas=0), "progressing", "0 of 2 ready"),
    "deployment not available": (deployment(availableReplicas=1), "progressing", "1 of 2 available"),
    "deployment with surplus": (
        deployment(1, replicas=2, updatedReplicas=1), "progressing", "1 old replicas still to go"
    ),
    "deployment condition": (
        deployment(conditions=conditions(Available=False)), "progressing", "not available yet"
    ),
    "deployment late, but corrected since": (
        deployment(observedGeneration=1, conditions=[LATE]), "progressing", "not seen by its controller yet"
    ),
    "deployment late": (deployment(conditions=[LATE]), "failed", "has timed out"),
    "deployment of none": (
        deployment(0, replicas=0, updatedReplicas=0, readyReplicas=0, availableReplicas=0, conditions=[]), "ready", ""
    ),
    "deployment of one by default": (deployment(None, readyReplicas=0), "progressing", "0 of 1 ready"),
    "daemon set ready": (daemon_set(), "ready", ""),
    "daemon set new": (obj("DaemonSet", "apps/v1"), "progressing", "not seen by its controller yet"),
    "daemon set behind": (daemon_set(observedGeneration=1), "progressing", "not seen by its controller yet"),
    "daemon set scheduling": (daemon_set(currentNumberScheduled=1), "progressing", "1 of 3 scheduled"),
    "daemon set updating": (daemon_set(updatedNumberScheduled=2), "progressing", "2 of 3 updated"),
    "daemon set not ready": (daemon_set(numberReady=2), "progressing", "2 of 3 ready"),
    "daemon set without nodes": (daemon_set(desiredNumberScheduled=0), "ready", ""),
    "stateful set ready": (stateful_set(), "ready", ""),
    "stateful set not ready": (stateful_set(readyReplicas=0), "progressing", "0 of 1 ready"),
    "job failed": (
        obj("Job", "batch/v1", status={"conditions": [BACKOFF]}), "failed", "B: m"
    ),
    "job running": (obj("Job", "batch/v1", status={"active": 1}), "ready", ""),
    "service": (obj("Service", "v1", {"type": "NodePort"}), "ready", ""),
    "load balancer pending": (
        obj("Service", "v1", {"type": "LoadBalancer"}, {"loadBalancer": {}}),
        "progressing", "no address yet from a load balancer",
    ),
    "load balancer ready": (obj("Service", "v1", {"type": "LoadBalancer"}, LB), "ready", ""),
    "load balancer with the address asked for": (balanced("192.0.2.1"), "ready", ""),
    "load balancer with another address": (
        balanced("192.0.2.7"), "progressing",
        "its load balancer gives 192.0.2.1, not 192.0.2.7 as asked for (where a provider does not honour "
        "load_balancer.ip, leave it out)",
    ),
    "load balancer with two addresses": (balanced("2001:db8::1", "192.0.2.1", "2001:0db8::1"), "ready", ""),
    "load balancer with a name": (
        obj("Service", "v1", {"type": "LoadBalancer", "loadBalancerIP": "192.0.2.7"},
            {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}}),
        "ready", "",
    ),
    "load balancer asked for a named address": (balanced("reserved-1"), "ready", ""),
    "ingress that gets no address": (obj("Ingress", NETWORKING), "ready", ""),
    "crd new": (obj("CustomResourceDefinition", "apiextensions.k8s.io/v1"), "progressing", "not established yet"),
    "crd established": (
        obj("CustomResourceDefinition", "apiextensions.k8s.io/v1", status={"conditions": conditions(Established=True)}),
        "ready", "",
    ),
    "crd with names taken": (
        obj("CustomResourceDefinition", "apiextensions.k8s.io/v1",
            status={"conditions": [{"type": "NamesAccepted", "status": "False", "message": "taken"}]}),
        "failed", "taken",
    ),
    "namespace": (obj("Namespace", "v1", status={"phase": "Active"}), "ready", ""),
    "namespace going": (obj("Namespace", "v1", status={"phase": "Terminating"}), "progressing", "it is Terminating"),
    "no rule": (obj("ConfigMap", "v1"), "ready", ""),
}  # fmt: skip


@pytest.mark.parametrize(("live", "state", "reason"), CASES.values(), ids=CASES)
def test_compute(live, state, reason):
    status = compute(live)
    assert (status.state, status.reason) == (state, reason)
    assert status.ref == Ref.of(live)


@pytest.mark.parametrize(("status", "state"), [({}, "progressing"), (LB, "ready")])
def test_ingress_address_counts_where_the_controller_sets_one(status, state):
    assert compute(obj("Ingress", NETWORKING, status=status), ingress_needs_address=True).state == state


@pytest.mark.parametrize(
    ("slices", "state", "reason"),
    [
        ([], "progressing", "no endpoint: no Pod matches its selector"),
        ([{"endpoints": None}], "progressing", "no endpoint: no Pod matches its selector"),
        (
            [{"endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": False}}]}],
            "progressing",
            "no ready endpoint",
        ),
        ([{"endpoints": []}, {"endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}]}], "ready", ""),
        ([{"endpoints": [{"addresses": ["10.0.0.1"]}]}], "ready", ""),
    ],
)
def test_endpoints(slices, state, reason):
    status = endpoints(Ref("", "Service", "y", "x"), slices)
    assert (status.state, status.reason) == (state, reason)


def pod(name="tea-1", container=None, init=None, hash="new", created="2026-01-01T00:00:10Z", scheduled=None, **meta):
    meta = {"name": name, "creationTimestamp": created, "labels": {"pod-template-hash": hash}} | meta
    status = {"conditions": [scheduled] if scheduled else []}
    status["containerStatuses"] = [{"name": "tea", "image": "i"} | container] if container else []
    status["initContainerStatuses"] = [{"name": "init", "image": "i"} | init] if init else []
    return {"metadata": meta, "status": status}


def waiting(reason, message="m", **more):
    return {"state": {"waiting": {"reason": reason, "message": message}}, **more}


def ended(code, restarts, **more):
    crashed = {"terminated": {"exitCode": code} | more}
    return waiting("CrashLoopBackOff", restartCount=restarts, lastState=crashed)


UPDATING = deployment(updatedReplicas=1, readyReplicas=0)
OLD_CRASHES = pod("tea-0", ended(1, 9), hash="old", created="2026-01-01T00:00:00Z")
PODS = {
    "no pods": ([], None),
    "starting": ([pod(container=waiting("ContainerCreating"))], None),
    "ready": ([pod(container={"state": {"running": {}}, "ready": True})], None),
    "never pulled": ([pod(container=waiting("ErrImageNeverPull"))], "Pod tea-1, container tea: ErrImageNeverPull: m"),
    "pull": ([pod(container=waiting("ImagePullBackOff"))], "Pod tea-1, container tea: ImagePullBackOff: m"),
    "without message": ([pod(container=waiting("ErrImagePull", None))], "Pod tea-1, container tea: ErrImagePull: i"),
    "init container": (
        [pod(init=waiting("CreateContainerConfigError"))],
        "Pod tea-1, container init: CreateContainerConfigError: m",
    ),
    "crashed once": ([pod(container=ended(1, 1))], None),
    "crashed twice": (
        [pod(container=ended(1, 2, reason="Error", message="a\nlast words"))],
        "Pod tea-1, container tea: CrashLoopBackOff: ended 2 times, last with exit code 1: last words",
    ),
    "out of memory": (
        [pod(container=ended(137, 3, reason="OOMKilled"))],
        "Pod tea-1, container tea: CrashLoopBackOff: ended 3 times, last with exit code 137 (OOMKilled)",
    ),
    "restarted and well again": ([pod(container=ended(1, 5) | {"state": {"running": {}}, "ready": True})], None),
    "ended well": ([pod(container=ended(0, 5))], None),
    "unschedulable": (
        [pod(scheduled={"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"})],
        "Pod tea-1 cannot be scheduled: 0/1 nodes",
    ),
    "only an old revision crashes": ([OLD_CRASHES, pod(container=waiting("ContainerCreating"))], None),
    "a pod that is going": ([pod(container=ended(1, 9), deletionTimestamp="t")], None),
}


@pytest.mark.parametrize(("pods", "reason"), PODS.values(), ids=PODS)
def test_trouble(pods, reason):
    found = trouble(UPDATING, pods)
    assert (found.reason if found else None) == reason


def test_trouble_waits_for_pods_of_the_new_revision():
    """Right after an update the youngest Pods still are those the update is to replace."""
    assert trouble(deployment(observedGeneration=1), [OLD_CRASHES]) is None
    assert trouble(deployment(updatedReplicas=0), [OLD_CRASHES]) is None


def test_trouble_of_creation_needs_no_pods():
    refused = [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}]
    assert trouble(deployment(updatedReplicas=0, conditions=refused), []).reason == "FailedCreate: exceeded quota"
    assert trouble(deployment(observedGeneration=1, conditions=refused), []) is None


def test_patience():
    """Pulls may heal within the grace, scheduling takes longer, a missing image does not heal, a crash loop is over."""
    order = ["crashed twice", "never pulled", "pull", "unschedulable"]
    patience = [trouble(UPDATING, PODS[name][0]).patience for name in order]
    assert patience == sorted(patience)
    assert len(set(patience)) == len(order)


def test_a_node_is_waited_for_as_long_as_somebody_is_leaving_it():
    """A port of the node is free when the Pod that had it is gone: 60 s of grace are six times the ten of the wait."""
    alone, leaving = PODS["unschedulable"][0], pod("tea-0", deletionTimestamp="t", deletionGracePeriodSeconds=60)
    assert trouble(UPDATING, [*alone, leaving]).patience == trouble(UPDATING, alone).patience + 6
    assert trouble(UPDATING, [pod(container=waiting("ErrImagePull")), leaving]).patience == 1
