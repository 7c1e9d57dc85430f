"""One entry behind Traefik: what its Ingress says, and what the dynamic configuration has to hold for it.

Traefik takes the router with the highest priority, by default the one with the longest rule. The Ingress API wants the
closest host, then Exact, then the longest path; where that differs, the router says its priority.
https://doc.traefik.io/traefik/reference/routing-configuration/http/routing/rules-and-priority/
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property

from ..errors import InventoryError, Problem
from ..facts import Facts
from ..htpasswd import htpasswd
from ..manifests import Object, present
from ..model.apps import Backend, split_backend
from ..model.options import Canary, Options
from ..model.routes import Entry, Site
from ..model.stack import Stack
from .base import wants_redirect
from .ingresses import Treatment
from .traefik_dynamic import ANNOTATION, MIDDLEWARES, Dynamic, named
from .traefik_middlewares import REDIRECTS, Named, middlewares, quoted
from .traefik_services import beside, on_service, port_number, transport

ROUTER = f"{ANNOTATION}router."
# a host's own entries: the length of the rule, but where an Exact path or a regular expression has to win
EXACT, REGEX = 1_000_000, 500_000
# looser hosts after them, where the stack has both; the page for unknown hosts last of all
WILDCARD, HOSTLESS, LAST = -2_000_000, -4_000_000, -6_000_000
NEVER = -8_000_000  # of an Ingress that only makes a Service known to Traefik


class Route:
    """An entry with the options in force for it."""

    def __init__(self, entry: Entry, site: Site, stack: Stack, facts: Facts) -> None:
        self.entry, self.site, self.stack, self.facts = entry, site, stack, facts
        self.options: Options = entry.options
        self.namespace = stack.namespace_of(entry.app)

    @property
    def treatment(self) -> Treatment:
        """How the Ingress tells it."""
        backend, objects = self._called(self.entry.backend)
        said = dict(self._matching.annotations)
        if self.options.ssl_passthrough:  # else its HTTPS router would be asked before the one that passes TLS on
            said[f"{ROUTER}entrypoints"] = "web"
        if self.priority is not None:
            said[f"{ROUTER}priority"] = str(self.priority)
        if self._chain:
            said[MIDDLEWARES] = ",".join(f"{name}@file" for name in self._chain)
        treatment = replace(self._matching, annotations=said, backend=backend, objects=objects)
        canary = self.options.canary
        return replace(treatment, also=(self._canary_service(canary),)) if canary else treatment

    @property
    def dynamic(self) -> Dynamic:
        """What Traefik has to know for it. Raises InventoryError where only a cluster knows the passwords."""
        auth = self.options.basic_auth
        if auth is not None and self.users is None:
            why = f"the Secret {self.namespace}/{auth.secret} is not known: behind Traefik its content is needed"
            raise InventoryError([Problem(f"{self.entry.at}.options.basic_auth.secret", why)])
        files = {named("auth", self.users): self.users} if self.users is not None else {}
        called = transport(self.options)
        transports = dict([called] if called else [])
        return Dynamic(dict(self._middlewares), transports, {**self._canary, **self._passthrough}, files)

    @cached_property
    def users(self) -> str | None:
        """The file of users and hashes; None where there is none, or nobody has read it yet."""
        auth = self.options.basic_auth
        if auth is None:
            return None
        if auth.users is not None:
            return htpasswd(auth.users, f"{self.stack.name}/{self.namespace}/{self.entry.app}")
        return self.facts.htpasswd.get((self.namespace, str(auth.secret)))

    @cached_property
    def _middlewares(self) -> list[Named]:
        return middlewares(self.options, self.entry.path, self.users)

    @cached_property
    def _chain(self) -> list[str]:
        names = [name for name, __ in self._middlewares]
        if not wants_redirect(self.options, tls=self.secure):
            return names
        code = self.options.ssl_redirect.code if self.options.ssl_redirect else None
        return [REDIRECTS[code or 301][0], *names]

    @property
    def secure(self) -> bool:
        """Whether HTTPS is there for it: by the site's certificate, or the backend's."""
        return self.site.tls or bool(self.options.ssl_passthrough)

    @cached_property
    def priority(self) -> int | None:
        """None: the length of its rule is right, or ``exact_first`` sees to it."""
        base = loosened(self.entry.host, self.stack)
        if not base and not self.options.regex:
            return None
        if self.entry.type == "Exact":
            return base + EXACT
        length = 2 * len(self.entry.path.rstrip("/"))  # 2: a canary comes in between
        return base + length + (REGEX if self.options.regex else 0)

    @property
    def _rank(self) -> int:
        """The priority that its router comes to have."""
        return self.priority or (EXACT if self.entry.type == "Exact" else len(self.rule))

    @property
    def _matching(self) -> Treatment:
        """How the path is told where it is a regular expression."""
        if not self.options.regex:
            return Treatment()
        return Treatment({f"{ROUTER}pathmatcher": "PathRegexp"}, self._pattern, "ImplementationSpecific")

    @property
    def _pattern(self) -> str:
        """Anchored where the path begins; one that is Exact also where it ends. The API server wants it to begin with a
        slash: with one, that is, that need not be there, and before the beginning cannot."""
        return f"/?^(?:{self.entry.path})" + ("$" if self.entry.type == "Exact" else "")

    @property
    def rule(self) -> str:
        """Its rule, as Traefik makes it of the Ingress."""
        path = self.entry.path.removesuffix("/")
        if self.options.regex:
            matching = f"PathRegexp({quoted(self._pattern)})"
        elif self.entry.type == "Exact":
            matching = f"Path({quoted(self.entry.path)})"
        elif not path:
            matching = 'PathPrefix("/")'
        else:
            matching = f"(Path({quoted(path)}) || PathPrefix({quoted(f'{path}/')}))"
        return matching if self.entry.host == "*" else f"Host({quoted(self.entry.host)}) && {matching}"

    def _called(self, backend: Backend) -> tuple[Backend | None, tuple[Object, ...]]:
        """The Service to point to in place of the backend's own, and that Service itself."""
        secure = self.secure and wants_redirect(self.options, tls=self.secure)
        annotations = on_service(self.options, backend, secure=secure)
        if not annotations:
            return None, ()
        service = beside(self.stack, self.entry.app, backend, annotations)
        return Backend.model_construct(service=service["metadata"]["name"], port=backend.port), (service,)

    def _canary_service(self, canary: Canary) -> Treatment:
        """An Ingress that never answers: Traefik knows a Service only where some Ingress names it."""
        backend = canary_backend(canary)
        other, objects = self._called(backend)
        said = {**self._matching.annotations, f"{ROUTER}priority": str(NEVER)}
        return replace(self._matching, annotations=said, backend=other or backend, objects=objects, suffix="canary")

    @property
    def _canary(self) -> Object:
        """The router before the entry's own; where it cannot be built (a Service is gone), the entry's own answers."""
        canary = self.options.canary
        if canary is None:
            return {}
        main, other = self._known_as(self.entry.backend), self._known_as(canary_backend(canary))
        router: Object = {"rule": self.rule, "priority": self._rank + 1, "service": other}
        if self._chain:
            router["middlewares"] = self._chain
        services: Object = {}
        if canary.weight is not None:
            shares = [{"name": main, "weight": 100 - canary.weight}, {"name": other, "weight": canary.weight}]
            weighted: Object = {"services": shares}
            if self.options.affinity is not None:
                weighted["sticky"] = {"cookie": {"name": f"{self.options.affinity.cookie}-CANARY", "httpOnly": True}}
            router["service"] = named("canary", weighted)
            services = {"services": {router["service"]: {"weighted": weighted}}}
        else:
            router["rule"] += f" && {_condition(canary)}"
        return {"http": {"routers": {named("canary", router): router}, **services}}

    def _known_as(self, backend: Backend) -> str:
        """The name that Traefik's Ingress provider gives a Service and its port."""
        other, __ = self._called(backend)
        at = other or backend
        return re.sub(r"[^A-Za-z0-9]+", "-", f"{self.namespace}-{at.service}-{at.port}") + "@kubernetes"

    @property
    def _passthrough(self) -> Object:
        """TLS of the host goes on to the backend as it comes."""
        if not self.options.ssl_passthrough:
            return {}
        backend = self.entry.backend
        port = port_number(self.stack, self.namespace, backend)
        address = f"{backend.service}.{self.namespace}.svc:{port}"
        service = named("passthrough", address)
        router = {
            "rule": f"HostSNI({quoted(self.entry.host)})",
            "entryPoints": ["websecure"],
            "service": service,
            "tls": {"passthrough": True},
        }
        servers = {"loadBalancer": {"servers": [{"address": address}]}}
        return {"tcp": {"routers": {named("passthrough", router): router}, "services": {service: servers}}}


