"""From a snapshot of the cluster to nginx.conf and the events: pure, and all that the double knows of F5's rules."""

from __future__ import annotations

from collections.abc import Mapping

from . import claims, custom, dialect, listeners, passthrough, server, tls, virtualserver
from .claims import Claim
from .flags import Flags
from .locations import World
from .model import NOT_IMITATED, VIRTUAL_SERVER, Chunk, Key, Obj, Plan, Report, Snapshot, key_of, label_of
from .params import Params, from_configmap

RENDERERS = {VIRTUAL_SERVER: virtualserver.render, custom.TRANSPORT: passthrough.render}
VERSION_SOCKET = "unix:/var/lib/nginx/nginx-config-version.sock"
BAD_GATEWAY_SOCKET = "unix:/var/lib/nginx/nginx-502-server.sock"
LOG_FORMAT = """log_format main '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                    '"$http_referer" "$http_user_agent" "$http_x_forwarded_for"';"""


def build(snapshot: Snapshot, flags: Flags, special: Mapping[str, Obj | None]) -> Plan:
    """Everything that follows from the snapshot.

    `special` holds the Secrets named by flags (`default`, `wildcard`) as the pod last saw them valid.
    Raises SecretError when one of those is unusable.
    """
    params, configmap_reports = from_configmap(snapshot.configmap)
    world = World(snapshot, flags, params, files={}, replicas=_replicas(snapshot, flags))
    for name in ("default", "wildcard"):
        secret = special.get(name)
        if secret is not None:
            setattr(world, f"{name}_file", tls.tls_file(key_of(secret), secret, world.files))
    claimants, refused = custom.claimants(snapshot.custom, flags)
    streams = [each for each in claimants if each["kind"] == custom.TRANSPORT and custom.has_port(each)]
    held, problems = claims.arbitrate(snapshot.ingresses, flags, [each for each in claimants if each not in streams])
    listening, unheard = listeners.arbitrate(claims.by_age(streams), snapshot, flags)
    problems += refused + unheard
    chunks: list[Chunk] = []
    accepted: list[Report] = []
    for stream in listening:
        chunk, warnings = listeners.render(stream, world)
        chunks.append(chunk)
        accepted.append(_accepted(stream[0], warnings[chunk.key]))
    for claim in held:
        chunk, warnings = RENDERERS.get(claim.ingress.get("kind", ""), server.render)(claim, world)
        chunks.append(chunk)
        members = [claim.ingress, *(minion.ingress for minion in claim.minions)]
        accepted += [_accepted(ingress, warnings[key_of(ingress)]) for ingress in members]
    return Plan(
        main=_main(world, hostless=_has_hostless(held)),
        chunks=chunks,
        files=world.files,
        accepted=accepted,
        owners=claims.owners(held) | {key_of(ts): key_of(ts) for ts, _ in listening},
        problems=problems,
        notes=[_note(report.obj, name) for report in accepted for name in dialect.not_imitated(report.obj)],
        configmap=configmap_reports,
        status_address=params.external_status_address,
    )


def _replicas(snapshot: Snapshot, flags: Flags) -> int:
    """Of the controller, as F5 counts them: endpoints of the Service of -external-service (endpoint_slice.go)."""
    namespace = flags.text("nginx-configmaps").partition("/")[0]  # the Pods' own
    slices = snapshot.slices.get((namespace, flags.text("external-service")), [])
    return max(1, sum(len(piece.get("endpoints") or []) for piece in slices))


def text_of(main: str, chunks: list[Chunk], version: int) -> str:
    """nginx.conf of the given chunks. `version` is answered on a socket: so one sees when a reload has taken effect."""
    body = "".join(chunk.text for chunk in chunks)
    check = f"server {{ listen {VERSION_SOCKET}; access_log off; return 200 '{version}'; }}\n"
    return passthrough.fill(main, chunks).replace("#CHUNKS#\n", check + body)


def _accepted(ingress: Obj, warnings: list[str]) -> Report:
    message = f"Configuration for {label_of(ingress)} was added or updated"
    if not warnings:
        return Report(ingress, "AddedOrUpdated", message)
    return Report(ingress, "AddedOrUpdatedWithWarning", f"{message} ; with warning(s): {'; '.join(warnings)}", True)


