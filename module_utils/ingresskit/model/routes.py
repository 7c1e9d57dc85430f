"""Hosts of a whole stack: who owns each, and every entry that any app has on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from .apps import App, Backend, PathType
from .options import Options
from .tls import TlsSource

if TYPE_CHECKING:
    from .stack import Stack

NO_OPTIONS = Options()


@dataclass(frozen=True)
class Entry:
    """One path entry of an app on a host. ``options``: those in force; ``at``: its inventory path."""

    app: str
    host: str
    path: str
    type: PathType
    backend: Backend
    options: Options
    at: str


@dataclass(frozen=True, eq=False)  # equal is what is the same: comparing all entries would be slow
class Site:
    """One host. ``namespace``: where its certificate is; ``owner``: the app that has it, "" where ``ingress_hosts``
    does; ``secret``: its TLS Secret, None without TLS; ``options``: of the host as a whole; ``shared``: by several
    apps, or owned by ``ingress_hosts``."""

    host: str
    namespace: str
    owner: str
    secret: str | None
    options: Options
    entries: tuple[Entry, ...]
    shared: bool

    @cached_property
    def apps(self) -> tuple[str, ...]:
        """The apps that have entries here, in the order of the inventory."""
        return tuple(dict.fromkeys(entry.app for entry in self.entries))

    @property
    def tls(self) -> bool:
        return self.secret is not None

    @property
    def answers_every_path(self) -> bool:
        """True where an entry takes what no other one does."""
        return any(entry.path == "/" and entry.type != "Exact" for entry in self.entries)


def sites_of(stack: Stack) -> dict[str, Site]:
    """Every host of the stack by its name ("*": requests for any host), in the order of the inventory."""
    entries: dict[str, list[Entry]] = {host: [] for host in stack.ingress_hosts}
    users: dict[str, list[str]] = {}
    for name, app in stack.apps.items():
        for entry in entries_of(stack, name, app):
            entries.setdefault(entry.host, []).append(entry)
        for host in hosts_of(app):
            users.setdefault(host, []).append(name)
    order = [*users, *(host for host in entries if host not in users)]
    return {host: _site(stack, host, users.get(host, []), tuple(entries[host])) for host in order}


def entries_of(stack: Stack, name: str, app: App) -> Iterator[Entry]:
    """An app's entries; a default backend without hosts is one for every host and path."""
    at = stack.at(name)
    if not app.hosts and app.default_backend is not None:
        options = effective_options(app.options)
        yield Entry(name, "*", "/", "Prefix", app.default_backend, options, f"{at}.default_backend")
    for host, rules in app.hosts.items():
        options = effective_options(app.options, rules.options)
        short = isinstance(rules.paths, Mapping)
        for index, (path, entry) in enumerate(rules.routes()):
            where = f'.paths."{path}"' if short else f".paths[{index}]"
            backend = Backend.model_construct(service=entry.service, port=entry.port)
            own = entry.options or options
            yield Entry(name, host, path, entry.type, backend, own, f'{at}.hosts."{host}"{where}')


def hosts_of(app: App) -> list[str]:
    """The app's hosts, "*" for a default backend alone."""
    return list(app.hosts) or (["*"] if app.default_backend is not None else [])


def effective_options(*levels: Options | None) -> Options:
    """The options in force, given those of app, host and path in that order.

    ``load`` has merged each level over the farther ones already, so the nearest level that has any is the answer.
    """
    return next((level for level in reversed(levels) if level is not None), NO_OPTIONS)


def host_options(stack: Stack, name: str, host: str) -> Options:
    """The options that an app's host has where a path gives none of its own."""
    app = stack.apps[name]
    rules = app.hosts.get(host)
    return effective_options(app.options, rules.options if rules else None)


def tls_of(stack: Stack, name: str, host: str) -> TlsSource | None:
    """The certificate that an app gives a host: the host's own, else the app's."""
    app = stack.apps[name]
    rules = app.hosts.get(host)
    return None if rules is None or host == "*" else rules.tls or app.tls


def _site(stack: Stack, host: str, users: list[str], entries: tuple[Entry, ...]) -> Site:
    owned = stack.ingress_hosts.get(host)
    if owned is not None:
        secret = (owned.tls.secret or f"{slug(host)}-tls") if owned.tls is not None else None
        return Site(host, owned.namespace, "", secret, effective_options(owned.options), entries, shared=True)
    owner = next((name for name in users if tls_of(stack, name, host) is not None), users[0])
    namespace, secret = stack.namespace_of(owner), secret_name(stack, owner, host)
    return Site(host, namespace, owner, secret, host_options(stack, owner, host), entries, shared=len(users) > 1)


def secret_name(stack: Stack, name: str, host: str) -> str | None:
    """Name of the Secret with the certificate that an app gives a host; None where it gives none."""
    source = tls_of(stack, name, host)
    if source is None:
        return None
    own = stack.apps[name].hosts[host].tls is not None
    return source.secret or (f"{name}-{slug(host)}-tls" if own else f"{name}-tls")


def slug(text: str) -> str:
    """A host or path as part of an object's name: ``*.example.com`` becomes ``wildcard-example-com``."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower().replace("*", "wildcard")).strip("-")