def loosened(host: str, stack: Stack) -> int:
    """What the routers of a host that is no exact one are put back by, where the stack has a closer one; else 0."""
    if host == "*":
        return HOSTLESS if len(stack.sites) > 1 else 0
    if not host.startswith("*."):
        return 0
    return WILDCARD if any(other.partition(".")[2] == host[2:] for other in stack.sites if other != host) else 0


def exact_first(ingress: Object, stack: Stack) -> list[Object]:
    """An Ingress with its Exact entries apart and first: a Prefix makes the longer rule.

    Observed on 3.7.15: Prefix /tea takes /tea and /tea/green from Exact ones. Those of a host that has nothing else
    need no priority.
    """
    annotations = ingress["metadata"].get("annotations", {})
    exact, others = (_only(ingress, exact=wanted) for wanted in (True, False))
    hosts = [rule.get("host", "*") for rule in exact["spec"].get("rules", ())]
    if f"{ROUTER}priority" in annotations or not any(_mixed(stack.sites[host], stack) for host in hosts):
        return [ingress]
    split = "rules" in others["spec"]
    metadata = {**ingress["metadata"], "annotations": {**annotations, f"{ROUTER}priority": str(EXACT)}}
    first = {**exact, "metadata": {**metadata, "name": metadata["name"] + ("-exact" if split else "")}}
    return [first, others] if split else [first]


