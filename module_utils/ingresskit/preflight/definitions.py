"""Custom resources: does the controller have any, and are their definitions in the cluster?"""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers import IngressController
from ..facts import Facts
from ..model.stack import Stack
from .finding import Finding, error

AT = "ingress_controller"


def check_definitions(stack: Stack, dialect: IngressController, facts: Facts) -> Iterator[Finding]:
    """With ``crds.source: none`` somebody else brings the definitions: they have to be there before anything else."""
    controller = stack.controller
    if controller.custom_resources and not dialect.definitions:
        yield error(f"{AT}.custom_resources", f"{dialect.title} has no custom resources: leave it out")
    if controller.crds is not None and not controller.custom_resources:
        yield error(f"{AT}.crds", "goes with ingress_controller.custom_resources: true")
    missing = [name for name in dialect.definitions if facts.served.get(name) is False]
    if missing:
        names = ", ".join(missing)
        remedy = "install them, or have ingresskit bring them (source: upstream or a PATH)"
        yield error(f"{AT}.crds.source", f"none, and the cluster does not serve {names}: {remedy}")
