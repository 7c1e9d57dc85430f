"""Which certificates a stack uses: one entry for each Secret, with the hosts that it serves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .apps import App
from .stack import Stack
from .tls import TlsSource

DEFAULT_HOSTS = ("default.ingresskit.invalid",)  # what the default certificate names when it is ours: no host at all
DEFAULT_SECRET = "default-server-tls"  # noqa: S105 - a name


@dataclass(frozen=True)
class CertificateUse:
    """A Secret, the hosts it must cover, its source, and the inventory key it comes from."""

    namespace: str
    secret: str
    hosts: tuple[str, ...]
    source: TlsSource
    path: str


def certificates(stack: Stack, default_namespace: str, default_tls: TlsSource | None) -> list[CertificateUse]:
    """Every certificate of the stack; the controller's default one, if it has any, comes first."""
    uses = []
    if default_tls is not None:
        secret = default_tls.secret or DEFAULT_SECRET
        uses.append(
            CertificateUse(default_namespace, secret, DEFAULT_HOSTS, default_tls, "ingress_controller.default_tls")
        )
    for name, app in stack.apps.items():
        uses.extend(app_certificates(name, app, stack.namespace_of(name), stack.at(name)))
    return uses


def app_certificates(name: str, app: App, namespace: str, at: str = "") -> Iterator[CertificateUse]:
    """The certificates of one app: one for all hosts that share the app's source, one for each host with its own.

    ``at``: the app's inventory path.
    """
    shared = tuple(host for host, rules in app.hosts.items() if rules.tls is None and host != "*")
    if app.tls is not None and shared:
        secret = app.tls.secret or f"{name}-tls"
        yield CertificateUse(namespace, secret, shared, app.tls, f"{at}.tls")
    for host, rules in app.hosts.items():
        if rules.tls is not None and host != "*":
            secret = rules.tls.secret or f"{name}-{slug(host)}-tls"
            yield CertificateUse(namespace, secret, (host,), rules.tls, f'{at}.hosts."{host}".tls')


def slug(host: str) -> str:
    """A host as part of an object's name: ``*.example.com`` becomes ``wildcard-example-com``."""
    return re.sub(r"[^a-z0-9]+", "-", host.replace("*", "wildcard")).strip("-")
