"""Which key of the inventory an object has its name from: what a user changes where somebody else has that name."""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers import IngressController
from ..model.stack import Stack

_WIDE = {
    "IngressClass": "ingress_controller.class_name",
    "CustomResourceDefinition": "ingress_controller.crds.source",
    "ClusterRole": "ingress_stack_name",
    "ClusterRoleBinding": "ingress_stack_name",
}
_OF_WORKLOADS = ("Deployment", "Service")


def naming_key(stack: Stack, dialect: IngressController, kind: str, namespace: str, name: str) -> str:
    """The path of that key; "" where no single one decides. ``namespace``: "" of what is cluster-scoped."""
    for index, item in enumerate(stack.ingress_extra_objects):
        metadata = item["metadata"]
        if (item["kind"], metadata.get("namespace", ""), metadata["name"]) == (kind, namespace, name):
            return f"ingress_extra_objects[{index}].metadata.name"
    if not namespace:
        return _WIDE.get(kind, "")
    if begun := max(_begun(stack, kind, namespace, name), default=None):
        return begun[1]
    return "ingress_controller.namespace" if namespace == dialect.namespace(stack.controller) else ""


def _begun(stack: Stack, kind: str, namespace: str, name: str) -> Iterator[tuple[int, str]]:
    """Apps of the namespace, or workloads of theirs, with whose name the object's begins, and how much that is."""
    for app, said in stack.apps.items():
        at = stack.at(app)
        places = [(each, f"{at}.workloads") for each in said.workloads] if kind in _OF_WORKLOADS else [(app, at)]
        for begin, path in places if stack.namespace_of(app) == namespace else ():
            if name == begin or name.startswith(f"{begin}-"):
                yield len(begin), path
