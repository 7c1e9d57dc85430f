"""Every rendered object is one that the API server would take, and refers only to what is there."""

import copy

import pytest

from .stacks import CASES
from .validity import faults, pod_of, restricted

NOT_OURS = {"coffee", "grinder"}  # images of the user's, who alone knows what they need


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_object_is_valid(case):
    assert faults(case.objects(), case.outside) == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_is_named_outside_in_vain(case):
    """A list of what others bring that says more than is needed would hide a reference that has gone."""
    for name in case.outside:
        assert faults(case.objects(), case.outside - {name}) != [], name


@pytest.mark.parametrize("case", CASES, ids=str)
def test_our_pods_are_restricted(case):
    pods = {obj["metadata"]["name"]: pod for obj in case.objects() if (pod := pod_of(obj)) is not None}
    for name in pods.keys() - NOT_OURS:
        assert list(restricted(pods[name])) == []
        assert not pods[name].get("automountServiceAccountToken", "serviceAccountName" not in pods[name])


def pick(objects, kind, name):
    return next(obj for obj in objects if obj["kind"] == kind and obj["metadata"]["name"] == name)


def change(kind, name, *path, to=None):
    """A function that sets one field of one object, or without ``to`` removes it."""

    def apply(objects):
        here = pick(objects, kind, name)
        for key in path[:-1]:
            here = here[key]
        if to is None:
            del here[path[-1]]
        else:
            here[path[-1]] = to

    return apply


def without(kind, name):
    return lambda objects: objects.remove(pick(objects, kind, name))


POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)
MAIN = ("Deployment", "nginx-ingress")
PATH = ("spec", "rules", 0, "http", "paths", 0)
BROKEN = {
    "name": (change("Service", "public", "metadata", "name", to="1st"), "'1st' is no name for a Service"),
    "no namespace": (change("ConfigMap", "motd", "metadata", "namespace"), "has no namespace"),
    "cluster-wide": (change("IngressClass", "edge", "metadata", "namespace", to="x"), "although it is cluster-wide"),
    "label key": (change("Namespace", "edge", "metadata", "labels", "a b", to="x"), "'a b' is no label key"),
    "label value": (change("Namespace", "edge", "metadata", "labels", "a", to="x" * 64), "is no value for a"),
    "number as annotation": (change("Service", "public", "metadata", "annotations", "a", to=1), "1 is no value for a"),
    "null": (change(*MAIN, "spec", "paused", to={"a": None}), ".spec.paused.a is null"),
    "empty string": (change(*MAIN, *CONTAINER, "image", to=""), "image is an empty string"),
    "empty list": (change(*MAIN, *CONTAINER, "args", to=[]), "args is an empty list"),
    "empty mapping": (change(*MAIN, *POD, "nodeSelector", to={}), "nodeSelector is an empty mapping"),
    "unknown field": (change(*MAIN, *CONTAINER, "imagePullPolice", to="Always"), "is not a field of V1Container"),
    "wrong type": (change(*MAIN, *POD, "terminationGracePeriodSeconds", to="60"), "is not of type int"),
    "env as number": (change(*MAIN, *CONTAINER, "env", 2, "value", to=1), "env[2].value is not of type str"),
    "twins": (lambda objects: objects.append(objects[-1]), "1 objects have the name of another one"),
    "selector": (change(*MAIN, "spec", "selector", "matchLabels", "x", to="y"), "does not select its own Pods"),
    "nothing selected": (change("Service", "public", "spec", "selector", "x", to="y"), "selects 0 workloads"),
    "all selected": (change("Service", "public", "spec", "selector", to={}), "selects 0 workloads"),
    "target port": (change("Service", "inside", "spec", "ports", 0, "targetPort", to="tls"), "targetPort tls is not"),
    "port name": (change(*MAIN, *CONTAINER, "ports", 0, "name", to="A"), "'A' is no port name"),
    "port twice": (change(*MAIN, *CONTAINER, "ports", 0, "containerPort", to=443), "has a port twice"),
    "node port twice": (
        change("Service", "nginx-ingress", "spec", "ports", 0, "nodePort", to=30443),
        "has a nodePort twice",
    ),
    "probe": (change(*MAIN, *CONTAINER, "readinessProbe", "httpGet", "port", to="x"), "asks the port x"),
    "mount": (change(*MAIN, *POD, "volumes", 0, "name", to="x"), "volume nginx-etc is mounted but not there"),
    "replicas": (change(*MAIN, "spec", "replicas", to=2), "has replicas beside an autoscaler"),
    "no replicas": (change("Deployment", "tea", "spec", "replicas"), "neither replicas nor an autoscaler"),
    "account": (without("ServiceAccount", "nginx-ingress"), "there is no ServiceAccount nginx-ingress"),
    "role": (without("ClusterRole", "blue-nginx-ingress"), "there is no ClusterRole blue-nginx-ingress"),
    "class": (without("IngressClass", "edge"), "there is no IngressClass edge"),
    "page": (without("ConfigMap", "blue-default-backend"), "no ConfigMap blue-default-backend"),
    "configuration": (without("ConfigMap", "nginx-config"), "-nginx-configmaps names no ConfigMap edge/nginx-config"),
    "published": (without("Service", "public"), "-external-service names no Service edge/public"),
    "served class": (
        change("IngressClass", "edge", "metadata", "name", to="x"),
        "-ingress-class names no IngressClass",
    ),
    "certificate": (without("Certificate", "shop-pay-example-com-tls"), "there is no Secret shop-live/shop-pay-"),
    "backend": (without("Service", "tea-svc"), "there is no Service shop-live/tea-svc"),
    "backend's port": (
        change(
            "Ingress",
            "shop-pay-example-com",
            "spec",
            "rules",
            0,
            "http",
            "paths",
            1,
            "backend",
            "service",
            "port",
            "name",
            to="web",
        ),
        "the Service coffee-svc has no port web",
    ),
    "tls host": (change("Ingress", "shop", "spec", "rules", 0, "host", to="a.b"), "tls names shop.example.com"),
    "route twice": (
        change("Ingress", "intranet", "spec", "rules", 0, "host", to="shop.example.com"),
        "shop.example.com / Prefix is a route of",
    ),
    "autoscaler": (
        change("HorizontalPodAutoscaler", "nginx-ingress", "spec", "scaleTargetRef", "name", to="x"),
        "there is no Deployment x",
    ),
    "budget": (
        change("PodDisruptionBudget", "nginx-ingress", "spec", "selector", "matchLabels", "x", to="y"),
        "does not select one workload",
    ),
    "policy": (change("NetworkPolicy", "nginx-ingress", "spec", "ingress", 0, "ports", 0, "port", to=81), "lets in to"),
    "root": (change(*MAIN, *POD, "securityContext", "runAsUser", to=0), "may run as root"),
    "root, nobody asked": (change(*MAIN, *POD, "securityContext", "runAsNonRoot"), "may run as root"),
    "capability": (
        change(*MAIN, *CONTAINER, "securityContext", "capabilities", "add", to=["SYS_ADMIN"]),
        "adds capabilities",
    ),
    "capabilities": (change(*MAIN, *CONTAINER, "securityContext", "capabilities", "drop"), "keeps capabilities"),
    "escalation": (
        change(*MAIN, *POD, "initContainers", 0, "securityContext", "allowPrivilegeEscalation"),
        "seed-etc-nginx may escalate",
    ),
    "privileged": (change(*MAIN, *CONTAINER, "securityContext", "privileged", to=True), "is privileged"),
    "seccomp": (change(*MAIN, *POD, "securityContext", "seccompProfile"), "has no seccomp profile"),
    "host network": (change(*MAIN, *POD, "hostNetwork", to=True), "hostNetwork is set"),
    "host port": (change(*MAIN, *CONTAINER, "ports", 0, "hostPort", to=80), "has a host port"),
    "host path": (
        change(*MAIN, *POD, "volumes", 1, to={"name": "nginx-cache", "hostPath": {"path": "/"}}),
        "volume nginx-cache is of a kind",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_checks_find_what_is_broken(name):
    """Each fault put into a valid stack is told: a check that never speaks proves nothing."""
    case = next(case for case in CASES if str(case) == "rich-nginx")
    objects = copy.deepcopy(case.objects())
    spoil, words = BROKEN[name]
    spoil(objects)
    found = faults(objects, case.outside)
    assert any(words in fault for fault in found), found


@pytest.mark.parametrize("kind", ["Policy", "VirtualServerRoute", "IngressClass", "Service"])
def test_what_custom_resources_name_is_looked_for(kind):
    (case,) = (case for case in CASES if str(case) == "custom-nginx")
    objects = [obj for obj in case.objects() if obj["kind"] != kind]
    assert any(f"there is no {kind} " in fault for fault in faults(objects, case.outside))
