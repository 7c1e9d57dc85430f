"""A Service that goes to another class of load balancers. Pure.

``spec.loadBalancerClass`` cannot change while the type is LoadBalancer
(https://kubernetes.io/docs/concepts/services-networking/service/#load-balancer-class), and is free with another one. So
the Service is one of type NodePort for a moment: its uid, its cluster IP and its node ports stay, and the provider it
had lets go of it.
"""

from __future__ import annotations

from ..api.failures import Invalid
from ..api.resources import Object

_FIELD = "loadBalancer"  # how the fields of its own begin


def changes_class(obj: Object, error: Invalid) -> bool:
    """Whether the API server refused a Service for its class alone."""
    return obj["kind"] == "Service" and "spec.loadBalancerClass" in str(error)


def between(obj: Object) -> Object:
    """What it is between the two classes."""
    spec = {name: value for name, value in obj["spec"].items() if not name.startswith(_FIELD)}
    return obj | {"spec": spec | {"type": "NodePort"}}


def balanced(live: Object, obj: Object) -> Object:
    """What it will be, told from a dry run of what it is between."""
    own = {name: value for name, value in obj["spec"].items() if name.startswith(_FIELD) or name == "type"}
    return live | {"spec": live["spec"] | own}
