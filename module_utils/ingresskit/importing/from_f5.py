"""Annotations of F5 NGINX Ingress Controller in the contract's words, those of one Service among them.

Names and defaults: https://docs.nginx.com/nginx-ingress-controller/configuration/ingress-resources/advanced-configuration-with-annotations/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .from_ingress_nginx import shortest_cors
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
    number,
    of_service,
    present,
    seconds,
    simple,
)

HSTS_MAX_AGE = 2592000
CLIENT_ADDRESS = ("${binary_remote_addr}", "$binary_remote_addr", "${remote_addr}")
_RATE = re.compile(r"^(\d+)r/([sm])$")
_CORS = {
    "allowOrigin": "origins",
    "allowMethods": "methods",
    "allowHeaders": "headers",
    "exposeHeaders": "expose_headers",
    "allowCredentials": "credentials",
    "maxAge": "max_age",
}
_NO_MATTER = re.compile(r"^(path=\S+|httponly|secure|samesite=\w+)$", re.IGNORECASE)


def _hsts(said: Said, entries: list[Entry], __: Place) -> None:
    if not boolean(said.get("hsts", "false")):
        return
    if boolean(said.get("hsts-behind-proxy", "false")):
        raise UnsaidError("the option hsts is for where TLS ends here")
    value: dict[str, Any] = {"max_age": number(said.get("hsts-max-age", str(HSTS_MAX_AGE))), "preload": True}
    if boolean(said.get("hsts-include-subdomains", "false")):
        value["include_subdomains"] = True
    give((entry for entry in entries if entry.secured), "hsts", value)


def _rewrites(said: Said, entries: list[Entry], __: Place) -> None:
    for service, words in by_service(said["rewrites"]).items():
        prefix = words.removeprefix("rewrite=")
        if prefix == words or not prefix.startswith("/"):
            raise UnsaidError(f"{words!r} is no value for it: it had no effect")
        for entry in of_service(entries, service):
            exact = entry.type == "Exact"
            give([entry], "rewrite", {"path": prefix} if exact else {"prefix": prefix.rstrip("/") or "/"})


def by_service(text: str) -> dict[str, str]:
    """``serviceName=a words;serviceName=b words`` as a mapping."""
    found = {}
    for part in items(text, ";"):
        service, __, words = part.removeprefix("serviceName=").partition(" ")
        if not part.startswith("serviceName=") or not service:
            raise UnsaidError(f"{part!r} is no value for it: it had no effect")
        found[service] = words.strip()
    return found


def _regex(said: Said, entries: list[Entry], __: Place) -> None:
    """path-regex and rewrite-target, which may name groups of the expression."""
    kind, target = said.get("path-regex"), said.get("rewrite-target")
    if kind == "case_insensitive":
        raise UnsaidError("the option regex minds the case")
    if target is not None and "$" in target and kind != "case_sensitive":
        raise UnsaidError("the option rewrite has groups with regex alone")
    if target is not None:
        give(entries, "rewrite", {"path": target})
    for entry in entries:
        if kind == "exact":
            entry.type = "Exact"
        elif kind is not None:
            give([entry], "regex", True)


def _sticky(said: Said, entries: list[Entry], __: Place) -> None:
    for service, words in by_service(said["sticky-cookie-services"]).items():
        cookie, *attributes = words.split()
        given = dict(each.split("=", 1) for each in attributes if not _NO_MATTER.match(each) and "=" in each)
        if given.keys() - {"expires"}:
            raise UnsaidError(f"the option affinity has no {', '.join(sorted(given.keys() - {'expires'}))}")
        expires = given.get("expires")
        max_age = seconds(expires) if expires not in (None, "max") else None
        give(of_service(entries, service), "affinity", present(cookie=cookie, max_age=max_age))


def _timeouts(said: Said, entries: list[Entry], __: Place) -> None:
    give(entries, "timeouts", {name.split("-")[1]: seconds(value) for name, value in said.items()})


def _protocols(said: Said, entries: list[Entry], __: Place) -> None:
    chosen: dict[str, str] = {}
    for name, protocol in (("ssl-services", "HTTPS"), ("grpc-services", "GRPC"), ("websocket-services", "WS")):
        for service in items(said.get(name, "")):
            if chosen.setdefault(service, protocol) != protocol:
                raise UnsaidError(f"{service} is in two of them: the option backend_protocol has one")
    for service, protocol in chosen.items():
        give(of_service(entries, service), "backend_protocol", protocol)


def _limit(said: Said, entries: list[Entry], __: Place) -> None:
    if "limit-req-rate" not in said:
        raise UnsaidError("without limit-req-rate it had no effect")
    rate = _RATE.match(said["limit-req-rate"])
    if rate is None:
        raise UnsaidError(f"{said['limit-req-rate']!r} is no value for it: it had no effect")
    if said.get("limit-req-key", CLIENT_ADDRESS[0]) not in CLIENT_ADDRESS:
        raise UnsaidError("the option rate_limit is by client address")
    if boolean(said.get("limit-req-dry-run", "false")):
        raise UnsaidError("it was on trial only (limit-req-dry-run)")
    rps = int(rate[1]) / (1 if rate[2] == "s" else 60)
    if rps != int(rps) or not rps:
        raise UnsaidError("the option rate_limit counts whole requests a second")
    burst, status = said.get("limit-req-burst"), number(said.get("limit-req-reject-code", "429"))
    value = present(rps=int(rps), burst=number(burst) if burst else None, status=status if status != 429 else None)
    give(entries, "rate_limit", value)


def _headers(said: Said, entries: list[Entry], __: Place) -> None:
    """proxy-set-headers sets those of the request; of the answer proxy-hide-headers takes away, add-header sets."""
    request = {}
    for part in items(said.get("proxy-set-headers", "")):
        name, colon, value = part.partition(":")
        if not colon:
            raise UnsaidError(f"the option headers needs a value for {name}")
        request[name.strip()] = value.strip()
    response = dict.fromkeys(items(said.get("proxy-hide-headers", "")), "")
    for part in items(said.get("add-header", "")):
        words = [word.strip() for word in part.split(":")]
        if len(words) != 3 or words[2] != "always":  # without it errors lack the header
            raise UnsaidError(f"the option headers sets a header in every answer, {part!r} does not")
        response[words[0]] = words[1]
    add_headers(entries, "request", request)
    add_headers(entries, "response", response)


def _policies(said: Said, entries: list[Entry], place: Place) -> None:
    """Policies, a custom resource, that an Ingress names."""
    for name in items(said["policies"]):
        full = name if "/" in name else f"{place.ingress.namespace}/{name}"
        spec = dict(place.beside.policies.get(full, {}))
        spec.pop("ingressClassName", None)
        networks = spec["accessControl"].get("allow") if isinstance(spec.get("accessControl"), Mapping) else None
        if spec.keys() == {"accessControl"} and networks:
            give(entries, "allow", [str(each) for each in networks])
        elif spec.keys() == {"cors"} and isinstance(spec["cors"], Mapping) and not spec["cors"].keys() - _CORS.keys():
            cors = {_CORS[key]: value for key, value in spec["cors"].items()}
            give(entries, "cors", shortest_cors(cors))
        else:
            kinds = ", ".join(sorted(spec))
            raise UnsaidError(f"no option says {kinds}" if spec else f"the Policy {full} is not among the manifests")


LIMIT = ("rate", "burst", "reject-code", "key", "zone-size", "no-delay", "delay", "dry-run", "scale")
READERS = (
    Reader("hsts", ("hsts", "hsts-max-age", "hsts-include-subdomains", "hsts-behind-proxy"), _hsts),
    Reader("rewrite", ("rewrites",), _rewrites),
    Reader("rewrite", ("rewrite-target", "path-regex"), _regex),
    Reader("affinity", ("sticky-cookie-services",), _sticky),
    simple("body_size", "client-max-body-size", str.lower),
    Reader("timeouts", ("proxy-connect-timeout", "proxy-read-timeout", "proxy-send-timeout"), _timeouts),
    Reader("backend_protocol", ("ssl-services", "grpc-services", "websocket-services"), _protocols),
    simple("basic_auth", "basic-auth-secret", lambda value: {"secret": value}),
    Reader("rate_limit", tuple(f"limit-req-{name}" for name in LIMIT), _limit),
    Reader("", ("policies",), _policies),
    Reader("headers", ("proxy-set-headers", "proxy-hide-headers", "add-header", "add-header-inherit"), _headers),
)

# What a master says to the whole host and its minions may not, and what of it its minions take over
# (github.com/nginx/kubernetes-ingress, internal/configs/annotations.go).
SERVER_WIDE = (
    *("proxy-hide-headers", "proxy-pass-headers", "redirect-to-https", "ssl-redirect", "http-redirect-code"),
    *("hsts", "hsts-max-age", "hsts-include-subdomains", "hsts-behind-proxy", "server-tokens", "listen-ports"),
    *("listen-ports-ssl", "server-snippets", "ssl-ciphers", "ssl-prefer-server-ciphers", "app-root"),
)
OF_MINIONS = (
    "rewrites",
    "ssl-services",
    "grpc-services",
    "websocket-services",
    "sticky-cookie-services",
    "use-cluster-ip",
)
