"""What the options of one entry are as middlewares of Traefik, in the order in which a request meets them.

HTTPS first; then what answers by itself (redirect, a CORS preflight), who may come (allow, rate limit, password), how
much (body), and what the backend gets to see (path, headers): the order in which nginx has them.
https://doc.traefik.io/traefik/middlewares/http/overview/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ..manifests import Object, present
from ..model.options import Cors, Hsts, Options, RateLimit, Rewrite
from .traefik_dynamic import FOLDER, named

TO_HTTPS = r"^http://(\[[^\]]+\]|[^/:]+)(?::\d+)?(/.*)?$"
REDIRECTS = {301: ("redirect-permanently", True), 302: ("redirect-temporarily", False)}  # 308 and 307 to a POST
_SPECIAL = re.compile(r"[.^$*+?()\[\]|]")  # what a path may hold that a regular expression reads otherwise
_SIZES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}

Named = tuple[str, Object]


def to_https() -> dict[str, Object]:
    """The two redirects to HTTPS, which are always there."""
    # not redirectScheme: it drops the port, finds https://host:30443/ changed by that, and redirects HTTPS for ever
    regex = {"regex": TO_HTTPS, "replacement": "https://${1}${2}"}
    return {name: {"redirectRegex": {**regex, "permanent": keep}} for name, keep in REDIRECTS.values()}


def middlewares(options: Options, path: str, users: str | None) -> list[Named]:
    """Name and content of each, without the redirect to HTTPS. ``path``: of the entry; ``users``: the file of users and
    hashes that ``basic_auth`` asks for, None where it is not known."""
    return [(named(kind, body), body) for kind, body in _bodies(options, path, users)]


def _bodies(options: Options, path: str, users: str | None) -> Iterator[tuple[str, Object]]:
    if options.hsts is not None:
        yield "hsts", {"headers": _hsts(options.hsts)}
    if options.redirect is not None:
        to = {"regex": "^.*$", "replacement": _literal(options.redirect.to)}
        yield "redirect", {"redirectRegex": {**to, "permanent": REDIRECTS[options.redirect.code][1]}}
    if options.cors is not None:
        yield "cors", {"headers": _cors(options.cors)}
    if options.allow is not None:
        yield "allow", {"ipAllowList": {"sourceRange": options.allow}}
    if options.rate_limit is not None:
        yield "rate-limit", {"rateLimit": _rate(options.rate_limit)}
    if options.basic_auth is not None:  # unknown users get a file that nobody makes: then nobody comes in
        yield "auth", {"basicAuth": {"usersFile": f"{FOLDER}/{named('auth', users)}", "realm": "Restricted"}}
    if options.body_size is not None and size(options.body_size):
        yield "body-size", {"buffering": {"maxRequestBodyBytes": size(options.body_size)}}
    if options.rewrite is not None:
        yield "rewrite", {"replacePathRegex": _rewrite(options.rewrite, path, regex=bool(options.regex))}
    if options.headers is not None and (options.headers.request or options.headers.response):
        changes = present(customRequestHeaders=options.headers.request, customResponseHeaders=options.headers.response)
        yield "headers", {"headers": changes}


def size(text: str) -> int:
    """Bytes of a size such as 8m; 0 for no limit."""
    return int(text.rstrip("kmg")) * _SIZES.get(text[-1], 1)


def _hsts(hsts: Hsts) -> Object:
    if hsts.max_age == 0:  # for Traefik that is no header at all; for a browser the word to forget what it was told
        return {"customResponseHeaders": {"Strict-Transport-Security": "max-age=0"}}
    flags = {"stsIncludeSubdomains": hsts.include_subdomains, "stsPreload": hsts.preload}
    return {"stsSeconds": hsts.max_age, **{key: True for key, value in flags.items() if value}}


def _cors(cors: Cors) -> Object:
    """Origins with a ``*`` inside (https://*.example.com) stand for one label, as ingress-nginx has it."""
    plain = [origin for origin in cors.origins if origin == "*" or "*" not in origin]
    patterns = [
        f"^{'[A-Za-z0-9-]+'.join(map(re.escape, each.split('*')))}$" for each in cors.origins if each not in plain
    ]
    return present(
        accessControlAllowOriginList=plain,
        accessControlAllowOriginListRegex=patterns,
        accessControlAllowMethods=cors.methods,
        accessControlAllowHeaders=cors.headers,
        accessControlExposeHeaders=cors.expose_headers,
        accessControlAllowCredentials=cors.credentials or None,
        accessControlMaxAge=cors.max_age,
        addVaryHeader=cors.origins != ["*"] or cors.credentials or None,
    )


def _rate(limit: RateLimit) -> Object:
    """Traefik's burst counts the first request too."""
    return {"average": limit.rps, "period": "1s", "burst": (limit.burst or 0) + 1}


def _rewrite(rewrite: Rewrite, path: str, *, regex: bool) -> Object:
    """``prefix``: what follows the matched part stays; ``path``: $1 of a regex is its first group."""
    matched = f"(?:{path})" if regex else _SPECIAL.sub(r"\\\g<0>", path.rstrip("/"))
    if rewrite.path is not None:
        replacement = _groups(rewrite.path) if regex else _literal(rewrite.path)
        return {"regex": f"^{matched}.*$" if regex else "^.*$", "replacement": replacement}
    prefix = str(rewrite.prefix).rstrip("/")
    # "/" before the rest: what is left of /tea behind the prefix /tea is nothing
    slash, joint = ("/?", "/") if not prefix else ("", "")
    rest, group = ("(?P<rest>.*)", "rest") if regex else ("(.*)", "1")
    return {"regex": f"^{matched}{slash}{rest}$", "replacement": f"{_literal(prefix)}{joint}${{{group}}}"}


def _groups(text: str) -> str:
    """Go reads $1a as the group named "1a"."""
    return re.sub(r"\$(?:(\d)|)", lambda found: f"${{{found[1]}}}" if found[1] else "$$", text)


def _literal(text: str) -> str:
    return text.replace("$", "$$")


def quoted(value: Any) -> str:
    """A string as Traefik's rules want it."""
    return json.dumps(value, ensure_ascii=False)
