"""Ingresses for F5's controller: one for each host; where its entries differ, a master with a minion for each entry.

A host belongs to one Ingress there. When it goes to another one, F5 takes it from the first and reloads before the
second gets it (createResourceChangesForHosts in internal/k8s/configuration.go of nginx/kubernetes-ingress): in between
nobody serves it. So every host has an Ingress of its own, which keeps its name and becomes a master in place; for the
same reason a minion has one entry alone: no path ever goes from one minion to another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..manifests import Object, manifest
from ..model.options import Options
from ..model.routes import Entry, Site, slug
from ..model.stack import Stack
from .base import IngressController, wants_redirect
from .ingresses import once, path_of, rest_of, rule_of, sites_of, tls_entries
from .nginx_options import (
    PER_SERVICE,
    PREFIX,
    Said,
    added,
    hidden,
    hsts_of_host,
    location,
    of_services,
    said_of,
    told_of_services,
)
from .nginx_resources import ingress_policies, policies_annotation
from .nginx_users import password_secret
from .pages import page_backend

MERGEABLE = PREFIX + "mergeable-ingress-type"
HOSTLESS = {PREFIX + "ssl-redirect": "false"}
NOT_FOR_THE_REST = ("regex", "rewrite", "affinity", "backend_protocol")
LONGEST_NAME = 200


@dataclass(frozen=True)
class Told:
    """An entry, the annotations of the Ingress it is in, what is said of its Service, and what stands beside it."""

    entry: Entry
    location: Mapping[str, str]
    said: Said
    objects: tuple[Object, ...]


def nginx_routes(dialect: IngressController, stack: Stack, name: str) -> list[Object]:
    """The Ingresses of one app, masters among them, and the Secrets of its users."""
    objects: list[Object] = []
    for site in sites_of(stack, name):
        if not dialect.by_ingress(site, stack):
            continue
        told, annotations = told_of(dialect, stack, site, entries_of(dialect, stack, name, site))
        objects += [each for one in told for each in one.objects]
        if annotations is not None:
            paths = [path for one in told for path in paths_of(one)]
            raw = of_services(stack.apps[name].annotations, services_of(told))
            objects.append(_ingress(dialect, stack, name, site, {**of_host(site), **annotations, **raw}, paths))
            continue
        if site.owner == name:
            own = {key: value for key, value in stack.apps[name].annotations.items() if key not in PER_SERVICE}
            objects.append(master(dialect, stack, site, own_name(stack, name, site), name, own))
        objects += _minions(dialect, stack, name, site, told)
    return once(objects)


def master(
    dialect: IngressController, stack: Stack, site: Site, name: str, part_of: str, raw: Mapping[str, str]
) -> Object:
    """The Ingress that has a host, its certificate and what holds for all of it; the paths are its minions'."""
    spec: Object = {"ingressClassName": dialect.class_name(stack.controller)}
    if site.tls:
        spec["tls"] = tls_entries([site])
    spec["rules"] = [{} if site.host == "*" else {"host": site.host}]
    annotations = {MERGEABLE: "master", **of_host(site), **raw}
    labels = {"app.kubernetes.io/part-of": part_of}
    return manifest("Ingress", name, site.namespace, labels=labels, annotations=annotations, spec=spec)


def _minions(dialect: IngressController, stack: Stack, name: str, site: Site, told: Sequence[Told]) -> Iterator[Object]:
    namespace, labels = stack.namespace_of(name), {"app.kubernetes.io/part-of": name}
    for one, own in zip(told, minion_names(name, [each.entry for each in told]), strict=True):
        raw = of_services(stack.apps[name].annotations, {one.entry.backend.service})
        annotations = {MERGEABLE: "minion", **one.location, **_of_services([one]), **raw}
        rules = [rule_of(site.host, paths_of(one))]
        spec = {"ingressClassName": dialect.class_name(stack.controller), "rules": rules}
        yield manifest("Ingress", own, namespace, labels=labels, annotations=annotations, spec=spec)


def _ingress(
    dialect: IngressController, stack: Stack, name: str, site: Site, annotations: Mapping[str, str], paths: list[Object]
) -> Object:
    spec: Object = {"ingressClassName": dialect.class_name(stack.controller)}
    if site.tls:
        spec["tls"] = tls_entries([site])
    spec["rules"] = [rule_of(site.host, paths)]
    own, labels = own_name(stack, name, site), {"app.kubernetes.io/part-of": name}
    return manifest("Ingress", own, stack.namespace_of(name), labels=labels, annotations=annotations, spec=spec)


def own_name(stack: Stack, name: str, site: Site) -> str:
    """Name of the Ingress that has a host of an app: the app's for its first host, else with the host's."""
    return name if next(sites_of(stack, name)) is site else _short(f"{name}-{slug(site.host)}")


def minion_names(name: str, entries: Sequence[Entry]) -> list[str]:
    """A name for the minion of each of an app's entries on one host; a digest tells apart whose paths sound alike."""
    plain = [f"{name}-{slug(entry.host)}-{slug(entry.path) or 'root'}" for entry in entries]
    ends = [hashlib.sha256(f"{entry.type} {entry.path}".encode()).hexdigest()[:6] for entry in entries]
    return [_short(own if plain.count(own) == 1 else f"{own}-{end}") for own, end in zip(plain, ends, strict=True)]


