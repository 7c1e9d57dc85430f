"""The controller without the Services that let the traffic in (module ``ingress_controller``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ..facts import Facts
from ..manifests import Object
from ..model.controller import Controller
from ..model.stack import Stack
from ..render.default_backend import default_backend_objects
from ..render.namespaces import namespaces
from ..render.secrets import tls_secrets
from .params import Params, read
from .subject import Subject, whole

PART = "controller"


class ControllerParams(Params):
    controller: Controller = Controller()


def load(parameters: Mapping[str, Any]) -> Subject:
    """The controller as a part of its stack. Raises InventoryError."""
    params = read(ControllerParams, parameters)
    subject = whole(params.stack_with(ingress_controller=params.controller))
    return replace(subject, part=PART, render=partial(_render, subject))


def identify(parameters: Mapping[str, Any]) -> tuple[Stack, str]:
    """Where the part is and how it is called, without its content. Raises InventoryError."""
    return read(Params, parameters).stack_with(), PART


def _render(subject: Subject, facts: Facts) -> list[Object]:
    stack, dialect = subject.stack, subject.dialect
    objects = [
        *tls_secrets(subject.certificates, facts),
        *facts.definitions,
        *dialect.objects(stack, facts),
        *default_backend_objects(stack, dialect, facts),
    ]
    return [*namespaces(stack, dialect, objects), *objects]
