"""Upstreams and locations: the half of a server block that faces the backends.

What stands there follows F5's template (internal/configs/version1/nginx.ingress.tmpl) where it shows on the wire.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from . import dialect, policies, tls, values
from .backends import endpoints, port_of
from .flags import Flags
from .model import Key, Obj, Snapshot, key_of, label_of
from .params import Params

TIMEOUTS = ("connect", "read", "send")
BUFFERS = ("client_body_buffer_size", "proxy_buffers", "proxy_buffer_size", "proxy_busy_buffers_size")
HSTS_HEADER = 'add_header Strict-Transport-Security "$hsts_header_val" always;'  # empty over plain HTTP: not sent
BAD_GATEWAY = "unix:/var/lib/nginx/nginx-502-server.sock"


@dataclass
class World:
    """What rendering needs beside the Ingress; `files` collects the secrets that it used."""

    snapshot: Snapshot
    flags: Flags
    base: Params
    files: dict[str, bytes]
    default_file: str = ""  # the default server's certificate
    wildcard_file: str = ""
    replicas: int = 1  # of the controller


@dataclass
class Route:
    """One Ingress as a source of locations: its annotations (a minion's: merged), settings, additions to http {}."""

    ingress: Obj
    annotations: dict[str, str]
    params: Params
    http: dict[str, list[str]] = field(default_factory=dict)  # upstreams, zones, maps by name
    warnings: list[str] = field(default_factory=list)

    def services(self, name: str) -> list[str]:
        return values.names(self.annotations.get(dialect.PREFIX + name, ""))

    def text(self, name: str) -> str:
        return self.annotations.get(dialect.PREFIX + name, "")


def make_route(ingress: Obj, found: dict[str, str], world: World) -> Route:
    route = Route(ingress, found, dialect.settings(world.base, found))
    if dialect.DEPRECATED_REDIRECT in found:
        route.warnings.append(
            "The annotation 'ingress.kubernetes.io/ssl-redirect' is deprecated and will be removed. "
            "Please use 'nginx.org/ssl-redirect' instead."
        )
    if route.text("rewrites") and route.text("rewrite-target"):
        route.warnings.append(
            "nginx.org/rewrites and nginx.org/rewrite-target annotations are mutually exclusive; "
            "nginx.org/rewrites will take precedence"
        )
    return route


def location(route: Route, host: str, path: Obj, server: Params, world: World) -> list[str]:
    """The location block of one path; `server` are the settings of the server block around it."""
    service = path["backend"]["service"]["name"]
    name = _upstream(route, host, path["backend"], world)
    grpc = service in route.services("grpc-services") and world.base.http2
    governed = policies.of_ingress(route, world)
    lines = _rewrite(route, path) + _lines(route.params.location_snippets) + basic_auth(route, world, minion_only=True)
    lines += governed.lines if dialect.mergeable_type(route.ingress) == "minion" else []  # else the server has them
    lines += policies.header_lines(governed.headers) + policies.preflight(governed.headers)
    lines += _limit(route, world) + _headers(route, service, server)
    lines += _grpc(route, name, service) if grpc else _proxy(route, name, service, server)
    return [f"location {_match(route, path)} {{", *(f"    {line}" for line in lines), "}"]


def _match(route: Route, path: Obj) -> str:
    """F5 puts the regex in front of what it made of the path, so that Exact and path-regex together match nothing."""
    text = (path.get("path") or "/").replace('"', '\\"')
    exact = path.get("pathType") == "Exact"
    regex = route.text("path-regex")
    if regex in ("case_sensitive", "case_insensitive"):
        return f'{"~" if regex == "case_sensitive" else "~*"} "^{"= " if exact else ""}{text}"'
    if regex == "exact" or exact:
        return f'= "{text}"'
    return f'"{text}"'


def _rewrite(route: Route, path: Obj) -> list[str]:
    target = route.text("rewrite-target")
    if not target or route.text("rewrites"):
        return []
    prefix = {"case_sensitive": "^", "case_insensitive": "(?i)^"}.get(route.text("path-regex"), "")
    return [f'rewrite "{prefix}{path.get("path") or "/"}" {target} break;']


def _proxy(route: Route, name: str, service: str, server: Params) -> list[str]:
    params = route.params
    lines = ["proxy_http_version 1.1;"]
    if service in route.services("websocket-services"):
        lines += ["proxy_set_header Upgrade $http_upgrade;", "proxy_set_header Connection $connection_upgrade;"]
    elif params.keepalive:
        lines.append('proxy_set_header Connection "";')
    lines += _timeouts("proxy", params)
    lines.append(f"client_max_body_size {params.client_max_body_size};")
    lines += [f"proxy_set_header {header} {value};" for header, value in _set_headers(params, server)]
    lines += [f"proxy_set_header {header};" for header in _forwarded(server)]
    lines.append(f"proxy_buffering {'on' if params.proxy_buffering else 'off'};")
    lines += [
        f"{directive} {value};"
        for directive in (*BUFFERS, "proxy_max_temp_file_size")
        if (value := getattr(params, directive))
    ]
    lines.append(f"proxy_next_upstream {params.proxy_next_upstream};")
    lines.append(f"proxy_next_upstream_timeout {params.proxy_next_upstream_timeout};")
    lines.append(f"proxy_next_upstream_tries {params.proxy_next_upstream_tries};")
    scheme = "https" if service in route.services("ssl-services") else "http"
    lines.append(f"proxy_pass {scheme}://{name}{values.rewrites(route.text('rewrites')).get(service, '')};")
    return lines


def _set_headers(params: Params, server: Params) -> list[tuple[str, str]]:
    """A minion's, and of the master's those that it does not name."""
    own = {name.lower() for name, _ in params.proxy_set_headers}
    return params.proxy_set_headers + [each for each in server.proxy_set_headers if each[0].lower() not in own]


def _grpc(route: Route, name: str, service: str) -> list[str]:
    params = route.params
    lines = _timeouts("grpc", params)
    lines += [f"grpc_set_header {header};" for header in _forwarded(params)]
    return [*lines, f"grpc_pass {'grpcs' if service in route.services('ssl-services') else 'grpc'}://{name};"]


def _timeouts(module: str, params: Params) -> list[str]:
    return [f"{module}_{kind}_timeout {getattr(params, f'proxy_{kind}_timeout')};" for kind in TIMEOUTS]


def _forwarded(server: Params) -> list[str]:
    """The client's X-Forwarded-For is kept and the peer appended."""
    proto = "https" if server.redirect_to_https else "$scheme"
    address = ["Host $host", "X-Real-IP $remote_addr", "X-Forwarded-For $proxy_add_x_forwarded_for"]
    return [*address, "X-Forwarded-Host $host", "X-Forwarded-Port $server_port", f"X-Forwarded-Proto {proto}"]


def _upstream(route: Route, host: str, backend: Obj, world: World) -> str:
    """Add the upstream of a backend to `route.http` and return its name."""
    namespace, ingress = key_of(route.ingress)
    service = backend["service"]["name"]
    name = "-".join((namespace, ingress, host, service, port_of(backend)))
    params = route.params
    limits = f"max_fails={params.max_fails} fail_timeout={params.fail_timeout} max_conns={params.max_conns}"
    # Without an endpoint the upstream is a server of nginx's own that answers 502 (as in F5).
    servers = endpoints(world.snapshot, namespace, backend) or [BAD_GATEWAY]
    method = f"hash ${_sticky_name(route, service)} consistent" if service in _stickies(route) else params.lb_method
    lines = [f"zone {name} {params.upstream_zone_size};"] if params.upstream_zone_size != "0" else []
    lines += [f"{method};"] if method else []
    lines += [f"server {server} {limits};" for server in servers]
    lines += [f"keepalive {params.keepalive};"] if params.keepalive else []
    route.http[name] = [f"upstream {name} {{", *(f"    {line}" for line in lines), "}"]
    return name


def _stickies(route: Route) -> dict[str, tuple[str, str]]:
    return values.sticky(route.text("sticky-cookie-services"))


def _sticky_name(route: Route, service: str) -> str:
    """Debian's nginx has no `sticky`: the cookie holds a random key, and a consistent hash of it picks the pod.

    Adds the maps that make the key and the cookie; returns the key's variable without its dollar.
    """
    cookie, attributes = _stickies(route)[service]
    name = "sticky_" + hashlib.sha256(f"{label_of(route.ingress)}/{service}".encode()).hexdigest()[:16]
    route.http[name] = [
        f'map $http_cookie ${name} {{ default $request_id; "~(^|; *){cookie}=(?<{name}_sent>[^;]+)" ${name}_sent; }}',
        f'map $http_cookie ${name}_set {{ default "{cookie}=$request_id{attributes}"; "~(^|; *){cookie}=[^;]" ""; }}',
    ]
    return name


def added_headers(params: Params) -> list[str]:
    return [f'add_header {name} "{value}"{" always" * always};' for name, value, always in params.add_header]


def _headers(route: Route, service: str, server: Params) -> list[str]:
    """Headers that a location adds: a minion's, and the cookie, which is `sticky`'s own in F5's nginx.

    One `add_header` in a location switches the server's off, unless `add_header_inherit merge`, which Debian's nginx
    lacks: so what is inherited is said again.
    """
    minion = dialect.mergeable_type(route.ingress) == "minion"
    own = added_headers(route.params) if minion else []
    inherit = route.text("add-header-inherit") or server.add_header_inherit
    of_server = ([HSTS_HEADER] if server.hsts else []) + added_headers(server)
    inherited = of_server if inherit == "merge" or (inherit == "on" and not own) else []
    sticky = [f"add_header Set-Cookie ${_sticky_name(route, service)}_set;"] if service in _stickies(route) else []
    return sticky + own + inherited if sticky or own else []


def _limit(route: Route, world: World) -> list[str]:
    params = route.params
    if not params.limit_req_rate:
        return []
    zone = label_of(route.ingress)
    size = f"zone={zone}:{params.limit_req_zone_size}"
    rate = values.scaled(params.limit_req_rate, world.replicas) if params.limit_req_scale else params.limit_req_rate
    route.http[f"limit {zone}"] = [f"limit_req_zone {params.limit_req_key} {size} rate={rate};"]
    line = f"limit_req zone={zone}" + (f" burst={params.limit_req_burst}" if params.limit_req_burst else "")
    if params.limit_req_no_delay:
        line += " nodelay"
    elif params.limit_req_delay:
        line += f" delay={params.limit_req_delay}"
    lines = [f"{line};", f"limit_req_log_level {params.limit_req_log_level};"]
    lines.append(f"limit_req_status {params.limit_req_reject_code};")
    return [*lines, "limit_req_dry_run on;"] if params.limit_req_dry_run else lines


def basic_auth(route: Route, world: World, minion_only: bool) -> list[str]:
    """A minion's authentication stands in its locations, everybody else's in the server."""
    name = route.params.basic_auth_secret
    if not name or minion_only != (dialect.mergeable_type(route.ingress) == "minion"):
        return []
    key: Key = (key_of(route.ingress)[0], name)
    try:
        file = tls.htpasswd_file(key, world.snapshot.secrets.get(key), world.files)
    except tls.SecretError as error:
        file = tls.absent_file(key)  # nginx answers 403 (401 without credentials)
        warning = f"Basic auth secret {name} is invalid: {error}"
        route.warnings += [warning] if warning not in route.warnings else []
    return [f'auth_basic "{route.params.basic_auth_realm}";', f"auth_basic_user_file {file};"]


def _lines(text: str) -> list[str]:
    return text.splitlines()
