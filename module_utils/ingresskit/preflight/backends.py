"""Backends that the inventory names: can the controller reach what stands behind them?"""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers import CONTROLLERS, IngressController
from ..model.services import external_names
from ..model.stack import Stack
from .finding import Finding, error


def check_backends(stack: Stack, dialect: IngressController) -> Iterator[Finding]:
    """A Service of type ExternalName behind a controller that resolves no names: it would answer 502, silently."""
    outside = external_names(stack)
    if dialect.external_names or not outside:
        return
    can = " and ".join(kind for kind, each in CONTROLLERS.items() if each.external_names)
    for at, app, service in _backends(stack):
        if f"{stack.namespace_of(app)}/{service}" in outside:
            yield error(
                at,
                f"the Service {service} is an ExternalName, which {dialect.title} resolves in its NGINX Plus build "
                f"only; {can} can. Or give the Service no selector and an EndpointSlice with the addresses",
            )


def _backends(stack: Stack) -> Iterator[tuple[str, str, str]]:
    """(inventory path, app, Service) of everything that gets requests."""
    for site in stack.sites.values():
        for entry in site.entries:
            yield entry.at, entry.app, entry.backend.service
            if entry.options.canary is not None:
                yield f"{entry.at}.options.canary", entry.app, entry.options.canary.backend.rpartition(":")[0]
    for name, app in stack.apps.items():
        if app.default_backend is not None and app.hosts:
            yield f"{stack.at(name)}.default_backend", name, app.default_backend.service
