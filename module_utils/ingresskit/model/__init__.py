"""The inventory's types. ``load`` is the one way in: from the variables of a play to a validated ``Stack``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from ..errors import InventoryError, Problem
from .app_files import AppFile, add_app_files
from .layers import flatten, inherit_options
from .problems import problems_of, unknown_key
from .stack import Stack

PREFIX = "ingress_"

__all__ = ["PREFIX", "Stack", "load", "merged", "variables"]


def variables() -> list[str]:
    """Names of the variables of the contract."""
    return list(Stack.model_fields)


def load(inventory: Mapping[str, Any], app_files: Sequence[AppFile] = ()) -> Stack:
    """The validated stack of an inventory and of the files that its ``ingress_app_files`` name.

    Takes every variable whose name begins with ``ingress_``, layers (``ingress_apps__prod``) included, and no other.
    Raises InventoryError, which names every fault by its path.
    """
    data, places = merged(inventory, app_files)
    data["ingress_apps"] = inherit_options(data.get("ingress_apps", {}), data.get("ingress_hosts"))
    problems = _misnamed(data)
    known = {name: data[name] for name in data if name in Stack.model_fields}
    try:
        stack = Stack.model_validate(known, context={"places": places})
    except ValidationError as error:
        raise InventoryError(problems + problems_of(error, Stack, known, places)) from None
    if problems:
        raise InventoryError(problems)
    return stack


def merged(inventory: Mapping[str, Any], app_files: Sequence[AppFile] = ()) -> tuple[dict[str, Any], dict[str, str]]:
    """Our variables with the apps of the files and every layer merged in, and in which file an app stands. Another
    ``load`` of them gives the same stack. Raises InventoryError for an app that stands in two places."""
    ours = {name: value for name, value in inventory.items() if name.startswith(PREFIX)}
    ours, places = add_app_files(ours, app_files)
    return {name: value for name, value in flatten(ours).items() if value is not None}, places


def _misnamed(data: Mapping[str, Any]) -> list[Problem]:
    return [Problem(name, unknown_key(name, variables())) for name in data if name not in Stack.model_fields]
