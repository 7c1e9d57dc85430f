"""The requests that prove a stack, each with the answer that the inventory promises; from the inventory alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace

from ..controllers import IngressController
from ..controllers.base import wants_redirect
from ..model.apps import App, Host, PathBackend
from ..model.certificates import app_certificates
from ..model.stack import ExtraProbe, Stack, effective_options
from .matching import Route, match
from .types import Expected, Probe, Request, Scheme, Tls

UNKNOWN_PATH = "/ingresskit-smoke-no-such-path"
UNKNOWN_HOST = "no-such-host.ingresskit.invalid"
ANY_HOST = "any-host.ingresskit.invalid"


def probes(stack: Stack, dialect: IngressController, page: str | None) -> list[Probe]:
    """Every probe of the stack. ``page``: the HTML of the custom 404 page, None where there is none of ours."""
    world = _World(stack, dialect, page)
    found = [probe for name in stack.apps for probe in _App(world, name).probes()]
    found += _unknown_host(stack, dialect, page)
    found += [_extra(world, index, extra) for index, extra in enumerate(stack.ingress_smoke.extra)]
    return [probe for probe in found if _exposed(stack, probe.request.scheme)]


def identity(probe: Probe) -> str:
    """What is asked and promised, in a line that equals another's where both are the same."""
    request, promise = probe.request, repr((probe.request.headers, probe.expected))
    mark = hashlib.sha256(promise.encode()).hexdigest()[:8]
    return f"{request.method} {request.scheme}://{request.host}{request.path} #{mark}"


def _exposed(stack: Stack, scheme: Scheme) -> bool:
    ports = stack.controller.exposes[0].ports
    return (ports.http if scheme == "http" else ports.https) is not None


class _World:
    """What the apps of a stack have to know of each other."""

    def __init__(self, stack: Stack, dialect: IngressController, page: str | None) -> None:
        self.stack, self.dialect, self.page = stack, dialect, page
        self.echoes = echo_services(stack)
        self.app_of = {host: name for name, app in stack.apps.items() for host in app.hosts}
        self.hostless = next(
            (
                (name, app.default_backend.service)
                for name, app in stack.apps.items()
                if app.default_backend is not None and not app.hosts
            ),
            None,
        )
        self.tls_hosts = {
            host
            for name, app in stack.apps.items()
            for use in app_certificates(name, app, stack.namespace_of(name))
            for host in use.hosts
        }

    def backend(self, app_name: str, service: str) -> Expected:
        backend = f"{self.stack.namespace_of(app_name)}/{service}"
        if backend in self.echoes:
            return Expected(status=(200,), backend=backend, identity="echo")
        return Expected(backend=backend)

    def answer(self, app_name: str, host: str, path: str) -> tuple[Expected, str] | None:
        """What a host's own entries say of a path, and the app's default backend after them; with its source."""
        app, at = self.stack.apps[app_name], self.stack.at(app_name)
        route = match(routes_of(app.hosts[host]), path, by_element=self.dialect.prefix_by_element)
        if route is not None:
            return self.backend(app_name, route.backend), f'{at}.hosts."{host}"'
        if app.default_backend is not None:
            return self.backend(app_name, app.default_backend.service), f"{at}.default_backend"
        return None

    def beyond(self, host: str, path: str, *, tls: bool) -> tuple[Expected, str] | None:
        """Who answers what a host's own entries leave over, where the controller goes on to looser hosts then.

        One that needs a "/" entry for each host does not: there a host is a server of its own.
        """
        if self.dialect.not_found_per_host():
            return None
        for looser in (wildcard_of(host), "*"):
            name = self.app_of.get(looser) if looser != host else None
            found = self.answer(name, looser, path) if name else None
            if name and found:
                app = self.stack.apps[name]
                options = effective_options(app.options, app.hosts[looser].options)
                if not tls and wants_redirect(options, tls=looser in self.tls_hosts):
                    return Expected(status=(self.dialect.redirect_code(options),)), found[1]
                return found
        if self.hostless is not None:
            name, service = self.hostless
            return self.backend(name, service), f"{self.stack.at(name)}.default_backend"
        return None


