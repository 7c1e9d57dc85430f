"""The requests that prove a stack, each with the answer that the inventory promises; from the inventory alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from types import MappingProxyType

from ..controllers import IngressController
from ..controllers.base import wants_redirect
from ..model.controller import Expose
from ..model.routes import NO_OPTIONS, Entry, Site
from ..model.services import echo_services
from ..model.stack import ExtraProbe, Stack
from .entries import Asked, entry_probes, path_to_ask, refusals
from .matching import is_regex, match
from .streams import stream_probes
from .types import Expected, Probe, Request, Scheme, Tls

UNKNOWN_PATH = "/ingresskit-smoke-no-such-path"
UNKNOWN_HOST = "no-such-host.ingresskit.invalid"
ANY_HOST = "any-host.ingresskit.invalid"


# of a default backend of the user's: it may say anything that shows that it is there
ANY_ANSWER = (200, 301, 302, 307, 308, 403, 404)


def probes(
    stack: Stack, dialect: IngressController, page: str | None, errors: Mapping[int, str] = MappingProxyType({})
) -> list[Probe]:
    """Every probe of the stack: all of them at the first way in, and at each further one some of each host.

    ``page``: the HTML of the custom 404 page, None where there is none of ours; ``errors``: of error pages, by code.
    """
    world = _World(stack, dialect, page)
    found = [probe for site in stack.sites.values() for probe in _Site(world, site).probes()]
    found += _unknown_host(world)
    found += _error_pages(world, errors)
    found += stream_probes(stack)
    found += [_extra(world, index, extra) for index, extra in enumerate(stack.ingress_smoke.extra)]
    first, *others = stack.controller.exposes
    asked = [probe for probe in found if _exposed(first, probe.request.scheme)]
    return asked + [probe for way in others for probe in _samples(found, way, dialect)]


def _samples(found: list[Probe], way: Expose, dialect: IngressController) -> Iterator[Probe]:
    """One route and one redirect of each host: behind a further way in are the same Pods, with the same routes."""
    seen = set()
    for probe in found:
        sort = "redirect" if probe.kind == "redirect" else "route" if probe.kind in ("route", "login") else None
        if sort and (probe.request.host, sort) not in seen and _exposed(way, probe.request.scheme):
            seen.add((probe.request.host, sort))
            yield replace(probe, way=way.name or dialect.default_namespace)


def identity(probe: Probe) -> str:
    """What is asked and promised, in a line that equals another's where both are the same."""
    request, promise = probe.request, repr((probe.request.headers, probe.expected))
    mark = hashlib.sha256(promise.encode()).hexdigest()[:8]
    where = f" at {probe.way}" if probe.way else ""
    return f"{request.method} {request.scheme}://{request.host}{request.path} #{mark}{where}"


def _exposed(way: Expose, scheme: Scheme) -> bool:
    return scheme == "tcp" or (way.ports.http if scheme == "http" else way.ports.https) is not None


class _World:
    """What the apps of a stack have to know of each other."""

    def __init__(self, stack: Stack, dialect: IngressController, page: str | None) -> None:
        self.stack, self.dialect, self.page = stack, dialect, page
        self.echoes = echo_services(stack)
        self.tls_hosts = {host for host, site in stack.sites.items() if site.tls}

    def names_itself(self, app_name: str, service: str) -> bool:
        return f"{self.stack.namespace_of(app_name)}/{service}" in self.echoes

    def backend(self, app_name: str, service: str) -> Expected:
        backend = f"{self.stack.namespace_of(app_name)}/{service}"
        if backend in self.echoes:
            return Expected(status=(200,), backend=self.echoes[backend], identity="echo")
        return Expected(backend=backend)

    def answer(self, host: str, path: str) -> tuple[Expected, str] | None:
        """What a host's own entries say of a path, and a default backend of its apps after them; with its source."""
        site = self.stack.sites[host]
        route = match(site.entries, path, by_element=self.dialect.prefix_by_element)
        if route is not None:
            whole = route.at.endswith(".default_backend")
            source = route.at if whole else f'{self.stack.at(route.app)}.hosts."{host}"'
            return self.backend(route.app, route.backend.service), source
        for name in site.apps:
            backend = self.stack.apps[name].default_backend
            if backend is not None:
                return self.backend(name, backend.service), f"{self.stack.at(name)}.default_backend"
        return None

    def beyond(self, host: str, path: str, *, tls: bool) -> tuple[Expected, str] | None:
        """Who answers what a host's own entries leave over, where the controller goes on to looser hosts then."""
        if self.dialect.own_server():
            return None
        for looser in (wildcard_of(host), "*"):
            site = self.stack.sites.get(looser) if looser != host else None
            found = self.answer(looser, path) if site else None
            if site and found:
                if not tls and wants_redirect(site.options, tls=site.tls):
                    return Expected(status=(self.dialect.redirect_code(site.options),)), found[1]
                return found
        return None


