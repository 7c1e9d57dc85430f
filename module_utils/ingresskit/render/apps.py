"""Apps: the workloads deployed with them, and their routes."""

from __future__ import annotations

from ..controllers import IngressController
from ..facts import Facts
from ..manifests import Object
from ..model.stack import Stack
from .workloads import workload_objects


def app_objects(stack: Stack, name: str, dialect: IngressController, facts: Facts) -> list[Object]:
    """Workloads, Services and Ingresses of one app."""
    app, namespace = stack.apps[name], stack.namespace_of(name)
    objects = [each for workload in app.workloads.items() for each in workload_objects(name, namespace, *workload)]
    return objects + dialect.routes(stack, name, facts)
