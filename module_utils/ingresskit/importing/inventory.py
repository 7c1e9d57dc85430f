"""From drafts to the variables of an inventory, in the shortest form that says it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Any

from .drafts import Draft, HostDraft
from .loss import Loss
from .manifest import Backend
from .placing import Placed
from .reading import Entry

_NAME = 63  # of an app: it becomes a label


def inventory_of(
    drafts: Sequence[Draft], owners: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Draft], list[Loss]]:
    """``ingress_apps``, with ``owners`` as ``ingress_hosts``; the draft behind each app, and what had to be renamed."""
    shared = {host for host, users in Counter(host for draft in drafts for host in draft.hosts).items() if users > 1}
    apps: dict[str, Any] = {}
    behind: dict[str, Draft] = {}
    first: dict[str, str] = {}
    losses = []
    for draft in drafts:
        name, called = _free_name(draft, apps), str(draft.ingress)
        if called in first:
            why = f"in a cluster it would replace the one of this name at {first[called]}; here it is the app {name}"
            losses.append(Loss(called, draft.ingress.at, "name", why))
        elif name != draft.name:
            losses.append(Loss(called, draft.ingress.at, "name", f"the app and its Ingress are called {name}"))
        first.setdefault(called, draft.ingress.at)
        apps[name], behind[name] = _app(name, draft, shared), draft
    hosts = {"ingress_hosts": dict(owners)} if owners else {}
    return hosts | {"ingress_apps": apps}, behind, losses


def _free_name(draft: Draft, taken: Container[str]) -> str:
    """The Ingress's name as a DNS label that no other app has."""
    plain = re.sub(r"[^a-z0-9-]+", "-", draft.name)[:_NAME].strip("-")
    names = chain([plain, f"{plain}-{draft.ingress.namespace}"[:_NAME].strip("-")], _numbered(plain))
    return next(name for name in names if name not in taken)


def _numbered(name: str) -> Iterator[str]:
    return (f"{name[: _NAME - 6]}-{number}" for number in count(2))


def _app(name: str, draft: Draft, shared: Container[str]) -> dict[str, Any]:
    app: dict[str, Any] = {}
    placed = Placed(draft.hosts, shared)
    if draft.ingress.namespace != name:
        app["namespace"] = draft.ingress.namespace
    secret = _shared_secret(draft)
    if secret:
        app["tls"] = {"secret": secret}
    if draft.hosts:
        order = sorted(draft.hosts, key=lambda host: host != draft.first)
        app["hosts"] = {host: _host(host, draft.hosts[host], secret, placed) for host in order}
    if draft.default:
        app["default_backend"] = _short(draft.default)
    if placed.app:
        app["options"] = placed.app
    if draft.annotations:
        app["annotations"] = draft.annotations
    return app


def _shared_secret(draft: Draft) -> str | None:
    """The app's own certificate, where every host with a name has one: what most of them use. An app that was rendered
    without an Ingress of its name had none."""
    secrets = [rules.secret for host, rules in draft.hosts.items() if host != "*"]
    levels = {entry.level for rules in draft.hosts.values() for entry in rules.entries}
    if not secrets or None in secrets or (any(levels) and "app" not in levels):
        return None
    return Counter(secrets).most_common(1)[0][0]


def _host(host: str, rules: HostDraft, shared: str | None, placed: Placed) -> Any:
    said: dict[str, Any] = {}
    if rules.secret not in (None, shared):
        said["tls"] = {"secret": rules.secret}
    if placed.hosts[host]:
        said["options"] = placed.hosts[host]
    paths = _paths(rules.entries, [placed.entries.get((host, index), {}) for index in range(len(rules.entries))])
    if not said and list(paths) == ["/"] and isinstance(paths, dict) and isinstance(paths["/"], str):
        return paths["/"]
    return {**said, "paths": paths}


def _paths(entries: Sequence[Entry], options: Sequence[dict[str, Any]]) -> dict[str, Any] | list[dict[str, Any]]:
    if len({entry.path for entry in entries}) < len(entries):
        return [{"path": entry.path, **_long(entry, own)} for entry, own in zip(entries, options, strict=True)]
    return {
        entry.path: _long(entry, own) if own or entry.type != "Prefix" else _short(entry.backend)
        for entry, own in zip(entries, options, strict=True)
    }


def _long(entry: Entry, options: dict[str, Any]) -> dict[str, Any]:
    long: dict[str, Any] = {"service": entry.backend.service, "port": entry.backend.port}
    if entry.type != "Prefix":
        long["type"] = entry.type
    return {**long, "options": options} if options else long


def _short(backend: Backend) -> str:
    return f"{backend.service}:{backend.port}"
