"""Traefik's dynamic configuration as a value: what its file provider reads, and what of a former one has to stay.

A middleware that an Ingress names and Traefik does not know takes the route down (404), and a mounted file reaches
running Pods late. So whatever goes by a name is named by its content and never changes; a configuration that lacks
nothing is left as it is, and one that grows keeps what live Ingresses and Services still name.
https://doc.traefik.io/traefik/providers/file/
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..manifests import Object, content_hash, manifest, present

NAME = "traefik-dynamic"  # of the ConfigMap, and of the Secret with what nobody may read
FILE = "dynamic.yaml"
FOLDER = "/etc/traefik/dynamic"
HASH = "ingresskit.io/dynamic"  # annotation of the Pods: they are rolled out when what they read has changed
IN_USE = "ingresskit.io/middlewares"  # annotation of the workload: those that every route has, by its arguments
SERVED = "error-pages"  # services that a middleware names
ANNOTATION = "traefik.ingress.kubernetes.io/"
MIDDLEWARES = f"{ANNOTATION}router.middlewares"  # of an Ingress
TRANSPORT = f"{ANNOTATION}service.serverstransport"  # of a Service
_WORKLOADS = ("Deployment", "DaemonSet")
_TEMPLATE, _ESCAPED = "{{", '{{ "{{" }}'  # the file provider takes its files for Go templates


@dataclass(frozen=True)
class Dynamic:
    """``middlewares`` and ``transports`` are there to be named by others; ``rest`` acts by itself: routers, services,
    TCP, TLS. ``files`` lie beside the configuration, in a Secret."""

    middlewares: Mapping[str, Object] = field(default_factory=dict)
    transports: Mapping[str, Object] = field(default_factory=dict)
    rest: Object = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def configuration(self) -> Object:
        """The whole as Traefik reads it."""
        http = {**self.rest.get("http", {}), "middlewares": dict(self.middlewares)}
        return {**self.rest, "http": present(**http, serversTransports=dict(self.transports))}

    @property
    def hash(self) -> str:
        return content_hash([self.configuration, dict(self.files)] if self.files else self.configuration)

    def objects(self, namespace: str, labels: Mapping[str, str]) -> list[Object]:
        """The ConfigMap and, where there are files, the Secret."""
        text = yaml.safe_dump(self.configuration, width=1000).replace(_TEMPLATE, _ESCAPED)
        found = [manifest("ConfigMap", NAME, namespace, labels=labels, data={FILE: text})]
        if self.files:
            data = {name: base64.b64encode(text.encode()).decode() for name, text in sorted(self.files.items())}
            found.append(manifest("Secret", NAME, namespace, labels=labels, type="Opaque", data=data))
        return found


def joined(parts: Iterable[Dynamic]) -> Dynamic:
    """All of them in one; where two have something of one name, the later one's."""
    middlewares: dict[str, Object] = {}
    transports: dict[str, Object] = {}
    rest: Object = {}
    files: dict[str, str] = {}
    for part in parts:
        middlewares |= part.middlewares
        transports |= part.transports
        files |= part.files
        _merge(rest, part.rest)
    return Dynamic(middlewares, transports, rest, files)


def _merge(into: Object, more: Object) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = _copy(value)


def _copy(value: Any) -> Any:
    return {key: _copy(each) for key, each in value.items()} if isinstance(value, dict) else value


def named(kind: str, body: Any) -> str:
    """The name of a middleware, a transport or a file: its kind and the hash of its content."""
    return f"{kind}-{content_hash(body)[:8]}"


def read(config_map: Object | None, secret: Object | None) -> Dynamic:
    """The value again; empty where the objects are not what we write."""
    try:
        text = ((config_map or {}).get("data") or {}).get(FILE, "")
        rest = dict(yaml.safe_load(text.replace(_ESCAPED, _TEMPLATE)) or {})
        http = dict(rest.pop("http", {}))
        middlewares, transports = http.pop("middlewares", {}), http.pop("serversTransports", {})
        data = ((secret or {}).get("data") or {}).items()
        files = {name: base64.b64decode(content).decode() for name, content in data}
        return Dynamic(dict(middlewares), dict(transports), {**rest, "http": http} if http else rest, files)
    except (yaml.YAMLError, TypeError, ValueError, AttributeError, binascii.Error):
        return Dynamic()


