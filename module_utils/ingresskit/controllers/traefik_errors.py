"""Error pages behind Traefik: a middleware of every route, on the entry points.

https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/errorpages/ and, for the entry points,
https://doc.traefik.io/traefik/reference/install-configuration/entrypoints/. Where no router matches there is no
middleware either: a page for 404 is the default backend's too.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..model.controller import Controller
from ..model.stack import Stack
from .pages import ASKED, page_name
from .traefik_dynamic import SERVED, Dynamic, named

ENTRY_POINTS = ("entrypoints.web.http.middlewares", "entrypoints.websecure.http.middlewares")


def error_pages(stack: Stack, home: str) -> Dynamic:
    """The middleware and the Service that it asks; empty where the inventory has no error pages. Their names change
    with the codes alone: another page is the Pods' affair."""
    codes = [str(code) for code in sorted(stack.controller.error_pages)]
    if not codes:
        return Dynamic()
    service = {"loadBalancer": {"servers": [{"url": f"http://{page_name(stack)}.{home}.svc:80"}]}}
    name = named(SERVED, service)
    middleware = {"errors": {"status": codes, "service": name, "query": f"{ASKED}/{{status}}.html"}}
    return Dynamic({named("errors", middleware): middleware}, rest={"http": {"services": {name: service}}})


def error_refusals(controller: Controller) -> Iterator[tuple[str, str]]:
    """What does not go together with error pages behind Traefik."""
    if not controller.error_pages:
        return
    if 401 in controller.error_pages:
        why = "Traefik drops WWW-Authenticate with the answer that it replaces: no browser would ask for a password"
        yield "ingress_controller.error_pages.401", f"{why}; nginx and ingress-nginx can"
    for key in controller.settings:
        if key.lower() in ENTRY_POINTS:
            yield f'ingress_controller.config."{key}"', "error_pages needs this key for itself: leave one of them out"
