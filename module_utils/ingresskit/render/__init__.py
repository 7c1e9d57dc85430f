"""From stack and facts to Kubernetes objects. Pure: the same values in, the same objects out."""

from __future__ import annotations

from collections import Counter

from ..controllers import controller_for
from ..errors import InventoryError, Problem
from ..facts import Facts
from ..manifests import Object, group_of
from ..model.stack import Stack
from .apps import app_objects
from .default_backend import default_backend_objects
from .issuers import annotated
from .namespaces import namespaces
from .secrets import tls_secrets, uses_of

REMEDY = "rename an app or a workload, or drop it from ingress_extra_objects"

__all__ = ["render"]


def render(stack: Stack, facts: Facts) -> list[Object]:
    """Every object of the stack, in the order of the inventory.

    A certificate of ours that is still good (``facts.known``) comes as a Secret without ``data``: keep what is there.
    Raises InventoryError where a certificate cannot be made without a cluster, a file is not to be had, or two objects
    would have one name.
    """
    dialect = controller_for(stack.controller)
    uses = uses_of(stack, dialect)
    objects = [
        *tls_secrets(uses, facts),
        *facts.definitions,
        *dialect.objects(stack, facts),
        *dialect.services(stack),
        *default_backend_objects(stack, dialect, facts),
    ]
    for name in stack.apps:
        objects += app_objects(stack, name, dialect, facts)
    for host in stack.ingress_hosts:
        objects += dialect.host_routes(stack, host, facts)
    objects = annotated(objects, uses)
    objects += stack.ingress_extra_objects
    objects = [*namespaces(stack, dialect, objects), *objects]
    _refuse_twins(objects)
    return objects


def _refuse_twins(objects: list[Object]) -> None:
    """Two apps in one namespace, or hosts alike but for a dot, can ask for one name: the later would win, silently."""
    counts = Counter(map(_identity, objects))
    twice = [f"{kind} {place}" for (__, kind, place), count in counts.items() if count > 1]
    problems = [Problem("", f"{name} would be made twice: {REMEDY}") for name in twice]
    if problems:
        raise InventoryError(problems)


def _identity(obj: Object) -> tuple[str, str, str]:
    metadata = obj["metadata"]
    space = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return group_of(obj), obj["kind"], f"{space}{metadata['name']}"
