"""One file per controller. ``controller_for`` gives the one of a stack."""

from __future__ import annotations

from ..errors import InventoryError, Problem
from ..model.controller import Controller
from .base import NOT_YET, IngressController
from .nginx import Nginx
from .traefik import Traefik

CONTROLLERS: dict[str, IngressController] = {each.kind: each for each in (Nginx(), Traefik())}

__all__ = ["CONTROLLERS", "IngressController", "controller_for"]


def controller_for(controller: Controller) -> IngressController:
    """The kind that the inventory names. Raises InventoryError where this version does not support it yet."""
    found = CONTROLLERS.get(controller.kind)
    if found is None:
        known = " and ".join(CONTROLLERS)
        raise InventoryError([Problem("ingress_controller.kind", f"{controller.kind!r} {NOT_YET}; supported: {known}")])
    return found
