"""The requests that prove one entry with its options. Pure.

What an option promises is the contract's to say, the same behind every controller; where one is bound to deviate, its
file says so (``IngressController.hsts_words``). What cannot be known from here is not promised: whether ``allow`` lets
this machine in, whether ``rate_limit`` has been used up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..controllers import IngressController
from ..controllers.base import wants_redirect
from ..htpasswd import HASHED
from ..model.options import Canary, Options, Rewrite
from ..model.routes import Entry, Site
from .matching import is_regex, match, sample
from .types import Expected, Header, Kind, Probe, Request, Tls

LARGEST_BODY = 8 << 20  # sent in full only where a limit does not hold
MARK = "ingresskit-smoke"
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
# A call that no service has: every gRPC server answers it, by 200 and a grpc-status (github.com/grpc, PROTOCOL-HTTP2).
GRPC_CALL = (("Content-Type", "application/grpc"), ("TE", "trailers"))


@dataclass(frozen=True)
class Asked:
    """An entry, where and with which path it is asked, and what answers there."""

    entry: Entry
    site: Site
    request: Request
    backend: Callable[[str, str], Expected]  # by app and Service
    dialect: IngressController

    @property
    def options(self) -> Options:
        return self.entry.options

    @property
    def main(self) -> Expected:
        return self.backend(self.entry.app, self.entry.backend.service)


def entry_probes(asked: Asked) -> Iterator[Probe]:
    """Every probe of an entry: what it promises to those who may ask, then to those who may not."""
    away = turned_away(asked.options)
    for request, expected, kind in _probes(asked):
        yield Probe(request, replace(expected, turned_away=away), asked.entry.at, kind)


def path_to_ask(entry: Entry, entries: Sequence[Entry], *, echo: bool, by_element: bool) -> str | None:
    """The path itself; one below it for a Prefix whose own path belongs to an Exact entry; for a regular expression
    one that it matches, and no other entry before it. None where none can be told.

    Only the echo backend answers any path: of another one, what its made-up path says would prove nothing.
    """
    if is_regex(entry):
        path = sample(entry.path) if echo else None
        found = match(entries, path, by_element=by_element) if path else None
        return path if found is entry else None
    shadowed = entry.type != "Exact" and any(other.path == entry.path and other.type == "Exact" for other in entries)
    return f"{entry.path.rstrip('/')}/{MARK}" if shadowed else entry.path


def turned_away(options: Options) -> tuple[int, ...]:
    """Statuses that may meet this client whatever else is promised."""
    limited = (options.rate_limit.status,) if options.rate_limit else ()
    closed = options.allow is not None and not {"0.0.0.0/0", "::/0"} <= set(options.allow)
    return (*limited, 403) if closed else limited


def refusals(options: Options) -> tuple[int, ...]:
    """Every status by which an option may refuse a request."""
    return turned_away(options) + ((401,) if options.basic_auth else ())


def login_of(options: Options) -> tuple[str, str] | None:
    """A user whose password the inventory tells; None where it has hashes only, or a Secret that others made."""
    users = options.basic_auth.users if options.basic_auth else None
    return next(((user, word) for user, word in (users or {}).items() if not HASHED.match(word)), None)


def rewritten(rewrite: Rewrite, entry_path: str, asked: str) -> str:
    """The path that the backend sees."""
    if rewrite.path is not None:
        return rewrite.path
    return (rewrite.prefix or "").rstrip("/") + asked[len(entry_path.rstrip("/")) :] or "/"


Told = tuple[Request, Expected, Kind]


def _probes(asked: Asked) -> Iterator[Told]:
    options, site = asked.options, asked.site
    if options.ssl_passthrough:
        # the certificate is the backend's own: who signed it is not known here
        yield replace(asked.request, scheme="https"), replace(asked.main, tls="any"), "route"
        return
    tls: Tls = "verified" if site.tls else "none"
    method = "POST" if options.backend_protocol == "GRPC" else asked.request.method
    request = replace(asked.request, method=method, headers=_sent(options), login=login_of(options))
    expected = replace(_answer(asked), tls=tls)
    locked = options.basic_auth is not None
    refused = Expected(status=(401,), headers=(Header("WWW-Authenticate", ("basic*",)),), tls=tls)
    if locked and request.login is None:
        yield request, refused, "login"
    else:
        yield request, expected, "route"
        if locked:
            yield replace(request, login=None), refused, "login"
        yield from ((ask, replace(found, tls=tls), kind) for ask, found, kind in _more(asked, request))
    if site.tls:
        yield from _without_tls(asked, request, refused if locked else _answer(asked, tls=False))


def _without_tls(asked: Asked, request: Request, expected: Expected) -> Iterator[Told]:
    """The same over HTTP, where no password is sent if there is a better way."""
    plain = replace(request, scheme="http", login=None)
    if wants_redirect(asked.options, tls=True):
        location = rf"https://{re.escape(request.host)}(:\d+)?{re.escape(request.path)}"
        code = asked.dialect.redirect_code(asked.options)
        # asked by GET: of 301 and 302 some controllers make 308 and 307 for other methods
        yield replace(plain, method="GET"), Expected(status=(code,), location=location), "redirect"
    else:
        yield plain, replace(expected, tls="none"), "route"


def _answer(asked: Asked, *, tls: bool | None = None) -> Expected:
    """What the one who may ask gets, with TLS or without."""
    options = asked.options
    if options.redirect is not None:
        return Expected(status=(options.redirect.code,), location=re.escape(options.redirect.to))
    expected = replace(asked.main, headers=tuple(_headers(asked, asked.site.tls if tls is None else tls)))
    if options.backend_protocol == "GRPC":
        return replace(expected, status=(200,), backend=None, identity="if-echo", headers=(Header("grpc-status", ()),))
    if options.canary is not None and options.canary.weight:
        other = _canary(asked, options.canary)
        expected = _either(expected, other) if options.canary.weight < 100 else _instead(expected, other)
    if expected.identity != "echo":
        return expected
    rewrite, passed = options.rewrite, options.headers.request if options.headers else {}
    known = rewrite is not None and (rewrite.path is not None or not is_regex(asked.entry))
    return replace(
        expected,
        path=rewritten(rewrite, asked.entry.path, asked.request.path) if rewrite and known else None,
        passed=tuple((name, value or None) for name, value in passed.items()),
    )


def _headers(asked: Asked, tls: bool) -> Iterator[Header]:
    options = asked.options
    if options.hsts is not None and tls:
        yield Header("Strict-Transport-Security", asked.dialect.hsts_words(options.hsts))
    if options.affinity is not None:
        yield Header("Set-Cookie", (f"{options.affinity.cookie}=*",))
    if options.cors is not None:
        anybody = "*" in options.cors.origins
        yield Header("Access-Control-Allow-Origin", () if anybody else (_origin(options.cors.origins),))
    for name, value in (options.headers.response if options.headers else {}).items():
        yield Header(name, words_of(value) if value else None)


def words_of(value: str) -> tuple[str, ...]:
    """A header's value in the parts that its order does not matter to."""
    return tuple(part.strip() for part in re.split("[,;]", value) if part.strip())


