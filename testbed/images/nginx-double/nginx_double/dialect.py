"""The nginx.org dialect: the annotations, what F5 refuses (internal/k8s/validation.go), what the double lacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from . import values
from .model import Obj
from .params import HSTS, Params, Parse, attribute_of, hsts_of

PREFIX = "nginx.org/"
MERGEABLE = PREFIX + "mergeable-ingress-type"
CLASS = "kubernetes.io/ingress.class"
DEPRECATED_REDIRECT = "ingress.kubernetes.io/ssl-redirect"


def _next_upstream(text: str) -> str:
    codes = "http_500 http_502 http_503 http_504 http_403 http_404 http_429"
    known = f"error timeout invalid_header {codes} non_idempotent off"
    if not text or not set(text.split()) <= set(known.split()):
        raise ValueError(f"must be a space-separated list with any of the following values: {known}")
    return text


def _plain(text: str) -> str:
    if any(character in text for character in '"$;{}\n'):
        raise ValueError('must not contain any of " $ ; { } or a line break')
    return text


def _log_level(text: str) -> str:
    if text not in ("info", "notice", "warn", "error"):
        raise ValueError("must be one of info, notice, warn, error")
    return text


def _limit_key(text: str) -> str:
    if any(character in text for character in '";\n'):
        raise ValueError("must be a text with nginx variables")
    return text


# annotation: (attribute of Params it sets, how F5 reads it)
SETTINGS: dict[str, tuple[str, Parse]] = {
    DEPRECATED_REDIRECT: ("ssl_redirect", values.boolean),  # before the new name, which wins
    PREFIX + "ssl-ciphers": ("server_ssl_ciphers", _plain),
    PREFIX + "ssl-prefer-server-ciphers": ("server_ssl_prefer_server_ciphers", values.boolean),
}
PARSERS: dict[Parse, str] = {
    values.boolean: """server-tokens proxy-buffering ssl-redirect redirect-to-https hsts hsts-include-subdomains
        hsts-behind-proxy limit-req-no-delay limit-req-dry-run limit-req-scale""",
    values.time: """proxy-connect-timeout proxy-read-timeout proxy-send-timeout fail-timeout
        proxy-next-upstream-timeout""",
    values.size: """client-body-buffer-size proxy-buffer-size proxy-busy-buffers-size proxy-max-temp-file-size
        upstream-zone-size limit-req-zone-size""",
    values.integer: "keepalive hsts-max-age limit-req-burst limit-req-delay limit-req-reject-code",
    values.natural: "max-fails max-conns proxy-next-upstream-tries",
    values.offset: "client-max-body-size",
    values.buffers: "proxy-buffers",
    values.lb_method: "lb-method",
    values.headers: "proxy-hide-headers proxy-pass-headers",
    values.set_headers: "proxy-set-headers",
    values.add_headers: "add-header",
    values.inherit: "add-header-inherit",
    values.redirect_code: "http-redirect-code",
    values.app_root: "app-root",
    values.rate: "limit-req-rate",
    _next_upstream: "proxy-next-upstream",
    _limit_key: "limit-req-key",
    _log_level: "limit-req-log-level",
    _plain: "basic-auth-secret basic-auth-realm",
    str: "server-snippets location-snippets",
}
SETTINGS |= {PREFIX + name: (attribute_of(name), parse) for parse, names in PARSERS.items() for name in names.split()}
# Annotations that are not one setting: the routes read them themselves.
ROUTES: dict[str, Parse] = {
    MERGEABLE: values.mergeable,
    PREFIX + "path-regex": values.path_regex,
    PREFIX + "rewrites": values.rewrites,
    PREFIX + "rewrite-target": values.rewrite_target,
    PREFIX + "websocket-services": values.names,
    PREFIX + "ssl-services": values.names,
    PREFIX + "grpc-services": values.names,
    PREFIX + "sticky-cookie-services": values.sticky,
    PREFIX + "policies": values.names,
}
SERVICE_LISTS = {PREFIX + name for name in ("rewrites", "websocket-services", "ssl-services", "grpc-services")}
SNIPPETS = {PREFIX + "server-snippets", PREFIX + "location-snippets"}
RELATED = {PREFIX + name: PREFIX + "hsts" for name in HSTS[1:]}
RELATED[PREFIX + "basic-auth-realm"] = PREFIX + "basic-auth-secret"


def _prefixed(names: str) -> set[str]:
    return {PREFIX + name for name in names.split()}


MASTER_DENIED = _prefixed(
    """
    rewrites ssl-services grpc-services websocket-services sticky-cookie-services use-cluster-ip
    """
)
MINION_DENIED = _prefixed(
    """
    proxy-hide-headers proxy-pass-headers redirect-to-https ssl-redirect http-redirect-code hsts hsts-max-age
    hsts-include-subdomains hsts-behind-proxy server-tokens listen-ports listen-ports-ssl server-snippets
    ssl-ciphers ssl-prefer-server-ciphers app-root
    """
) | {DEPRECATED_REDIRECT}
MINION_INHERITS = _prefixed(
    """
    proxy-connect-timeout proxy-read-timeout proxy-send-timeout client-max-body-size proxy-buffering proxy-buffers
    proxy-buffer-size proxy-busy-buffers-size proxy-max-temp-file-size upstream-zone-size location-snippets
    lb-method keepalive max-fails max-conns fail-timeout limit-req-rate limit-req-key limit-req-zone-size
    limit-req-delay limit-req-no-delay limit-req-burst limit-req-dry-run limit-req-log-level limit-req-reject-code
    limit-req-scale
    """
)


def of(ingress: Obj) -> dict[str, str]:
    found: dict[str, str] = ingress["metadata"].get("annotations") or {}
    return found


def mergeable_type(ingress: Obj) -> str:
    return of(ingress).get(MERGEABLE, "")


def errors(ingress: Obj, services: set[str], snippets: bool) -> list[str]:
    """Why F5 refuses the Ingress, in its words; empty when it does not. `services` are those of its backends."""
    found: list[str] = []
    annotations = of(ingress)
    for name in sorted(annotations):
        complaint = _complaint(name, annotations, services, snippets)
        if complaint:
            found.append(f"annotations.{name}: {complaint}")
    return found


def _complaint(name: str, annotations: dict[str, str], services: set[str], snippets: bool) -> str:
    if name.startswith("nginx.com/"):
        return "Forbidden: annotation requires NGINX Plus"
    if name.startswith(PREFIX + "limit-req-") or name not in SETTINGS | ROUTES:
        return ""  # F5 only logs a bad limit; the unknown is silence
    if name in SNIPPETS:
        return "" if snippets else "Forbidden: snippet specified but snippets feature is not enabled"
    related = RELATED.get(name)
    if related and related not in annotations:
        return f"Forbidden: related annotation {related}: must be set"
    return _bad_value(name, annotations[name], services)


def _bad_value(name: str, value: str, services: set[str]) -> str:
    if not value:
        return "Required value"
    try:
        parsed = ROUTES[name](value) if name in ROUTES else SETTINGS[name][1](value)
    except ValueError as error:
        return f'Invalid value: "{value}": {error}'
    unknown = [service for service in parsed if service not in services] if name in SERVICE_LISTS else []
    return f'Invalid value: "{value}": The following services were not found: {",".join(unknown)}' if unknown else ""


def settings(base: Params, annotations: dict[str, str]) -> Params:
    """The settings of one Ingress over the ConfigMap's. Its annotations were accepted before, but for the limits."""
    found: dict[str, Any] = {}
    for name, (attribute, parse) in SETTINGS.items():
        if name in annotations and name.removeprefix(PREFIX) not in HSTS:
            try:
                found[attribute] = parse(annotations[name])
            except ValueError:
                continue  # a bad limit-req-*: F5 logs it and goes on, so that no limit applies
    hsts, _ = hsts_of(annotations, PREFIX)
    return replace(base, **found, **hsts)


def not_imitated(ingress: Obj) -> Iterable[str]:
    """The annotations of the dialect that do nothing here, whatever they do in F5."""
    known = SETTINGS.keys() | ROUTES.keys()
    return sorted(name for name in of(ingress) if name.startswith(PREFIX) and name not in known)
