"""Files that the inventory names: which they are, and their content from the facts."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import InventoryError, Problem
from ..facts import Facts
from ..model.stack import Stack
from ..model.tls import TlsSource


def file_names(stack: Stack) -> Iterator[tuple[str, str]]:
    """(inventory path, file) of every file the stack names; the same file may come twice."""
    backend = stack.controller.default_backend
    if backend is not None and backend.page is not None and is_file(backend.page):
        yield "ingress_controller.default_backend.page", backend.page
    for path, source in tls_sources(stack):
        for key in ("cert_file", "key_file"):
            name = getattr(source, key)
            if name is not None:
                yield f"{path}.{key}", name


def is_file(page: str) -> bool:
    """A page is HTML text if it has a tag or a line break, else the path of a file."""
    return "<" not in page and "\n" not in page


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


def text_of(name: str, facts: Facts) -> str:
    """A file's content as text. Raises InventoryError where it was not read or is not UTF-8."""
    try:
        return facts.files[name].decode()
    except KeyError:
        raise InventoryError([Problem("", f"the file {name} was not read")]) from None
    except UnicodeDecodeError:
        raise InventoryError([Problem("", f"the file {name} is not UTF-8 text")]) from None
