"""The nginx configuration of one accepted Ingress: a server block for each host, and what they need around them."""

from __future__ import annotations

from . import dialect, passthrough, policies, tls
from .claims import Claim, host_of, paths_of, rules_of
from .locations import HSTS_HEADER, Route, World, added_headers, basic_auth, location, make_route
from .model import Chunk, Key, Obj, key_of, label_of
from .params import Params


def render(claim: Claim, world: World) -> tuple[Chunk, dict[Key, list[str]]]:
    """The chunk of a claim, and the warnings of each Ingress in it (F5 puts them into the events)."""
    own = make_route(claim.ingress, _own_annotations(claim), world)
    minions = [make_route(minion.ingress, _minion_annotations(minion.ingress, own), world) for minion in claim.minions]
    bodies: list[str] = []
    for rule in rules_of(claim.ingress):
        if host_of(rule) in claim.hosts:
            if claim.is_master:
                locations = _minion_locations(claim, minions, own, world)
            else:
                locations = _locations(own, rule, world)
            grpc_only = not claim.is_master and _grpc_only(own, rule, world)
            bodies += _server(own, host_of(rule), locations, world, grpc_only)
    head = [f"# configuration for {label_of(claim.ingress)}"]
    head += [line for route in (own, *minions) for lines in route.http.values() for line in lines]
    warnings = {key_of(claim.ingress): claim.warnings + own.warnings}
    for route, minion in zip(minions, claim.minions, strict=True):
        warnings[key_of(minion.ingress)] = minion.warnings + route.warnings
    return Chunk(key_of(claim.ingress), "\n".join(head + bodies) + "\n", hosts=frozenset(claim.hosts)), warnings


def _own_annotations(claim: Claim) -> dict[str, str]:
    denied = dialect.MASTER_DENIED if claim.is_master else set()
    return {name: value for name, value in dialect.of(claim.ingress).items() if name not in denied}


def _minion_annotations(minion: Obj, master: Route) -> dict[str, str]:
    own = {name: value for name, value in dialect.of(minion).items() if name not in dialect.MINION_DENIED}
    return {name: value for name, value in master.annotations.items() if name in dialect.MINION_INHERITS} | own


def _locations(route: Route, rule: Obj, world: World) -> list[str]:
    paths = list(paths_of(rule))
    fallback = route.ingress["spec"].get("defaultBackend")
    if fallback and not any((path.get("path") or "/") == "/" and path.get("pathType") != "Exact" for path in paths):
        paths.append({"path": "/", "pathType": "Prefix", "backend": fallback})  # unknown paths of the Ingress's hosts
    return [line for path in paths for line in location(route, host_of(rule), path, route.params, world)]


def _minion_locations(claim: Claim, routes: list[Route], master: Route, world: World) -> list[str]:
    lines: list[str] = []
    for minion, route in zip(claim.minions, routes, strict=True):
        rule = rules_of(minion.ingress)[0]
        lines.append(f"# location for minion {label_of(minion.ingress)}")
        for path in paths_of(rule):
            if (path.get("path") or "") in minion.paths:
                lines += location(route, host_of(rule), path, master.params, world)
    return lines


def _grpc_only(route: Route, rule: Obj, world: World) -> bool:
    """Such a server does not listen for plain HTTP, and so redirects nothing; a master's is never one (ingress.go)."""
    fallback = route.ingress["spec"].get("defaultBackend")
    backends = [path["backend"] for path in paths_of(rule)] + ([fallback] if fallback else [])
    services = {backend["service"]["name"] for backend in backends}
    return world.base.http2 and bool(services) and services <= set(route.services("grpc-services"))


