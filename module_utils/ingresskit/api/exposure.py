"""Where the controller is reached from outside: read from the live Service, its Pods and Nodes."""

from __future__ import annotations

from ..oracle.types import Target
from .client import Api


def find_target(api: Api, *, type: str, namespace: str, service: str, address: str | None = None) -> Target:
    """One address and the two ports of the controller's Service.

    ``type``: NodePort (allocated node ports; the given address, else the first Ready node's ExternalIP, else its
    InternalIP; with externalTrafficPolicy Local of a node that runs a ready endpoint), LoadBalancer
    (status.loadBalancer.ingress), ClusterIP (the cluster IP) or HostPort (node of a ready Pod, its hostPorts).
    Raises ClusterError naming ``ingress_controller.expose`` where none is found.
    """
    raise NotImplementedError
