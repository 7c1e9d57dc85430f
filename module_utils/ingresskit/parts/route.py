"""One app: its Ingresses, certificates and workloads (module ``ingress_route``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ..facts import Facts
from ..manifests import Object
from ..model.apps import App
from ..model.base import DnsLabel
from ..model.controller import Controller
from ..model.layers import inherit_options
from ..model.stack import Stack
from ..render.apps import app_objects
from ..render.namespaces import namespaces
from ..render.secrets import tls_secrets
from .params import Params, for_routes, part_name, read
from .subject import Subject, whole


class Identity(Params):
    name: DnsLabel


class RouteParams(Identity):
    app: App
    controller: Controller = Controller()


def load(parameters: Mapping[str, Any]) -> Subject:
    """The app as a part of its stack. Raises InventoryError."""
    params = read(RouteParams, {**parameters, **inherit_options({"app": parameters.get("app")})})
    apps = {params.name: params.app}
    subject = whole(params.stack_with(ingress_controller=for_routes(params.controller), ingress_apps=apps))
    return replace(subject, part=part_name("route", params.name), render=partial(_render, subject))


def identify(parameters: Mapping[str, Any]) -> tuple[Stack, str]:
    """Where the part is and how it is called, without its content. Raises InventoryError."""
    params = read(Identity, parameters)
    return params.stack_with(), part_name("route", params.name)


def _render(subject: Subject, facts: Facts) -> list[Object]:
    stack, dialect = subject.stack, subject.dialect
    objects = list(tls_secrets(subject.certificates, facts))
    for name in stack.apps:
        objects += app_objects(stack, name, dialect, facts)
    return [*namespaces(stack, dialect, objects), *objects]
