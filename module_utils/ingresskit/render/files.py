"""Files that the inventory names."""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers.pages import is_file, pages
from ..model.stack import Stack
from ..model.tls import TlsSource


def file_names(stack: Stack) -> Iterator[tuple[str, str]]:
    """(inventory path, file) of every file the stack names; the same file may come twice."""
    yield from ((path, page) for path, page in pages(stack.controller) if is_file(page))
    for path, source in tls_sources(stack):
        for key in ("cert_file", "key_file"):
            name = getattr(source, key)
            if name is not None:
                yield f"{path}.{key}", name


def tls_sources(stack: Stack) -> Iterator[tuple[str, TlsSource]]:
    """(inventory path, source) of every ``tls`` in the stack."""
    if stack.controller.default_tls is not None:
        yield "ingress_controller.default_tls", stack.controller.default_tls
    for name, app in stack.apps.items():
        if app.tls is not None:
            yield f"{stack.at(name)}.tls", app.tls
        for host, rules in app.hosts.items():
            if rules.tls is not None:
                yield f'{stack.at(name)}.hosts."{host}".tls', rules.tls
    for host, owned in stack.ingress_hosts.items():
        if owned.tls is not None:
            yield f'ingress_hosts."{host}".tls', owned.tls
