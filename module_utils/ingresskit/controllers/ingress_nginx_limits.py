"""What the annotations nginx.ingress.kubernetes.io/* cannot say, and what would not get past their readers unharmed.

ingress-nginx checks most values by patterns of its own and drops the annotation, or the whole Ingress, where one does
not fit (internal/ingress/annotations/parser/validators.go); Traefik does not. So the same patterns stand here, before
anything is sent.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from ..model.options import Canary, Cors, Options, Rewrite
from ..model.routes import Entry, Site
from ..model.stack import Stack
from .base import option_levels, wants_redirect
from .ingress_nginx_dialect import Reader, mainline_of
from .ingress_nginx_headers import VALUE as QUOTED

Refusal = tuple[str, str]  # inventory path, why

PATH = re.compile(r"/[-._~a-zA-Z0-9/:]*")
CAPTURE = re.compile(r"/(?:[-._~a-zA-Z0-9/:]|\$[1-9])*")
URL = re.compile(r"https?://[-._~a-zA-Z0-9/:?&=]+")
TOKEN = re.compile(r"[A-Za-z0-9_-]+")
VALUE = re.compile(r"[-._~a-zA-Z0-9/: ]+")
ORIGIN = re.compile(r"\*|(?:https?://)?(?:\*\.)?[A-Za-z0-9.-]+(?::\d+)?")
HEADER_VALUE = re.compile(r"""[a-zA-Z\d_ :;.,\\/"'?!(){}\[\]@<>=\-+*#$&`|~^%]+""")
ELSEWHERE = "kinds traefik and nginx can"


def value_refusals(stack: Stack, reader: Reader) -> Iterator[Refusal]:
    """Values that the annotations cannot carry, wherever the inventory sets options."""
    for at, options in option_levels(stack):
        yield from _rewrite(at, options.rewrite, regex=bool(options.regex))
        yield from _limits(at, options)
        yield from _request_headers(at, options, reader)
        yield from _response_headers(at, options)
        yield from _cors(f"{at}.cors", options.cors)
        yield from _canary(f"{at}.canary", options.canary)
        if options.redirect is not None and not URL.fullmatch(options.redirect.to):
            yield f"{at}.redirect.to", "must be a whole URL (https://name/path) of letters, digits and -._~/:?&= here"


def _rewrite(at: str, rewrite: Rewrite | None, *, regex: bool) -> Iterator[Refusal]:
    if rewrite is None:
        return
    name, value = ("prefix", rewrite.prefix) if rewrite.prefix is not None else ("path", rewrite.path)
    if not (CAPTURE if regex else PATH).fullmatch(str(value)):
        yield f"{at}.rewrite.{name}", "may hold letters, digits and -._~/: only (and $1 to $9 with regex)"


def _limits(at: str, options: Options) -> Iterator[Refusal]:
    limit = options.rate_limit
    if limit is not None and limit.burst is not None and (limit.burst == 0 or limit.burst % limit.rps):
        yield (
            f"{at}.rate_limit.burst",
            f"is a multiple of rps here (limit-burst-multiplier), such as {limit.rps}; {ELSEWHERE} do others",
        )
    if options.allow == []:
        yield f"{at}.allow", "an empty list would let everybody in: name a network, or leave the option out"


def _request_headers(at: str, options: Options, reader: Reader) -> Iterator[Refusal]:
    for name, value in options.headers.request.items() if options.headers is not None else ():
        where = f"{at}.headers.request.{name}"
        if name.lower() == "host":
            if not VALUE.fullmatch(value) or " " in value:
                yield where, "must be a host name"
        elif not reader.sets_headers:
            yield where, f"only Host can be set for the backend without a configuration snippet; {ELSEWHERE} others"
        elif not TOKEN.fullmatch(name):
            yield where, "a header's name holds letters, digits, - and _ only"
        elif not QUOTED.fullmatch(value):
            yield where, 'holds a character that means more to nginx (", \\, $ or a control character)'


def _response_headers(at: str, options: Options) -> Iterator[Refusal]:
    for name, value in options.headers.response.items() if options.headers is not None else ():
        where = f"{at}.headers.response.{name}"
        if value == "":
            yield where, f"no annotation removes a header; {ELSEWHERE}"
        elif not TOKEN.fullmatch(name):
            yield where, "a header's name holds letters, digits, - and _ only"
        elif not HEADER_VALUE.fullmatch(value):
            yield where, "holds a character that custom-headers refuses (a line break, or not ASCII)"


def _cors(at: str, cors: Cors | None) -> Iterator[Refusal]:
    if cors is None:
        return
    for key, values, shape in (
        ("origins", cors.origins, ORIGIN),
        ("methods", cors.methods, TOKEN),
        ("headers", cors.headers, TOKEN),
        ("expose_headers", cors.expose_headers, TOKEN),
    ):
        bad = next((value for value in values if value != "*" and not shape.fullmatch(value)), None)
        if bad is not None:
            yield f"{at}.{key}", f"{bad!r} is nothing that cors-allow-* takes"


def _canary(at: str, canary: Canary | None) -> Iterator[Refusal]:
    if canary is None:
        return
    if canary.cookie is not None and not TOKEN.fullmatch(canary.cookie):
        yield f"{at}.cookie", "a cookie's name holds letters, digits, - and _ only"
    header = canary.header
    if header is not None and not TOKEN.fullmatch(header.name):
        yield f"{at}.header.name", "a header's name holds letters, digits, - and _ only"
    if header is not None and header.value is not None and not VALUE.fullmatch(header.value):
        yield f"{at}.header.value", "may hold letters, digits, blanks and -._~/: only"


def site_refusals(stack: Stack) -> Iterator[Refusal]:
    """What entries ask for that does not go together."""
    for site in stack.sites.values():
        yield from _passthrough(site)
        yield from _hsts(site)
    yield from _shared_services(stack)


def _passthrough(site: Site) -> Iterator[Refusal]:
    """TLS that is not opened shows a host and no path."""
    for entry in site.entries:
        if entry.options.ssl_passthrough and (site.host == "*" or len(site.entries) > 1 or entry.path != "/"):
            yield entry.at, 'ssl_passthrough takes a whole named host: one entry, "/", is all that it can have'


def _hsts(site: Site) -> Iterator[Refusal]:
    for entry in site.entries:
        if site.tls and entry.options.hsts is not None and not wants_redirect(entry.options, tls=site.tls):
            why = "the header would go out over plain HTTP too: leave ssl_redirect on"
            yield f"{entry.at}.options.hsts", f"{why}; {ELSEWHERE} keep it to HTTPS"


def _shared_services(stack: Stack) -> Iterator[Refusal]:
    """A canary is one of the Service and port behind an entry: every other entry with these would get it too."""
    users: dict[tuple[str, str, int | str], list[Entry]] = defaultdict(list)
    for site in stack.sites.values():
        for entry in site.entries:
            users[stack.namespace_of(entry.app), entry.backend.service, entry.backend.port].append(entry)
    for (__, service, port), entries in users.items():
        canaries = [
            entry for entry in entries if entry.options.canary is not None and mainline_of(entry, stack) is None
        ]
        if canaries and len(entries) > 1:
            other = entries[1] if entries[0] is canaries[0] else entries[0]
            yield (
                canaries[0].at,
                f"the canary would be that of {other.at} too, which has {service}:{port} as well:"
                f" give one of them a Service of its own, or use kind traefik",
            )
