"""Backends deployed with an app: NAME makes a Deployment NAME and a Service NAME-svc."""

from __future__ import annotations

from ..images import ECHO
from ..manifests import (
    RESTRICTED_CONTAINER,
    RESTRICTED_POD,
    Object,
    field_env,
    manifest,
    plain_env,
    present,
    workload_labels,
    workload_service,
)
from ..model.apps import Workload

ECHO_HEALTH = "/.ingresskit/healthz"
ECHO_REQUESTS = {"requests": {"cpu": "10m", "memory": "32Mi"}}
UNKNOWN_IMAGE_CONTAINER = {
    "allowPrivilegeEscalation": False
}  # it may need root or a writable disk: only what breaks nothing


def workload_objects(app: str, namespace: str, name: str, workload: Workload) -> list[Object]:
    """Deployment and Service of one workload; without an image it runs the echo backend."""
    labels = workload_labels(app, name)
    deployment = manifest(
        "Deployment",
        name,
        namespace,
        labels=labels,
        spec={
            "replicas": workload.replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": _pod(name, workload)},
        },
    )
    return [deployment, workload_service(app, namespace, name)]


def _pod(name: str, workload: Workload) -> Object:
    echo = workload.image is None
    identity = field_env(POD_NAME="metadata.name", POD_NAMESPACE="metadata.namespace", NODE_NAME="spec.nodeName")
    extra = {"SERVICE": f"{name}-svc", "PORT": str(workload.port)}
    env = identity + plain_env({**extra, **workload.env}) if echo else plain_env(workload.env)
    probe = _echo_probe(workload) if echo else {"tcpSocket": {"port": "http"}}
    resources = workload.resources.model_dump(exclude_defaults=True) if workload.resources else None
    container = present(
        name=name,
        image=workload.image or str(ECHO),
        imagePullPolicy="IfNotPresent",
        env=env,
        ports=[{"name": "http", "containerPort": workload.port, "protocol": "TCP"}],
        readinessProbe={**probe, "periodSeconds": 2},
        resources=resources or (ECHO_REQUESTS if echo else None),
        securityContext=RESTRICTED_CONTAINER if echo else UNKNOWN_IMAGE_CONTAINER,
    )
    security = {**RESTRICTED_POD, "runAsUser": 65532} if echo else {"seccompProfile": {"type": "RuntimeDefault"}}
    return {"securityContext": security, "automountServiceAccountToken": False, "containers": [container]}


def _echo_probe(workload: Workload) -> Object:
    """The echo backend's health path, in the protocol that PROTOCOL makes it speak; over gRPC it has none."""
    match workload.env.get("PROTOCOL", "HTTP"):
        case "GRPC":
            return {"tcpSocket": {"port": "http"}}
        case "HTTPS":
            return {"httpGet": {"path": ECHO_HEALTH, "port": "http", "scheme": "HTTPS"}}
        case _:
            return {"httpGet": {"path": ECHO_HEALTH, "port": "http"}}
