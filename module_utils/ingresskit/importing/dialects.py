"""Annotations of Ingresses: who reads them, and what they say in the contract's words.

What an option says becomes one. The rest is carried as it is where the controller that the apps are meant for reads it
anyway, and is lost where it does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..controllers import IngressController, controller_for
from ..controllers.annotations import INGRESS_NGINX, reader_of
from ..controllers.ingress_nginx_headers import read_mark
from ..controllers.traefik_dynamic import ANNOTATION as TRAEFIK
from ..controllers.traefik_middlewares import REDIRECTS
from ..controllers.traefik_routes import is_ours
from ..model.controller import Controller
from . import from_f5, from_ingress_nginx, from_traefik
from .loss import Loss
from .manifest import CLASS_ANNOTATION, Ingress
from .reading import Entry, Place, Reader, Said, UnsaidError, add_headers, give, items

# what tools note down about an object that is not there any more once it comes from an inventory
BOOKKEEPING = ("kubectl.kubernetes.io/", "meta.helm.sh/", "helm.sh/", "ingresskit.io/", "applyset.kubernetes.io/")
SSL_REDIRECT = ("nginx.org/ssl-redirect", "ingress.kubernetes.io/ssl-redirect", f"{INGRESS_NGINX}ssl-redirect")
REDIRECT_CODE = "nginx.org/http-redirect-code"
MIDDLEWARES = f"{TRAEFIK}router.middlewares"
ENTRY_POINTS = f"{TRAEFIK}router.entrypoints"
PRIORITY = f"{TRAEFIK}router.priority"
# what a controller answers over HTTP where TLS is set and nothing is said; None: it serves
USUAL_CODES = {"nginx": 301, "ingress-nginx": 308, "traefik": None}
ASKED = "no option asks another service whether a request is allowed"
SNIPPET = "it is free configuration: options such as headers and redirect may say what it does"
CANARY = f"{INGRESS_NGINX}canary"  # and whatever begins so: see canaries.py
FORCED = f"{INGRESS_NGINX}force-ssl-redirect"
# who reads annotations of a prefix, and how; an Ingress is read as the controller that has served it reads it
DIALECTS = {
    "nginx.org/": ("nginx", from_f5.READERS),
    "nginx.com/": ("nginx", from_f5.READERS),
    INGRESS_NGINX: ("ingress-nginx", from_ingress_nginx.READERS),
    TRAEFIK: ("traefik", from_traefik.READERS),
}
# what rendering adds to an option by itself
OURS = {
    ("nginx.org/basic-auth-realm", "Restricted"),
    (f"{INGRESS_NGINX}auth-realm", "Restricted"),
}
# why there is no option, by the beginning of what an annotation is called
REASONS = {
    "auth-url": ASKED,
    "auth-signin": ASKED,
    "auth-response": ASKED,
    "auth-method": ASKED,
    "auth-snippet": SNIPPET,
    "auth-tls": "no option asks clients for certificates",
    "auth-realm": "the option basic_auth has no realm",
    "basic-auth-realm": "the option basic_auth has no realm",
    "configuration-snippet": SNIPPET,
    "server-snippet": SNIPPET,
    "location-snippet": SNIPPET,
    "stream-snippet": SNIPPET,
    "app-root": "an Exact / with the option redirect says it",
    "from-to-www-redirect": "a host of its own with the option redirect says it",
    "server-alias": "further hosts of the app say it",
    "session-cookie": "the option affinity has cookie and max_age alone",
    "denylist": "the option allow names who may, no option who may not",
    "redirect-to-https": "it redirects where another proxy ends TLS; the option ssl_redirect is for where it ends here",
}


@dataclass
class Translated:
    """What the annotations of one Ingress come to beside the options of its entries."""

    raw: dict[str, str] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)


def served_by(ingress: Ingress, meant: Controller) -> str:
    """The kind of controller an Ingress was written for: by its annotations or class, else the one it is meant for."""
    kinds = (reader_of(name) for name in ingress.annotations)
    found = next((kind for kind in kinds if kind in USUAL_CODES), None)
    same = meant.compat or meant.kind
    named = next((kind for kind in ("traefik", "nginx") if kind in (ingress.class_name or "")), same)
    return found or (same if named in same else named)


def translate(entries: list[Entry], source: str, meant: Controller, place: Place) -> Translated:
    """Gives the entries of an Ingress what its annotations say as options, the rest as it is or as a loss.

    ``source``: kind of controller that has served the Ingress, ``meant``: the one that is to serve it.
    """
    ingress, done = place.ingress, Translated()
    add_headers(entries, "request", read_mark(ingress.annotations))
    rest = {name: value for name, value in ingress.annotations.items() if not _passing(name, value)}
    _redirect(done, ingress, entries, _redirects_in(rest), source, controller_for(meant))
    for prefix, (kind, readers) in DIALECTS.items():
        for reader in readers if kind == source else ():
            said = {name: rest.pop(prefix + name) for name in reader.names if prefix + name in rest}
            if said:
                _read(reader, prefix, said, entries, place, done, meant)
    if source == "traefik":
        from_traefik.read_services(entries, place)
        _pass_on(entries, rest, place)
    for name, value in rest.items():
        reads = reader_of(name)
        if reads in (None, meant.compat or meant.kind):
            done.raw[name] = value
        else:
            done.losses.append(_loss(ingress, name, _why(name) if reads == source else f"only {reads} reads it"))
    return done


def _pass_on(entries: list[Entry], rest: dict[str, str], place: Place) -> None:
    """Hosts whose TLS ends at the backend; their Ingress is for plain HTTP alone."""
    hosts = from_traefik.passed_on(place.beside)
    if rest.get(ENTRY_POINTS) == "web" and all(rule.host in hosts for rule in place.ingress.rules):
        del rest[ENTRY_POINTS]
        give(entries, "ssl_passthrough", True)


def _read(
    reader: Reader, prefix: str, said: Said, entries: list[Entry], place: Place, done: Translated, meant: Controller
) -> None:
    """Has one reader give its option. Where that cannot be, the annotations stay as they are for the controller that
    reads them, else they are lost."""
    full = {prefix + name: value for name, value in said.items()}
    same = DIALECTS[prefix][0] == (meant.compat or meant.kind)
    if same and reader.option and not _can(reader.option, meant):
        done.raw |= full
        return
    before = [(entry.path, entry.type, dict(entry.options)) for entry in entries]
    try:
        reader.read(said, entries, place)
    except UnsaidError as error:
        if same or not error.partly:
            for entry, state in zip(entries, before, strict=True):
                entry.path, entry.type, entry.options = state
        if same:
            done.raw |= full
        if same and prefix == TRAEFIK:
            why = f"{error}; kept as it is: Traefik answers 404 until it knows what it names"
            done.losses.append(_loss(place.ingress, ", ".join(full), why))
        elif not same:
            done.losses.append(_loss(place.ingress, ", ".join(full), str(error)))


def _can(option: str, meant: Controller) -> bool:
    return controller_for(meant).cannot(option, meant) is None


def _redirects_in(rest: dict[str, str]) -> dict[str, str]:
    """Takes what redirects to HTTPS out of the annotations; of Traefik's middlewares only those that do."""
    said = {name: rest.pop(name) for name in (*SSL_REDIRECT, FORCED, REDIRECT_CODE) if name in rest}
    names = items(rest.get(MIDDLEWARES, ""))
    ours = [name for name in names if name in _middlewares()]
    if ours:
        said[MIDDLEWARES] = ours[0]
        rest[MIDDLEWARES] = ",".join(name for name in names if name not in ours)
        if not rest[MIDDLEWARES]:
            del rest[MIDDLEWARES]
    return said


