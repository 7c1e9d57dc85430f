"""What options say that F5's controller cannot do, or that it would take for something else: refused before it is sent.

Rules: internal/k8s/validation.go and internal/configs of nginx/kubernetes-ingress. F5 takes down the host of an Ingress
that it refuses.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from ..model.options import Options, Rewrite
from ..model.routes import Entry, Site
from ..model.stack import Stack
from .base import IngressController, source, wants_redirect
from .nginx_options import TARGET
from .nginx_routes import Told, differs, entries_of, hidden_headers, told_of

Refusal = tuple[str, str]  # inventory path, why
OTHERS = "traefik and ingress-nginx can"
TRAEFIK = "traefik can"
# nginx writes these itself, or F5's template does in every location
FORWARDED = ("for", "host", "port", "proto")
OWN_REQUEST = frozenset(("host", "x-real-ip", "connection", "upgrade", *(f"x-forwarded-{each}" for each in FORWARDED)))
OWN_RESPONSE = frozenset(("server", "date", "content-length", "connection", "transfer-encoding"))
HEADER_NAME = re.compile(r"[-A-Za-z0-9]+")
VALUE = re.compile(r'[^,"$\\\x00-\x1f\x7f-\U0010ffff]*')
TARGET_PATH = re.compile(r"/(?!/)[^\s{}\[\];$|<>,^`~=?#\x00-\x1f\x7f]*")
GROUPS = re.compile(r"\$[1-9]")


def nginx_refusals(dialect: IngressController, stack: Stack) -> Iterator[Refusal]:
    """(inventory path, why), each once, in the order of the inventory."""
    sites = [site for site in stack.sites.values() if dialect.by_ingress(site, stack)]
    found = [each for site in sites for each in _of_site(dialect, stack, site)]
    yield from dict.fromkeys(found)


def _of_site(dialect: IngressController, stack: Stack, site: Site) -> Iterator[Refusal]:
    sound = True
    for entry in site.entries:
        for option, why in _of_entry(stack, site, entry):
            sound = False
            yield source(stack, entry, option) if option else entry.at, why
    if sound:
        yield from _whole_host(stack, site)
        yield from _paths(dialect, stack, site)


def _of_entry(stack: Stack, site: Site, entry: Entry) -> Iterator[Refusal]:
    """(option, why); an empty option: the path itself."""
    options = entry.options
    yield from _path(entry)
    if options.rewrite is not None:
        yield from _rewrite(entry, options.rewrite)
    for name, seconds in (options.timeouts.model_dump(exclude_none=True) if options.timeouts else {}).items():
        if seconds == 0:
            yield "timeouts", f"{name}: nginx takes 0 for at once: name a number of seconds"
    if options.headers is not None:
        yield from _headers("request", options.headers.request, OWN_REQUEST)
        yield from _headers("response", options.headers.response, OWN_RESPONSE)
    if options.backend_protocol == "GRPC":
        yield from _grpc(stack, site, options)


def _path(entry: Entry) -> Iterator[Refusal]:
    """F5 reads every path as a regular expression, whether it is meant as one or not."""
    fault = regex_fault(entry.path)
    if fault and entry.options.regex:
        yield "", f"is no regular expression: {fault}"
    elif fault:
        yield "", f"F5's controller takes only paths that it can read as regular expressions: {fault}; {OTHERS}"
    elif entry.options.regex and _alternatives(entry.path):
        yield "", "put the alternatives in parentheses: the beginning of the path goes with the first one only"


def regex_fault(path: str) -> str:
    """What is wrong with a path as a regular expression by the rules that F5 goes by, .NET's (regexp2); "": nothing."""
    if re.search(r"[*+?]\+", path):  # possessive: Python and PCRE know it
        return "nested quantifier +"
    try:
        re.compile(path)
    except re.error as error:
        return str(error)
    return ""


def _alternatives(path: str) -> bool:
    depth, in_class = 0, False
    for character in path:
        if in_class or character == "[":
            in_class = character != "]"
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == "|" and depth == 0:
            return True
    return False


def _rewrite(entry: Entry, rewrite: Rewrite) -> Iterator[Refusal]:
    regex = entry.options.regex
    key, value = ("path", rewrite.path) if rewrite.path is not None else ("prefix", rewrite.prefix or "")
    plain = GROUPS.sub("", value) if regex and rewrite.path is not None else value
    if not TARGET_PATH.fullmatch(plain) or "../" in value:
        yield (
            "rewrite",
            f"{key}: F5's controller takes a plain path: no query, no '../', no character of a pattern",
        )
    elif rewrite.path is not None and not regex and entry.type != "Exact" and not re.search(entry.path, entry.path):
        why = f"F5's controller reads {entry.path!r} as a regular expression then, which does not match itself"
        yield "rewrite", f"path: {why}; set regex: true and write the path as one"


