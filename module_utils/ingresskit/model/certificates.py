"""Which certificates a stack uses: one entry for each Secret, with the hosts that it serves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
    for name in stack.apps:
        uses.extend(app_certificates(stack, name))
    for host, owned in stack.ingress_hosts.items():
        site = stack.sites[host]
        if owned.tls is not None and site.secret is not None:
            uses.append(CertificateUse(site.namespace, site.secret, (host,), owned.tls, f'ingress_hosts."{host}".tls'))
    return uses


def app_certificates(stack: Stack, name: str) -> Iterator[CertificateUse]:
    """The certificates of one app: one for all hosts that share the app's source, one for each host with its own.

    A host that ``ingress_hosts`` or an app before has is not among them."""
    app, namespace, at = stack.apps[name], stack.namespace_of(name), stack.at(name)
    mine = [host for host in app.hosts if host != "*" and stack.sites[host].owner == name]
    shared = tuple(host for host in mine if app.hosts[host].tls is None)
    if app.tls is not None and shared:
        yield CertificateUse(namespace, app.tls.secret or f"{name}-tls", shared, app.tls, f"{at}.tls")
    for host in mine:
        source, secret = app.hosts[host].tls, stack.sites[host].secret
        if source is not None and secret is not None:
            yield CertificateUse(namespace, secret, (host,), source, f'{at}.hosts."{host}".tls')
