"""What all single modules have in common: their parameters, who owns what they bring, and how faults are told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import ValidationError

from ..errors import IngresskitError, InventoryError, Problem
from ..model.base import DnsLabel, Model
from ..model.controller import Controller
from ..model.problems import problems_of
from ..model.stack import Apply, Cluster, Stack
from ..preflight import Finding

LABEL_LIMIT = 63  # https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set

# The core speaks of the inventory's variables, the user of a module of its parameters.
_TERMS = tuple(
    (re.compile(inventory), parameter)
    for inventory, parameter in (
        (r"\bingress_apps\.[a-z0-9-]+", "app"),
        (r"\bingress_controller\.expose", "expose"),
        (r"\bingress_(cluster|apply|controller)\b", r"\1"),
        (r"\bingress_stack_name\b", "stack"),
        (r"\bingress_ca\b", "ca"),
        (r"relative names are meant from the inventory's folder", "relative names are meant from base_dir"),
        (r"rename it in the inventory", "rename it"),
    )
)


class Params(Model):
    """The parameters of every single module, named and typed as in the contract, without ``ingress_``."""

    stack: DnsLabel = "edge"
    cluster: Cluster = Cluster()
    apply: Apply = Apply()

    def stack_with(self, **content: Any) -> Stack:
        """A stack that holds only ``content`` (fields of the contract)."""
        return Stack(ingress_stack_name=self.stack, ingress_cluster=self.cluster, ingress_apply=self.apply, **content)


P = TypeVar("P", bound=Params)


def read(kind: type[P], parameters: Mapping[str, Any]) -> P:
    """The parameters that ``kind`` knows, validated. Raises InventoryError naming each fault by its parameter."""
    given = {name: value for name, value in parameters.items() if name in kind.model_fields and value is not None}
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise InventoryError(problems_of(error, kind, given)) from None


def part_name(kind: str, *names: str) -> str:
    """The owner's name inside the stack: ``route.cafe``. Raises InventoryError where it is too long for a label."""
    part = ".".join((kind, *names))
    if len(part) > LABEL_LIMIT:
        room = LABEL_LIMIT - len(part) + len(names[-1])
        message = f"is too long: {part!r} labels what this task makes, and a label has at most {LABEL_LIMIT} characters"
        remedy = f"{room} are left for it here" if room > 0 else "shorten namespace, too"
        raise InventoryError([Problem("name", f"{message}; {remedy}")])
    return part


def for_routes(controller: Controller) -> Controller:
    """What of a controller matters to what is behind or in front of it: which one it is, and how it is reached."""
    looked_at = (
        "kind",
        "compat",
        "accept_retired",
        "namespace",
        "class_name",
        "custom_resources",
        "expose",
        "workload",
    )
    return Controller(**{name: getattr(controller, name) for name in looked_at})


def in_parameters(text: str) -> str:
    """A text of the core in the terms of a single module."""
    for inventory, parameter in _TERMS:
        text = inventory.sub(parameter, text)
    return text


def told(finding: Finding) -> Finding:
    """A finding in the terms of a single module."""
    return replace(finding, path=in_parameters(finding.path), message=in_parameters(finding.message))


@contextmanager
def faults_in_parameters() -> Iterator[None]:
    """Expected errors raised inside leave with the module's parameters in place of the inventory's variables."""
    try:
        yield
    except InventoryError as error:
        problems = [Problem(in_parameters(each.path), in_parameters(each.message)) for each in error.problems]
        raise InventoryError(problems) from error
    except IngresskitError as error:
        raise IngresskitError(in_parameters(str(error))) from error
