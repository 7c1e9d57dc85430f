"""The stream block, and TLS passthrough in it: nginx reads the name in the handshake and hands the connection on, to a
backend or to itself."""

from __future__ import annotations

from collections.abc import Iterable

from . import listeners
from .backends import endpoints
from .claims import Claim
from .flags import Flags
from .locations import BAD_GATEWAY, World
from .model import Chunk, Key, key_of, label_of, place_of

FLAG = "enable-tls-passthrough"
SOCKET = "unix:/var/lib/nginx/passthrough-https.sock"
MODULE = "load_module /usr/lib/nginx/modules/ngx_stream_module.so;"


def render(claim: Claim, world: World) -> tuple[Chunk, dict[Key, list[str]]]:
    """The chunk of a TransportServer: an upstream and a server that listens on a socket of its own."""
    ts = claim.ingress
    spec, (namespace, name) = ts["spec"], place_of(ts)
    upstream = next(each for each in spec["upstreams"] if each["name"] == spec["action"]["pass"])
    backend = {"service": {"name": upstream["service"], "port": {"number": upstream["port"]}}}
    addresses = endpoints(world.snapshot, namespace, backend) or [BAD_GATEWAY]
    title, socket = f"ts_{namespace}_{name}", f"unix:/var/lib/nginx/passthrough-{namespace}_{name}.sock"
    lines = [f"# configuration for TransportServer {label_of(ts)}", f"upstream {title} {{"]
    lines += [*(f"    server {address};" for address in addresses), "}"]
    lines += ["server {", f"    listen {socket} proxy_protocol;", "    set_real_ip_from unix:;"]
    lines += [f"    proxy_pass {title};", "}"]
    chunk = Chunk(key_of(ts), "", "\n".join(lines) + "\n", f"{spec['host']} {socket};\n")
    return chunk, {key_of(ts): claim.warnings}


def load(flags: Flags) -> list[str]:
    """What stands first in nginx.conf."""
    return [MODULE] if flags.on(FLAG) or listeners.enabled(flags) else []


def stream(flags: Flags) -> list[str]:
    """The stream block, with places for the chunks'; nothing without a flag that asks for it."""
    if not load(flags):
        return []
    return ["stream {", "#STREAMS#", *(_passthrough(flags) if flags.on(FLAG) else []), "}"]


def _passthrough(flags: Flags) -> list[str]:
    """Who gets a connection to the HTTPS port, by the name in its handshake."""
    port = flags.number("tls-passthrough-port")
    families = [""] if flags.on("disable-ipv6") else ["", "[::]:"]
    lines = ["map_hash_bucket_size 256;", "map $ssl_preread_server_name $passthrough {", "    hostnames;"]
    lines += [f"    default {SOCKET};", "#HOSTS#", "}", "server {"]
    lines += [f"    listen {family}{port};" for family in families]
    lines += ["    ssl_preread on;", "    proxy_protocol on;", "    proxy_pass $passthrough;", "}"]
    return lines


def fill(main: str, chunks: Iterable[Chunk]) -> str:
    """The main configuration with the chunks' stream parts in their places."""
    chunks = list(chunks)
    streams, hosts = ("".join(parts) for parts in ([c.stream for c in chunks], [c.host for c in chunks]))
    return main.replace("#HOSTS#\n", hosts).replace("#STREAMS#\n", streams)


def listen(secure: str, default: str) -> list[str]:
    """How an HTTPS server listens where connections come through the stream block."""
    return [
        f"listen {SOCKET}{secure}{default} proxy_protocol;",
        "set_real_ip_from unix:;",
        "real_ip_header proxy_protocol;",
    ]
