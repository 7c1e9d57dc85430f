"""Policies: allow lists, rate limits, passwords and CORS, for VirtualServers' routes and for Ingresses.

docs.nginx.com, NGINX Ingress Controller, "Policy type reference". On Ingresses (annotation ``nginx.org/policies``) only
accessControl and cors count there; a reference that leads nowhere answers 500 (release notes of 5.4.1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import custom, tls, values
from .model import Key, Obj, custom_key, place_of

if TYPE_CHECKING:
    from .locations import Route, World

ON_INGRESS = ("accessControl", "cors")


@dataclass
class Applied:
    """What policies come to: lines of a location (or server), lines of http {}, CORS headers, complaints."""

    lines: list[str] = field(default_factory=list)
    http: dict[str, list[str]] = field(default_factory=dict)
    headers: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    broken: bool = False


def references(listed: Iterable[Obj], namespace: str) -> list[Key]:
    """Of ``policies: [{name, namespace}]``."""
    return [(each.get("namespace") or namespace, each["name"]) for each in listed]


def apply(keys: list[Key], owner: Obj, world: World, only: Iterable[str] = tuple(custom.POLICY_CHECKS)) -> Applied:
    """The policies in force together; ``only``: the kinds that count here. A bad one answers 500 for all."""
    found = Applied()
    said: dict[str, list[tuple[Key, Obj]]] = {}
    for key in keys:
        policy = world.snapshot.custom.get(custom_key("Policy", *key))
        if policy is None or not custom.ours(policy, world.flags):
            complaint = "is missing"
        else:
            complaint = custom.policy_complaint(policy)
            kind = next((kind for kind in custom.POLICY_CHECKS if kind in policy["spec"]), "")
            if not complaint and kind not in only:
                complaint = f"of type {kind} is not supported for Ingress"
            if not complaint:
                said.setdefault(kind, []).append((key, policy["spec"][kind]))
        if complaint:
            found.broken = True
            found.warnings.append(f"Policy {'/'.join(key)} {complaint}")
    if found.broken:
        found.lines = ["return 500;"]
        return found
    _access([each for _, each in said.get("accessControl", [])], found)
    _limits(said.get("rateLimit", []), owner, world, found)
    for (namespace, _), auth in said.get("basicAuth", [])[:1]:
        _password((namespace, auth["secret"]), auth.get("realm", ""), world, found)
    for key, cors in said.get("cors", [])[:1]:
        _cors(cors, key, found)
    return found


def _access(lists: list[Obj], found: Applied) -> None:
    allow = [network for each in lists for network in each.get("allow") or []]
    deny = [network for each in lists for network in each.get("deny") or []]
    if allow:
        found.lines += [*(f"allow {network};" for network in allow), "deny all;"]
    elif deny:
        found.lines += [*(f"deny {network};" for network in deny), "allow all;"]


def _limits(limits: list[tuple[Key, Obj]], owner: Obj, world: World, found: Applied) -> None:
    for index, (key, limit) in enumerate(limits):
        zone = "pol_rl_" + "_".join((*key, *place_of(owner)))
        rate = values.scaled(limit["rate"], world.replicas) if limit.get("scale") else limit["rate"]
        zone_line = f"limit_req_zone {limit['key']} zone={zone}:{limit['zoneSize']} rate={rate};"
        found.http[zone] = [zone_line]
        burst = f" burst={limit['burst']}" if limit.get("burst") else ""
        delay = " nodelay" if limit.get("noDelay") else f" delay={limit['delay']}" if limit.get("delay") else ""
        if index == 0:
            found.lines.append(f"limit_req_status {limit.get('rejectCode', 503)};")
        found.lines.append(f"limit_req zone={zone}{burst}{delay};")


def _password(key: Key, realm: str, world: World, found: Applied) -> None:
    try:
        file = tls.htpasswd_file(key, world.snapshot.secrets.get(key), world.files)
    except tls.SecretError as error:
        found.broken = True
        found.warnings.append(f"Basic auth policy references an invalid secret {'/'.join(key)}: {error}")
        found.lines = ["return 500;"]
        return
    found.lines += [f'auth_basic "{realm}";', f"auth_basic_user_file {file};"]


def _cors(cors: Obj, key: Key, found: Applied) -> None:
    origins = cors["allowOrigin"]
    if origins == ["*"]:
        origin = "*"
    else:
        name = "cors_origin_" + hashlib.sha256("/".join(key).encode()).hexdigest()[:16]
        found.http[name] = [f"map $http_origin ${name} {{", '    default "";']
        found.http[name] += [f'    "{_pattern(each)}" $http_origin;' for each in origins]
        found.http[name].append("}")
        origin = f"${name}"
        found.headers.append(("Vary", "Origin"))
    found.headers.append(("Access-Control-Allow-Origin", origin))
    for field_, header in (
        ("allowMethods", "Access-Control-Allow-Methods"),
        ("allowHeaders", "Access-Control-Allow-Headers"),
        ("exposeHeaders", "Access-Control-Expose-Headers"),
    ):
        if cors.get(field_):
            found.headers.append((header, ", ".join(cors[field_])))
    if cors.get("allowCredentials"):
        found.headers.append(("Access-Control-Allow-Credentials", "true"))
    found.headers.append(("Access-Control-Max-Age", str(cors.get("maxAge", 86400))))


def _pattern(origin: str) -> str:
    if "*" not in origin:
        return origin
    return "~^" + r"[^.]+".join(part.replace(".", r"\.") for part in origin.split("*", 1)) + "$"


def header_lines(headers: Iterable[tuple[str, str]]) -> list[str]:
    """``add_header`` for each."""
    return [f'add_header {name} "{value}" always;' for name, value in headers]


def preflight(headers: list[tuple[str, str]]) -> list[str]:
    """What answers an OPTIONS request where there is a CORS policy."""
    if not headers:
        return []
    inner = [*header_lines(headers), "return 204;"]
    return ["if ($request_method = OPTIONS) {", *(f"    {line}" for line in inner), "}"]


def of_ingress(route: Route, world: World) -> Applied:
    """The policies that an Ingress names in ``nginx.org/policies``; the route notes what they need and complain of."""
    if not route.text("policies"):
        return Applied()
    namespace = place_of(route.ingress)[0]
    keys = [custom.key_within(name, namespace) for name in route.services("policies")]
    found = apply(keys, route.ingress, world, only=ON_INGRESS)
    route.http |= found.http
    route.warnings += [each for each in found.warnings if each not in route.warnings]
    return found