def _sent(options: Options) -> tuple[tuple[str, str], ...]:
    """What a request carries so that an option shows: an Origin, and the headers that are to be set or removed."""
    origin = (("Origin", _origin(options.cors.origins)),) if options.cors else ()
    call = GRPC_CALL if options.backend_protocol == "GRPC" else ()
    changed = options.headers.request if options.headers else {}
    return (*origin, *call, *((name, MARK) for name in changed))


def _origin(origins: Sequence[str]) -> str:
    first = origins[0] if origins else "*"
    return f"https://{MARK}.example" if first == "*" else first.replace("*", MARK)


def _more(asked: Asked, request: Request) -> Iterator[Told]:
    """Requests that show what the plain one does not: a canary's sign, a body that is too large."""
    options = asked.options
    if options.redirect is not None or options.backend_protocol == "GRPC":
        return
    canary = options.canary
    if canary is not None and canary.weight is None:
        expected = _instead(_answer(asked), _canary(asked, canary))
        yield replace(request, headers=(*request.headers, _sign(canary))), expected, "canary"
    limit = size(options.body_size or "0")
    if 0 < limit <= LARGEST_BODY:
        yield replace(request, body_size=limit + 1), Expected(status=(413,)), "body-size"


def size(text: str) -> int:
    """Bytes of a size such as 8m."""
    return int(text[:-1]) * _UNITS[text[-1]] if text[-1] in _UNITS else int(text)


def _sign(canary: Canary) -> tuple[str, str]:
    """The header by which a request asks for the canary."""
    if canary.header is not None:
        return canary.header.name, canary.header.value or "always"
    return "Cookie", f"{canary.cookie}=always"


def _canary(asked: Asked, canary: Canary) -> Expected:
    return asked.backend(asked.entry.app, canary.backend.rpartition(":")[0])


def _instead(expected: Expected, other: Expected) -> Expected:
    path, passed = (expected.path, expected.passed) if other.identity == "echo" else (None, ())
    return replace(other, headers=expected.headers, path=path, passed=passed)


def _either(expected: Expected, other: Expected) -> Expected:
    """One of the two; a backend that does not name itself may say anything."""
    if "if-echo" in (expected.identity, other.identity):
        expected = replace(expected, identity="if-echo", status=())
    return replace(expected, others=tuple(filter(None, (other.backend,))))
