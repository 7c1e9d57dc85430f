"""Ways in that cannot stand beside each other."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.stack import Stack
from .finding import Finding, error, warning


def check_exposure(stack: Stack) -> Iterator[Finding]:
    """Service names and node ports taken twice; no port at all; node ports outside the usual range."""
    controller = stack.controller
    names: dict[str | None, int] = {}
    ports: dict[int, str] = {}
    for index, expose in enumerate(controller.exposes):
        at = "ingress_controller.expose" + (f"[{index}]" if isinstance(controller.expose, list) else "")
        if expose.name in names:
            yield error(
                f"{at}.name", f"is the name of expose[{names[expose.name]}] too: give each Service its own name"
            )
        names.setdefault(expose.name, index)
        if expose.ports.http is None and expose.ports.https is None:
            yield error(f"{at}.ports", "needs http or https: nothing could get in")
        for key, port in (("http", expose.node_ports.http), ("https", expose.node_ports.https)):
            path = f"{at}.node_ports.{key}"
            if port is None:
                continue
            if port in ports:
                yield error(path, f"node port {port} is {ports[port]} already")
            elif not 30000 <= port <= 32767:
                yield warning(
                    path, f"{port} is outside 30000-32767, the range of a cluster that was not told otherwise"
                )
            ports.setdefault(port, path)
