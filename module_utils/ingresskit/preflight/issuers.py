"""Certificates that an Ingress asks cert-manager for by annotation: is there one Ingress that can?"""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers import IngressController
from ..facts import Facts
from ..model.stack import Stack
from ..render.issuers import asked_by_annotation, refusals
from ..render.secrets import uses_of
from .finding import Finding, error


def check_issuers(stack: Stack, dialect: IngressController, facts: Facts) -> Iterator[Finding]:
    """The routes are rendered for it, so ask only where nothing else is wrong."""
    uses = uses_of(stack, dialect)
    if not asked_by_annotation(uses):
        return
    objects = [obj for name in stack.apps for obj in dialect.routes(stack, name, facts)]
    objects += [obj for host in stack.ingress_hosts for obj in dialect.host_routes(stack, host, facts)]
    for use, why in refusals(objects, uses):
        yield error(f"{use.path}.issuer.by", f"{why}: leave by out for a Certificate of ours")
