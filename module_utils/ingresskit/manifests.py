"""Small pure builders for Kubernetes objects, shared by the controllers and the renderer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]

API_VERSIONS = {
    "Deployment": "apps/v1",
    "DaemonSet": "apps/v1",
    "Ingress": "networking.k8s.io/v1",
    "IngressClass": "networking.k8s.io/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Job": "batch/v1",
    "Certificate": "cert-manager.io/v1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "Policy": "k8s.nginx.org/v1",
    "VirtualServer": "k8s.nginx.org/v1",
    "VirtualServerRoute": "k8s.nginx.org/v1",
    "TransportServer": "k8s.nginx.org/v1",
    "GlobalConfiguration": "k8s.nginx.org/v1",
}

# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
RESTRICTED_POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
RESTRICTED_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}

# annotation of a workload that has to have rolled out before the run sends Ingresses: they need what it reads at start
BEFORE_ROUTES = "ingresskit.io/ready-before-routes"

OUR_NAMESPACES_NEVER = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})


def manifest(
    kind: str,
    name: str,
    namespace: str | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    **body: Any,
) -> Object:
    """An object of a kind in ``API_VERSIONS`` (others: the core group, v1), without empty metadata."""
    metadata: Object = {"name": name}
    if namespace is not None:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": API_VERSIONS.get(kind, "v1"), "kind": kind, "metadata": metadata, **body}


def workload_labels(app: str, workload: str) -> dict[str, str]:
    """Labels that select the Pods of a workload that is deployed with an app."""
    return {"app.kubernetes.io/name": workload, "app.kubernetes.io/instance": app}


def workload_service(app: str, namespace: str, name: str) -> Object:
    """The Service NAME-svc of a workload that is deployed with an app."""
    labels = workload_labels(app, name)
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    return manifest("Service", f"{name}-svc", namespace, labels=labels, spec={"selector": labels, "ports": ports})


def group_of(obj: Object) -> str:
    """The API group of an object, "" for the core one."""
    return str(obj["apiVersion"]).rpartition("/")[0]


def present(**fields: Any) -> Object:
    """The fields that say something: no None, no empty mapping, list or string (False and 0 stay)."""
    return {name: value for name, value in fields.items() if value is not None and value not in ({}, [], "")}


def field_env(**paths: str) -> list[Object]:
    """Environment variables from the Pod's own fields (downward API)."""
    return [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in paths.items()]


def plain_env(values: Mapping[str, str]) -> list[Object]:
    """Environment variables with plain values, in the order given."""
    return [{"name": name, "value": value} for name, value in values.items()]


def content_hash(content: Any) -> str:
    """A short stable hash of JSON-able content, to roll Pods out when what they mount has changed."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