def _short(name: str) -> str:
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:LONGEST_NAME].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def entries_of(dialect: IngressController, stack: Stack, name: str, site: Site) -> list[Entry]:
    """An app's entries of a host, with that for the paths left over where one has to say it.

    No regular expression there: it would go before the others. Our own page is not what the options are about.
    """
    entries = [entry for entry in site.entries if entry.app == name]
    rest = rest_of(dialect, stack, name, site)
    if rest is not None:
        without = NOT_FOR_THE_REST if rest.backend == page_backend(stack) else NOT_FOR_THE_REST[:1]
        options = rest.options.model_copy(update=dict.fromkeys(without))
        entries.append(Entry(rest.app, rest.host, rest.path, rest.type, rest.backend, options, rest.at))
    return entries


def told_of(
    dialect: IngressController, stack: Stack, site: Site, entries: Sequence[Entry]
) -> tuple[list[Told], dict[str, str] | None]:
    """How F5 is told entries of a host, and the annotations of the one Ingress that has them; None: a master has it.

    A master takes a path once. Where an Exact and a Prefix entry share one, the Prefix entry begins below it there.
    """
    told = [tell(dialect, stack, site, entry) for entry in entries]
    annotations = None if site.shared else together(told)
    if annotations is None:
        exact = {entry.path for entry in site.entries if entry.type == "Exact"}
        told = [tell(dialect, stack, site, entry, shadowed=entry.path in exact) for entry in entries]
    return told, annotations


def tell(dialect: IngressController, stack: Stack, site: Site, entry: Entry, *, shadowed: bool = False) -> Told:
    """How F5 is told the options of one entry."""
    options = entry.options
    secret, secrets = password_secret(entry, options.basic_auth, stack) if options.basic_auth else (None, [])
    policies = ingress_policies(entry, stack, dialect.class_name(stack.controller))
    said = said_of(entry.path, entry.type, options, shadowed=shadowed)
    headers = response(options)
    if options.hsts is not None and site.tls and differs(site, "hsts"):
        # where only some entries have it, it is their locations': plain HTTP is redirected before it gets there
        headers["Strict-Transport-Security"] = "; ".join(dialect.hsts_words(options.hsts))
    found = {**location(options, stack.controller, secret), **added(headers), **said.location}
    return Told(entry, {**found, **policies_annotation(policies)}, said, (*secrets, *policies))


def together(told: Sequence[Told]) -> dict[str, str] | None:
    """The annotations of one Ingress for all these entries; None where they are at odds.

    What concerns Services may differ from Service to Service. A server for gRPC alone does not listen for plain HTTP,
    and nothing would be redirected from there; a master's does.
    """
    words: dict[tuple[str, str], str | None] = {}
    for one in told:
        if one.location != told[0].location:
            return None
        for name in PER_SERVICE:
            text = one.said.service.get(name)
            if words.setdefault((name, one.entry.backend.service), text) != text:
                return None
    if all(one.entry.options.backend_protocol == "GRPC" for one in told):
        return None
    return {**told[0].location, **_of_services(told)}


def _of_services(told: Sequence[Told]) -> dict[str, str]:
    said: dict[str, dict[str, str]] = {}
    for one in told:
        for name, text in one.said.service.items():
            said.setdefault(name, {})[one.entry.backend.service] = text
    return told_of_services(said)


def of_host(site: Site) -> dict[str, str]:
    """Annotations for what holds for a whole host. F5 takes none of them from a minion."""
    options = [entry.options for entry in site.entries] or [site.options]
    found = dict(HOSTLESS) if site.host == "*" else _redirect(options[0], tls=site.tls)
    if site.tls and not differs(site, "hsts"):
        found |= hsts_of_host(options[0].hsts)
    return found | hidden(hidden_headers(options))


def _redirect(options: Options, *, tls: bool) -> dict[str, str]:
    if not tls:
        return {}
    if not wants_redirect(options, tls=tls):
        return {f"{PREFIX}ssl-redirect": "false"}
    code = options.ssl_redirect.code if options.ssl_redirect else None
    return {f"{PREFIX}http-redirect-code": str(code)} if code else {}


def differs(site: Site, option: str) -> bool:
    """Whether the entries of a host have different values of an option in force."""
    values = [getattr(entry.options, option) for entry in site.entries]
    return any(value != values[0] for value in values)


def hidden_headers(options: Sequence[Options]) -> list[str]:
    """The response headers that every entry of a host sets or removes: the backend's own are to go."""
    changed = [each.headers.response if each.headers else {} for each in options]
    return [name for name in changed[0] if all(name.lower() in map(str.lower, names) for names in changed)]


def response(options: Options) -> dict[str, str]:
    """The response headers that an entry sets."""
    headers = options.headers.response if options.headers else {}
    return {name: value for name, value in headers.items() if value}


def services_of(told: Sequence[Told]) -> set[str]:
    return {one.entry.backend.service for one in told}


def paths_of(one: Told) -> list[Object]:
    """The paths of an Ingress that stand for an entry."""
    return [path_of(path, kind, one.entry.backend) for path, kind in one.said.places]
