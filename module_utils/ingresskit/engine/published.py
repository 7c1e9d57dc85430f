"""Addresses that Ingresses go on showing when their way in has none any more."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ..api.failures import Forbidden
from ..api.resources import BUILTIN, Ref
from .ownership import Owner

if TYPE_CHECKING:
    from ..api.client import Api

_INGRESS = BUILTIN["networking.k8s.io/v1", "Ingress"]
_AT = "/status/loadBalancer/ingress"


def take_back(api: Api, owner: Owner) -> None:
    """Removes them from the stack's Ingresses, as far as that is allowed: it is for the eye, and for who makes DNS
    entries of it. For controllers that write none of their own then, and leave what is there."""
    with suppress(Forbidden):
        for live in api.list_objects(_INGRESS, selector=owner.selector).items:
            if ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress"):
                api.edit(Ref.of(live), [{"op": "remove", "path": _AT}], subresource="status")