def _headers(side: str, headers: Mapping[str, str], own: frozenset[str]) -> Iterator[Refusal]:
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name):
            yield "headers", f"{side}.{name}: a header's name has letters, digits and '-' only"
        elif name.lower() in own:
            yield "headers", f"{side}.{name}: nginx writes this header itself; {TRAEFIK}"
        elif not VALUE.fullmatch(value) or (side == "response" and ":" in value):
            bad = "a comma, a quote, $, \\" + (" and a colon" if side == "response" else "")
            yield "headers", f"{side}.{name}: F5's annotation takes no value with {bad}; {TRAEFIK}"


def _grpc(stack: Stack, site: Site, options: Options) -> Iterator[Refusal]:
    """https://docs.nginx.com/nginx-ingress-controller/: grpc-services; its template of a gRPC location has no more."""
    if not site.tls:
        yield "backend_protocol", "gRPC needs TLS with F5's controller: give the host a certificate (tls)"
    if str(stack.controller.settings.get("http2", True)).lower() not in ("true", "1", "t"):
        yield "backend_protocol", "gRPC needs HTTP/2: remove ingress_controller.config.http2"
    if options.body_size is not None:
        yield "body_size", f"F5's controller has none for gRPC: unset it for the path; {OTHERS}"
    if options.rewrite is not None:
        yield "rewrite", f"F5's controller rewrites no path of gRPC: unset it for the path; {OTHERS}"
    if options.headers is not None and options.headers.request:
        yield "headers", f"request: F5's controller sets no headers for gRPC: unset it for the path; {TRAEFIK}"


def _whole_host(stack: Stack, site: Site) -> Iterator[Refusal]:
    """What F5 has for whole hosts only, where entries of one differ."""
    first = site.entries[0] if site.entries else None
    for entry in site.entries:
        if first is None or entry is first:
            continue
        if _redirection(entry, site) != _redirection(first, site):
            odd = entry if entry.options.ssl_redirect is not None else first
            yield (
                source(stack, odd, "ssl_redirect"),
                f"F5's controller redirects a whole host or nothing of it, and its paths differ; {OTHERS}",
            )
    if differs(site, "hsts") and site.tls:
        for entry in site.entries:
            if entry.options.hsts is not None and not wants_redirect(entry.options, tls=True):
                why = "for some paths only, F5's controller would send it over plain HTTP, too, which is not redirected"
                yield source(stack, entry, "hsts"), f"{why}: set it for the host, or redirect (ssl_redirect)"
    gone = [name.lower() for name in hidden_headers([entry.options for entry in site.entries] or [site.options])]
    for entry in site.entries:
        for name, value in (entry.options.headers.response if entry.options.headers else {}).items():
            if not value and name.lower() not in gone:
                why = "F5's controller removes response headers of a whole host only"
                yield source(stack, entry, "headers"), f"response.{name}: {why}: say it for the host; {TRAEFIK}"


def _redirection(entry: Entry, site: Site) -> tuple[bool, int | None]:
    wanted = wants_redirect(entry.options, tls=site.tls)
    return wanted, entry.options.ssl_redirect.code if wanted and entry.options.ssl_redirect else None


def _paths(dialect: IngressController, stack: Stack, site: Site) -> Iterator[Refusal]:
    """A path that minions name twice is nobody's (buildMinionConfigs in internal/k8s/configuration.go).

    Two entries of the same type and path are preflight's to tell.
    """
    minions: list[Told] = []
    for name in site.apps:
        told, annotations = told_of(dialect, stack, site, entries_of(dialect, stack, name, site))
        minions += told if annotations is None else []
    sorts = {(one.entry.type == "Exact", one.entry.path, place) for one in minions for place, __ in one.said.places}
    count = Counter(place for _exact, _path, place in sorts)
    for one in minions:
        twice = [place for place, __ in one.said.places if count[place] > 1]
        if twice:
            why = f"F5's controller takes {twice[0]!r} once only where a host's paths have different options"
            yield one.entry.at, f"{why} or several apps: {OTHERS}"
        if TARGET in one.said.location and one.entry.type != "Exact" and not one.entry.options.regex:
            path = one.said.places[0][0]
            if not re.search(path, path):
                yield one.entry.at, f"F5's controller cannot rewrite {path!r}: {OTHERS}"
