"""Annotations of Traefik's Ingress provider and the middlewares they name in the contract's words.

A middleware is read where its definition is among the manifests: a Middleware, or a ConfigMap with Traefik's file.
https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/ingress/ and …/http/middlewares/overview/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import yaml

from .cursor import Cursor
from .from_ingress_nginx import networks, redirect, shortest_cors
from .reading import Entry, Place, Reader, Said, UnsaidError, give, items, present, seconds

MIDDLEWARES = "router.middlewares"
Spec = Mapping[str, Any]
_WHOLE = re.compile(r"^\^?\.[*+]\$?$")
_REST = re.compile(r"^\^(?P<prefix>/[^\\^$*+?()\[\]{}|]*?)(?P<slash>/\?|\(/\|\$\)|/)?\(\.\*\)\$?$")
_HSTS = {"stsSeconds": "max_age", "stsIncludeSubdomains": "include_subdomains", "stsPreload": "preload"}
_CORS = {
    "accessControlAllowOriginList": "origins",
    "accessControlAllowMethods": "methods",
    "accessControlAllowHeaders": "headers",
    "accessControlExposeHeaders": "expose_headers",
    "accessControlAllowCredentials": "credentials",
    "accessControlMaxAge": "max_age",
}


def middlewares_in(objects: Iterable[Cursor]) -> dict[str, Spec]:
    """Every middleware by the name that an annotation calls it."""
    found: dict[str, Spec] = {}
    for each in objects:
        kind, meta = each["kind"].value, each["metadata"]
        if kind == "Middleware" and isinstance(each["spec"].value, Mapping):
            namespace = meta["namespace"].value or "default"
            found[f"{namespace}-{meta['name'].value}@kubernetescrd"] = each["spec"].value
        elif kind == "ConfigMap" and isinstance(each["data"].value, Mapping):
            for text in each["data"].value.values():
                found |= dict(_in_file(text))
    return found


def _in_file(text: Any) -> Iterator[tuple[str, Spec]]:
    """The middlewares of a file of Traefik's; of any other text none."""
    if not isinstance(text, str) or "middlewares" not in text:
        return
    try:
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        defined = content["http"]["middlewares"]
        yield from ((f"{name}@file", spec) for name, spec in defined.items() if isinstance(spec, Mapping))
    except (yaml.YAMLError, TypeError, KeyError, AttributeError):
        return


def _middlewares(said: Said, entries: list[Entry], place: Place) -> None:
    """What can be said is, what cannot is told by name."""
    unsaid = []
    for name in items(said[MIDDLEWARES]):
        try:
            _one(name, entries, place)
        except UnsaidError as error:
            unsaid.append(f"{name}: {error}")
    if unsaid:
        raise UnsaidError("; ".join(unsaid), partly=True)


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


def _strip_prefix(spec: Spec, entries: list[Entry], _: Place) -> None:
    for entry in entries:
        if entry.path.rstrip("/") not in [prefix.rstrip("/") for prefix in spec["prefixes"]]:
            raise UnsaidError(f"the option rewrite replaces what matched, and {entry.path} is not all of it")
    give(entries, "rewrite", {"prefix": "/"})


def _add_prefix(spec: Spec, entries: list[Entry], _: Place) -> None:
    for entry in entries:
        stripped = entry.options.get("rewrite") == {"prefix": "/"}
        give([entry], "rewrite", {"prefix": spec["prefix"] + ("" if stripped else entry.path.rstrip("/"))})


def _replace_path(spec: Spec, entries: list[Entry], _: Place) -> None:
    give(entries, "rewrite", {"path": spec["path"]})


def _replace_path_regex(spec: Spec, entries: list[Entry], _: Place) -> None:
    parts = _REST.match(spec["regex"])
    group = "$2" if parts and parts["slash"] == "(/|$)" else "$1"
    target = spec["replacement"].replace("${1}", "$1").replace("${2}", "$2")
    if parts is None or not target.endswith(group) or "$" in target.removesuffix(group):
        raise UnsaidError("the option rewrite replaces a prefix or the whole path, this is neither")
    for entry in entries:
        if entry.path.rstrip("/") != parts["prefix"].rstrip("/"):
            raise UnsaidError(f"the option rewrite replaces what matched, and {entry.path} is not all of it")
    give(entries, "rewrite", {"prefix": target.removesuffix(group).rstrip("/") or "/"})


def _redirect_regex(spec: Spec, entries: list[Entry], _: Place) -> None:
    if not _WHOLE.match(spec["regex"]) or "$" in spec["replacement"]:
        raise UnsaidError("the option redirect sends to one place")
    give(entries, "redirect", redirect(spec["replacement"], 301 if spec.get("permanent") else 302))


def _redirect_scheme(spec: Spec, entries: list[Entry], _: Place) -> None:
    if spec.get("scheme") != "https":
        raise UnsaidError("the option ssl_redirect redirects to https")
    secured = [entry for entry in entries if entry.secured]
    give(secured, "ssl_redirect", {"code": 301 if spec.get("permanent") else 302})


def _rate_limit(spec: Spec, entries: list[Entry], _: Place) -> None:
    period = seconds(str(spec.get("period", "1s")))
    rps = int(spec["average"]) / (period or 1)
    if rps != int(rps) or not rps:
        raise UnsaidError("the option rate_limit counts whole requests a second")
    if spec.get("sourceCriterion", {}).keys() - {"ipStrategy"}:
        raise UnsaidError("the option rate_limit is by client address")
    give(entries, "rate_limit", present(rps=int(rps), burst=spec.get("burst")))


def _buffering(spec: Spec, entries: list[Entry], _: Place) -> None:
    if spec.keys() != {"maxRequestBodyBytes"}:
        raise UnsaidError("of buffering, options have the size of a request alone")
    give(entries, "body_size", size_of(int(spec["maxRequestBodyBytes"])))


def size_of(number: int) -> str:
    """Bytes as the contract writes them."""
    for unit, factor in (("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)):
        if number and number % factor == 0:
            return f"{number // factor}{unit}"
    return str(number)


def _allow(spec: Spec, entries: list[Entry], _: Place) -> None:
    if spec.keys() - {"sourceRange"}:
        raise UnsaidError(f"the option allow has no {', '.join(sorted(spec.keys() - {'sourceRange'}))}")
    give(entries, "allow", networks(",".join(spec["sourceRange"])))


def _headers(spec: Spec, entries: list[Entry], _: Place) -> None:
    kinds = {"customRequestHeaders": "request", "customResponseHeaders": "response"}
    unknown = spec.keys() - {*_HSTS, *_CORS, *kinds, "addVaryHeader", "forceSTSHeader"}
    if unknown:
        raise UnsaidError(f"no option says {', '.join(sorted(unknown))}")
    changes = {kinds[name]: dict(spec[name]) for name in kinds if spec.get(name)}
    hsts = {_HSTS[name]: spec[name] for name in _HSTS if spec.get(name)}
    cors = {_CORS[name]: spec[name] for name in _CORS if name in spec}
    for entry in entries:
        before = entry.options.get("headers", {})
        both = {name: before.get(name, {}) | changes.get(name, {}) for name in ("request", "response")}
        give([entry], "headers", {name: each for name, each in both.items() if each} or None)
    give((entry for entry in entries if entry.secured), "hsts", hsts or None)
    give(entries, "cors", shortest_cors(cors) if cors else None)


def _basic_auth(spec: Spec, entries: list[Entry], _: Place) -> None:
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
READERS = (Reader("", (MIDDLEWARES,), _middlewares),)
