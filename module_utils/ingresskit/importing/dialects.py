"""Annotations of Ingresses: who reads them, and what they say in the contract's words.

An annotation of the very controller that the apps are meant for can always be carried as it is. Those that change what
is answered over plain HTTP become options, because smoke tests must know them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..controllers import CONTROLLERS, IngressController
from ..controllers.traefik import ANNOTATION as TRAEFIK
from ..controllers.traefik import EXACT_FIRST, REDIRECTS
from ..model.controller import Controller
from .loss import Loss
from .manifest import CLASS_ANNOTATION, Ingress

INGRESS_NGINX = "nginx.ingress.kubernetes.io/"
# prefix of an annotation -> the controller that reads it (by its kind, where the contract has one)
READERS = {
    "nginx.org/": "nginx",
    "nginx.com/": "nginx",
    "custom.nginx.org/": "nginx",
    "appprotect.f5.com/": "nginx",
    "appprotectdos.f5.com/": "nginx",
    INGRESS_NGINX: "ingress-nginx",
    TRAEFIK: "traefik",
    "haproxy.org/": "haproxy",
    "haproxy.com/": "haproxy",
    "haproxy-ingress.github.io/": "HAProxy Ingress",
    "konghq.com/": "Kong",
    "projectcontour.io/": "Contour",
    "alb.ingress.kubernetes.io/": "the AWS Load Balancer Controller",
    "appgw.ingress.kubernetes.io/": "Azure Application Gateway",
    "kubernetes.io/ingress.": "Google Cloud's load balancer",
    "networking.gke.io/": "Google Cloud's load balancer",
    "cloud.google.com/": "Google Cloud's load balancer",
    "ingress.kubernetes.io/": "some older controllers",
}
# what tools note down about an object that is not there any more once it comes from an inventory
BOOKKEEPING = ("kubectl.kubernetes.io/", "meta.helm.sh/", "helm.sh/", "ingresskit.io/", "applyset.kubernetes.io/")
SSL_REDIRECT = ("nginx.org/ssl-redirect", "ingress.kubernetes.io/ssl-redirect", f"{INGRESS_NGINX}ssl-redirect")
REDIRECT_CODE = "nginx.org/http-redirect-code"
MIDDLEWARES = f"{TRAEFIK}router.middlewares"
PRIORITY = f"{TRAEFIK}router.priority"
# what a controller answers over HTTP where TLS is set and nothing is said; None: it serves
USUAL_CODES = {"nginx": 301, "ingress-nginx": 308, "traefik": None}
# the contract's option for what an annotation of a controller that is left behind says (prefix of the part after "/")
OPTIONS = {
    "rewrite": "rewrite",
    "use-regex": "regex",
    "path-regex": "regex",
    "affinity": "affinity",
    "session-cookie": "affinity",
    "sticky-cookie": "affinity",
    "proxy-body-size": "body_size",
    "client-max-body-size": "body_size",
    "proxy-connect-timeout": "timeouts",
    "proxy-read-timeout": "timeouts",
    "proxy-send-timeout": "timeouts",
    "backend-protocol": "backend_protocol",
    "ssl-services": "backend_protocol",
    "grpc-services": "backend_protocol",
    "websocket-services": "backend_protocol",
    "auth-": "basic_auth",
    "basic-auth": "basic_auth",
    "limit-": "rate_limit",
    "whitelist-source-range": "allow",
    "allowlist-source-range": "allow",
    "permanent-redirect": "redirect",
    "temporal-redirect": "redirect",
    "ssl-passthrough": "ssl_passthrough",
    "enable-cors": "cors",
    "cors-": "cors",
    "hsts": "hsts",
    "proxy-set-headers": "headers",
    "proxy-hide-headers": "headers",
}


@dataclass
class Translated:
    """What the annotations of one Ingress come to."""

    options: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, str] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)


def served_by(ingress: Ingress, meant: Controller) -> str:
    """The kind of controller an Ingress was written for: by its annotations or class, else the one it is meant for."""
    kinds = (reader_of(name) for name in ingress.annotations)
    found = next((kind for kind in kinds if kind in USUAL_CODES), None)
    same = meant.compat or meant.kind
    named = next((kind for kind in ("traefik", "nginx") if kind in (ingress.class_name or "")), same)
    return found or (same if named in same else named)


def reader_of(name: str) -> str | None:
    """Who reads an annotation; None for those that no Ingress controller claims."""
    return next((kind for prefix, kind in READERS.items() if name.startswith(prefix)), None)


def left_out(ingress: Ingress) -> str | None:
    """Why an Ingress cannot be an app: it only adds to what another one says."""
    if ingress.annotations.get(f"{INGRESS_NGINX}canary") == "true":
        return "a canary belongs to the path of another Ingress: the option canary there says it"
    kind = ingress.annotations.get("nginx.org/mergeable-ingress-type")
    if kind is not None:
        return f"a {kind} shares its host with other Ingresses: write the host as one app with all its paths"
    return None


def translate(ingress: Ingress, source: str, meant: Controller, *, tls: bool) -> Translated:
    """The annotations as options and raw annotations. ``source``: kind of controller that has served the Ingress,
    ``meant``: the one that is to serve it, ``tls``: whether it has a certificate."""
    done = Translated()
    names = {name: value for name, value in ingress.annotations.items() if not _passing(name, value)}
    redirect = {name: names.pop(name) for name in list(names) if _is_redirect(name, names[name])}
    if tls:
        _redirect(done, ingress, redirect, source, CONTROLLERS[meant.kind])
    for name, value in names.items():
        reader = reader_of(name)
        if reader in (None, meant.compat or meant.kind):
            done.raw[name] = value
        else:
            done.losses.append(_loss(ingress, name, _why(name, str(reader))))
    return done


def _passing(name: str, value: str) -> bool:
    """What says nothing about routes, or what rendering says again by itself."""
    ours = name == PRIORITY and value == str(EXACT_FIRST)
    return name == CLASS_ANNOTATION or name.startswith(BOOKKEEPING) or ours


def _is_redirect(name: str, value: str) -> bool:
    middleware = name == MIDDLEWARES and value in _middlewares()
    return name in SSL_REDIRECT or name == REDIRECT_CODE or middleware


def _middlewares() -> dict[str, int]:
    return {f"{middleware}@file": code for code, (middleware, _) in REDIRECTS.items()}


def _redirect(
    done: Translated, ingress: Ingress, said: Mapping[str, str], source: str, target: IngressController
) -> None:
    """The redirect to HTTPS, where it is not what the controller does anyway."""
    readable = {name: value for name, value in said.items() if _readable(name, value)}
    for name in said.keys() - readable.keys():
        done.losses.append(_loss(ingress, name, f"{said[name]!r} is no value for it: it had no effect"))
    code = _code(readable, source)
    usual = target.redirect_codes[0]
    if code is None:
        done.options["ssl_redirect"] = False
    elif code not in target.redirect_codes:
        why = f"{target.title} cannot answer with {code}, it will answer with {usual}"
        done.losses.append(Loss(str(ingress), ingress.at, "redirect to HTTPS", why))
    elif code != usual or REDIRECT_CODE in readable:
        done.options["ssl_redirect"] = {"code": code}


def _readable(name: str, value: str) -> bool:
    if name == REDIRECT_CODE:
        return value.isdigit()
    return name == MIDDLEWARES or value.lower() in ("true", "false")


def _code(said: Mapping[str, str], source: str) -> int | None:
    """What HTTP was answered with; None: no redirect."""
    flags = {said[name].lower() for name in SSL_REDIRECT if name in said}
    if "false" in flags:
        return None
    if MIDDLEWARES in said:
        return _middlewares()[said[MIDDLEWARES]]
    if REDIRECT_CODE in said:
        return int(said[REDIRECT_CODE])
    return USUAL_CODES.get(source) or (USUAL_CODES["nginx"] if flags else None)


def _why(name: str, reader: str) -> str:
    said = name.rpartition("/")[2]
    option = next((option for prefix, option in OPTIONS.items() if said.startswith(prefix)), None)
    hint = f"; the option {option} says it for every controller" if option else ""
    return f"only {reader} reads it{hint}" if reader != "some older controllers" else f"{reader} read it{hint}"


def _loss(ingress: Ingress, name: str, why: str) -> Loss:
    return Loss(str(ingress), ingress.at, f"annotation {name}", why)


def labels_lost(ingress: Ingress) -> Iterator[Loss]:
    """Labels of an Ingress: rendering sets its own."""
    names = [name for name in ingress.labels if not name.startswith(("app.kubernetes.io/", *BOOKKEEPING))]
    if names:
        why = "the inventory has no labels for an Ingress"
        yield Loss(str(ingress), ingress.at, f"label {', '.join(names)}", why)
