"""Ways in that cannot stand beside each other, or let less in than one would think."""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers import IngressController
from ..controllers.workload import replicas
from ..model.controller import Controller, Expose
from ..model.stack import Stack
from .finding import Finding, error, warning


def check_exposure(stack: Stack, dialect: IngressController) -> Iterator[Finding]:
    """Service names and ports taken twice; no port at all; node ports without their port or outside the usual range;
    ways in that not every node has."""
    controller = stack.controller
    names: dict[str, str] = {}
    taken: dict[int, str] = {}
    on_hosts = ""
    for index, expose in enumerate(controller.exposes):
        at = "ingress_controller.expose" + (f"[{index}]" if isinstance(controller.expose, list) else "")
        name = expose.name or dialect.default_namespace
        if name in names:
            yield error(f"{at}.name", f"is the name of {names[name]} too: {name}; give each Service its own name")
        names.setdefault(name, at)
        if name[0].isdigit():
            yield error(f"{at}.name", f"{name} is no name for a Service: it begins with a letter")
        yield from _ports(at, expose)
        yield from _node_ports(at, expose, taken)
        yield from _reach(at, expose, controller)
        if expose.type == "HostPort" and on_hosts:
            yield error(f"{at}.type", f"{on_hosts} has the nodes' ports already: HostPort can stand here once")
        on_hosts = on_hosts or (at if expose.type == "HostPort" else "")


def _reach(at: str, expose: Expose, controller: Controller) -> Iterator[Finding]:
    """Pods of a Deployment are on some of the nodes only."""
    if controller.workload == "DaemonSet":
        return
    if expose.type == "NodePort" and expose.external_traffic_policy == "Local":
        why = "only nodes that run a Pod of the controller answer, the others drop what comes in at their node ports"
        yield warning(f"{at}.external_traffic_policy", f"{why}: workload: DaemonSet runs one on every node")
    if expose.type == "HostPort":
        most = controller.autoscaling.max if controller.autoscaling else replicas(controller)
        why = (
            f"a node's port goes to one Pod: {most} replicas need as many nodes, and a rollout takes one away at a time"
        )
        yield warning(f"{at}.type", f"{why}; workload: DaemonSet runs one on every node")


def _ports(at: str, expose: Expose) -> Iterator[Finding]:
    if expose.ports.http is None and expose.ports.https is None:
        yield error(f"{at}.ports", "needs http or https: nothing could get in")
    elif expose.ports.http == expose.ports.https:
        yield error(f"{at}.ports", f"http and https cannot share port {expose.ports.http}")


def _node_ports(at: str, expose: Expose, taken: dict[int, str]) -> Iterator[Finding]:
    for key in ("http", "https"):
        node_port, port = getattr(expose.node_ports, key), getattr(expose.ports, key)
        path = f"{at}.node_ports.{key}"
        if node_port is None:
            continue
        if port is None:
            yield error(path, f"{at}.ports.{key} is null: there is no port to open at the nodes")
        elif node_port in taken:
            yield error(path, f"node port {node_port} is {taken[node_port]} already")
        elif not 30000 <= node_port <= 32767:
            yield warning(
                path, f"{node_port} is outside 30000-32767, the range of a cluster that was not told otherwise"
            )
        taken.setdefault(node_port, path)