def _note(ingress: Obj, name: str) -> Report:
    message = f"annotation {name} has no effect: the controller is a test double of F5's and does not imitate it"
    return Report(ingress, NOT_IMITATED, message, True)


def _has_hostless(held: list[Claim]) -> bool:
    return any("" in claim.hosts for claim in held)


def _main(world: World, hostless: bool) -> str:
    params = world.base
    top = [
        *passthrough.load(world.flags),
        "daemon off;",
        "pid /var/lib/nginx/nginx.pid;",
        f"error_log stderr {params.error_log_level};",
    ]
    top += [f"worker_processes {params.worker_processes};"]
    top += [f"worker_shutdown_timeout {params.worker_shutdown_timeout};"] if params.worker_shutdown_timeout else []
    top += params.main_snippets.splitlines()
    top += [f"events {{ worker_connections {params.worker_connections}; }}"]
    http = _http(params) + ([] if hostless else _default_server(world)) + _status_server(world)
    http.append(f"server {{ listen {BAD_GATEWAY_SOCKET}; access_log off; return 502; }}")
    http.append(f"server {{ listen {virtualserver.TEAPOT}; access_log off; return 418; }}")
    return "\n".join([*top, *passthrough.stream(world.flags), "http {", *http, "#CHUNKS#", "}"]) + "\n"


def _http(params: Params) -> list[str]:
    cache = "/var/cache/nginx"
    lines = ["include /etc/nginx/mime.types;", "default_type application/octet-stream;", LOG_FORMAT]
    lines += [f"access_log {'off' if params.access_log_off else '/dev/stdout main'};", "sendfile on;"]
    lines += ["root /etc/nginx/html;"]  # does not exist: an unknown path is 404
    lines += [f"{kind}_temp_path {cache}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
    lines += [f"keepalive_timeout {params.keepalive_timeout};", f"keepalive_requests {params.keepalive_requests};"]
    lines += [f"server_names_hash_max_size {params.server_names_hash_max_size};"]
    lines += [f"server_names_hash_bucket_size {params.server_names_hash_bucket_size};"]
    lines += ["variables_hash_bucket_size 256;", "variables_hash_max_size 1024;", "map_hash_bucket_size 256;"]
    lines += ["map $http_upgrade $connection_upgrade { default upgrade; '' close; }"]
    lines += ['map $request_uri $request_uri_no_args { "~^(?P<path>[^?]*)" $path; default $request_uri; }']
    lines += [f"ssl_protocols {params.ssl_protocols};"] if params.ssl_protocols else []
    lines += [f'ssl_ciphers "{params.ssl_ciphers}";'] if params.ssl_ciphers else []
    lines += ["ssl_prefer_server_ciphers on;"] if params.ssl_prefer_server_ciphers else []
    return lines + params.http_snippets.splitlines()


def _default_server(world: World) -> list[str]:
    flags, params = world.flags, world.base
    ports = flags.number("default-http-listener-port"), flags.number("default-https-listener-port")
    lines = server.listen(world, *ports, default=True) + server.certificate(world.default_file)
    lines += ["server_name _;", f"server_tokens {'on' if params.server_tokens else 'off'};"]
    lines += ["access_log off;"] if params.default_server_access_log_off else []
    lines += server.real_ip(params) + server.health(world)
    lines.append(f"location / {{ return {params.default_server_return}; }}")
    return ["server {", *(f"    {line}" for line in lines), "}"]


def _status_server(world: World) -> list[str]:
    flags = world.flags
    if not flags.on("nginx-status"):
        return []
    families = [""] if flags.on("disable-ipv6") else ["", "[::]:"]
    lines = [f"listen {family}{flags.number('nginx-status-port')};" for family in families]
    lines += [f"allow {cidr};" for cidr in flags.names("nginx-status-allow-cidrs")]
    lines += ["deny all;", "location /stub_status { stub_status; }"]
    return ["server {", *(f"    {line}" for line in lines), "}"]


def owner_of(plan: Plan, report: Report) -> Key:
    """The chunk an accepted Ingress stands in."""
    return plan.owners[key_of(report.obj)]
