"""Annotations of ingress-nginx, which Traefik's nginx provider reads as well, in the contract's words.

Names and defaults: https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ..model.options import Cors
from .reading import Entry, Place, Reader, Said, UnsaidError, boolean, give, items, literal, number, present, simple

BURST = 5  # limit-burst-multiplier
CORS_HEADERS = (
    "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization"
)
PROTOCOLS = {"HTTP": "HTTP", "AUTO_HTTP": "HTTP", "HTTPS": "HTTPS", "GRPC": "GRPC"}
# a literal prefix, and the rest of the path as the last group: /tea(/|$)(.*), /tea/?(.*), /tea/(.*), /tea(.*)
_PREFIX = re.compile(r"^\^?(?P<prefix>/?[^\\^$*+?()\[\]{}|]*?)(?P<first>\(/\|\$\)|\(\)|/\?|/)?\(\.[*+]\)\$?$")


def _rewrite(said: Said, entries: list[Entry], _: Place) -> None:
    """rewrite-target replaces the whole path; with a group that holds the rest of the path, it replaces a prefix."""
    target = said.get("rewrite-target", "")
    regex = boolean(said["use-regex"]) if "use-regex" in said else False
    unsaid = []
    for entry in entries:
        try:
            if _rewritten(entry, target):
                continue
        except UnsaidError as error:
            unsaid.append(str(error))
        if regex or (target and not literal(entry.path)):
            give([entry], "regex", True)
    if unsaid:
        raise UnsaidError("; ".join(unsaid), partly=True)


def _rewritten(entry: Entry, target: str) -> bool:
    """Gives the entry its rewrite. True where its path is a plain one after that."""
    if "$" in target:
        entry.path, prefix = split_prefix(entry.path, target)
        entry.type = "Prefix"
        if (entry.path, prefix) != ("/", "/"):  # that would change nothing
            give([entry], "rewrite", {"prefix": prefix})
        return True
    give([entry], "rewrite", {"path": target} if target else None)
    return False


def split_prefix(path: str, target: str) -> tuple[str, str]:
    """The literal prefix of a regular expression and what replaces it. Raises UnsaidError where it is not so."""
    parts = _PREFIX.match(path)
    group = "$2" if parts and (parts["first"] or "").startswith("(") else "$1"
    if parts is None or not target.endswith(group) or "$" in target.removesuffix(group):
        raise UnsaidError(f"the option rewrite replaces a prefix or the whole path; {path} to {target} is neither")
    return parts["prefix"].rstrip("/") or "/", target.removesuffix(group).rstrip("/") or "/"


def _affinity(said: Said, entries: list[Entry], _: Place) -> None:
    if said.get("affinity") != "cookie":
        raise UnsaidError("the option affinity is by cookie")
    max_age = said.get("session-cookie-max-age") or said.get("session-cookie-expires")
    value = present(cookie=said.get("session-cookie-name"), max_age=number(max_age) if max_age else None)
    give(entries, "affinity", value)


def _timeouts(said: Said, entries: list[Entry], _: Place) -> None:
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
    namespace, _, name = said["auth-secret"].rpartition("/")
    if namespace not in ("", place.ingress.namespace):
        raise UnsaidError(f"the option basic_auth takes a Secret of the app's namespace, not of {namespace}")
    give(entries, "basic_auth", {"secret": name})


def _limit(said: Said, entries: list[Entry], _: Place) -> None:
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


def _allow(said: Said, entries: list[Entry], _: Place) -> None:
    lists = [networks(value) for value in said.values()]
    give(entries, "allow", lists[0])


def _cors(said: Said, entries: list[Entry], _: Place) -> None:
    if not boolean(said.get("enable-cors", "false")):
        return
    value: dict[str, Any] = {
        "origins": items(said.get("cors-allow-origin", "*")),
        "methods": items(said.get("cors-allow-methods", "GET, PUT, POST, DELETE, PATCH, OPTIONS")),
        "headers": items(said.get("cors-allow-headers", CORS_HEADERS)),
        "expose_headers": items(said.get("cors-expose-headers", "")),
        "credentials": boolean(said.get("cors-allow-credentials", "true")),
        "max_age": number(said.get("cors-max-age", "1728000")),
    }
    give(entries, "cors", shortest_cors(value))


def shortest_cors(value: dict[str, Any]) -> dict[str, Any]:
    """Without what the contract says by itself; the order of methods makes no difference."""
    usual = Cors().model_dump()
    same = {name for name in value if value[name] == usual[name]}
    if sorted(value.get("methods", ())) == sorted(usual["methods"]):
        same.add("methods")
    return {name: each for name, each in value.items() if name not in same}


def _redirect(said: Said, entries: list[Entry], _: Place) -> None:
    permanent = "permanent-redirect" in said  # it wins: annotations/redirect of the controller reads it last
    kind = "permanent-redirect" if permanent else "temporal-redirect"
    if kind not in said:
        return
    code = number(said.get(f"{kind}-code", "301" if permanent else "302"))
    give(entries, "redirect", redirect(said[kind], code))


def redirect(to: str, code: int) -> dict[str, Any]:
    """The option; 302 needs no saying."""
    return {"to": to} if code == 302 else {"to": to, "code": code}


def _passthrough(said: Said, entries: list[Entry], _: Place) -> None:
    give(entries, "ssl_passthrough", boolean(said["ssl-passthrough"]) or None)


READERS = (
    Reader("rewrite", ("rewrite-target", "use-regex"), _rewrite),
    Reader("affinity", ("affinity", "session-cookie-name", "session-cookie-max-age",
                        "session-cookie-expires"), _affinity),
    simple("body_size", "proxy-body-size", str.lower),
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
    simple("headers", "x-forwarded-prefix", lambda value: {"request": {"X-Forwarded-Prefix": value}}),
)  # fmt: skip
