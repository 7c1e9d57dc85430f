"""The nginx configuration of one VirtualServer with its VirtualServerRoutes.

What stands there follows F5's template (internal/configs/version2/nginx.virtualserver.tmpl) where it shows on the wire.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from . import custom, policies, server, tls
from .backends import endpoints
from .claims import Claim
from .locations import BAD_GATEWAY, World
from .model import Chunk, Key, Obj, custom_key, key_of, label_of, place_of

TEAPOT = "unix:/var/lib/nginx/nginx-418-server.sock"  # lets access rules work in front of a redirect
TIMEOUTS = ("connect", "read", "send")
SPECIAL = {"default", "hostnames", "include", "volatile"}


@dataclass(frozen=True)
class Owner:
    """The object that a route stands in: its upstreams, its namespace, its part in names."""

    obj: Obj
    prefix: str

    @property
    def namespace(self) -> str:
        return place_of(self.obj)[0]

    def upstream(self, name: str) -> Obj:
        found: Obj = next(each for each in self.obj["spec"]["upstreams"] if each["name"] == name)
        return found


@dataclass
class Build:
    """What grows while a VirtualServer is rendered."""

    claim: Claim
    world: World
    http: dict[str, list[str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    count: int = 0  # of routes with matches or splits

    def number(self) -> str:
        self.count += 1
        return f"{hashlib.sha256('/'.join(place_of(self.claim.ingress)).encode()).hexdigest()[:12]}_{self.count}"


def render(claim: Claim, world: World) -> tuple[Chunk, dict[Key, list[str]]]:
    """The chunk of a VirtualServer and its warnings."""
    vs = claim.ingress
    build = Build(claim, world, warnings=list(claim.warnings))
    head = _head(vs, world, build)
    whole = policies.apply(policies.references(vs["spec"].get("policies") or [], place_of(vs)[0]), vs, world)
    build.http |= whole.http
    build.warnings += whole.warnings
    own = Owner(vs, "vs_" + "_".join(place_of(vs)))
    for route in vs["spec"].get("routes") or []:
        if "route" in route:
            _elsewhere(route, build, whole)
        else:
            _route(route, own, build, [], whole)
    body = [*head, *whole.lines, *build.lines]
    text = [f"# configuration for VirtualServer {label_of(vs)}"]
    text += [line for lines in build.http.values() for line in lines]
    text += ["server {", *(f"    {line}" for line in body), "}"]
    return Chunk(key_of(vs), "\n".join(text) + "\n"), {key_of(vs): build.warnings}


def _head(vs: Obj, world: World, build: Build) -> list[str]:
    spec = vs["spec"]
    secret = (spec.get("tls") or {}).get("secret")
    if secret:
        key: Key = (place_of(vs)[0], secret)
        try:
            file = tls.tls_file(key, world.snapshot.secrets.get(key), world.files)
        except tls.SecretError as error:
            file = ""
            build.warnings.append(f"TLS secret {secret} is invalid: {error}")
        lines = server.listen(world, 80, 443) + server.certificate(file)
    else:
        lines = server.listen(world, 80, None)
    lines += [f"server_name {spec['host']};"]
    redirect = (spec.get("tls") or {}).get("redirect") or {}
    if secret and redirect.get("enable"):
        lines.append(f"if ($scheme = http) {{ return {redirect.get('code', 301)} https://$host$request_uri; }}")
    lines += [f"server_tokens {'on' if world.base.server_tokens else 'off'};"]
    return lines + server.real_ip(world.base) + world.base.server_snippets.splitlines()


def _elsewhere(route: Obj, build: Build, whole: policies.Applied) -> None:
    """A route whose subroutes are in a VirtualServerRoute, maybe of another namespace."""
    vs = build.claim.ingress
    key = custom.key_within(route["route"], place_of(vs)[0])
    vsr = build.world.snapshot.custom.get(custom_key("VirtualServerRoute", *key))
    found, complaint = custom.subroutes(vsr, vs["spec"]["host"], route["path"], build.world.flags)
    if vsr is None or complaint:
        build.warnings.append(f"VirtualServerRoute {'/'.join(key)} doesn't exist or invalid: {complaint}")
        return
    owner = Owner(vsr, "_".join(("vs", *place_of(vs), "vsr", *key)))
    inherited = policies.references(route.get("policies") or [], place_of(vs)[0])
    for subroute in found:
        _route(subroute, owner, build, inherited, whole)


def _route(route: Obj, owner: Owner, build: Build, inherited: list[Key], whole: policies.Applied) -> None:
    """The locations of a route: one, or one that leads on to internal ones."""
    keys = policies.references(route.get("policies") or [], owner.namespace) or inherited
    own = policies.apply(keys, build.claim.ingress, build.world)
    build.http |= own.http
    build.warnings += own.warnings
    if not own.headers:
        own = replace(own, headers=whole.headers)
    path = route["path"]
    match = f'{path[: path.index("^")].strip() or "~"} "{path[path.index("^") :]}"' if path[0] == "~" else path
    if not route.get("matches") and not route.get("splits"):
        _location(match, route["action"], owner, build, own, "")
        return
    number = build.number()
    target = _splits(route["splits"], number, owner, build, own, path) if "splits" in route else ""
    if route.get("matches"):
        target = _matches(route, number, owner, build, own, target)
    build.lines += [f"location {match} {{", f"    rewrite ^ {target} last;", "}"]


def _splits(
    splits: list[Obj], number: str, owner: Owner, build: Build, own: policies.Applied, path: str
) -> str:  # fmt: skip
    variable = f"$vs_splits_{number}"
    shares = []
    for index, split in enumerate(splits):
        internal = f"/internal_location_splits_{number}_split_{index}"
        _location(internal, split["action"], owner, build, own, path)
        if split["weight"]:
            shares.append(f"    {split['weight']}% {internal};")
    build.http[variable] = [f"split_clients $request_id {variable} {{", *shares, "}"]
    return variable


def _matches(route: Obj, number: str, owner: Owner, build: Build, own: policies.Applied, rest: str) -> str:
    """The first match whose conditions all hold, else the splits (``rest``) or the route's action."""
    path, main, sources, choices = route["path"], f"$vs_matches_{number}", "", []
    for index, match in enumerate(route["matches"]):
        first = f"$vs_matches_{number}_match_{index}_cond_0"
        for step, condition in enumerate(match["conditions"]):
            name = f"$vs_matches_{number}_match_{index}_cond_{step}"
            last = step == len(match["conditions"]) - 1
            build.http[name] = _condition(condition, name, "1" if last else name[:-1] + str(step + 1))
        sources += first
        internal = f"/internal_location_matches_{number}_match_{index}"
        choices.append(f'    "~^{"0" * index}1" {internal};')
        _location(internal, match["action"], owner, build, own, path)
    if not rest:
        rest = f"/internal_location_matches_{number}_default"
        _location(rest, route["action"], owner, build, own, path)
    build.http[main] = [f'map "{sources}" {main} {{', *choices, f"    default {rest};", "}"]
    return main