def _server(route: Route, host: str, locations: list[str], world: World, grpc_only: bool) -> list[str]:
    params = route.params
    lines, has_tls = _listen(route, host, world, grpc_only)
    lines += [f"server_tokens {'on' if params.server_tokens else 'off'};", f"server_name {host or '_'};"]
    lines += real_ip(params)
    lines += [f"proxy_hide_header {name};" for name in params.proxy_hide_headers]
    lines += [f"proxy_pass_header {name};" for name in params.proxy_pass_headers]
    lines += _hsts(params, has_tls) + added_headers(params)
    if has_tls and host and params.ssl_redirect and not grpc_only:
        # F5 writes the port it listens on, 443 too
        lines.append(f"if ($scheme = http) {{ return {params.http_redirect_code} https://$host:443$request_uri; }}")
    if params.redirect_to_https:
        condition = "$http_x_forwarded_proto = 'http'"
        lines.append(f"if ({condition}) {{ return {params.http_redirect_code} https://$host$request_uri; }}")
    lines += basic_auth(route, world, minion_only=False) + policies.of_ingress(route, world).lines
    lines += params.server_snippets.splitlines()
    if params.app_root:
        lines.append(f"if ($uri = /) {{ return 302 $scheme://$http_host{params.app_root}; }}")
    lines += health(world) if not host else []
    return ["server {", *(f"    {line}" for line in lines + locations), "}"]


def _listen(route: Route, host: str, world: World, grpc_only: bool) -> tuple[list[str], bool]:
    """The listen lines and certificate; whether the host has TLS (a broken Secret counts: handshakes are refused)."""
    if not host:  # it takes the default server's place
        ports = (world.flags.number("default-http-listener-port"), world.flags.number("default-https-listener-port"))
        return listen(world, *ports, default=True) + certificate(world.default_file), True
    entries = [tls_ for tls_ in route.ingress["spec"].get("tls") or [] if host in (tls_.get("hosts") or [])]
    if not entries:
        return listen(world, 80, None), False
    secret = entries[-1].get("secretName") or ""
    http = None if grpc_only else 80
    return listen(world, http, 443) + certificate(_host_file(route, host, secret, world)), True


def _host_file(route: Route, host: str, secret: str, world: World) -> str:
    """The certificate's file, or empty after a warning."""
    key: Key = (key_of(route.ingress)[0], secret)
    try:
        if secret:
            return tls.tls_file(key, world.snapshot.secrets.get(key), world.files)
        if world.wildcard_file:
            return world.wildcard_file
        route.warnings.append(
            f"TLS termination for host '{host}' requires specifying a TLS secret "
            "or configuring a global wildcard TLS secret"
        )
    except tls.SecretError as error:
        route.warnings.append(f"TLS secret {secret} is invalid: {error}")
    return ""


def certificate(file: str) -> list[str]:
    return [f"ssl_certificate {file};", f"ssl_certificate_key {file};"] if file else ["ssl_reject_handshake on;"]


def listen(world: World, http: int | None, https: int | None, default: bool = False) -> list[str]:
    """F5 listens on every address of both families. nginx 1.22 switches HTTP/2 on by the socket, not by `http2 on`."""
    extra = (" default_server" if default else "") + (" proxy_protocol" if world.base.proxy_protocol else "")
    secure = " ssl" + (" http2" if world.base.http2 else "")
    families = [""] if world.flags.on("disable-ipv6") else ["", "[::]:"]
    lines = [f"listen {family}{http}{extra};" for family in families] if http else []
    if https and world.flags.on(passthrough.FLAG):
        return lines + passthrough.listen(secure, " default_server" if default else "")
    return lines + ([f"listen {family}{https}{secure}{extra};" for family in families] if https else [])


def real_ip(params: Params) -> list[str]:
    lines = [f"set_real_ip_from {source};" for source in params.set_real_ip_from]
    lines += [f"real_ip_header {params.real_ip_header};"] if params.real_ip_header else []
    return lines + (["real_ip_recursive on;"] if params.real_ip_recursive else [])


def health(world: World) -> list[str]:
    if not world.flags.on("health-status"):
        return []
    uri = world.flags.text("health-status-uri")
    return [f'location {uri} {{ default_type text/plain; return 200 "healthy\\n"; }}']


def _hsts(params: Params, has_tls: bool) -> list[str]:
    """On HTTPS only, and `preload` always (observed)."""
    if not params.hsts:
        return []
    if not has_tls and not params.hsts_behind_proxy:
        return ['set $hsts_header_val "";']  # locations may name it
    condition = "$http_x_forwarded_proto = 'https'" if params.hsts_behind_proxy else "$https = on"
    scope = "includeSubDomains; " if params.hsts_include_subdomains else ""
    return [
        'set $hsts_header_val "";',
        "proxy_hide_header Strict-Transport-Security;",
        f'if ({condition}) {{ set $hsts_header_val "max-age={params.hsts_max_age}; {scope}preload"; }}',
        HSTS_HEADER,
    ]
