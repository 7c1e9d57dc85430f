"""One file per controller. ``controller_for`` gives the one of a stack."""

from __future__ import annotations

from ..errors import InventoryError, Problem
from ..model.controller import Controller
from .base import NOT_YET, IngressController
from .ingress_nginx import IngressNginx
from .nginx import Nginx
from .traefik import Traefik
from .traefik_compat import TraefikCompat

CONTROLLERS: dict[str, IngressController] = {each.kind: each for each in (Nginx(), Traefik(), IngressNginx())}
COMPATIBLE: dict[tuple[str, str], IngressController] = {("traefik", "ingress-nginx"): TraefikCompat()}  # kind, compat

__all__ = ["COMPATIBLE", "CONTROLLERS", "IngressController", "controller_for"]


def controller_for(controller: Controller) -> IngressController:
    """The kind that the inventory names. Raises InventoryError where this version does not support it yet."""
    found = COMPATIBLE.get((controller.kind, controller.compat or ""), CONTROLLERS.get(controller.kind))
    if found is None:
        known = " and ".join(CONTROLLERS)
        raise InventoryError([Problem("ingress_controller.kind", f"{controller.kind!r} {NOT_YET}; supported: {known}")])
    return found
