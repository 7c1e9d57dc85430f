"""What Traefik wants to know of a backend stands on its Service: affinity, protocol, timeouts.

So that two paths to one Service can differ, an entry with such options points to a Service of its own beside the one
that the inventory names: with the same selector and ports where the inventory holds that Service, else an ExternalName
that leads to it.
https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/ingress/#on-service
"""

from __future__ import annotations

from collections.abc import Iterator

from ..manifests import BEFORE_ROUTES, Object, manifest, present, workload_service
from ..model.apps import Backend
from ..model.options import Options
from ..model.stack import Stack
from .traefik_dynamic import ANNOTATION, TRANSPORT, named
from .traefik_middlewares import Named

ON_SERVICE = f"{ANNOTATION}service."
SCHEMES = {"HTTP": "http", "HTTPS": "https", "GRPC": "h2c"}  # WS is HTTP and needs nothing
_KEPT_FIELDS = ("type", "externalName", "selector", "ports")


def transport(options: Options) -> Named | None:
    """How a backend is called, where that differs from Traefik's own way.

    A backend's certificate is not verified: it is for names inside the cluster, from whom nobody knows."""
    timeouts = options.timeouts
    body = present(
        insecureSkipVerify=options.backend_protocol == "HTTPS" or None,
        forwardingTimeouts=present(
            dialTimeout=_seconds(timeouts.connect if timeouts else None),
            responseHeaderTimeout=_seconds(timeouts.read if timeouts else None),
        ),
    )
    return (named("backend", body), body) if body else None


def on_service(options: Options, backend: Backend, *, secure: bool) -> dict[str, str]:
    """Annotations that the options ask for of the Service. ``secure``: its cookies never travel without TLS."""
    found: dict[str, str] = {}
    if options.affinity is not None:
        cookie = {"name": options.affinity.cookie, "httponly": "true", "samesite": "lax"}
        cookie |= {"secure": "true"} if secure else {}
        cookie |= {"maxage": str(options.affinity.max_age)} if options.affinity.max_age else {}
        found[f"{ON_SERVICE}sticky.cookie"] = "true"
        found |= {f"{ON_SERVICE}sticky.cookie.{key}": value for key, value in sorted(cookie.items())}
    scheme = SCHEMES.get(options.backend_protocol or "")
    if scheme and not (scheme == "http" and not _looks_like_tls(backend)):
        found[f"{ON_SERVICE}serversscheme"] = scheme
    called = transport(options)
    if called is not None:
        found[TRANSPORT] = f"{called[0]}@file"
    return found


def beside(stack: Stack, app: str, backend: Backend, annotations: dict[str, str]) -> Object:
    """The Service with these annotations that stands for the backend's own one."""
    namespace = stack.namespace_of(app)
    known = spec_of(stack, namespace, backend.service)
    spec: Object = (
        {key: known[key] for key in _KEPT_FIELDS if key in known and known[key] != "ClusterIP"} if known else {}
    )
    if not known:
        spec = {"type": "ExternalName", "externalName": f"{backend.service}.{namespace}.svc", "ports": [_port(backend)]}
    spec["ports"] = [{key: value for key, value in port.items() if key != "nodePort"} for port in spec["ports"]]
    if spec.get("type") != "ExternalName":
        spec.pop("type", None)
    name = named(backend.service[:54].rstrip("-"), [app, annotations, spec])
    said = annotations if spec.get("type") == "ExternalName" else {**annotations, BEFORE_ROUTES: "true"}
    return manifest("Service", name, namespace, annotations=said, spec=spec)


def spec_of(stack: Stack, namespace: str, service: str) -> Object | None:
    """What the inventory says of a Service; None where it does not hold it, or where no selector finds its Pods."""
    for spec in _specs(stack, namespace, service):
        if spec.get("type") == "ExternalName" or spec.get("selector"):
            return spec
    return None


def port_number(stack: Stack, namespace: str, backend: Backend) -> int | None:
    """The number of a backend's port; None where only the cluster knows what its name means."""
    if isinstance(backend.port, int):
        return backend.port
    ports = (spec_of(stack, namespace, backend.service) or {}).get("ports", [])
    return next((port["port"] for port in ports if port.get("name") == backend.port), None)


def _specs(stack: Stack, namespace: str, service: str) -> Iterator[Object]:
    for obj in stack.ingress_extra_objects:
        metadata = obj.get("metadata") or {}
        if obj.get("kind") == "Service" and (metadata.get("namespace"), metadata.get("name")) == (namespace, service):
            yield obj.get("spec") or {}
    workload = service.removesuffix("-svc")
    for app, inventory in stack.apps.items():
        if workload in inventory.workloads and workload != service and stack.namespace_of(app) == namespace:
            yield workload_service(app, namespace, workload)["spec"]


def _looks_like_tls(backend: Backend) -> bool:
    """Traefik takes such a port for HTTPS by itself."""
    return backend.port == 443 or str(backend.port).startswith("https")


def _port(backend: Backend) -> Object:
    return {"name": "backend", "port": backend.port, "protocol": "TCP"}


def _seconds(value: int | None) -> str | None:
    return None if value is None else f"{value}s"
