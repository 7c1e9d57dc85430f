"""What Traefik cannot do of the options, each with its inventory path and why."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..model.apps import Backend
from ..model.options import Options
from ..model.routes import NO_OPTIONS, Entry, Site
from ..model.stack import Stack
from .base import option_levels, set_options
from .traefik_middlewares import REDIRECTS
from .traefik_routes import canary_backend
from .traefik_services import on_service, port_number, spec_of

KNOWN = "deploy it as a workload of the app or put it into ingress_extra_objects"
WITHOUT_HTTP = {"ssl_passthrough", "ssl_redirect", "backend_protocol"}  # what may stand beside ssl_passthrough
_NOT_RE2 = re.compile(r"\(\?(?!:)|[*+?]\+")  # look-arounds, atomic groups, possessive quantifiers

Refusal = tuple[str, str]


def refusals(stack: Stack) -> Iterator[Refusal]:
    """(inventory path, why), values first, then what an entry cannot have as it stands."""
    for path, options in option_levels(stack):
        yield from ((f"{path}.{key}", why) for key, why in _values(options))
    for site in stack.sites.values():
        for entry in site.entries:
            if entry.options is not NO_OPTIONS:
                yield from ((f"{entry.at}.{key}" if key else entry.at, why) for key, why in _entry(entry, site, stack))


def _values(options: Options) -> Iterator[Refusal]:
    codes = ("ssl_redirect", options.ssl_redirect), ("redirect", options.redirect)
    for name, value in codes:
        if value is not None and value.code not in (None, *REDIRECTS):
            can = ", ".join(map(str, REDIRECTS))
            yield (
                f"{name}.code",
                f"Traefik redirects with {can} (308 and 307 to other methods than GET), not {value.code}",
            )
    if options.rate_limit is not None and options.rate_limit.status != 429:
        yield "rate_limit.status", f"Traefik answers 429, not {options.rate_limit.status}"
    if options.timeouts is not None and options.timeouts.send is not None:
        yield "timeouts.send", "Traefik has no limit for sending a request to the backend; connect and read it has"


def _entry(entry: Entry, site: Site, stack: Stack) -> Iterator[Refusal]:
    options = entry.options
    if options.regex:
        yield from _regex(entry.path)
    if options.backend_protocol == "GRPC" and options.body_size not in (None, "0"):
        yield "options.body_size", "Traefik's limit holds bodies back until they are complete, which gRPC's never are"
    backends = [entry.backend, *([canary_backend(options.canary)] if options.canary else [])]
    for backend in backends:
        yield from _service(options, backend, stack, stack.namespace_of(entry.app))
    if options.ssl_passthrough:
        yield from _passthrough(entry, site, stack)
    if options.basic_auth is not None and options.basic_auth.users == {}:
        yield "options.basic_auth.users", "Traefik drops a route whose list of users is empty: name one"


def _regex(path: str) -> Iterator[Refusal]:
    try:
        re.compile(path)
    except re.error as error:
        yield "", f"is no regular expression: {error}"
        return
    if _NOT_RE2.search(path):
        yield "", "Traefik's regular expressions (RE2) have no look-around, atomic groups or possessive quantifiers"


def _service(options: Options, backend: Backend, stack: Stack, namespace: str) -> Iterator[Refusal]:
    if not on_service(options, backend, secure=False):
        return
    spec = spec_of(stack, namespace, backend.service)
    by_name = spec is None or spec.get("type") == "ExternalName"
    if options.affinity is not None and by_name:
        yield (
            "options.affinity",
            f"Traefik has to see the Pods of {backend.service}, and the inventory has no selector for them: {KNOWN}",
        )
    if spec is None and not isinstance(backend.port, int):
        asks = ", ".join(name for name in ("timeouts", "backend_protocol") if getattr(options, name) is not None)
        yield "", f"with {asks} Traefik needs the port of {backend.service} as a number: write it so, or {KNOWN}"


def _passthrough(entry: Entry, site: Site, stack: Stack) -> Iterator[Refusal]:
    at = "options.ssl_passthrough"
    if entry.host == "*":
        yield at, "needs a host: Traefik finds the backend by the name in the TLS handshake"
    if entry.path != "/" or entry.type == "Exact" or len(site.entries) > 1:
        yield at, 'the whole host goes to one backend: nobody sees a path. Keep one Prefix entry, "/"'
    wildcard = "*." + entry.host.partition(".")[2]
    if wildcard in stack.sites and not entry.host.startswith("*."):
        yield (
            at,
            f"{wildcard} covers this host, and Traefik asks its HTTPS routes first: give one of them another domain",
        )
    beside = [name for name in set_options(entry.options) if name not in WITHOUT_HTTP]
    if beside:
        yield at, f"TLS ends at the backend: {', '.join(beside)} cannot be had on the way; set it to null here"
    if port_number(stack, stack.namespace_of(entry.app), entry.backend) is None:
        yield at, f"Traefik needs the port of {entry.backend.service} as a number: write it so, or {KNOWN}"
