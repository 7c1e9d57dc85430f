"""Which path entry a request meets, by the Kubernetes documentation and by what controllers do differently.

https://kubernetes.io/docs/concepts/services-networking/ingress/#path-types
"""

from __future__ import annotations

from collections.abc import Sequence

from ..model.routes import Entry


def match(routes: Sequence[Entry], path: str, *, by_element: bool) -> Entry | None:
    """The entry that serves ``path``: an Exact one, which is the whole of it, else the longest that matches.

    ``by_element``: Prefix compares element by element, as the API says; else it is a prefix of the text (F5).
    """
    fitting = [route for route in routes if _fits(route, path, by_element)]
    return max(fitting, key=lambda route: (route.type == "Exact", len(route.path)), default=None)


def _fits(route: Entry, path: str, by_element: bool) -> bool:
    if route.type == "Exact":
        return path == route.path
    if not by_element:
        return path.startswith(route.path)
    prefix = route.path.rstrip("/")
    return path == prefix or path.startswith(f"{prefix}/")
