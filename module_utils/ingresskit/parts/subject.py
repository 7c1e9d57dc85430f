"""What a run is about: a whole stack, or one part of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from .. import preflight
from ..controllers import IngressController, controller_for
from ..facts import Facts
from ..manifests import Object
from ..model.certificates import CertificateUse
from ..model.stack import Stack
from ..preflight import Finding
from ..render import render
from ..render.files import file_names
from ..render.secrets import uses_of


@dataclass(frozen=True)
class Subject:
    """What a run needs to know: where to, which certificates and files (inventory path, name), how to check and render.

    ``part`` names the owner of the objects inside the stack; "" is the stack itself.
    """

    stack: Stack
    dialect: IngressController
    certificates: list[CertificateUse]
    files: list[tuple[str, str]]
    check: Callable[[Facts], list[Finding]]
    render: Callable[[Facts], list[Object]]
    part: str = ""


def whole(stack: Stack) -> Subject:
    """The whole stack. Raises InventoryError where this version does not support its controller."""
    dialect = controller_for(stack.controller)
    return Subject(
        stack,
        dialect,
        uses_of(stack, dialect),
        list(file_names(stack)),
        check=partial(preflight.check, stack, dialect),
        render=partial(render, stack),
    )
