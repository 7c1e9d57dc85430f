"""Apps: hosts, paths, backends and the workloads deployed with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from .base import DnsLabel, HostName, HttpPath, Labels, Model, PortNumber, Quantity, ServicePort, check_port
from .options import Options
from .tls import TlsSource

PathType = Literal["Exact", "Prefix", "ImplementationSpecific"]


def split_backend(value: str) -> dict[str, Any]:
    """``service:port`` as a mapping of service and port (a number or a port name). Raises ValueError."""
    service, colon, port = value.rpartition(":")
    if not colon or not service or not port:
        name = value.strip(":") or "my-svc"
        raise ValueError(
            f"a backend is service:port, the port being a number or a name: write {name + ':80'!r}, for instance"
        )
    return {"service": service, "port": check_port(int(port) if port.isdigit() else port)}


def _short(value: Any) -> Any:
    return split_backend(value) if isinstance(value, str) else value


class Backend(Model):
    """A Service of the app's namespace and one of its ports."""

    service: Annotated[DnsLabel, Field(description="Name of the Service, in the app's namespace.")]
    port: Annotated[ServicePort, Field(description="Number or name of the Service's port.")]

    def __str__(self) -> str:
        return f"{self.service}:{self.port}"


class PathBackend(Backend):
    """What stands under a path in the short form (a mapping of paths)."""

    type: Annotated[
        PathType, Field(description="How the path matches: whole, by elements, or as the controller has it.")
    ] = "Prefix"
    options: Annotated[
        Options | None, Field(description="Options of this path; they win over the host's and the app's.")
    ] = None


class PathRoute(PathBackend):
    """One entry of the long form (a list), for two entries on one path."""

    path: Annotated[HttpPath, Field(description="The path, beginning with a slash.")]


ShortBackend = Annotated[Backend, BeforeValidator(_short, json_schema_input_type=str | Backend)]
ShortPath = Annotated[PathBackend, BeforeValidator(_short, json_schema_input_type=str | PathBackend)]
Paths = Annotated[
    Annotated[dict[HttpPath, ShortPath], Tag("<map>")] | Annotated[list[PathRoute], Tag("<list>")],
    Discriminator(lambda value: "<list>" if isinstance(value, list) else "<map>"),
]


def _short_host(value: Any) -> Any:
    return {"paths": {"/": split_backend(value)}} if isinstance(value, str) else value


class Host(Model):
    """The paths of one host; a string is short for the whole host to one Service."""

    paths: Annotated[
        Paths, Field(description="Paths and their backends: a mapping by path, or a list for two entries on one path.")
    ]
    tls: Annotated[TlsSource | None, Field(description="Certificate of this host; the default is the app's.")] = None
    options: Annotated[Options | None, Field(description="Options of this host; they win over the app's.")] = None

    @model_validator(mode="after")
    def _some_path(self) -> Self:
        if not self.paths:
            raise ValueError("needs a path at least")
        return self

    def routes(self) -> Iterator[tuple[str, PathBackend]]:
        """(path, entry) in the order of the inventory, from either form."""
        if isinstance(self.paths, dict):
            yield from self.paths.items()
        else:
            for entry in self.paths:
                yield entry.path, entry

    @property
    def answers_every_path(self) -> bool:
        """True where an entry takes what no other one does."""
        return any(path == "/" and entry.type != "Exact" for path, entry in self.routes())


ShortHost = Annotated[Host, BeforeValidator(_short_host, json_schema_input_type=str | Host)]


class Resources(Model):
    """Requests and limits of a container."""

    requests: Annotated[dict[str, Quantity], Field(description="What the scheduler reserves: cpu, memory.")] = {}
    limits: Annotated[dict[str, Quantity], Field(description="What the container may not exceed: cpu, memory.")] = {}


class Workload(Model):
    """A backend deployed with the app: Deployment NAME and Service NAME-svc, port 80 -> ``port``."""

    replicas: Annotated[int, Field(ge=0, description="Number of Pods.")] = 1
    image: Annotated[
        str | None,
        Field(description="Image of the container; the default is an echo server that names Pod, Service and path."),
    ] = None
    port: Annotated[PortNumber, Field(description="Port that the container listens on.")] = 8080
    env: Annotated[Labels, Field(description="Environment variables of the container.")] = {}
    resources: Annotated[Resources | None, Field(description="Requests and limits of the container.")] = None


class App(Model):
    """Rules of one app, in one namespace."""

    namespace: Annotated[DnsLabel | None, Field(description="Default: the app's name.")] = None
    tls: Annotated[TlsSource | None, Field(description="Certificate of all its hosts; null or absent: HTTP alone.")] = (
        None
    )
    hosts: Annotated[
        dict[HostName, ShortHost], Field(description="Hosts and their paths; * is every name and address.")
    ] = {}
    default_backend: Annotated[ShortBackend | None, Field(description="A single Service for what no rule matches.")] = (
        None
    )
    options: Annotated[Options | None, Field(description="Options of all its hosts and paths.")] = None
    annotations: Annotated[Labels, Field(description="Raw annotations of the Ingress, for what no option covers.")] = {}
    workloads: Annotated[dict[DnsLabel, Workload], Field(description="Backends deployed with the app, by name.")] = {}

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.hosts or self.default_backend or self.workloads):
            raise ValueError("needs hosts, default_backend or workloads: it says nothing now")
        return self

    @property
    def answers_every_host(self) -> bool:
        """True where it has a rule without a host: "*", or a default backend alone."""
        return "*" in self.hosts or (self.default_backend is not None and not self.hosts)


class HostOwner(Model):
    """Who owns a host that several apps share."""

    namespace: Annotated[DnsLabel, Field(description="Namespace of the Secret and of what the host has once.")]
    tls: Annotated[TlsSource | None, Field(description="Certificate of the host.")] = None
    options: Annotated[Options | None, Field(description="Options of the host.")] = None