def _condition(condition: Obj, name: str, then: str) -> list[str]:
    if "header" in condition:
        source = "$http_" + condition["header"].replace("-", "_").lower()
    elif "cookie" in condition:
        source = f"$cookie_{condition['cookie']}"
    else:
        source = f"$arg_{condition['argument']}" if "argument" in condition else condition["variable"]
    value = condition["value"]
    negative = value.startswith("!")
    value = value.removeprefix("!")
    wanted = f"\\{value}" if value in SPECIAL else f'"{value}"'
    hit, miss = ("0", then) if negative else (then, "0")
    return [f"map {source} {name} {{", f"    {wanted} {hit};", f"    default {miss};", "}"]


def _location(
    match: str, action: Obj, owner: Owner, build: Build, own: policies.Applied, original: str
) -> None:  # fmt: skip
    """One location; ``original``: the route's path where the location is an internal one."""
    lines = (["internal;"] if original else []) + build.world.base.location_snippets.splitlines() + own.lines
    if "redirect" in action:
        redirect = action["redirect"]
        lines += ["proxy_intercept_errors on;", f'error_page 418 ={redirect.get("code", 301)} "{redirect["url"]}";']
        lines.append(f"proxy_pass http://{TEAPOT};")
    else:
        proxy = action.get("proxy") or {"upstream": action["pass"]}
        upstream = owner.upstream(proxy["upstream"])
        name = _upstream(upstream, owner, build)
        rewrites, suffix = _rewrite(match, proxy.get("rewritePath", ""), original)
        lines += [*rewrites, *_proxying(upstream, proxy, own, build.world)]
        lines.append(_pass(upstream, name, suffix))
    build.lines += [f"location {match} {{", *(f"    {line}" for line in lines), "}"]