def _passing(name: str, value: str) -> bool:
    """What says nothing about routes, or what rendering says again by itself."""
    ours = (name, value) in OURS or (name == PRIORITY and is_ours(value))
    return name == CLASS_ANNOTATION or name.startswith((*BOOKKEEPING, CANARY)) or ours


def _middlewares() -> dict[str, int]:
    return {f"{middleware}@file": code for code, (middleware, __) in REDIRECTS.items()}


def _redirect(
    done: Translated,
    ingress: Ingress,
    entries: list[Entry],
    said: Said,
    source: str,
    target: IngressController,
) -> None:
    """The redirect to HTTPS, where it is not what the controller does anyway."""
    secured = [entry for entry in entries if entry.secured]
    if not secured:
        if said.get(FORCED) == "true":
            done.losses.append(_loss(ingress, FORCED, _why("redirect-to-https")))
        return
    readable = {name: value for name, value in said.items() if _readable(name, value)}
    for name in said.keys() - readable.keys():
        done.losses.append(_loss(ingress, name, f"{said[name]!r} is no value for it: it had no effect"))
    code = _code(readable, source)
    usual = target.redirect_codes[0]
    if code is None:
        give(secured, "ssl_redirect", False)
    elif code not in target.redirect_codes:
        why = f"{target.title} cannot answer with {code}, it will answer with {usual}"
        done.losses.append(Loss(str(ingress), ingress.at, "redirect to HTTPS", why))
    elif code != usual or REDIRECT_CODE in readable:
        give(secured, "ssl_redirect", {"code": code})


def _readable(name: str, value: str) -> bool:
    if name == REDIRECT_CODE:
        return value.isdigit()
    return name == MIDDLEWARES or value.lower() in ("true", "false")


def _code(said: Said, source: str) -> int | None:
    """What HTTP was answered with; None: no redirect."""
    flags = {said[name].lower() for name in SSL_REDIRECT if name in said}
    if "false" in flags and said.get(FORCED) != "true":
        return None
    if MIDDLEWARES in said:
        return _middlewares()[said[MIDDLEWARES]]
    if REDIRECT_CODE in said:
        return int(said[REDIRECT_CODE])
    return USUAL_CODES.get(source) or (USUAL_CODES["nginx"] if flags else None)


def _why(name: str) -> str:
    called = name.rpartition("/")[2]
    return next((why for prefix, why in REASONS.items() if called.startswith(prefix)), "no option says it")


def _loss(ingress: Ingress, name: str, why: str) -> Loss:
    return Loss(str(ingress), ingress.at, f"annotation {name}", why)


def labels_lost(ingress: Ingress) -> Iterator[Loss]:
    """Labels of an Ingress: rendering sets its own."""
    names = [name for name in ingress.labels if not name.startswith(("app.kubernetes.io/", *BOOKKEEPING))]
    if names:
        why = "the inventory has no labels for an Ingress"
        yield Loss(str(ingress), ingress.at, f"label {', '.join(names)}", why)
