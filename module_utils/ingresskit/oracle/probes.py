"""The requests that prove a stack, each with the answer that the inventory promises; from the inventory alone."""

from __future__ import annotations

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
    found = [probe for name in stack.apps for probe in _App(stack, dialect, name, page).probes()]
    found += _unknown_host(stack, dialect, page)
    found += [_extra(stack, index, extra) for index, extra in enumerate(stack.ingress_smoke.extra)]
    return [probe for probe in found if _exposed(stack, probe.request.scheme)]


def _exposed(stack: Stack, scheme: Scheme) -> bool:
    ports = stack.controller.exposes[0].ports
    return (ports.http if scheme == "http" else ports.https) is not None


class _App:
    """The probes of one app."""

    def __init__(self, stack: Stack, dialect: IngressController, name: str, page: str | None) -> None:
        self.stack, self.dialect, self.page = stack, dialect, page
        self.app: App = stack.apps[name]
        self.at = f"ingress_apps.{name}"
        self.namespace = stack.namespace_of(name)
        self.tls_hosts = {host for use in app_certificates(name, self.app, self.namespace) for host in use.hosts}
        self.echoes = echo_services(stack)

    def probes(self) -> Iterator[Probe]:
        for host, rules in self.app.hosts.items():
            yield from self._host(host, rules)
        if not self.app.hosts and self.app.default_backend is not None:
            expected = self._backend(self.app.default_backend.service)
            yield Probe(Request("http", UNKNOWN_HOST, "/"), expected, f"{self.at}.default_backend")

    def _host(self, host: str, rules: Host) -> Iterator[Probe]:
        tls, name = host in self.tls_hosts, host_to_ask(host)
        redirect = wants_redirect(effective_options(self.app.options, rules.options), tls=tls)
        at = f'{self.at}.hosts."{host}"'
        entries = list(rules.routes())
        for index, (path, entry) in enumerate(entries):
            source = f'{at}.paths."{path}"' if isinstance(rules.paths, dict) else f"{at}.paths[{index}]"
            request = Request("https" if tls else "http", name, path_to_ask(path, entry, entries))
            expected = self._backend(entry.service)
            yield Probe(request, replace(expected, tls="verified" if tls else "none"), source)
            if tls and redirect:
                options = effective_options(self.app.options, rules.options)
                yield self._redirect(request, self.dialect.redirect_code(options), source)
            elif tls:
                yield Probe(replace(request, scheme="http"), expected, source)
        yield from self._unknown_path(name, rules, tls, at)

    def _redirect(self, request: Request, code: int, source: str) -> Probe:
        location = rf"https://{re.escape(request.host)}(:\d+)?{re.escape(request.path)}"
        expected = Expected(status=(code,), location=location)
        return Probe(replace(request, scheme="http"), expected, source, kind="redirect")

    def _unknown_path(self, name: str, rules: Host, tls: bool, at: str) -> Iterator[Probe]:
        routes = [Route(path, entry.type, entry.service) for path, entry in rules.routes()]
        if match(routes, UNKNOWN_PATH, by_element=self.dialect.prefix_by_element):
            return
        if self.app.default_backend is not None:
            expected, at = self._backend(self.app.default_backend.service), f"{self.at}.default_backend"
        else:
            expected = not_found(self.stack, self.page)
        request = Request("https" if tls else "http", name, UNKNOWN_PATH)
        yield Probe(request, replace(expected, tls="verified" if tls else "none"), at, kind="unknown-path")

    def _backend(self, service: str) -> Expected:
        backend = f"{self.namespace}/{service}"
        if backend in self.echoes:
            return Expected(status=(200,), backend=backend, identity="echo")
        return Expected(backend=backend)


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


def _extra(stack: Stack, index: int, extra: ExtraProbe) -> Probe:
    uses = (use for name, app in stack.apps.items() for use in app_certificates(name, app, stack.namespace_of(name)))
    covered = any(extra.host in use.hosts for use in uses)
    tls: Tls = "none" if extra.scheme == "http" else "verified" if covered else "any"
    expected = Expected((extra.status,), extra.backend, location=extra.location, body_contains=extra.body, tls=tls)
    request = Request(extra.scheme, extra.host, extra.path, extra.method, tuple(extra.headers.items()))
    return Probe(request, expected, f"ingress_smoke.extra[{index}]", kind="extra")


def echo_services(stack: Stack) -> set[str]:
    """ "namespace/service" of the workloads that run the echo backend, which names itself."""
    return {
        f"{stack.namespace_of(name)}/{workload}-svc"
        for name, app in stack.apps.items()
        for workload, spec in app.workloads.items()
        if spec.image is None
    }
