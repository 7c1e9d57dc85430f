"""Ingresses out of the entries of an app: one for what is treated alike, one for each host or path that differs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..facts import Facts
from ..manifests import Object, manifest
from ..model.apps import Backend, PathType
from ..model.routes import Entry, Site, host_options, hosts_of, slug
from ..model.stack import Stack
from .pages import page_backend

if TYPE_CHECKING:
    from .base import IngressController


@dataclass(frozen=True)
class Treatment:
    """How a controller is told what the options of one entry say.

    ``annotations``: of the Ingress the entry is in; entries of a host with equal ones share an Ingress. ``path``,
    ``type``, ``backend``: where other than the inventory's. ``objects``: what stands beside it (Secrets, Services).
    ``also``: further Ingresses for the same entry, each with a ``suffix`` for its name (a canary's).
    """

    annotations: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None
    type: PathType | None = None
    backend: Backend | None = None
    objects: tuple[Object, ...] = ()
    also: tuple[Treatment, ...] = ()
    suffix: str = ""


@dataclass(frozen=True)
class Treated:
    """An entry and how its controller is told."""

    entry: Entry
    how: Treatment


def app_routes(dialect: IngressController, stack: Stack, name: str, facts: Facts) -> list[Object]:
    """The Ingresses of one app and what stands beside them."""
    sites = [site for site in sites_of(stack, name) if dialect.by_ingress(site, stack)]
    treated = {site: treated_of(dialect, site, name, stack, facts) for site in sites}
    usual = _usual(stack, name, treated) if treated else None
    together: dict[str, list[Treated]] = {}
    objects: list[Object] = []
    for site, entries in treated.items():
        base = f"{name}-{slug(site.host)}"
        host_usual = usual_of(stack, name, site, entries)
        for said, group in groups(entries):
            if said == usual:
                together[site.host] = group
            else:
                own = base if said == host_usual else named(base, group[0].entry, objects)
                objects.append(ingress(dialect, stack, name, own, {site.host: group}))
        objects += further(dialect, stack, name, base, entries)
        objects += [each for one in entries for each in beside(one.how)]
    if together:
        objects.append(ingress(dialect, stack, name, name, together))
    return once(objects)


def treated_of(dialect: IngressController, site: Site, name: str, stack: Stack, facts: Facts) -> list[Treated]:
    """The app's entries of a host, with that for the paths left over where one has to say it."""
    mine = [entry for entry in site.entries if entry.app == name]
    rest = rest_of(dialect, stack, name, site)
    return [Treated(entry, dialect.treat(entry, site, stack, facts)) for entry in [*mine, *([rest] if rest else [])]]


def sites_of(stack: Stack, name: str) -> Iterator[Site]:
    """The hosts of an app, in the order of the inventory."""
    return (stack.sites[host] for host in hosts_of(stack.apps[name]))


def rest_of(dialect: IngressController, stack: Stack, name: str, site: Site) -> Entry | None:
    """What answers the paths of a host that no entry matches, where a ``/`` entry of this app has to say it."""
    app = stack.apps[name]
    if site.answers_every_path or name != _carrier(stack, site):
        return None
    page = stack.controller.not_found is not None and dialect.not_found_per_host()
    backend = app.default_backend or (page_backend(stack) if page else None)
    if backend is None:
        return None
    options = host_options(stack, name, site.host)
    return Entry(name, site.host, "/", "Prefix", backend, options, f"{stack.at(name)}.default_backend")


def _carrier(stack: Stack, site: Site) -> str:
    """The app that answers what a host's entries leave over: the first with a default backend, else its owner."""
    named = (name for name in site.apps if stack.apps[name].default_backend is not None)
    return next(named, site.owner or site.apps[0])


def _usual(stack: Stack, name: str, treated: Mapping[Site, Sequence[Treated]]) -> Mapping[str, str] | None:
    """The annotations of the Ingress that has the app's own name: those of its hosts without options of their own and
    with the app's kind of TLS, or of all its hosts where they agree."""
    app = stack.apps[name]
    own = {site: usual_of(stack, name, site, entries) for site, entries in treated.items()}
    plain = [site for site in own if (rules := app.hosts.get(site.host)) is None or rules.options is None]
    alike = [own[site] for site in plain if site.tls == (app.tls is not None) and site.host != "*"]
    if alike:
        return alike[0]
    first = next(iter(own.values()))
    return first if all(each == first for each in own.values()) else None


def usual_of(stack: Stack, name: str, site: Site, entries: Sequence[Treated]) -> Mapping[str, str] | None:
    """The annotations of a host's entries that have no options of their own; of all where they agree."""
    options = host_options(stack, name, site.host)
    plain = (one.how.annotations for one in entries if one.entry.options is options)
    return next(plain, entries[0].how.annotations if len({*_keys(entries)}) == 1 else None)


def _keys(entries: Sequence[Treated]) -> Iterator[tuple[tuple[str, str], ...]]:
    return (tuple(sorted(one.how.annotations.items())) for one in entries)


def groups(entries: Sequence[Treated]) -> list[tuple[Mapping[str, str], list[Treated]]]:
    """The entries by their annotations, in the order of the inventory."""
    found: dict[tuple[tuple[str, str], ...], list[Treated]] = {}
    for key, one in zip(_keys(entries), entries, strict=True):
        found.setdefault(key, []).append(one)
    return [(group[0].how.annotations, group) for group in found.values()]


def named(base: str, entry: Entry, others: Sequence[Object] = (), suffix: str = "") -> str:
    """Name of the Ingress of an entry that is not treated as its host is; a digest tells namesakes apart."""
    name, end = f"{base}-{slug(entry.path) or 'root'}", f"-{suffix}" if suffix else ""
    if any(each["kind"] == "Ingress" and each["metadata"]["name"] == name + end for each in others):
        name += "-" + hashlib.sha256(f"{entry.type} {entry.path}".encode()).hexdigest()[:6]
    return name + end


def further(dialect: IngressController, stack: Stack, name: str, base: str, entries: Sequence[Treated]) -> list[Object]:
    """The Ingresses beside that of their entry."""
    found: list[Object] = []
    for one in entries:
        for how in one.how.also:
            own = named(base, one.entry, found, how.suffix)
            found.append(ingress(dialect, stack, name, own, {one.entry.host: [Treated(one.entry, how)]}))
    return found


def beside(how: Treatment) -> Iterator[Object]:
    """What stands beside an entry's Ingresses."""
    yield from how.objects
    for other in how.also:
        yield from beside(other)


def once(objects: Sequence[Object]) -> list[Object]:
    """Equal objects once: several entries may ask for the same."""
    found: list[Object] = []
    places: dict[tuple[str, str], list[Object]] = {}
    for each in objects:
        place = places.setdefault((each["kind"], each["metadata"]["name"]), [])
        if each not in place:
            place.append(each)
            found.append(each)
    return found


def ingress(
    dialect: IngressController, stack: Stack, app_name: str, name: str, hosts: Mapping[str, Sequence[Treated]]
) -> Object:
    """An Ingress of these entries by host; its annotations are theirs, under the app's raw ones."""
    annotations = next(iter(hosts.values()))[0].how.annotations
    labels = {"app.kubernetes.io/part-of": app_name}
    raw = stack.apps[app_name].annotations
    spec: Object = {"ingressClassName": dialect.class_name(stack.controller)}
    secured = tls_entries([stack.sites[host] for host in hosts if stack.sites[host].owner == app_name])
    if secured:
        spec["tls"] = secured
    spec["rules"] = [rule_of(host, [_path(one) for one in entries]) for host, entries in hosts.items()]
    namespace = stack.namespace_of(app_name)
    return manifest("Ingress", name, namespace, labels=labels, annotations={**annotations, **raw}, spec=spec)


def tls_entries(sites: Sequence[Site]) -> list[Object]:
    """``spec.tls`` for these hosts: those with one Secret in one entry."""
    by_secret: dict[str, list[str]] = {}
    for site in sites:
        if site.secret is not None:
            by_secret.setdefault(site.secret, []).append(site.host)
    return [{"hosts": names, "secretName": secret} for secret, names in by_secret.items()]


def rule_of(host: str, paths: Sequence[Object]) -> Object:
    """A rule of ``spec.rules``; that of "*" names no host."""
    rule: Object = {"http": {"paths": list(paths)}}
    return rule if host == "*" else {"host": host, **rule}


def path_of(path: str, kind: PathType, backend: Backend) -> Object:
    """A path of a rule."""
    port = {"number": backend.port} if isinstance(backend.port, int) else {"name": backend.port}
    return {"path": path, "pathType": kind, "backend": {"service": {"name": backend.service, "port": port}}}


def _path(one: Treated) -> Object:
    entry, how = one.entry, one.how
    return path_of(how.path or entry.path, how.type or entry.type, how.backend or entry.backend)


def host_ingress(dialect: IngressController, stack: Stack, host: str) -> Object:
    """The Ingress of a host that ``ingress_hosts`` owns: its certificate, and no path."""
    site = stack.sites[host]
    labels = {"app.kubernetes.io/part-of": stack.name}
    spec: Object = {"ingressClassName": dialect.class_name(stack.controller), "tls": tls_entries([site])}
    spec["rules"] = [{"host": host}]
    return manifest("Ingress", slug(host), site.namespace, labels=labels, spec=spec)