def _only(ingress: Object, *, exact: bool) -> Object:
    """The Ingress with its Exact entries only, or with all others; hosts without an entry drop out, from tls too."""
    spec = ingress["spec"]
    rules = []
    for rule in spec["rules"]:
        paths = [path for path in rule["http"]["paths"] if (path["pathType"] == "Exact") == exact]
        if paths:
            rules.append({**rule, "http": {"paths": paths}})
    hosts = {rule.get("host") for rule in rules}
    tls = [{**entry, "hosts": [host for host in entry["hosts"] if host in hosts]} for entry in spec.get("tls", ())]
    return {**ingress, "spec": present(**{**spec, "tls": [entry for entry in tls if entry["hosts"]], "rules": rules})}


def _mixed(site: Site, stack: Stack) -> bool:
    """Whether the host has entries that could take a request from an Exact one."""
    others = any(entry.type != "Exact" or entry.options.regex for entry in site.entries)
    return others or any(stack.apps[name].default_backend is not None for name in site.apps)


def is_ours(priority: str) -> bool:
    """Whether a router's priority is one that is given here."""
    return priority.removeprefix("-").isdigit() and (int(priority) >= REGEX or int(priority) < 0)


def canary_backend(canary: Canary) -> Backend:
    found = split_backend(canary.backend)
    return Backend.model_construct(service=found["service"], port=found["port"])


def _condition(canary: Canary) -> str:
    """A header or cookie without a value of its own says "always", as ingress-nginx has it."""
    if canary.header is not None:
        return f"Header({quoted(canary.header.name)}, {quoted(canary.header.value or 'always')})"
    cookie = f"(?:^|; *){re.escape(str(canary.cookie))}=always(?:;|$)"
    return f"HeaderRegexp({quoted('Cookie')}, {quoted(cookie)})"
