"""Annotations of Traefik's Ingress provider and the middlewares they name in the contract's words.

A middleware is read where its definition is among the manifests: a Middleware, or a ConfigMap with Traefik's file.
https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/ingress/ and …/http/middlewares/overview/
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..controllers.traefik_routes import NEVER
from .beside import part
from .from_ingress_nginx import networks, redirect, shortest_cors
from .manifest import Entry as Given
from .manifest import Ingress
from .reading import (
    Beside,
    Entry,
    Place,
    Reader,
    Said,
    UnsaidError,
    add_headers,
    give,
    items,
    number,
    present,
    seconds,
)

MIDDLEWARES = "router.middlewares"
PRIORITY = "traefik.ingress.kubernetes.io/router.priority"
SERVICE = "traefik.ingress.kubernetes.io/service."
Spec = Mapping[str, Any]
_WHOLE = re.compile(r"^\^?\.[*+]\$?$")
# what precedes the rest of the path: a plain text, or with (?:…) an expression; then a slash that may be missing
_REST = re.compile(r"\^(?P<matched>.*?)(?P<slash>/\?|\(/\|\$\))?(?P<group>\(\.\*\)|\(\?P<rest>\.\*\))\$?")
_OURS = re.compile(r"/\?\^\(\?:(?P<path>.*)\)(?P<end>\$?)")  # an expression as rendering writes it
_SNI = re.compile(r"HostSNI\([\"`](.+)[\"`]\)")
_HEADER = re.compile(r' && Header\("((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\)$')
_COOKIE = re.compile(r' && HeaderRegexp\("Cookie", "\(\?:\^\|; \*\)((?:[^"\\]|\\.)*)=always\(\?:;\|\$\)"\)$')
_LABEL = "[A-Za-z0-9-]+"  # what * stands for in an origin
_HSTS = {"stsSeconds": "max_age", "stsIncludeSubdomains": "include_subdomains", "stsPreload": "preload"}
_CORS = {
    "accessControlAllowOriginList": "origins",
    "accessControlAllowMethods": "methods",
    "accessControlAllowHeaders": "headers",
    "accessControlExposeHeaders": "expose_headers",
    "accessControlAllowCredentials": "credentials",
    "accessControlMaxAge": "max_age",
}
_PATTERNS = "accessControlAllowOriginListRegex"


def _router(said: Said, entries: list[Entry], place: Place) -> None:
    """How paths are compared, then what the middlewares say; what cannot be said is told by name."""
    _matcher(said.get("router.pathmatcher", "PathPrefix"), entries)
    unsaid = []
    for name in items(said.get(MIDDLEWARES, "")):
        try:
            _one(name, entries, place)
        except UnsaidError as error:
            unsaid.append(f"{name}: {error}")
    if unsaid:
        raise UnsaidError("; ".join(unsaid), partly=True)


def _matcher(matcher: str, entries: list[Entry]) -> None:
    if matcher not in ("PathPrefix", "Path", "PathRegexp"):
        raise UnsaidError(f"no option says {matcher}")
    for entry in entries:
        if matcher == "Path":
            entry.type = "Exact"
        elif matcher == "PathRegexp":
            ours = _OURS.fullmatch(entry.path)
            if ours:
                entry.path = ours["path"] + ours["end"]
            give([entry], "regex", True)


def passed_on(beside: Beside) -> set[str]:
    """The hosts whose TLS ends at the backend."""
    found = set()
    for router in part(beside, "tcp", "routers").values():
        rule = _SNI.fullmatch(str(router.get("rule"))) if isinstance(router, Mapping) else None
        if rule and isinstance(router.get("tls"), Mapping) and router["tls"].get("passthrough") is True:
            found.add(rule[1])
    return found


def canary_notes(ingress: Ingress, beside: Beside) -> dict[str, str] | None:
    """Who goes to the backend of an Ingress that never answers itself, in the words of ingress-nginx's canaries. None:
    it is no such Ingress; empty: nobody, as far as the manifests tell.

    Rendering makes Traefik know a canary's Service so; a router of its configuration sends requests there.
    """
    if not ingress.annotations.get(PRIORITY, "").startswith("-") or int(ingress.annotations[PRIORITY]) > NEVER:
        return None
    for rule in ingress.rules:
        for entry in rule.entries:
            for router in part(beside, "http", "routers").values():
                share = _share(router, ingress.namespace, rule.host, entry, beside)
                if share:
                    return share
    return {}


def _share(router: Any, namespace: str, host: str, entry: Given, beside: Beside) -> dict[str, str]:
    if entry.backend is None or not isinstance(router, Mapping):
        return {}
    known = re.sub(r"[^A-Za-z0-9]+", "-", f"{namespace}-{entry.backend.service}-{entry.backend.port}") + "@kubernetes"
    rule, service = str(router.get("rule")), str(router.get("service"))
    weighted = part(beside, "http", "services", service, "weighted").get("services") or [{"name": service}]
    weights = {each["name"]: each.get("weight") for each in weighted}
    plain = entry.path.removesuffix("/")
    prefix = f"PathPrefix({json.dumps(f'{plain}/')})"
    place = f"Path({json.dumps(entry.path)})" if entry.type == "Exact" else prefix
    if entry.path.startswith("/?^"):
        place = f"PathRegexp({json.dumps(entry.path, ensure_ascii=False)})"
    named = re.match(r'Host\("(.*?)"\) && ', rule)
    if known not in weights or place not in rule or (named[1] if named else "*") != host:
        return {}
    if weights[known] is not None:
        return {"weight": str(weights[known])}
    cookie, header = _COOKIE.search(rule), _HEADER.search(rule)
    if cookie:
        return {"by-cookie": re.sub(r"\\(.)", r"\1", json.loads(f'"{cookie[1]}"'))}
    if header is None:
        return {}
    value = json.loads(f'"{header[2]}"')
    return {"by-header": json.loads(f'"{header[1]}"')} | ({} if value == "always" else {"by-header-value": value})


def read_services(entries: list[Entry], place: Place) -> None:
    """What the annotations of Services say, where these are among the manifests. A Service that stands in for another
    is that other one."""
    for entry in entries:
        service = place.beside.services.get(f"{place.ingress.namespace}/{entry.backend.service}")
        notes = (service or {}).get("metadata", {}).get("annotations") or {}
        said = {name.removeprefix(SERVICE): str(value) for name, value in notes.items() if name.startswith(SERVICE)}
        if service and said:
            _service(said, entry, place.beside)
            entry.backend = replace(entry.backend, service=_stands_for(service, place))


def _service(said: Mapping[str, str], entry: Entry, beside: Beside) -> None:
    if said.get("sticky.cookie") == "true":
        age = said.get("sticky.cookie.maxage")
        cookie = said.get("sticky.cookie.name")
        give([entry], "affinity", present(cookie=cookie, max_age=number(age) if age else None))
    protocol = {"https": "HTTPS", "h2c": "GRPC"}.get(said.get("serversscheme", ""))
    give([entry], "backend_protocol", protocol)
    called = part(beside, "http", "serversTransports", said.get("serverstransport", "").removesuffix("@file"))
    times = called.get("forwardingTimeouts") or {}
    connect, read = times.get("dialTimeout"), times.get("responseHeaderTimeout")
    value = present(connect=seconds(connect) if connect else None, read=seconds(read) if read else None)
    give([entry], "timeouts", value or None)


def _stands_for(service: Mapping[str, Any], place: Place) -> str:
    """The Service beside which one was rendered: the one it leads to, or the one with the same Pods."""
    name, spec = str(service["metadata"]["name"]), service.get("spec") or {}
    base = name.rpartition("-")[0]
    target = str(spec.get("externalName", "")).removesuffix(f".{place.ingress.namespace}.svc")
    if target != str(spec.get("externalName", "")) and target.startswith(base):
        return target
    other = place.beside.services.get(f"{place.ingress.namespace}/{base}", {}).get("spec") or {}
    return base if other and other.get("selector") == spec.get("selector") else name


def _one(name: str, entries: list[Entry], place: Place) -> None:
    spec = place.beside.middlewares.get(name)
    if spec is None:
        raise UnsaidError("this middleware is not among the manifests")
    for kind, content in spec.items():
        if kind not in KINDS:
            raise UnsaidError(f"no option says {kind}")
        try:
            KINDS[kind](content or {}, entries, place)
        except (TypeError, KeyError, ValueError, AttributeError):
            raise UnsaidError(f"{kind} cannot be read") from None


def _chain(spec: Spec, entries: list[Entry], place: Place) -> None:
    for each in spec["middlewares"]:
        name = each if isinstance(each, str) else f"{each.get('namespace', place.ingress.namespace)}-{each['name']}"
        _one(name if "@" in name else f"{name}@{'file' if isinstance(each, str) else 'kubernetescrd'}", entries, place)


def _strip_prefix(spec: Spec, entries: list[Entry], __: Place) -> None:
    for entry in entries:
        if entry.path.rstrip("/") not in [prefix.rstrip("/") for prefix in spec["prefixes"]]:
            raise UnsaidError(f"the option rewrite replaces what matched, and {entry.path} is not all of it")
    give(entries, "rewrite", {"prefix": "/"})


def _add_prefix(spec: Spec, entries: list[Entry], __: Place) -> None:
    for entry in entries:
        stripped = entry.options.get("rewrite") == {"prefix": "/"}
        give([entry], "rewrite", {"prefix": spec["prefix"] + ("" if stripped else entry.path.rstrip("/"))})


def _replace_path(spec: Spec, entries: list[Entry], __: Place) -> None:
    give(entries, "rewrite", {"path": spec["path"]})


def _replace_path_regex(spec: Spec, entries: list[Entry], __: Place) -> None:
    regex, target = spec["regex"], re.sub(r"\$\{(\w+)\}", r"$\1", spec["replacement"])
    for entry in entries:
        matched = f"(?:{entry.path})" if entry.options.get("regex") else entry.path.rstrip("/")
        give([entry], "rewrite", _rewrite(regex, target, matched, plain="regex" not in entry.options))


def _rewrite(regex: str, target: str, matched: str, *, plain: bool) -> dict[str, str]:
    if _WHOLE.match(regex) and not _groups(target):
        return {"path": target.replace("$$", "$")}
    if not plain and regex == f"^{matched}.*$":
        return {"path": target.replace("$$", "$")}
    parts = _REST.fullmatch(regex)
    group = "$rest" if parts and "rest" in parts["group"] else "$2" if parts and parts["slash"] == "(/|$)" else "$1"
    if parts is None or not target.endswith(group) or _groups(target.removesuffix(group)):
        raise UnsaidError("the option rewrite replaces a prefix or the whole path, this is neither")
    before = re.sub(r"\\(.)", r"\1", parts["matched"]) if plain else parts["matched"]
    if before.rstrip("/") != matched:
        raise UnsaidError(f"the option rewrite replaces what matched, and {matched} is not {before}")
    return {"prefix": target.removesuffix(group).replace("$$", "$").rstrip("/") or "/"}


def _groups(target: str) -> bool:
    return "$" in target.replace("$$", "")


def _redirect_regex(spec: Spec, entries: list[Entry], __: Place) -> None:
    if not _WHOLE.match(spec["regex"]) or _groups(spec["replacement"]):
        raise UnsaidError("the option redirect sends to one place")
    to = spec["replacement"].replace("$$", "$")
    give(entries, "redirect", redirect(to, 301 if spec.get("permanent") else 302))


def _redirect_scheme(spec: Spec, entries: list[Entry], __: Place) -> None:
    if spec.get("scheme") != "https":
        raise UnsaidError("the option ssl_redirect redirects to https")
    secured = [entry for entry in entries if entry.secured]
    give(secured, "ssl_redirect", {"code": 301 if spec.get("permanent") else 302})


def _rate_limit(spec: Spec, entries: list[Entry], __: Place) -> None:
    period = seconds(str(spec.get("period", "1s")))
    rps = int(spec["average"]) / (period or 1)
    if rps != int(rps) or not rps:
        raise UnsaidError("the option rate_limit counts whole requests a second")
    if spec.get("sourceCriterion", {}).keys() - {"ipStrategy"}:
        raise UnsaidError("the option rate_limit is by client address")
    burst = int(spec.get("burst", 1)) - 1  # Traefik's counts the first request too
    give(entries, "rate_limit", {"rps": int(rps)} | ({"burst": burst} if burst > 0 else {}))


def _buffering(spec: Spec, entries: list[Entry], __: Place) -> None:
    if spec.keys() != {"maxRequestBodyBytes"}:
        raise UnsaidError("of buffering, options have the size of a request alone")
    give(entries, "body_size", size_of(int(spec["maxRequestBodyBytes"])))


def size_of(number: int) -> str:
    """Bytes as the contract writes them."""
    for unit, factor in (("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)):
        if number and number % factor == 0:
            return f"{number // factor}{unit}"
    return str(number)


def _allow(spec: Spec, entries: list[Entry], __: Place) -> None:
    if spec.keys() - {"sourceRange"}:
        raise UnsaidError(f"the option allow has no {', '.join(sorted(spec.keys() - {'sourceRange'}))}")
    give(entries, "allow", networks(",".join(spec["sourceRange"])))


def _headers(spec: Spec, entries: list[Entry], __: Place) -> None:
    kinds = {"customRequestHeaders": "request", "customResponseHeaders": "response"}
    unknown = spec.keys() - {*_HSTS, *_CORS, *kinds, _PATTERNS, "addVaryHeader", "forceSTSHeader"}
    if unknown:
        raise UnsaidError(f"no option says {', '.join(sorted(unknown))}")
    for name, side in kinds.items():
        add_headers(entries, side, spec.get(name) or {})
    hsts = {_HSTS[name]: spec[name] for name in _HSTS if spec.get(name)}
    give(entries, "hsts", hsts or None)
    cors = {_CORS[name]: spec[name] for name in _CORS if name in spec}
    if _PATTERNS in spec:
        cors["origins"] = [*cors.get("origins", []), *map(_origin, spec[_PATTERNS])]
    give(entries, "cors", shortest_cors(cors) if cors else None)


def _origin(pattern: str) -> str:
    """A pattern as an origin in which * stands for a label."""
    plain = re.sub(r"\\(.)", r"\1", pattern.removeprefix("^").removesuffix("$").replace(_LABEL, "*"))
    if re.search(r"[\^$+?()\[\]{}|]", plain):
        raise UnsaidError(f"the option cors has origins with * at the most, and no {pattern}")
    return plain


def _basic_auth(spec: Spec, entries: list[Entry], __: Place) -> None:
    if "usersFile" in spec:
        raise UnsaidError("its users are in a Secret, and no Secret is read: name them with the option basic_auth")
    if spec.keys() - {"removeHeader"} != {"secret"}:
        raise UnsaidError("the option basic_auth takes a Secret of users")
    give(entries, "basic_auth", {"secret": spec["secret"]})


KINDS: dict[str, Callable[[Spec, list[Entry], Place], None]] = {
    "chain": _chain,
    "stripPrefix": _strip_prefix,
    "addPrefix": _add_prefix,
    "replacePath": _replace_path,
    "replacePathRegex": _replace_path_regex,
    "redirectRegex": _redirect_regex,
    "redirectScheme": _redirect_scheme,
    "rateLimit": _rate_limit,
    "buffering": _buffering,
    "ipAllowList": _allow,
    "ipWhiteList": _allow,
    "headers": _headers,
    "basicAuth": _basic_auth,
}
# which option a middleware is for depends on its kind: the reader tells by itself what it cannot say
READERS = (Reader("", ("router.pathmatcher", MIDDLEWARES), _router),)
