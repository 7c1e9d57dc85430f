"""What of a render has to be watched until it is ready. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..api.resources import BUILTIN, Object, Ref, Resource
from ..manifests import BEFORE_ROUTES

WORKLOADS = ("Deployment", "DaemonSet", "StatefulSet")
SLICES = BUILTIN["discovery.k8s.io/v1", "EndpointSlice"]


@dataclass
class Scope:
    """One kind to LIST and WATCH by the stack's label, and what of it is waited for."""

    resource: Resource
    targets: set[Ref] = field(default_factory=set)
    version: str = ""  # resourceVersion the next watch starts from
    namespace: str | None = None  # where it may not be listed in all of them


def narrowed(scope: Scope) -> list[Scope]:
    """The same, a namespace each: for a user who has rights in namespaces only."""
    spaces = sorted({ref.namespace for ref in scope.targets})
    inside = {space: {ref for ref in scope.targets if ref.namespace == space} for space in spaces}
    return [Scope(scope.resource, inside[space], namespace=space) for space in spaces]


def scopes_of(objects: Iterable[Object], ingress_needs_address: bool) -> list[Scope]:
    """What has to be watched for these objects."""
    scopes: dict[Resource, Scope] = {}
    used = used_services(objects)
    for obj in objects:
        ref = Ref.of(obj)
        kinds = []
        if _has_rule(obj, ingress_needs_address):
            kinds.append(BUILTIN[ref.api_version, ref.kind])
        if (ref in used or _before_routes(obj)) and (obj.get("spec") or {}).get("selector"):
            kinds.append(SLICES)
        for resource in kinds:
            scopes.setdefault(resource, Scope(resource)).targets.add(ref)
    return list(scopes.values())


def _before_routes(obj: Object) -> bool:
    """Whether it is a Service whose endpoints the routes have to find when they come."""
    return obj["kind"] == "Service" and BEFORE_ROUTES in (obj["metadata"].get("annotations") or {})


def _has_rule(obj: Object, ingress_needs_address: bool) -> bool:
    if (obj["apiVersion"], obj["kind"]) not in BUILTIN:
        return False
    if obj["kind"] == "Service":
        return bool(obj["spec"].get("type") == "LoadBalancer")
    if obj["kind"] == "Ingress":
        return ingress_needs_address
    return obj["kind"] in (*WORKLOADS, "Job", "CustomResourceDefinition")


def used_services(objects: Iterable[Object]) -> set[Ref]:
    """The Services that the Ingresses among the objects route to."""
    used = set()
    for obj in objects:
        if obj["kind"] != "Ingress":
            continue
        spec = obj.get("spec") or {}
        rules = [path for rule in spec.get("rules") or () for path in (rule.get("http") or {}).get("paths") or ()]
        backends = [spec.get("defaultBackend") or {}, *(path.get("backend") or {} for path in rules)]
        names = {(backend.get("service") or {}).get("name") for backend in backends}
        used |= {Ref("", "Service", obj["metadata"]["namespace"], name) for name in names if name}
    return used
