"""The controller and how its traffic gets in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from .apps import Resources
from .base import (
    Address,
    Cidr,
    DnsLabel,
    DnsName,
    ErrorCode,
    IpAddress,
    Labels,
    Model,
    NamespacedPort,
    NodePortNumber,
    PortKey,
    PortNumber,
    Seconds,
)
from .tls import TlsSource

ControllerKind = Literal["nginx", "traefik", "ingress-nginx", "haproxy", "envoy-gateway", "kgateway"]
ExposeType = Literal["NodePort", "LoadBalancer", "HostPort", "ClusterIP"]


class Image(Model):
    """Overrides of the pinned image, part by part; a digest wins over a tag."""

    registry: Annotated[str | None, Field(description="Host of the registry, with its port where it has one.")] = None
    repository: Annotated[str | None, Field(description="Path of the image below the registry.")] = None
    tag: Annotated[str | None, Field(description="Tag of the image; the default is the pinned version's.")] = None
    digest: Annotated[
        str | None,
        Field(
            pattern=r"^sha256:[0-9a-f]{64}$", description="sha256:… of the image: what runs is then always the same."
        ),
    ] = None
    pull_policy: Annotated[
        Literal["Always", "IfNotPresent", "Never"] | None,
        Field(description="When the kubelet asks the registry; the default is Kubernetes'."),
    ] = None
    pull_secrets: Annotated[
        list[DnsName],
        Field(description="Names of Secrets with the registry's credentials, in the controller's namespace."),
    ] = []


class Autoscaling(Model):
    """A HorizontalPodAutoscaler in place of ``replicas``."""

    min: Annotated[int, Field(ge=1, description="Least number of Pods.")] = 2
    max: Annotated[int, Field(ge=1, description="Largest number of Pods.")] = 10
    cpu: Annotated[int, Field(ge=1, le=100, description="Target utilisation in percent of the request.")] = 80

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"max ({self.max}) is less than min ({self.min})")
        return self


class Pdb(Model):
    """The PodDisruptionBudget: how many Pods a drain of nodes may take at once."""

    max_unavailable: Annotated[int, Field(ge=0, description="Number of Pods that may be away at once.")] = 1


class Termination(Model):
    """Seconds: ``drain`` goes on serving after the Pod left its endpoints, ``grace`` is the end of all patience."""

    drain: Annotated[
        Seconds, Field(description="Seconds that a Pod goes on serving after it has left its endpoints.")
    ] = 10
    grace: Annotated[
        Seconds, Field(description="Seconds until a Pod that has not ended is killed; longer than drain.")
    ] = 60

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
    service: Annotated[NamespacedPort | None, Field(description="An existing Service, as namespace/service:port.")] = (
        None
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.service is not None and (self.page is not None or self.image is not None):
            raise ValueError("service stands alone: page and image make a Pod of ours")
        if self.service is None and self.page is None and self.image is None:
            raise ValueError("needs page, image or service")
        return self


class Metrics(Model):
    """Figures for Prometheus."""

    enabled: Annotated[bool, Field(description="Serve metrics on a port of their own.")] = True
    service_monitor: Annotated[
        bool,
        Field(description="Make a ServiceMonitor for the Prometheus operator, whose definitions have to be there."),
    ] = False


class Ports(Model):
    """Ports that clients connect to; ``null`` leaves one out."""

    http: Annotated[PortNumber | None, Field(description="Port for HTTP.")] = 80
    https: Annotated[PortNumber | None, Field(description="Port for HTTPS.")] = 443


class NodePorts(Model):
    """Absent: the cluster picks, ingresskit discovers."""

    http: Annotated[NodePortNumber | None, Field(description="Node port for HTTP.")] = None
    https: Annotated[NodePortNumber | None, Field(description="Node port for HTTPS.")] = None
    tcp: Annotated[dict[PortKey, NodePortNumber], Field(description="Of tcp_services, by their port.")] = {}
    udp: Annotated[dict[PortKey, NodePortNumber], Field(description="Of udp_services, by their port.")] = {}

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.http is not None and self.http == self.https:
            raise ValueError(f"http and https cannot share node port {self.http}")
        return self


_CLASS = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"


class LoadBalancer(Model):
    """What the provider of load balancers is told."""

    class_: Annotated[
        str | None,
        Field(
            alias="class", pattern=_CLASS, description="Class of the provider that is to serve it (loadBalancerClass)."
        ),
    ] = None
    ip: Annotated[IpAddress | None, Field(description="Address that is asked for.")] = None
    source_ranges: Annotated[list[Cidr], Field(description="Networks in CIDR form that may connect; empty: all.")] = []


class Expose(Model):
    """One way in."""

    type: Annotated[
        ExposeType, Field(description="How the traffic gets in; HostPort: by ports of the nodes that have a Pod.")
    ] = "NodePort"
    name: Annotated[DnsLabel | None, Field(description="Name of the Service; default: the controller's.")] = None
    labels: Annotated[Labels, Field(description="Labels of the Service.")] = {}
    annotations: Annotated[
        Labels, Field(description="Annotations of the Service, for its provider of load balancers for instance.")
    ] = {}
    ports: Annotated[
        Ports, Field(description="Ports that clients connect to (not with NodePort); null leaves one out.")
    ] = Ports()
    node_ports: Annotated[
        NodePorts,
        Field(description="Fixed ports on the nodes; where absent, the cluster picks and ingresskit discovers them."),
    ] = NodePorts()
    external_traffic_policy: Annotated[
        Literal["Cluster", "Local"] | None,
        Field(
            description="Cluster serves on every node, Local on nodes with a Pod only and keeps the client's address."
        ),
    ] = None
    load_balancer: Annotated[LoadBalancer, Field(description="What the provider of load balancers is told.")] = (
        LoadBalancer()
    )
    address: Annotated[
        Address | None, Field(description="Where smoke tests connect; found from the cluster when absent.")
    ] = None

    @model_validator(mode="after")
    def _fits_type(self) -> Self:
        if self.type in ("HostPort", "ClusterIP") and self.node_ports != NodePorts():
            raise ValueError(f"node_ports do not go with type {self.type}")
        if self.type in ("HostPort", "ClusterIP") and self.external_traffic_policy:
            raise ValueError(f"external_traffic_policy does not go with type {self.type}")
        if self.type != "LoadBalancer" and self.load_balancer != LoadBalancer():
            raise ValueError(
                f"load_balancer goes with type LoadBalancer, not {self.type}; the option allow limits clients anywhere"
            )
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

    @property
    def at(self) -> str:
        """The inventory path of its key."""
        return f'ingress_controller.{self.protocol.lower()}_services."{self.port}"'

    @property
    def place(self) -> str:
        """ "namespace/name" of the Service behind it."""
        return self.backend.rpartition(":")[0]

    @property
    def namespace(self) -> str:
        return self.backend.partition("/")[0]

    @property
    def service(self) -> str:
        return self.place.partition("/")[2]

    @property
    def service_port(self) -> int | str:
        """The Service's port, by its number or its name."""
        port = self.backend.rpartition(":")[2]
        return int(port) if port.isdigit() else port