def _rewrite(match: str, target: str, original: str) -> tuple[list[str], str]:
    """Lines before proxy_pass, and what follows the upstream's name there."""
    if original and not target:
        return [], "$request_uri"
    if not target:
        return [], ""
    path = original or match.replace('"', "")
    first = ["rewrite ^ $request_uri_no_args;"] if original else []
    if path[0] == "~":
        bare = re.sub(r"^~\*? ?", "", path)
        return [*first, f'rewrite "^{bare}" "{target}" break;'], ""
    if original:
        return [*first, f'rewrite "^{path}(.*)$" "{target}$1" break;'], ""
    return [], target


def _proxying(upstream: Obj, proxy: Obj, own: policies.Applied, world: World) -> list[str]:
    module = "grpc" if upstream.get("type") == "grpc" else "proxy"
    base = world.base
    waits = {kind: upstream.get(f"{kind}-timeout") or getattr(base, f"proxy_{kind}_timeout") for kind in TIMEOUTS}
    lines = [f"{module}_{kind}_timeout {wait};" for kind, wait in waits.items()]
    lines.append(f"client_max_body_size {upstream.get('client-max-body-size') or base.client_max_body_size};")
    if module == "proxy":
        lines += ["proxy_http_version 1.1;", "proxy_set_header Upgrade $http_upgrade;"]
        lines.append("proxy_set_header Connection $connection_upgrade;")
    wanted = [(each["name"], each["value"]) for each in (proxy.get("requestHeaders") or {}).get("set") or []]
    lines += [f'{module}_set_header {name} "{value}";' for name, value in wanted]
    lines += _forwarded(module, {name.lower() for name, _ in wanted})
    answer = proxy.get("responseHeaders") or {}
    lines += [f"{module}_hide_header {name};" for name in answer.get("hide") or []]
    added = [(each["name"], each["value"]) for each in answer.get("add") or []]
    lines += policies.header_lines([*own.headers, *added])
    return lines + policies.preflight(own.headers)


def _forwarded(module: str, taken: Iterable[str]) -> list[str]:
    values = {
        "Host": "$host", "X-Real-IP": "$remote_addr", "X-Forwarded-For": "$proxy_add_x_forwarded_for",
        "X-Forwarded-Host": "$host", "X-Forwarded-Port": "$server_port", "X-Forwarded-Proto": "$scheme",
    }  # fmt: skip
    return [f"{module}_set_header {name} {value};" for name, value in values.items() if name.lower() not in taken]


def _pass(upstream: Obj, name: str, suffix: str) -> str:
    secure = (upstream.get("tls") or {}).get("enable")
    if upstream.get("type") == "grpc":
        return f"grpc_pass {'grpcs' if secure else 'grpc'}://{name};"
    return f"proxy_pass {'https' if secure else 'http'}://{name}{suffix};"


def _upstream(upstream: Obj, owner: Owner, build: Build) -> str:
    """Add the upstream to http {} and return its name."""
    name = f"{owner.prefix}_{upstream['name']}"
    base = build.world.base
    backend = {"service": {"name": upstream["service"], "port": {"number": upstream["port"]}}}
    addresses = endpoints(build.world.snapshot, owner.namespace, backend) or [BAD_GATEWAY]
    limits = f"max_fails={base.max_fails} fail_timeout={base.fail_timeout} max_conns={base.max_conns}"
    method = upstream.get("lb-method") or base.lb_method
    lines = [f"zone {name} {base.upstream_zone_size};", *([f"{method};"] if method else [])]
    lines += [f"server {address} {limits};" for address in addresses]
    build.http[name] = [f"upstream {name} {{", *(f"    {line}" for line in lines), "}"]
    return name
