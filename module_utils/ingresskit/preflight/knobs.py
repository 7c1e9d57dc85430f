"""The knobs of the controller's Pods: what the API server would refuse late, or what would undo ours silently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..controllers import IngressController
from ..controllers.arguments import flag_name
from ..controllers.monitoring import DEFINITION
from ..facts import Facts
from ..model.controller import Controller
from ..model.problems import unknown_key
from ..model.stack import Stack
from .config import entry
from .finding import Finding, error, warning

AT = "ingress_controller"
OURS = "ingresskit.io/"
SET_BY_US = ("POD_NAME", "POD_NAMESPACE")
# https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#scheduling
TOLERATION = ("key", "operator", "value", "effect", "tolerationSeconds")
AFFINITY = ("nodeAffinity", "podAffinity", "podAntiAffinity")
SPREAD = (
    *("maxSkew", "topologyKey", "whenUnsatisfiable", "labelSelector", "matchLabelKeys", "minDomains"),
    *("nodeAffinityPolicy", "nodeTaintsPolicy"),
)
SPREAD_NEEDS = SPREAD[:3]


def check_knobs(stack: Stack, dialect: IngressController, facts: Facts) -> Iterator[Finding]:
    """Of every knob that the model takes as it is."""
    controller = stack.controller
    yield from _names(stack, dialect)
    yield from _scheduling(controller)
    yield from _arguments(controller, dialect)
    yield from _scope(stack, dialect)
    yield from _metrics(stack, facts)
    if controller.pdb is not None and controller.pdb.max_unavailable == 0 and controller.workload == "Deployment":
        yield warning(f"{AT}.pdb.max_unavailable", "0 lets no node be drained on which a Pod of the controller runs")


def _names(stack: Stack, dialect: IngressController) -> Iterator[Finding]:
    """Names of our own in the Pods."""
    controller, selecting = stack.controller, dialect.pod_labels(stack)
    for name in controller.env:
        if name in SET_BY_US:
            yield error(f"{AT}.env.{name}", "ingresskit sets it from the Pod's own fields: remove it")
    for key, values in {"pod_labels": controller.pod_labels, "pod_annotations": controller.pod_annotations}.items():
        for name in values:
            if name.startswith(OURS):
                yield error(f'{AT}.{key}."{name}"', f"names that begin with {OURS} are ingresskit's")
            elif key == "pod_labels" and name in selecting:
                yield error(f'{AT}.{key}."{name}"', "the Services find the Pods by it: ingresskit sets it")


def _scheduling(controller: Controller) -> Iterator[Finding]:
    """As in a Pod's spec: is it that at all?"""
    for index, toleration in enumerate(controller.tolerations):
        yield from _fields(f"{AT}.tolerations[{index}]", toleration, TOLERATION)
    yield from _fields(f"{AT}.affinity", controller.affinity, AFFINITY)
    for index, spread in enumerate(controller.topology_spread or ()):
        at = f"{AT}.topology_spread[{index}]"
        yield from _fields(at, spread, SPREAD)
        yield from (error(f"{at}.{key}", "is missing") for key in SPREAD_NEEDS if key not in spread)


def _fields(at: str, given: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[Finding]:
    yield from (error(f"{at}.{key}", unknown_key(key, known)) for key in given if key not in known)


def _arguments(controller: Controller, dialect: IngressController) -> Iterator[Finding]:
    """A flag of the user's takes the place of ours, but not of one that the rest of the stack is made for."""
    for index, argument in enumerate(controller.extra_args):
        at, name = f"{AT}.extra_args[{index}]", flag_name(argument)
        if name is None:
            continue
        if name in dialect.own_flags:
            yield error(at, f"{argument.partition('=')[0]}: {dialect.own_flags[name]}")
        elif dialect.config_table.strict:  # its flags are what config says, too
            __, equals, value = argument.partition("=")
            yield from entry(at, name, value if equals else "true", controller, dialect)


def _scope(stack: Stack, dialect: IngressController) -> Iterator[Finding]:
    """Whatever is routed to has to be where the controller looks."""
    controller = stack.controller
    watched = dialect.watched(controller)
    if not watched:
        return
    why = f"is not in {AT}.watch_namespaces, so the controller would not see it: add it there"
    for name in stack.apps:
        if stack.namespace_of(name) not in watched:
            yield error(f"{stack.at(name)}.namespace", f"{stack.namespace_of(name)} {why}")
    for host, owned in stack.ingress_hosts.items():
        if owned.namespace is not None and owned.namespace not in watched:
            yield error(f'ingress_hosts."{host}".namespace', f"{owned.namespace} {why}")
    backend = controller.default_backend
    named = {}
    if backend is not None and not dialect.not_found_by_pod(controller):  # else our Pods pass on to it, who see all
        named[f"{AT}.default_backend.service"] = backend.service
    named |= {f"{AT}.{each.protocol.lower()}_services.{each.port}": each.backend for each in controller.streams}
    for at, service in named.items():
        if service is not None and service.partition("/")[0] not in watched:
            yield error(at, f"{service.partition('/')[0]} {why}")


def _metrics(stack: Stack, facts: Facts) -> Iterator[Finding]:
    metrics, at = stack.controller.metrics, f"{AT}.metrics.service_monitor"
    if not metrics.service_monitor:
        return
    if not metrics.enabled:
        yield error(at, f"there is nothing to scrape: set {AT}.metrics.enabled")
    brought = {str(each.get("metadata", {}).get("name")) for each in stack.ingress_extra_objects}
    if facts.served.get(DEFINITION) is False and DEFINITION not in brought:
        why = f"the cluster does not serve {DEFINITION}: install the Prometheus operator first, or leave it out"
        yield error(at, why)
