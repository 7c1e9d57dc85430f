"""Addresses that Ingresses go on showing when their way in has none any more."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ..api.failures import Forbidden
from ..api.resources import BUILTIN, Ref
from .ownership import Owner

if TYPE_CHECKING:
    from ..api.client import Api

_INGRESS = BUILTIN["networking.k8s.io/v1", "Ingress"]
_NONE = {"op": "add", "path": "/status/loadBalancer", "value": {}}  # also where it has gone by itself meanwhile
_STEADY, _PATIENCE, _ROUND = 4.0, 20.0, 0.5  # seconds; Traefik gathers what it hears for 2


def take_back(api: Api, owner: Owner) -> None:
    """Removes them from the stack's Ingresses, as far as that is allowed: it is for the eye, and for who makes DNS
    entries of it. For controllers that write none of their own then, and leave what is there.

    One that has not heard of the Service's end yet writes it once more: looked at until it stays away."""
    end = time.monotonic() + _PATIENCE
    with suppress(Forbidden):
        removed = _remove(api, owner)
        steady_at = time.monotonic() + _STEADY
        while removed and time.monotonic() < min(steady_at, end):
            time.sleep(_ROUND)
            if _remove(api, owner):
                steady_at = time.monotonic() + _STEADY


def _remove(api: Api, owner: Owner) -> bool:
    """Whether there was anything to remove."""
    ingresses = api.list_objects(_INGRESS, selector=owner.selector).items
    shown = [live for live in ingresses if ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress")]
    for live in shown:
        api.edit(Ref.of(live), [_NONE], subresource="status")
    return bool(shown)
