"""The order in which kinds are applied. Pure."""

from __future__ import annotations

from ..api.resources import BUILTIN, Ref

UNKNOWN = 3
_STAGES = (
    "Namespace CustomResourceDefinition PriorityClass StorageClass",
    "ServiceAccount ClusterRole Role ConfigMap Secret LimitRange ResourceQuota PersistentVolume PersistentVolumeClaim",
    "ClusterRoleBinding RoleBinding IngressClass",
    "",  # kinds unknown here: custom resources, most of them configuration
    "Service Deployment DaemonSet StatefulSet ReplicaSet ReplicationController Pod Job CronJob "
    "HorizontalPodAutoscaler PodDisruptionBudget NetworkPolicy Endpoints EndpointSlice",
    "APIService MutatingWebhookConfiguration ValidatingWebhookConfiguration ValidatingAdmissionPolicy "
    "ValidatingAdmissionPolicyBinding",
    "Ingress",
)
# What routes as Ingresses do: after the Policies that it names, and created before anything that has its hosts goes.
_ROUTES = {("k8s.nginx.org", kind) for kind in ("VirtualServer", "VirtualServerRoute", "TransportServer")}
_STAGE = {kind: number for number, kinds in enumerate(_STAGES) for kind in kinds.split()}
LAST = len(_STAGES) - 1


def stage(ref: Ref) -> int:
    """0 Namespaces and CRDs, 1 accounts, roles and configuration, 2 role bindings and classes, 3 kinds unknown here,
    4 Services and workloads, 5 what guards them (webhooks), 6 Ingresses and custom resources that route as they do.
    Deleted in reverse."""
    if (ref.group, ref.kind) in _ROUTES:
        return LAST
    builtin = (ref.api_version, ref.kind) in BUILTIN
    return _STAGE.get(ref.kind, UNKNOWN) if builtin else UNKNOWN
