"""From stack and facts to Kubernetes objects. Pure: the same values in, the same objects out."""

from __future__ import annotations

from ..controllers import controller_for
from ..facts import Facts
from ..manifests import Object
from ..model.stack import Stack
from .apps import app_objects
from .default_backend import default_backend_objects
from .namespaces import namespaces
from .secrets import tls_secrets, uses_of

__all__ = ["render"]


def render(stack: Stack, facts: Facts) -> list[Object]:
    """Every object of the stack, in the order of the inventory.

    A certificate of ours that is still good (``facts.known``) comes as a Secret without ``data``: keep what is there.
    Raises InventoryError where a certificate cannot be made without a cluster, or a file is not to be had.
    """
    dialect = controller_for(stack.controller)
    objects = [
        *tls_secrets(uses_of(stack, dialect), facts),
        *dialect.objects(stack),
        *dialect.services(stack),
        *default_backend_objects(stack, dialect, facts),
    ]
    for name in stack.apps:
        objects += app_objects(stack, name, dialect)
    objects += stack.ingress_extra_objects
    return [*namespaces(stack, dialect, objects), *objects]
