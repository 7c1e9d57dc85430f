"""What the API server calls things: references to objects and the paths they are served under. Pure.

The table below holds the built-in kinds, so that a usual run needs no discovery call
(https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/). Kinds of CustomResourceDefinitions that are part
of the same stack are read from their manifests; anything else is looked up once by discovery.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote

Object = dict[str, Any]  # a manifest as plain JSON
MANAGER = "ingresskit"  # field manager of every write


@cache
def split_api_version(api_version: str) -> tuple[str, str]:
    """("networking.k8s.io", "v1") from "networking.k8s.io/v1"; the core group is ""."""
    group, __, version = api_version.rpartition("/")
    return group, version


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API server serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def group(self) -> str:
        """The API group, "" for core."""
        return split_api_version(self.api_version)[0]

    @property
    def name(self) -> str:
        """ "ingresses.networking.k8s.io", as RBAC messages and rules say it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The URL path of the collection (of all namespaces where none is given) or of one object in it."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        scope = f"/namespaces/{quote(namespace)}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{quote(name)}" if name else "")


@dataclass(frozen=True, slots=True)
class Ref:
    """Which object: equal where group, kind, namespace and name are; the version is only how it is asked for."""

    group: str
    kind: str
    namespace: str  # "" for cluster-scoped objects
    name: str
    version: str = field(default="v1", compare=False)

    @classmethod
    def of(cls, obj: Object) -> Ref:
        """The reference to a manifest or live object."""
        group, version = split_api_version(obj["apiVersion"])
        meta = obj["metadata"]
        return cls(group, obj["kind"], meta.get("namespace") or "", meta["name"], version)

    @property
    def api_version(self) -> str:
        """ "networking.k8s.io/v1", or "v1" for core."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def _table(api_version: str, namespaced: str = "", cluster: str = "") -> list[Resource]:
    rows = [(entry, True) for entry in namespaced.split()] + [(entry, False) for entry in cluster.split()]
    return [
        Resource(api_version, kind, plural or kind.lower() + "s", is_namespaced)
        for (kind, __, plural), is_namespaced in ((entry.partition("="), scope) for entry, scope in rows)
    ]


# Kind or Kind=plural where the plural is not just the lower-case kind and an s.
BUILTIN: dict[tuple[str, str], Resource] = {
    (resource.api_version, resource.kind): resource
    for resource in (
        *_table(
            "v1",
            "ConfigMap Endpoints=endpoints Event LimitRange PersistentVolumeClaim Pod PodTemplate "
            "ReplicationController ResourceQuota Secret Service ServiceAccount",
            "Namespace Node PersistentVolume",
        ),
        *_table("apps/v1", "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet"),
        *_table("batch/v1", "CronJob Job"),
        *_table("autoscaling/v2", "HorizontalPodAutoscaler"),
        *_table("policy/v1", "PodDisruptionBudget"),
        *_table(
            "networking.k8s.io/v1", "Ingress=ingresses NetworkPolicy=networkpolicies", "IngressClass=ingressclasses"
        ),
        *_table("discovery.k8s.io/v1", "EndpointSlice"),
        *_table("coordination.k8s.io/v1", "Lease"),
        *_table("rbac.authorization.k8s.io/v1", "Role RoleBinding", "ClusterRole ClusterRoleBinding"),
        *_table("scheduling.k8s.io/v1", "", "PriorityClass=priorityclasses"),
        *_table("storage.k8s.io/v1", "", "StorageClass=storageclasses"),
        *_table("apiextensions.k8s.io/v1", "", "CustomResourceDefinition"),
        *_table("apiregistration.k8s.io/v1", "", "APIService"),
        *_table(
            "admissionregistration.k8s.io/v1",
            "",
            "MutatingWebhookConfiguration ValidatingWebhookConfiguration "
            "ValidatingAdmissionPolicy=validatingadmissionpolicies ValidatingAdmissionPolicyBinding",
        ),
    )
}


def served_by_crds(objects: Iterable[Object]) -> list[Resource]:
    """The resources that the CustomResourceDefinitions among ``objects`` will serve, so that objects of these kinds
    can be planned before the definition is in the cluster."""
    return [
        Resource(
            f"{crd['spec']['group']}/{version['name']}",
            crd["spec"]["names"]["kind"],
            crd["spec"]["names"]["plural"],
            crd["spec"].get("scope") != "Cluster",
        )
        for crd in objects
        if crd.get("kind") == "CustomResourceDefinition"
        for version in crd["spec"].get("versions", ())
        if version.get("served", True)
    ]
