"""Routes that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.apps import App
from ..model.options import Options
from ..model.routes import Site, effective_options, tls_of
from ..model.stack import Stack
from .finding import Finding, error, warning


def check_routes(stack: Stack) -> Iterator[Finding]:
    """One path twice on a host, apps at odds over a host they share: whoever is older would win, silently."""
    for site in stack.sites.values():
        yield from _twice(site)
        if site.host in stack.ingress_hosts:
            yield from _owned(stack, site)
        elif site.shared:
            yield from _at_odds(stack, site)
    for name, app in stack.apps.items():
        at = stack.at(name)
        if app.default_backend is not None and not app.hosts and stack.controller.default_backend is not None:
            yield error(
                f"{at}.default_backend",
                "ingress_controller.default_backend answers unknown hosts too: keep one of them",
            )
        yield from _workloads(at, app)


def _owned(stack: Stack, site: Site) -> Iterator[Finding]:
    """A host of ``ingress_hosts``: its certificate is the owner's, and somebody has to use it."""
    at = f'ingress_hosts."{site.host}"'
    if not site.entries:
        yield warning(at, "no app has a path on this host")
    if site.host == "*" and stack.ingress_hosts["*"].tls is not None:
        yield error(f"{at}.tls", "a certificate needs a host with a name")
    for name in site.apps:
        rules = stack.apps[name].hosts.get(site.host)
        if rules is not None and rules.tls is not None:
            yield error(
                f"{_host_at(stack, name, site)}.tls", f"the host is owned by {at}: its certificate belongs there"
            )
        elif tls_of(stack, name, site.host) is not None and not site.tls:
            yield error(f"{at}.tls", f"is missing: {stack.at(name)}.tls does not reach a host that has an owner")


def _at_odds(stack: Stack, site: Site) -> Iterator[Finding]:
    """Apps that share a host without an owner must not differ in what holds for all of it."""
    remedy = f'say it in ingress_hosts."{site.host}"'
    first = site.owner
    for name in site.apps:
        source, theirs = tls_of(stack, name, site.host), tls_of(stack, first, site.host)
        apart = stack.namespace_of(name) != stack.namespace_of(first)
        if source is not None and theirs is not None and (source != theirs or (apart and source.secret)):
            where = _host_at(stack, first, site)
            yield error(
                f"{_host_at(stack, name, site)}.tls", f"{where} has another certificate for this host: {remedy}"
            )
        if _of_host(stack, name, site) != _of_host(stack, first, site):
            at, other = f"{_host_at(stack, name, site)}.options", f"{_host_at(stack, first, site)}.options"
            yield error(at, f"the host has other options in {other}: {remedy}")


def _host_at(stack: Stack, name: str, site: Site) -> str:
    return f'{stack.at(name)}.hosts."{site.host}"'


def _of_host(stack: Stack, name: str, site: Site) -> Options:
    """The options that an app gives the host itself; those of the app are for its own paths."""
    rules = stack.apps[name].hosts.get(site.host)
    return effective_options(rules.options if rules is not None else None)


def _workloads(at: str, app: App) -> Iterator[Finding]:
    for name in app.workloads:
        if len(name) > 59:
            yield error(f"{at}.workloads.{name}", "is too long: its Service is NAME-svc, at most 63 characters")
        if name[0].isdigit():
            yield error(f"{at}.workloads.{name}", "its Service would be NAME-svc, which has to begin with a letter")


def _twice(site: Site) -> Iterator[Finding]:
    seen: dict[tuple[str, str], tuple[str, str, str]] = {}
    for entry in site.entries:
        # for Prefix "/foo" and "/foo/" are the same rule: matching is by element; the controllers we drive take
        # ImplementationSpecific for Prefix
        path = entry.path
        same = (entry.type, path) if entry.type == "Exact" else ("Prefix", path.rstrip("/"))
        if same in seen:
            first, app, at = seen[same]
            also = "" if first == path else f" (it equals {first!r}: Prefix compares element by element)"
            if app == entry.app:
                where = f'{at.partition(".paths")[0]}.paths."{path}"'
                yield error(where, f"there are two {same[0]} entries for this path{also}: remove one")
            else:
                yield error(entry.at, f"{at} is a {same[0]} entry for this path already{also}: remove one")
        seen.setdefault(same, (path, entry.app, entry.at))
