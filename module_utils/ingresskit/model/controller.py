"""The controller and how its traffic gets in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from .apps import Resources
from .base import Cidr, DnsLabel, DnsName, Labels, Model, NamespacedPort, NodePortNumber, PortKey, PortNumber, Seconds
from .tls import TlsSource

ControllerKind = Literal["nginx", "traefik", "ingress-nginx", "haproxy", "envoy-gateway", "kgateway"]
ExposeType = Literal["NodePort", "LoadBalancer", "HostPort", "ClusterIP"]


class Image(Model):
    """Overrides of the pinned image, part by part; a digest wins over a tag."""

    registry: str | None = None
    repository: str | None = None
    tag: str | None = None
    digest: Annotated[str | None, Field(pattern=r"^sha256:[0-9a-f]{64}$")] = None
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    pull_secrets: list[DnsName] = []


class Autoscaling(Model):
    min: Annotated[int, Field(ge=1)] = 2
    max: Annotated[int, Field(ge=1)] = 10
    cpu: Annotated[int, Field(ge=1, le=100, description="Target utilisation in percent of the request.")] = 80

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"max ({self.max}) is less than min ({self.min})")
        return self


class Pdb(Model):
    max_unavailable: Annotated[int, Field(ge=0)] = 1


class Termination(Model):
    """Seconds: ``drain`` goes on serving after the Pod left its endpoints, ``grace`` is the end of all patience."""

    drain: Seconds = 10
    grace: Seconds = 60

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.grace <= self.drain:
            raise ValueError(f"grace ({self.grace}) must be longer than drain ({self.drain})")
        return self


class Crds(Model):
    """Where the definitions of the controller's own kinds come from."""

    source: Annotated[
        str, Field(description="upstream (the pinned version's file), none (they are there), or a file or folder.")
    ] = "upstream"
    sha256: Annotated[
        str | None, Field(pattern=r"^[0-9a-f]{64}$", description="Of the file; needed with upstream.")
    ] = None


class DefaultBackend(Model):
    """What answers where no rule matches: a 404 page in a small Pod, an image of yours, or an existing Service."""

    page: Annotated[str | None, Field(description="HTML text, or the path of an HTML file.")] = None
    image: Annotated[
        str | None,
        Field(
            description="With page: any image with nginx, to serve it. Alone: yours, port 8080, with a numeric user."
        ),
    ] = None
    service: NamespacedPort | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.service is not None and (self.page is not None or self.image is not None):
            raise ValueError("service stands alone: page and image make a Pod of ours")
        if self.service is None and self.page is None and self.image is None:
            raise ValueError("needs page, image or service")
        return self


class Metrics(Model):
    enabled: bool = True
    service_monitor: bool = False


class Ports(Model):
    http: PortNumber | None = 80
    https: PortNumber | None = 443


class NodePorts(Model):
    """Absent: the cluster picks, ingresskit discovers."""

    http: NodePortNumber | None = None
    https: NodePortNumber | None = None
    tcp: Annotated[dict[PortKey, NodePortNumber], Field(description="Of tcp_services, by their port.")] = {}
    udp: Annotated[dict[PortKey, NodePortNumber], Field(description="Of udp_services, by their port.")] = {}

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.http is not None and self.http == self.https:
            raise ValueError(f"http and https cannot share node port {self.http}")
        return self


class LoadBalancer(Model):
    class_: Annotated[str | None, Field(alias="class")] = None
    ip: str | None = None
    source_ranges: list[Cidr] = []


class Expose(Model):
    """One way in."""

    type: ExposeType = "NodePort"
    name: Annotated[DnsLabel | None, Field(description="Name of the Service; default: the controller's.")] = None
    labels: Labels = {}
    annotations: Labels = {}
    ports: Ports = Ports()
    node_ports: NodePorts = NodePorts()
    external_traffic_policy: Literal["Cluster", "Local"] | None = None
    load_balancer: LoadBalancer = LoadBalancer()
    address: Annotated[
        str | None, Field(description="Where smoke tests connect; found from the cluster when absent.")
    ] = None

    @model_validator(mode="after")
    def _fits_type(self) -> Self:
        if self.type in ("HostPort", "ClusterIP") and (self.node_ports.http or self.node_ports.https):
            raise ValueError(f"node_ports do not go with type {self.type}")
        if self.type in ("HostPort", "ClusterIP") and self.external_traffic_policy:
            raise ValueError(f"external_traffic_policy does not go with type {self.type}")
        if self.type != "LoadBalancer" and self.load_balancer != LoadBalancer():
            raise ValueError(f"load_balancer goes with type LoadBalancer, not {self.type}")
        return self