def references(objects: Iterable[Object]) -> set[str]:
    """Names of middlewares and transports that Ingresses, Services and Traefik's own arguments name, by annotations."""
    found: set[str] = set()
    for obj in objects:
        annotations = obj["metadata"].get("annotations") or {}
        for key in (MIDDLEWARES, TRANSPORT, IN_USE):
            names = annotations.get(key, "").split(",")
            found |= {name.strip().removesuffix("@file") for name in names if name.strip()}
    return found


def kept(wanted: Dynamic, live: Dynamic, used: Collection[str]) -> Dynamic:
    """What to bring where ``live`` is there: itself if it lacks nothing, else ``wanted`` with what is still ``used``.

    Of ``live`` only what has the name of its content counts: a change by hand is undone."""
    former = _sound(live)
    everything = joined([former, wanted])
    if everything == live:
        return live
    return joined([_only(former, used), wanted])


def with_former(
    objects: list[Object], config_map: Object | None, secret: Object | None, used: Collection[str]
) -> list[Object]:
    """Rendered objects with the dynamic configuration that ``kept`` makes of theirs and the live one."""
    own = {obj["kind"]: obj for obj in objects if obj["metadata"]["name"] == NAME}
    if "ConfigMap" not in own or config_map is None:
        return objects
    wanted = read(own["ConfigMap"], own.get("Secret"))
    result = kept(wanted, read(config_map, secret), used)
    if result == wanted:
        return objects
    metadata = own["ConfigMap"]["metadata"]
    made = {obj["kind"]: {**obj, "metadata": metadata} for obj in result.objects(metadata["namespace"], {})}
    return [*_replaced(objects, made, result.hash), *(made[kind] for kind in made if kind not in own)]


def _replaced(objects: Iterable[Object], made: Mapping[str, Object], digest: str) -> Iterable[Object]:
    for obj in objects:
        if obj["metadata"]["name"] == NAME and obj["kind"] in made:
            yield made[obj["kind"]]
        elif obj["kind"] in _WORKLOADS and HASH in (obj["spec"]["template"]["metadata"].get("annotations") or {}):
            yield _rolled(obj, digest)
        else:
            yield obj


def _rolled(workload: Object, digest: str) -> Object:
    template = workload["spec"]["template"]
    metadata = template["metadata"]
    metadata = {**metadata, "annotations": {**metadata["annotations"], HASH: digest}}
    return {**workload, "spec": {**workload["spec"], "template": {**template, "metadata": metadata}}}


def _sound(live: Dynamic) -> Dynamic:
    """What of a live configuration is named by its content."""
    files = {name: text for name, text in live.files.items() if named("auth", text) == name}
    return Dynamic(
        {name: body for name, body in live.middlewares.items() if _is_named(name, body)},
        {name: body for name, body in live.transports.items() if _is_named(name, body)},
        _with_services({name: body for name, body in _services(live).items() if _is_named(name, body)}),
        files,
    )


def _services(live: Dynamic) -> dict[str, Object]:
    """Those that middlewares name. Others belong to routers, and act by themselves."""
    found = (live.rest.get("http") or {}).get("services") or {}
    return {name: body for name, body in found.items() if name.rpartition("-")[0] == SERVED}


def _with_services(services: Mapping[str, Object]) -> Object:
    return {"http": {"services": dict(services)}} if services else {}


def _is_named(name: str, body: Object) -> bool:
    return named(name.rpartition("-")[0], body) == name


def _only(former: Dynamic, used: Collection[str]) -> Dynamic:
    middlewares = {name: body for name, body in former.middlewares.items() if name in used}
    read_by = {body.get("basicAuth", {}).get("usersFile") for body in middlewares.values()}
    files = {name: text for name, text in former.files.items() if f"{FOLDER}/{name}" in read_by}
    asked = {body.get("errors", {}).get("service") for body in middlewares.values()}
    services = {name: body for name, body in _services(former).items() if name in asked}
    transports = {name: body for name, body in former.transports.items() if name in used}
    return Dynamic(middlewares, transports, _with_services(services), files)