class _Site:
    """The probes of one host."""

    def __init__(self, world: _World, site: Site) -> None:
        self.world, self.site = world, site
        self.name = host_to_ask(site.host)

    def probes(self) -> Iterator[Probe]:
        entries = self.site.entries
        for entry in entries:
            if entry.at.endswith(".default_backend"):
                backend = self.world.backend(entry.app, entry.backend.service)
                yield Probe(Request("http", UNKNOWN_HOST, "/"), backend, entry.at)
                continue
            echo = self.world.names_itself(entry.app, entry.backend.service)
            path = path_to_ask(entry, entries, echo=echo, by_element=self.world.dialect.prefix_by_element)
            if path is not None:
                yield from entry_probes(self._asked(entry, path))
        yield from self._not_the_looser_hosts()
        if entries and not any(entry.options.ssl_passthrough for entry in entries):
            yield from self._unknown_path("verified" if self.site.tls else "none")

    def _asked(self, entry: Entry, path: str) -> Asked:
        request = Request("https" if self.site.tls else "http", self.name, path)
        return Asked(entry, self.site, request, self.world.backend, self.world.dialect)

    def _not_the_looser_hosts(self) -> Iterator[Probe]:
        """A path of a looser host that is longer than the entry which has it here: the nearer host goes first."""
        host, by_element = self.site.host, self.world.dialect.prefix_by_element
        looser = [self.world.stack.sites.get(name) for name in (wildcard_of(host), "*") if name != host]
        theirs = [entry for site in looser if site for entry in site.entries if not is_regex(entry)]
        for their in sorted(theirs, key=lambda entry: -len(entry.path)):
            entry = match(self.site.entries, their.path, by_element=by_element)
            if entry is not None and len(entry.path) < len(their.path):
                if self.world.names_itself(entry.app, entry.backend.service):  # others need not have such a path
                    yield from islice(entry_probes(self._asked(entry, their.path)), 1)
                return

    def _unknown_path(self, tls: Tls) -> Iterator[Probe]:
        world, site = self.world, self.site
        if match(site.entries, UNKNOWN_PATH, by_element=world.dialect.prefix_by_element):
            return
        found = world.answer(site.host, UNKNOWN_PATH) or world.beyond(site.host, UNKNOWN_PATH, tls=site.tls)
        at = f'{world.stack.at(site.entries[0].app)}.hosts."{site.host}"'
        expected, source = found or (not_found(world), at)
        request = Request("https" if site.tls else "http", self.name, UNKNOWN_PATH)
        # some controllers have no place for an option but the whole host
        away = {status for entry in site.entries for status in refusals(entry.options)}
        yield Probe(request, replace(expected, tls=tls, turned_away=tuple(sorted(away))), source, kind="unknown-path")


def wildcard_of(host: str) -> str:
    """The wildcard that covers a host: its first label is the one that may be any."""
    return "*." + host.partition(".")[2]


def host_to_ask(host: str) -> str:
    """A name to ask for where the rule's host is a pattern."""
    if host == "*":
        return ANY_HOST
    return host.replace("*", "ingresskit-smoke", 1)


def not_found(world: _World) -> Expected:
    """What no rule matches: the controller's own 404, the inventory's page, or whatever the user's backend says."""
    backend = world.stack.controller.not_found
    if backend is None:
        return Expected(status=(404,))
    if world.page is not None:
        return Expected(status=(404,), body_contains=world.page.strip())
    service = (backend.service or "").rpartition(":")[0]
    if service in world.echoes:
        return Expected(status=(200,), backend=world.echoes[service], identity="echo")
    return Expected(status=ANY_ANSWER)


def _unknown_host(world: _World) -> Iterator[Probe]:
    """Nobody's host meets the 404 too, over TLS only where the controller has a certificate to show."""
    controller = world.stack.controller
    if any(app.answers_every_host for app in world.stack.apps.values()):
        return
    key = ".default_backend" if controller.default_backend else ".error_pages.404" if controller.not_found else ""
    source = f"ingress_controller{key}"
    expected = not_found(world)
    yield Probe(Request("http", UNKNOWN_HOST, "/"), expected, source, kind="unknown-host")
    answered = world.dialect.unknown_host_tls(controller)
    over_tls = replace(expected, tls="any") if answered else Expected(tls="rejected")
    yield Probe(Request("https", UNKNOWN_HOST, "/"), over_tls, source, kind="unknown-host")


def _error_pages(world: _World, errors: Mapping[int, str]) -> Iterator[Probe]:
    """The echo backend answers with the status that it is asked for: the first of its routes that is plain proves each
    page. Where there is no such backend, nothing can be asked without breaking something."""
    plain = (
        (site, entry)
        for site in world.stack.sites.values()
        for entry in site.entries
        if entry.type != "Exact"
        and entry.options is NO_OPTIONS
        and world.names_itself(entry.app, entry.backend.service)
    )
    for site, entry in islice(plain, 1):
        for code, page in sorted(errors.items()):
            scheme: Scheme = "https" if site.tls else "http"
            request = Request(scheme, host_to_ask(site.host), f"{entry.path.rstrip('/')}/status/{code}")
            if match(site.entries, request.path, by_element=world.dialect.prefix_by_element) is entry:
                expected = Expected((code,), body_contains=page.strip(), tls="verified" if site.tls else "none")
                yield Probe(request, expected, f"ingress_controller.error_pages.{code}", kind="error-page")


def _is_plain(entry: Entry) -> bool:
    return entry.type != "Exact" and entry.options is NO_OPTIONS


def _extra(world: _World, index: int, extra: ExtraProbe) -> Probe:
    covered = bool({extra.host, wildcard_of(extra.host)} & world.tls_hosts)
    tls: Tls = "none" if extra.scheme == "http" else "verified" if covered else "any"
    expected = Expected((extra.status,), extra.backend, location=extra.location, body_contains=extra.body, tls=tls)
    request = Request(extra.scheme, host_to_ask(extra.host), extra.path, extra.method, tuple(extra.headers.items()))
    return Probe(request, expected, f"ingress_smoke.extra[{index}]", kind="extra")
