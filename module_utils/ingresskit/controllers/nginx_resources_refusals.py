"""What F5's custom resources cannot say (controllers/nginx_resources.py), each with the path of the option."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..model.options import HeaderChanges
from ..model.routes import Entry, Site
from ..model.stack import Stack
from .base import source
from .nginx_refusals import HEADER_NAME, regex_fault
from .nginx_resources import WHOLE_HOST, canary_backend, is_passthrough, is_set, is_virtual_server, redirects

Refusal = tuple[str, str]
REDIRECTS = (301, 302, 307, 308)
UNSAFE = re.compile(r'[$"\\\s;{}]')  # variables, and what would end nginx's text
SILENT = ("ssl_passthrough", "ssl_redirect", "backend_protocol")  # what passthrough can stand beside


def resource_refusals(stack: Stack) -> Iterator[Refusal]:
    """(inventory path, why), each once, in the order of the inventory."""
    if stack.controller.custom_resources:
        yield from dict.fromkeys(each for site in stack.sites.values() for each in _of_site(stack, site))


def _of_site(stack: Stack, site: Site) -> Iterator[Refusal]:
    for entry in site.entries:
        for option, why in _policies(entry):
            yield source(stack, entry, option), why
    if is_passthrough(site):
        yield from _passthrough(stack, site)
    elif is_virtual_server(site):
        yield from _host(stack, site)
        for entry in site.entries:
            if entry.options.redirect is None and not isinstance(entry.backend.port, int):
                yield f"{entry.at}.port", "must be the number of the port: a VirtualServer knows no port by name"
            for option, why in _of_entry(entry, site):
                yield source(stack, entry, option), why
        for name in site.apps:
            if stack.apps[name].annotations:
                yield f"{stack.at(name)}.annotations", f"reach Ingresses only, and {site.host} is a VirtualServer"


def _policies(entry: Entry) -> Iterator[Refusal]:
    """(option, why)"""
    cors = entry.options.cors
    if entry.options.allow == []:
        yield "allow", "names no network: F5 takes no empty list"
    if cors is not None and cors.credentials and "*" in cors.origins:
        yield "cors", 'credentials do not go with the origin "*": name the origins'


def _passthrough(stack: Stack, site: Site) -> Iterator[Refusal]:
    first, *__ = (entry for entry in site.entries if entry.options.ssl_passthrough)
    at = source(stack, first, "ssl_passthrough")
    if site.host == "*":
        yield at, "needs a host: nginx finds the backend by the name in the handshake"
    if len(site.entries) > 1 or first.path != "/" or first.type == "Exact":
        yield at, "takes the whole host: give it one entry, / (what is encrypted has no paths)"
    if not isinstance(first.backend.port, int):
        yield f"{first.at}.port", "must be the number of the port: a TransportServer knows no port by name"
    for option in type(first.options).model_fields:
        if option not in SILENT and is_set(first.options, option):
            yield source(stack, first, option), "does not go with ssl_passthrough: nginx cannot see the requests"


def _host(stack: Stack, site: Site) -> Iterator[Refusal]:
    said = ((entry, name) for entry in site.entries for name in WHOLE_HOST if is_set(entry.options, name))
    (entry, reason), *__ = said
    if site.host == "*":
        yield source(stack, entry, reason), "needs a host: F5 has it on VirtualServers only, and those have one each"
    for entry in site.entries if site.tls else ():
        if entry.options.ssl_redirect != site.options.ssl_redirect:
            why = f"is one for the whole host beside {reason}: set it at the host"
            yield source(stack, entry, "ssl_redirect"), why
        if entry.options.hsts is not None and not redirects(site.options):
            why = f"would be sent over HTTP too: beside {reason} it needs ssl_redirect"
            yield source(stack, entry, "hsts"), why


def _of_entry(entry: Entry, site: Site) -> Iterator[Refusal]:
    """(option, why)"""
    options = entry.options
    if options.affinity is not None:
        yield "affinity", "is for NGINX Plus on a VirtualServer, which redirect and canary make of this host"
    if options.backend_protocol == "GRPC" and not site.tls:
        yield "backend_protocol", "gRPC needs TLS with F5's controller: give the host a certificate (tls)"
    for name, seconds in (options.timeouts.model_dump(exclude_none=True) if options.timeouts else {}).items():
        if seconds == 0:
            yield "timeouts", f"{name}: nginx takes 0 for at once: name a number of seconds"
    if options.regex and regex_fault(entry.path):
        yield "regex", f"{entry.path} is no regular expression: {regex_fault(entry.path)}"
    for side in ("request", "response"):
        for name, value in getattr(options.headers or HeaderChanges(), side).items():
            if not HEADER_NAME.fullmatch(name) or re.search(r'[$"\\]', value):
                yield "headers", f'{side}.{name}: letters, digits and "-" make a name; no $, " or \\ goes into a value'
    yield from _canary(entry)
    yield from _redirect(entry)
    yield from _rewrite(entry, site)


def _canary(entry: Entry) -> Iterator[Refusal]:
    canary = entry.options.canary
    if canary is None:
        return
    if not isinstance(canary_backend(canary).port, int):
        yield "canary", "must name the backend's port by its number: a VirtualServer knows no port by name"
    if entry.options.redirect is not None:
        yield "canary", "does not go with redirect: nothing is left to share out"
    value = canary.header.value if canary.header else None
    if value is not None and (value.startswith("!") or UNSAFE.search(value)):
        yield "canary", "header: F5 takes no value with blanks, quotes or $, and ! would turn it round"


def _redirect(entry: Entry) -> Iterator[Refusal]:
    redirect = entry.options.redirect
    if redirect is None:
        return
    if redirect.code not in REDIRECTS:
        can = ", ".join(map(str, REDIRECTS))
        yield "redirect", f"F5 redirects with {can}, not {redirect.code}; traefik can"
    if not re.match(r"https?://[^/]|/", redirect.to) or UNSAFE.search(redirect.to):
        yield "redirect", "must lead to https://…, http://… or a path, without variables, blanks or quotes"


def _rewrite(entry: Entry, site: Site) -> Iterator[Refusal]:
    rewrite = entry.options.rewrite
    if rewrite is None or entry.type == "Exact":
        return
    if entry.options.regex and rewrite.prefix is not None:
        yield "rewrite", "prefix does not go with regex on a VirtualServer: use rewrite.path"
    base = entry.path.rstrip("/")
    below = [other.path for other in site.entries if other is not entry and other.path.startswith(f"{base}/")]
    if rewrite.path is not None and not entry.options.regex and below:
        yield "rewrite", f"path would take {below[0]} along: here it is a regular expression, and those go first"
