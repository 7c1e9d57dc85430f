"""TCP and UDP ports: the listeners of a GlobalConfiguration, and the TransportServers that have them.

A listener belongs to the oldest TransportServer that names it (buildListenersAndTSConfigurations in
internal/k8s/configuration.go); what stands in nginx.conf follows F5's template
(internal/configs/version2/nginx.transportserver.tmpl) where it shows on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .backends import endpoints
from .custom import PROTOCOLS
from .flags import Flags
from .locations import World
from .model import Chunk, Key, Obj, Report, Snapshot, custom_key, key_of, label_of, place_of

FLAG = "global-configuration"
KIND = "GlobalConfiguration"
NOBODY = "unix:/var/lib/nginx/non-existing-unix-socket.sock"  # as F5 has it: the connection is closed at once
NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
Held = tuple[Obj, int]  # a TransportServer and its port


def enabled(flags: Flags) -> bool:
    return bool(flags.text(FLAG))


def arbitrate(valid: Sequence[Obj], snapshot: Snapshot, flags: Flags) -> tuple[list[Held], list[Report]]:
    """The TransportServers that got their listeners, and a report on everything that did not.

    ``valid``: oldest first.
    """
    ports, problems = _ports(snapshot, flags)
    held: dict[tuple[str, str], Held] = {}
    for ts in valid:
        listener = ts["spec"]["listener"]
        key = listener["name"], listener["protocol"]
        if key not in ports:
            problems.append(Report(ts, "Rejected", f"Listener {listener['name']} doesn't exist", True))
        elif key in held:
            problems.append(Report(ts, "Rejected", f"Listener {listener['name']} is taken by another resource", True))
        else:
            held[key] = ts, ports[key]
    return list(held.values()), problems


def _ports(snapshot: Snapshot, flags: Flags) -> tuple[dict[tuple[str, str], int], list[Report]]:
    """(name, protocol) -> port; a listener at fault is left out and told of."""
    found: dict[tuple[str, str], int] = {}
    config = _configuration(snapshot, flags)
    if config is None:
        return {}, []
    complaints = []
    for index, listener in enumerate(config["spec"].get("listeners") or []):
        complaint = "; ".join(_faults(listener, found, _forbidden(flags)))
        if complaint:
            complaints.append(f"spec.listeners[{index}]: {complaint}")
        else:
            found[listener["name"], listener["protocol"]] = listener["port"]
    said = f"GlobalConfiguration {label_of(config)} was updated with errors: {'; '.join(complaints)}"
    return found, [Report(config, "AddedOrUpdatedWithError", said, True)] if complaints else []


def _configuration(snapshot: Snapshot, flags: Flags) -> Obj | None:
    namespace, _, name = flags.text(FLAG).partition("/")
    return snapshot.custom.get(custom_key(KIND, namespace, name))


def _forbidden(flags: Flags) -> set[int]:
    """createGlobalConfigurationValidator in cmd/nginx-ingress/main.go."""
    found = {80, 443}
    found |= {flags.number("nginx-status-port")} if flags.on("nginx-status") else set()
    found |= {flags.number("prometheus-metrics-listen-port")} if flags.on("enable-prometheus-metrics") else set()
    return found


def _faults(listener: Obj, before: dict[tuple[str, str], int], forbidden: set[int]) -> Iterator[str]:
    name, port, protocol = listener.get("name", ""), listener.get("port"), listener.get("protocol")
    if name == "tls-passthrough":
        yield "name: Forbidden: is the name of a built-in listener"
    elif not NAME.fullmatch(name):
        yield f'name: Invalid value: "{name}"'
    if name in {other for other, _ in before}:
        yield f'name: Duplicate value: "{name}"'
    if port in forbidden:
        yield f"port: Forbidden: Listener {name}: port {port} is forbidden"
    elif not isinstance(port, int) or not 1 <= port <= 65535:
        yield f"port: Invalid value: {port}"
    if protocol not in PROTOCOLS:
        yield f"protocol: the test double knows {' and '.join(PROTOCOLS)} only"
    if any(port == taken and protocol == other for (_, other), taken in before.items()):
        yield f"protocol: Listener {name}: Duplicated ip:port protocol combination {port} {protocol}"


def render(held: Held, world: World) -> tuple[Chunk, dict[Key, list[str]]]:
    """The chunk of a TransportServer: an upstream and a server in the stream block."""
    ts, port = held
    spec, (namespace, name) = ts["spec"], place_of(ts)
    upstream = next(each for each in spec["upstreams"] if each["name"] == spec["action"]["pass"])
    backend = {"service": {"name": upstream["service"], "port": {"number": upstream["port"]}}}
    protocol = spec["listener"]["protocol"]
    addresses = endpoints(world.snapshot, namespace, backend, protocol) or [NOBODY]
    title, suffix = f"ts_{namespace}_{name}", " udp" if protocol == "UDP" else ""
    lines = [f"# configuration for TransportServer {label_of(ts)}", f"upstream {title} {{"]
    lines += ["    random two least_conn;", *(f"    server {address};" for address in addresses), "}", "server {"]
    families = [""] if world.flags.on("disable-ipv6") else ["", "[::]:"]
    lines += [f"    listen {family}{port}{suffix};" for family in families]
    lines += [f"    proxy_pass {title};", "    proxy_timeout 10m;", "    proxy_connect_timeout 60s;", "}"]
    return Chunk(key_of(ts), "", "\n".join(lines) + "\n"), {key_of(ts): []}