Exposes = Annotated[
    Annotated[Expose, Tag("<one>")] | Annotated[list[Expose], Tag("<list>"), Field(min_length=1)],
    Discriminator(lambda value: "<list>" if isinstance(value, list) else "<one>"),
]


class Controller(Model):
    """One Ingress controller and everything it runs with."""

    kind: Annotated[
        ControllerKind,
        Field(
            description="Which controller: nginx is F5's; haproxy, envoy-gateway and kgateway are not yet supported."
        ),
    ] = "nginx"
    compat: Annotated[
        Literal["ingress-nginx"] | None,
        Field(description="With kind traefik: serve the class and the annotations of ingress-nginx."),
    ] = None
    accept_retired: Annotated[
        bool, Field(description="Needed with kind ingress-nginx, which gets no fixes any more.")
    ] = False
    version: Annotated[
        str | None,
        Field(
            pattern=r"^v?\d+\.\d+\.\d+\S*$",
            description="Version of the controller; a tested one is pinned for each kind.",
        ),
    ] = None
    image: Annotated[Image, Field(description="Overrides of the pinned image, part by part.")] = Image()
    namespace: Annotated[
        DnsLabel | None, Field(description="Namespace of the controller; the default is the kind's usual one.")
    ] = None
    class_name: Annotated[
        DnsName | None, Field(description="Name of the IngressClass; the default is the kind's usual one.")
    ] = None
    default_class: Annotated[bool, Field(description="Whether Ingresses without a class are served, too.")] = False
    workload: Annotated[
        Literal["Deployment", "DaemonSet"], Field(description="A number of Pods, or one on each node.")
    ] = "Deployment"
    replicas: Annotated[int | None, Field(ge=0, description="Number of Pods; 2 where nothing is said.")] = None
    autoscaling: Annotated[Autoscaling | None, Field(description="A HorizontalPodAutoscaler in place of replicas.")] = (
        None
    )
    pdb: Annotated[Pdb | None, Field(description="The PodDisruptionBudget; null for none.")] = Pdb()
    resources: Annotated[Resources, Field(description="Requests and limits of the controller's container.")] = (
        Resources(requests={"cpu": "100m", "memory": "128Mi"})
    )
    node_selector: Annotated[Labels, Field(description="Labels that a node must have, as in a Pod's spec.")] = {}
    tolerations: Annotated[
        list[dict[str, Any]], Field(description="Taints that are tolerated, as in a Pod's spec.")
    ] = []
    affinity: Annotated[dict[str, Any], Field(description="As in a Pod's spec.")] = {}
    topology_spread: Annotated[
        list[dict[str, Any]] | None,
        Field(description="topologySpreadConstraints as in a Pod's spec; where absent, Pods spread over nodes."),
    ] = None
    priority_class: Annotated[str | None, Field(description="Name of a PriorityClass.")] = None
    pod_annotations: Annotated[Labels, Field(description="Annotations of the Pods.")] = {}
    pod_labels: Annotated[Labels, Field(description="Labels of the Pods beside ours.")] = {}
    env: Annotated[Labels, Field(description="Environment variables of the controller's container.")] = {}
    termination: Annotated[Termination, Field(description="How a Pod ends: seconds to drain, seconds of grace.")] = (
        Termination()
    )
    config: Annotated[
        dict[str, Any],
        Field(
            description="The controller's own settings: entries of its ConfigMap, or Traefik's options by their dotted "
            "names; null unsets one."
        ),
    ] = {}
    extra_args: Annotated[list[str], Field(description="Arguments added to the controller's command line.")] = []
    custom_resources: Annotated[
        bool, Field(description="The controller's own kinds: options that need them, and objects of yours.")
    ] = False
    crds: Annotated[
        Crds | None, Field(description="Where the definitions of the controller's own kinds come from.")
    ] = None
    default_backend: Annotated[
        DefaultBackend | None,
        Field(description="What answers where no rule matches; where absent, the controller's own 404."),
    ] = None
    error_pages: Annotated[
        dict[ErrorCode, str],
        Field(
            description="Pages by status code, 400 to 599: HTML text, or the path of an HTML file. A code listed gets "
            "its page and keeps its status, whoever answers it, the controller or a backend. That of 404 answers "
            "what no rule matches, too."
        ),
    ] = {}
    default_tls: Annotated[
        TlsSource | None, Field(description="Certificate for names that no host has a certificate for.")
    ] = None
    watch_namespaces: Annotated[
        list[DnsLabel], Field(description="Namespaces that are served, and that its rights are for; empty: all.")
    ] = []
    metrics: Annotated[Metrics, Field(description="Figures for Prometheus.")] = Metrics()
    network_policy: Annotated[
        bool, Field(description="Whether a NetworkPolicy lets nothing but the entry ports and metrics in.")
    ] = True
    tcp_services: Annotated[
        dict[PortKey, NamespacedPort],
        Field(description="Port to namespace/service:port, for what is not HTTP: passed on as it is."),
    ] = {}
    udp_services: Annotated[dict[PortKey, NamespacedPort], Field(description="The same for UDP.")] = {}
    expose: Annotated[
        Exposes,
        Field(description="How the traffic gets in: one way, or a list of several; smoke tests use the first one."),
    ] = Expose()

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
    def not_found(self) -> DefaultBackend | None:
        """What answers where no rule matches: ``default_backend``, else the error page of a 404."""
        if self.default_backend is None and 404 in self.error_pages:
            return DefaultBackend(page=self.error_pages[404])
        return self.default_backend

    @property
    def settings(self) -> dict[str, Any]:
        """``config`` without the keys that ``null`` unsets."""
        return {key: value for key, value in self.config.items() if value is not None}
