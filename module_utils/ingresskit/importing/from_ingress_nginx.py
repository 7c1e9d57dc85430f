"""Annotations of ingress-nginx, which Traefik's nginx provider reads as well, in the contract's words.

Names and defaults: https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ..model.options import Cors
from .reading import (
    Entry,
    Place,
    Reader,
    Said,
    UnsaidError,
    add_headers,
    boolean,
    give,
    items,
    literal,
    number,
    present,
    simple,
)

BURST = 5  # limit-burst-multiplier
CORS_HEADERS = (
    "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization"
)
PROTOCOLS = {"HTTP": "HTTP", "AUTO_HTTP": "HTTP", "HTTPS": "HTTPS", "GRPC": "GRPC"}
NO_HEADER = "Accept"  # every request may have it: rendering says so where no header is named
_CASE = "/(?-i)"  # how rendering begins an expression
_EXACT = "(?P<exact>$)"
# every character for itself, in brackets or after a backslash where it would mean something
_PLAIN = r"(?:[^\\^$*+?()\[\]{}|]|\[[^\]^]\]|\\[-.^])*?"
# a plain prefix, and the rest of the path as the last group: /tea(/|$)(.*), /tea/?(.*), /tea/(.*), /tea(.*)
_PREFIX = re.compile(rf"(?P<prefix>/{_PLAIN})(?P<first>\(/\|\$\)|\(\)|/\?|/)?\(\.[*+]\)\$?")


def _rewrite(said: Said, entries: list[Entry], __: Place) -> None:
    """rewrite-target replaces the whole path; with a group that holds the rest of the path, it replaces a prefix."""
    target = said.get("rewrite-target", "")
    by_regex = bool(target) or boolean(said["use-regex"])
    for entry in entries:
        path = f"/{entry.path.removeprefix(_CASE)}" if entry.path.startswith(_CASE) else entry.path
        whole = path.removesuffix(_EXACT)
        parts = _PREFIX.fullmatch(path) if by_regex else None
        prefix = _replacement(parts, target) if parts else None
        plain = parts is not None and (prefix is not None or "$" not in target)
        if by_regex and whole != path:
            entry.path, entry.type = _unquoted(whole), "Exact"
            give([entry], "rewrite", {"path": target} if target else None)
        elif parts and plain:
            entry.path, entry.type = _unquoted(parts["prefix"]).rstrip("/") or "/", "Prefix"
            if prefix is None:
                give([entry], "rewrite", {"path": target} if target else None)
            else:
                give([entry], "rewrite", {"prefix": prefix})
        else:
            entry.path = path
            give([entry], "rewrite", {"path": target} if target else None)
            give([entry], "regex", True if not literal(path) or not target else None)


def _unquoted(path: str) -> str:
    return re.sub(r"\[(.)\]|\\(.)", lambda found: found[1] or found[2], path)


def _replacement(parts: re.Match[str], target: str) -> str | None:
    """What takes the place of the prefix; None where the target is another one than the replacement and the rest."""
    first = parts["first"] or ""
    if first == "(/|$)" and target.endswith("$1$2"):
        replacement = target.removesuffix("$1$2")
    elif first == "(/|$)" and target.endswith("/$2"):
        replacement = target.removesuffix("$2")
    else:
        group = "$2" if first == "()" else "$1"
        if first == "(/|$)" or not target.endswith(group):
            return None
        replacement = target.removesuffix(group).rstrip("/") or "/"
    if parts["prefix"] == "/":
        replacement = replacement.rstrip("/") or "/"
    return None if "$" in replacement else replacement


def _affinity(said: Said, entries: list[Entry], __: Place) -> None:
    if said.get("affinity") != "cookie":
        raise UnsaidError("the option affinity is by cookie")
    max_age = said.get("session-cookie-max-age") or said.get("session-cookie-expires")
    value = present(cookie=said.get("session-cookie-name"), max_age=number(max_age) if max_age else None)
    give(entries, "affinity", value)


def _body(said: Said, entries: list[Entry], __: Place) -> None:
    give(entries, "body_size", said["proxy-body-size"].lower() if "proxy-body-size" in said else None)
    if said.get("proxy-request-buffering", "on") != "on":
        raise UnsaidError("no option has requests passed on before they are read", partly=True)


def _headers(said: Said, entries: list[Entry], place: Place) -> None:
    request = {"upstream-vhost": "Host", "x-forwarded-prefix": "X-Forwarded-Prefix"}
    add_headers(entries, "request", {request[name]: value for name, value in said.items() if name in request})
    if "custom-headers" in said:
        found = place.beside.config_maps.get(said["custom-headers"])
        if found is None:
            raise UnsaidError("the option headers says it, but its ConfigMap is not among the manifests", partly=True)
        add_headers(entries, "response", found)


def _timeouts(said: Said, entries: list[Entry], __: Place) -> None:
    give(entries, "timeouts", {name.split("-")[1]: number(value) for name, value in said.items()})


def _protocol(value: str) -> str | None:
    protocol = PROTOCOLS.get(value.upper())
    if protocol is None:
        raise UnsaidError(f"the option backend_protocol has no {value}")
    return None if protocol == "HTTP" else protocol


def _auth(said: Said, entries: list[Entry], place: Place) -> None:
    if said.get("auth-type") != "basic" or "auth-secret" not in said:
        raise UnsaidError("the option basic_auth takes auth-type basic with an auth-secret")
    if said.get("auth-secret-type", "auth-file") != "auth-file":
        raise UnsaidError("the option basic_auth takes a Secret with one file of users (auth-file)")
    namespace, __, name = said["auth-secret"].rpartition("/")
    if namespace not in ("", place.ingress.namespace):
        raise UnsaidError(f"the option basic_auth takes a Secret of the app's namespace, not of {namespace}")
    give(entries, "basic_auth", {"secret": name})


def _limit(said: Said, entries: list[Entry], __: Place) -> None:
    if "limit-rps" not in said and "limit-rpm" not in said:
        raise UnsaidError("the option rate_limit counts requests")
    rate = number(said["limit-rps"]) if "limit-rps" in said else number(said["limit-rpm"]) / 60
    if rate != int(rate) or not rate:
        raise UnsaidError("the option rate_limit counts whole requests a second")
    multiplier = number(said.get("limit-burst-multiplier", str(BURST)))
    give(entries, "rate_limit", {"rps": int(rate), "burst": int(rate) * multiplier})


def networks(value: str) -> list[str]:
    """Networks in a list; a single address is one, too."""
    try:
        return [str(ipaddress.ip_network(each)) for each in items(value)]
    except ValueError as error:
        raise UnsaidError(f"it is no list of networks: {error}") from None


def _allow(said: Said, entries: list[Entry], __: Place) -> None:
    lists = [networks(value) for value in said.values()]
    give(entries, "allow", lists[0])


def _cors(said: Said, entries: list[Entry], __: Place) -> None:
    if not boolean(said.get("enable-cors", "false")):
        return
    headers = said.get("cors-allow-headers", CORS_HEADERS)
    value: dict[str, Any] = {
        "origins": items(said.get("cors-allow-origin", "*")),
        "methods": items(said["cors-allow-methods"]) if "cors-allow-methods" in said else Cors().methods,
        "headers": [] if headers == NO_HEADER else items(headers),
        "expose_headers": items(said.get("cors-expose-headers", "")),
        "credentials": boolean(said.get("cors-allow-credentials", "true")),
        "max_age": number(said.get("cors-max-age", "1728000")),
    }
    give(entries, "cors", shortest_cors(value))


def shortest_cors(value: dict[str, Any]) -> dict[str, Any]:
    """Without what the contract says by itself."""
    usual = Cors().model_dump()
    return {name: each for name, each in value.items() if each != usual[name]}


def _redirect(said: Said, entries: list[Entry], __: Place) -> None:
    permanent = "permanent-redirect" in said  # it wins: annotations/redirect of the controller reads it last
    kind = "permanent-redirect" if permanent else "temporal-redirect"
    if kind not in said:
        return
    code = number(said.get(f"{kind}-code", "301" if permanent else "302"))
    give(entries, "redirect", redirect(said[kind], code))


def redirect(to: str, code: int) -> dict[str, Any]:
    """The option; 302 needs no saying."""
    return {"to": to} if code == 302 else {"to": to, "code": code}


def _passthrough(said: Said, entries: list[Entry], __: Place) -> None:
    give(entries, "ssl_passthrough", boolean(said["ssl-passthrough"]) or None)


READERS = (
    Reader("rewrite", ("rewrite-target", "use-regex"), _rewrite),
    Reader("affinity", ("affinity", "session-cookie-name", "session-cookie-max-age",
                        "session-cookie-expires", "session-cookie-path", "affinity-mode"), _affinity),
    Reader("body_size", ("proxy-body-size", "proxy-request-buffering"), _body),
    Reader("timeouts", ("proxy-connect-timeout", "proxy-read-timeout", "proxy-send-timeout"), _timeouts),
    simple("backend_protocol", "backend-protocol", _protocol),
    Reader("basic_auth", ("auth-type", "auth-secret", "auth-secret-type"), _auth),
    Reader("rate_limit", ("limit-rps", "limit-rpm", "limit-burst-multiplier"), _limit),
    Reader("allow", ("allowlist-source-range", "whitelist-source-range"), _allow),
    Reader("cors", ("enable-cors", "cors-allow-origin", "cors-allow-methods", "cors-allow-headers",
                    "cors-expose-headers", "cors-allow-credentials", "cors-max-age"), _cors),
    Reader("redirect", ("permanent-redirect", "permanent-redirect-code", "temporal-redirect",
                        "temporal-redirect-code"), _redirect),
    Reader("ssl_passthrough", ("ssl-passthrough",), _passthrough),
    Reader("headers", ("upstream-vhost", "x-forwarded-prefix", "custom-headers"), _headers),
)  # fmt: skip
