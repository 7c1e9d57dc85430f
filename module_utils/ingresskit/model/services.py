"""Services that no workload brings but ``ingress_extra_objects``: aliases, headless ones, names of other clusters.

A backend names a Service; what stands behind it shows in the inventory as far as the inventory brings it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..manifests import workload_labels, workload_service
from .stack import Stack


def extra_services(stack: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    """("namespace/name", spec) of each Service among the extra objects; what is no Service at all is left out."""
    for item in stack.ingress_extra_objects:
        metadata, spec = item.get("metadata"), item.get("spec")
        if item.get("kind") == "Service" and isinstance(metadata, dict) and isinstance(spec, dict):
            yield f"{metadata.get('namespace', 'default')}/{metadata.get('name')}", spec


def external_names(stack: Stack) -> set[str]:
    """ "namespace/name" of the extra Services of type ExternalName."""
    return {place for place, spec in extra_services(stack) if spec.get("type") == "ExternalName"}


def ports_of(stack: Stack, place: str) -> list[dict[str, Any]] | None:
    """The ports of a Service ("namespace/name") that the inventory brings; None where it brings none of that name."""
    for there, spec in extra_services(stack):
        if there == place:
            ports = spec.get("ports")
            return [port for port in ports if isinstance(port, dict)] if isinstance(ports, list) else []
    for name, app in stack.apps.items():
        namespace = stack.namespace_of(name)
        for workload in app.workloads:
            if place == f"{namespace}/{workload}-svc":
                return list(workload_service(name, namespace, workload)["spec"]["ports"])
    return None


def echo_services(stack: Stack) -> dict[str, str]:
    """ "namespace/service" -> what the echo backend behind it calls itself: the "namespace/service" of its workload."""
    labels = {
        f"{stack.namespace_of(name)}/{workload}-svc": workload_labels(name, workload)
        for name, app in stack.apps.items()
        for workload, spec in app.workloads.items()
        if spec.image is None
    }
    found = {place: place for place in labels}
    extra = dict(extra_services(stack))
    for place, spec in extra.items():
        behind = _selected(place, spec, labels)
        if len(behind) == 1:
            found[place] = behind[0]
    for place, spec in extra.items():
        target = _in_cluster(spec)
        if target in found:
            found[place] = found[target]
    return found


def _selected(place: str, spec: dict[str, Any], labels: dict[str, dict[str, str]]) -> list[str]:
    selector, namespace = spec.get("selector"), place.partition("/")[0]
    if not isinstance(selector, dict) or not selector:
        return []
    return [
        service for service, has in labels.items()
        if service.startswith(f"{namespace}/") and selector.items() <= has.items()
    ]  # fmt: skip


def _in_cluster(spec: dict[str, Any]) -> str:
    """The Service that an ExternalName of this cluster points to; "" where it is none."""
    if spec.get("type") != "ExternalName":
        return ""
    name, __, rest = str(spec.get("externalName", "")).partition(".")
    namespace, __, zone = rest.partition(".")
    return f"{namespace}/{name}" if zone.startswith("svc") else ""