class _App:
    """The probes of one app."""

    def __init__(self, world: _World, name: str) -> None:
        self.world, self.name = world, name
        self.app: App = world.stack.apps[name]
        self.at = world.stack.at(name)

    def probes(self) -> Iterator[Probe]:
        for host, rules in self.app.hosts.items():
            yield from self._host(host, rules)
        if not self.app.hosts and self.app.default_backend is not None:
            expected = self.world.backend(self.name, self.app.default_backend.service)
            yield Probe(Request("http", UNKNOWN_HOST, "/"), expected, f"{self.at}.default_backend")

    def _host(self, host: str, rules: Host) -> Iterator[Probe]:
        tls, name = host in self.world.tls_hosts, host_to_ask(host)
        options = effective_options(self.app.options, rules.options)
        redirect = wants_redirect(options, tls=tls)
        at = f'{self.at}.hosts."{host}"'
        entries = list(rules.routes())
        for index, (path, entry) in enumerate(entries):
            source = f'{at}.paths."{path}"' if isinstance(rules.paths, dict) else f"{at}.paths[{index}]"
            request = Request("https" if tls else "http", name, path_to_ask(path, entry, entries))
            expected = self.world.backend(self.name, entry.service)
            yield Probe(request, replace(expected, tls="verified" if tls else "none"), source)
            if tls and redirect:
                yield self._redirect(request, self.world.dialect.redirect_code(options), source)
            elif tls:
                yield Probe(replace(request, scheme="http"), expected, source)
        yield from self._unknown_path(host, rules, tls, at)

    def _redirect(self, request: Request, code: int, source: str) -> Probe:
        location = rf"https://{re.escape(request.host)}(:\d+)?{re.escape(request.path)}"
        expected = Expected(status=(code,), location=location)
        return Probe(replace(request, scheme="http"), expected, source, kind="redirect")

    def _unknown_path(self, host: str, rules: Host, tls: bool, at: str) -> Iterator[Probe]:
        world = self.world
        if match(routes_of(rules), UNKNOWN_PATH, by_element=world.dialect.prefix_by_element):
            return
        found = world.answer(self.name, host, UNKNOWN_PATH) or world.beyond(host, UNKNOWN_PATH, tls=tls)
        expected, source = found or (not_found(world.stack, world.page), at)
        request = Request("https" if tls else "http", host_to_ask(host), UNKNOWN_PATH)
        yield Probe(request, replace(expected, tls="verified" if tls else "none"), source, kind="unknown-path")


def routes_of(rules: Host) -> list[Route]:
    """A host's entries as the matching wants them."""
    return [Route(path, entry.type, entry.service) for path, entry in rules.routes()]


def wildcard_of(host: str) -> str:
    """The wildcard that covers a host: its first label is the one that may be any."""
    return "*." + host.partition(".")[2]


def host_to_ask(host: str) -> str:
    """A name to ask for where the rule's host is a pattern."""
    if host == "*":
        return ANY_HOST
    return host.replace("*", "ingresskit-smoke", 1)


def path_to_ask(path: str, entry: PathBackend, entries: list[tuple[str, PathBackend]]) -> str:
    """The path itself; one below it for a Prefix whose own path belongs to an Exact entry."""
    shadowed = entry.type != "Exact" and any(other == path and its.type == "Exact" for other, its in entries)
    return f"{path.rstrip('/')}/ingresskit-smoke" if shadowed else path


def not_found(stack: Stack, page: str | None) -> Expected:
    """What no rule matches: the controller's own 404, the inventory's page, or whatever the user's backend says."""
    backend = stack.controller.default_backend
    if backend is None:
        return Expected(status=(404,))
    if page is not None:
        return Expected(status=(404,), body_contains=page.strip())
    return Expected(status=(200, 404))  # an image or Service of the user's: it may answer either


def _unknown_host(stack: Stack, dialect: IngressController, page: str | None) -> Iterator[Probe]:
    """Nobody's host meets the 404 too, over TLS only where the controller has a certificate to show."""
    if any(app.answers_every_host for app in stack.apps.values()):
        return
    source = "ingress_controller.default_backend" if stack.controller.default_backend else "ingress_controller"
    expected = not_found(stack, page)
    yield Probe(Request("http", UNKNOWN_HOST, "/"), expected, source, kind="unknown-host")
    answered = dialect.unknown_host_tls(stack.controller)
    over_tls = replace(expected, tls="any") if answered else Expected(tls="rejected")
    yield Probe(Request("https", UNKNOWN_HOST, "/"), over_tls, source, kind="unknown-host")


def _extra(world: _World, index: int, extra: ExtraProbe) -> Probe:
    covered = bool({extra.host, wildcard_of(extra.host)} & world.tls_hosts)
    tls: Tls = "none" if extra.scheme == "http" else "verified" if covered else "any"
    expected = Expected((extra.status,), extra.backend, location=extra.location, body_contains=extra.body, tls=tls)
    request = Request(extra.scheme, host_to_ask(extra.host), extra.path, extra.method, tuple(extra.headers.items()))
    return Probe(request, expected, f"ingress_smoke.extra[{index}]", kind="extra")


def echo_services(stack: Stack) -> set[str]:
    """ "namespace/service" of the workloads that run the echo backend, which names itself."""
    return {
        f"{stack.namespace_of(name)}/{workload}-svc"
        for name, app in stack.apps.items()
        for workload, spec in app.workloads.items()
        if spec.image is None
    }
