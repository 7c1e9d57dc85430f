"""The Pods of a controller and what stands around them: the same for every kind, fed with what differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..manifests import RESTRICTED_POD, Object, field_env, manifest, plain_env, present
from ..model.controller import Autoscaling, Controller, Expose
from ..model.stack import Stack
from .arguments import merged
from .ports import Port, on_host_ports, service_ports

# of a probe: where a node's processors are all busy an answer takes longer than the usual second, of every Pod at once
PATIENT = {"timeoutSeconds": 3}
METRICS = ("metrics", "status")  # names of the ports that metrics are served on
_INSIDE = frozenset({*METRICS, "readiness", "ping"})  # names of ports that are for the cluster itself
_CLUSTER_WIDE = frozenset({"ingressclasses", "nodes", "namespaces"})  # resources that no Role can be for


@dataclass(frozen=True)
class PodSpec:
    """What one kind of controller puts into its Pod."""

    name: str  # of the workload, its container, its ServiceAccount
    namespace: str
    image: str
    args: Sequence[str]
    ports: Sequence[Port]  # of its container
    uid: int
    container: Mapping[str, Any]  # probes, lifecycle, securityContext, volumeMounts
    volumes: Sequence[Object] = ()
    init_containers: Sequence[Object] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    gid: int | None = None  # None: as the uid

    @property
    def entries(self) -> list[Port]:
        """The ports that traffic comes in by."""
        return [port for port in self.ports if port.name not in _INSIDE]


def workload(
    stack: Stack, spec: PodSpec, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None
) -> Object:
    """The Deployment or DaemonSet."""
    controller = stack.controller
    body: Object = {"selector": {"matchLabels": dict(labels)}, "template": _template(controller, spec, labels)}
    # a node's port is given to one Pod at a time: a Pod more than wanted would find no node
    surge = 0 if on_host_ports(controller) else 1
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": 1 - surge}}
    if controller.workload == "DaemonSet":
        body["updateStrategy"] = rolling
        return manifest("DaemonSet", spec.name, spec.namespace, labels=labels, annotations=annotations, spec=body)
    if controller.autoscaling is None:  # beside an autoscaler the number is the autoscaler's
        body["replicas"] = replicas(controller)
    body["strategy"] = rolling
    return manifest("Deployment", spec.name, spec.namespace, labels=labels, annotations=annotations, spec=body)


def replicas(controller: Controller) -> int:
    """Two unless the inventory says otherwise: one cannot be drained without a gap."""
    return 2 if controller.replicas is None else controller.replicas


def _template(controller: Controller, spec: PodSpec, labels: Mapping[str, str]) -> Object:
    annotations = {**controller.pod_annotations, **spec.annotations}
    container = {
        "name": spec.name,
        "image": spec.image,
        "imagePullPolicy": controller.image.pull_policy or "IfNotPresent",
        "args": merged(spec.args, controller.extra_args),
        "env": field_env(POD_NAME="metadata.name", POD_NAMESPACE="metadata.namespace") + plain_env(controller.env),
        "ports": [port.spec for port in spec.ports],
        "resources": controller.resources.model_dump(exclude_defaults=True),
        **spec.container,
    }
    group = spec.uid if spec.gid is None else spec.gid
    pod = present(
        serviceAccountName=spec.name,
        securityContext={**RESTRICTED_POD, "runAsUser": spec.uid, "runAsGroup": group, "fsGroup": group},
        terminationGracePeriodSeconds=controller.termination.grace,
        imagePullSecrets=[{"name": name} for name in controller.image.pull_secrets],
        nodeSelector=controller.node_selector,
        tolerations=controller.tolerations,
        affinity=controller.affinity,
        priorityClassName=controller.priority_class,
        topologySpreadConstraints=_spread(controller, labels),
        initContainers=[present(**each) for each in spec.init_containers],
        containers=[present(**container)],
        volumes=list(spec.volumes),
    )
    metadata = present(labels={**controller.pod_labels, **labels}, annotations=annotations)
    return {"metadata": metadata, "spec": pod}


def _spread(controller: Controller, labels: Mapping[str, str]) -> list[Object]:
    ours = {"matchLabels": dict(labels)}
    if controller.topology_spread is not None:
        return [{"labelSelector": ours, **each} for each in controller.topology_spread]
    if controller.workload == "DaemonSet":
        return []
    return [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": ours,
        }
    ]


def surroundings(stack: Stack, spec: PodSpec, labels: Mapping[str, str]) -> list[Object]:
    """ServiceAccount, and where wanted PodDisruptionBudget, HorizontalPodAutoscaler, NetworkPolicy."""
    controller = stack.controller
    found = [manifest("ServiceAccount", spec.name, spec.namespace, labels=labels)]
    if controller.pdb is not None and controller.workload == "Deployment":
        body = {"maxUnavailable": controller.pdb.max_unavailable, "selector": {"matchLabels": dict(labels)}}
        found.append(manifest("PodDisruptionBudget", spec.name, spec.namespace, labels=labels, spec=body))
    if controller.autoscaling is not None:
        found.append(_autoscaler(controller.autoscaling, spec, labels))
    if controller.network_policy:
        found.append(_network_policy(controller, spec, labels))
    return found


def service(
    expose: Expose,
    controller: Controller,
    name: str,
    namespace: str,
    selector: Mapping[str, str],
    *,
    labels: Mapping[str, str],
    target_ports: Mapping[str, int | str],
) -> Object:
    """The Service of one way in; ``name`` where the inventory gives none. ``target_ports``: those of http and https.

    A HostPort way in has one, too: clients inside the cluster use it, and it tells whether anything answers.
    """
    balanced = expose.type == "LoadBalancer"
    body = present(
        type="ClusterIP" if expose.type == "HostPort" else expose.type,
        selector=dict(selector),
        ports=service_ports(expose, controller, target_ports),
        externalTrafficPolicy=expose.external_traffic_policy,
        loadBalancerClass=expose.load_balancer.class_ if balanced else None,
        loadBalancerIP=expose.load_balancer.ip if balanced else None,
        loadBalancerSourceRanges=expose.load_balancer.source_ranges if balanced else None,
    )
    labels = {**labels, **expose.labels}
    return manifest("Service", expose.name or name, namespace, labels=labels, annotations=expose.annotations, spec=body)


def _autoscaler(scale: Autoscaling, spec: PodSpec, labels: Mapping[str, str]) -> Object:
    target = {"type": "Utilization", "averageUtilization": scale.cpu}
    body = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": spec.name},
        "minReplicas": scale.min,
        "maxReplicas": scale.max,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return manifest("HorizontalPodAutoscaler", spec.name, spec.namespace, labels=labels, spec=body)


def _network_policy(controller: Controller, spec: PodSpec, labels: Mapping[str, str]) -> Object:
    """The entry ports from anywhere, metrics from inside the cluster. Probes come from the Pod's own node, which no
    policy keeps out; what the controller calls itself (API server, backends, DNS) is not limited."""
    metrics = [port for port in spec.ports if port.name in METRICS] if controller.metrics.enabled else []
    rules: list[Object] = [{"ports": _policy_ports(spec.entries)}]
    if metrics:
        rules.append({"from": [{"namespaceSelector": {}}], "ports": _policy_ports(metrics)})
    body = {"podSelector": {"matchLabels": dict(labels)}, "policyTypes": ["Ingress"], "ingress": rules}
    return manifest("NetworkPolicy", spec.name, spec.namespace, labels=labels, spec=body)


def _policy_ports(ports: Iterable[Port]) -> list[Object]:
    return [{"port": port.number, "protocol": port.protocol} for port in ports]


def role_bindings(
    stack: Stack,
    spec: PodSpec,
    labels: Mapping[str, str],
    cluster: list[Object],
    own: list[Object],
    watched: Sequence[str] = (),
) -> list[Object]:
    """ClusterRole and, for the controller's own namespace, Role, each with its binding; empty rules make none.

    With ``watched`` the rights of ``cluster`` shrink to Roles in these namespaces, but for what belongs to none.
    """
    wide = f"{stack.name}-{spec.name}"
    everywhere = [part for each in cluster for part in _of_cluster(each)] if watched else cluster
    inside = [part for each in cluster for part in _of_namespaces(each)]
    return [
        *_granted("ClusterRole", wide, None, everywhere, spec, labels),
        *(each for space in watched for each in _granted("Role", wide, space, inside, spec, labels)),
        *_granted("Role", spec.name, spec.namespace, own, spec, labels),
    ]


def _granted(
    kind: str, name: str, namespace: str | None, rules: list[Object], spec: PodSpec, labels: Mapping[str, str]
) -> list[Object]:
    if not rules:
        return []
    subject = {"kind": "ServiceAccount", "name": spec.name, "namespace": spec.namespace}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
    return [
        manifest(kind, name, namespace, labels=labels, rules=rules),
        manifest(f"{kind}Binding", name, namespace, labels=labels, roleRef=ref, subjects=[subject]),
    ]


def _of_cluster(rights: Object) -> list[Object]:
    """The part of a rule for resources that live in no namespace."""
    return _only(rights, [name for name in rights["resources"] if name in _CLUSTER_WIDE])


def _of_namespaces(rights: Object) -> list[Object]:
    return _only(rights, [name for name in rights["resources"] if name not in _CLUSTER_WIDE])


def _only(rights: Object, resources: list[str]) -> list[Object]:
    return [{**rights, "resources": resources}] if resources else []


def rule(group: str, resources: str, verbs: str) -> Object:
    """An RBAC rule from space-separated words."""
    return {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}
