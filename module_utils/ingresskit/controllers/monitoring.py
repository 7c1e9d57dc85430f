"""What lets Prometheus find the metrics: a Service of their own, and a ServiceMonitor of the Prometheus operator.

prometheus-operator.dev, API reference: it selects Services by labels, and of those a port by name.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..manifests import Object, manifest
from .workload import METRICS, PodSpec

DEFINITION = "servicemonitors.monitoring.coreos.com"


def monitoring(spec: PodSpec, labels: Mapping[str, str]) -> list[Object]:
    """Both; nothing where the Pods have no port for metrics."""
    port = next((port for port in spec.ports if port.name in METRICS), None)
    if port is None:
        return []
    name, marked = f"{spec.name}-metrics", {**labels, "app.kubernetes.io/component": "metrics"}
    ports = [{"name": "metrics", "port": port.number, "targetPort": port.name, "protocol": "TCP"}]
    monitor = {"selector": {"matchLabels": marked}, "endpoints": [{"port": "metrics"}]}
    return [
        manifest("Service", name, spec.namespace, labels=marked, spec={"selector": dict(labels), "ports": ports}),
        manifest("ServiceMonitor", spec.name, spec.namespace, labels=labels, spec=monitor),
    ]
