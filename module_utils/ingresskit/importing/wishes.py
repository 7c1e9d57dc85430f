"""What manifests do not tell and the user of an import may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError

from ..errors import InventoryError
from ..model.apps import PathType
from ..model.base import DnsLabel, Model
from ..model.controller import Controller
from ..model.problems import problems_of

Served = Literal["nginx", "ingress-nginx", "traefik"]


class Wishes(Model):
    """The controller that is to serve the apps, the one that has served them (None: seen from each Ingress), the only
    class and namespaces to import (None, none: all), what stands for a namespace or a path type that is left out."""

    controller: Controller = Controller()
    served_by: Served | None = None
    class_name: str | None = None
    namespaces: list[DnsLabel] = []
    namespace: DnsLabel = "default"
    path_type: PathType = "ImplementationSpecific"


def read_wishes(parameters: Mapping[str, Any]) -> Wishes:
    """The wishes among a module's parameters. Raises InventoryError naming each fault by its parameter."""
    given = {name: parameters[name] for name in Wishes.model_fields if parameters.get(name) is not None}
    try:
        return Wishes.model_validate(given)
    except ValidationError as error:
        raise InventoryError(problems_of(error, Wishes, given)) from None