@dataclass(frozen=True)
class Stream:
    """A port that is passed on as it is to ``namespace/service:port``."""

    protocol: Literal["TCP", "UDP"]
    port: int
    backend: str

    @property
    def name(self) -> str:
        """Of its port in Pods and Services: ``tcp-5432``."""
        return f"{self.protocol.lower()}-{self.port}"


Exposes = Annotated[
    Annotated[Expose, Tag("<one>")] | Annotated[list[Expose], Tag("<list>"), Field(min_length=1)],
    Discriminator(lambda value: "<list>" if isinstance(value, list) else "<one>"),
]


class Controller(Model):
    """One Ingress controller and everything it runs with."""

    kind: ControllerKind = "nginx"
    compat: Literal["ingress-nginx"] | None = None
    accept_retired: bool = False
    version: Annotated[str | None, Field(pattern=r"^v?\d+\.\d+\.\d+\S*$")] = None
    image: Image = Image()
    namespace: DnsLabel | None = None
    class_name: DnsName | None = None
    default_class: bool = False
    workload: Literal["Deployment", "DaemonSet"] = "Deployment"
    replicas: Annotated[int, Field(ge=0)] | None = None
    autoscaling: Autoscaling | None = None
    pdb: Pdb | None = Pdb()
    resources: Resources = Resources(requests={"cpu": "100m", "memory": "128Mi"})
    node_selector: Labels = {}
    tolerations: list[dict[str, Any]] = []
    affinity: dict[str, Any] = {}
    topology_spread: list[dict[str, Any]] | None = None
    priority_class: str | None = None
    pod_annotations: Labels = {}
    pod_labels: Labels = {}
    env: Labels = {}
    termination: Termination = Termination()
    config: dict[str, Any] = {}
    extra_args: list[str] = []
    custom_resources: Annotated[
        bool, Field(description="The controller's own kinds: options that need them, and objects of yours.")
    ] = False
    crds: Crds | None = None
    default_backend: DefaultBackend | None = None
    error_pages: dict[int, str] = {}
    default_tls: TlsSource | None = None
    watch_namespaces: list[DnsLabel] = []
    metrics: Metrics = Metrics()
    network_policy: bool = True
    tcp_services: Annotated[
        dict[PortKey, NamespacedPort],
        Field(description="Port to namespace/service:port, for what is not HTTP: passed on as it is."),
    ] = {}
    udp_services: Annotated[dict[PortKey, NamespacedPort], Field(description="The same for UDP.")] = {}
    expose: Exposes = Expose()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.autoscaling is not None and self.replicas is not None:
            raise ValueError("replicas and autoscaling exclude each other: the autoscaler owns the number")
        if self.workload == "DaemonSet" and (self.autoscaling is not None or self.replicas is not None):
            raise ValueError("a DaemonSet runs one Pod a node: replicas and autoscaling do not go with it")
        if self.compat and self.kind != "traefik":
            raise ValueError("compat goes with kind traefik only")
        return self

    @property
    def exposes(self) -> list[Expose]:
        """Every way in, first the one that smoke tests use."""
        return self.expose if isinstance(self.expose, list) else [self.expose]

    @property
    def streams(self) -> list[Stream]:
        """What ``tcp_services`` and ``udp_services`` ask for, by port."""
        found = [Stream("TCP", int(port), backend) for port, backend in self.tcp_services.items()]
        found += [Stream("UDP", int(port), backend) for port, backend in self.udp_services.items()]
        return sorted(found, key=lambda stream: (stream.protocol, stream.port))

    @property
    def settings(self) -> dict[str, Any]:
        """``config`` without the keys that ``null`` unsets."""
        return {key: value for key, value in self.config.items() if value is not None}
