"""Keys that the contract allows but that would do nothing where they stand: told, never ignored."""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers.base import wants_redirect
from ..model.apps import App
from ..model.options import Options
from ..model.routes import effective_options
from ..model.stack import Stack
from .finding import Finding, error


def check_effect(stack: Stack) -> Iterator[Finding]:
    """An autoscaler without a measure, a certificate that no host takes, a redirect to what is not there."""
    controller = stack.controller
    if controller.autoscaling is not None and "cpu" not in controller.resources.requests | controller.resources.limits:
        why = "its target is a share of ingress_controller.resources.requests.cpu, which is not set"
        yield error("ingress_controller.autoscaling", why)
    for name, app in stack.apps.items():
        at = stack.at(name)
        secured = {host for host in app.hosts if stack.sites[host].tls}
        if app.tls is not None and not secured:
            yield error(f"{at}.tls", "no host of the app takes it: a certificate needs a host with a name")
        yield from _redirects(at, app, secured)
        redirected = [host for host in sorted(secured) if _is_redirected(app, host)]
        if redirected and all(expose.ports.https is None for expose in controller.exposes):
            why = f"HTTP is redirected to HTTPS, and no way in has an https port: {redirected[0]} could not be reached"
            yield error(f"{at}.tls" if app.tls is not None else f'{at}.hosts."{redirected[0]}".tls', why)


def _redirects(at: str, app: App, secured: set[str]) -> Iterator[Finding]:
    why = "there is no TLS here to redirect to: set tls"
    if _redirect(app.options) and not secured:
        yield error(f"{at}.options.ssl_redirect", why)
    for host, rules in app.hosts.items():
        inherited = _redirect(rules.options) == _redirect(app.options)
        if _redirect(rules.options) and not inherited and host not in secured:
            yield error(f'{at}.hosts."{host}".options.ssl_redirect', why)


def _is_redirected(app: App, host: str) -> bool:
    return wants_redirect(effective_options(app.options, app.hosts[host].options), tls=True)


def _redirect(options: Options | None) -> object:
    """The redirect that is asked for in so many words; None where it is off or by default."""
    asked = options.ssl_redirect if options is not None else None
    return asked if asked is not None and asked.enabled else None
