"""One app: its Ingresses, certificates and workloads (module ``ingress_route``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ..controllers.base import option_levels, set_options
from ..facts import Facts
from ..manifests import Object
from ..model.apps import App
from ..model.base import DnsLabel
from ..model.controller import Controller
from ..model.layers import inherit_options
from ..model.stack import Stack
from ..preflight.finding import Finding, error
from ..render.apps import app_objects
from ..render.issuers import annotated
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
    given = {**parameters, **inherit_options({"app": parameters.get("app")})}
    subject = _whole(params := read(RouteParams, given), params.app)
    check = partial(_check, subject, lambda option: _whole(params, App.model_validate(_without(given["app"], option))))
    return replace(subject, part=part_name("route", params.name), check=check, render=partial(_render, subject))


def identify(parameters: Mapping[str, Any]) -> tuple[Stack, str]:
    """Where the part is and how it is called, without its content. Raises InventoryError."""
    params = read(Identity, parameters)
    return params.stack_with(), part_name("route", params.name)


def _whole(params: RouteParams, app: App) -> Subject:
    return whole(params.stack_with(ingress_controller=for_routes(params.controller), ingress_apps={params.name: app}))


def _check(subject: Subject, without: Callable[[str], Subject], facts: Facts) -> list[Finding]:
    """What is wrong with the stack; and, where nothing is, options that the controller's own objects would say.

    Behind Traefik that is most of them (middlewares of its file provider), elsewhere flags and ConfigMap keys.
    ``without``: the same without an option.
    """
    findings = subject.check(facts)
    if any(finding.level == "error" for finding in findings):
        return findings
    stack, dialect = subject.stack, subject.dialect
    first: dict[str, str] = {}
    for at, options in option_levels(stack):
        first |= {option: f"{at}.{option}" for option in set_options(options) if option not in first}
    for option, at in first.items():
        if dialect.objects(without(option).stack, facts) != dialect.objects(stack, facts):
            why = f"is said in {dialect.title}'s own configuration, which a single route leaves alone"
            findings.append(error(at, f"{why}: bring route and controller in one, with ingress_stack"))
    return findings


def _without(value: Any, option: str) -> Any:
    """An app as it is given, with one option unset at every level."""
    if isinstance(value, list):
        return [_without(each, option) for each in value]
    if not isinstance(value, Mapping):
        return value
    kept = {key: _without(each, option) for key, each in value.items()}
    if isinstance(kept.get("options"), dict):
        kept["options"].pop(option, None)
    return kept


def _render(subject: Subject, facts: Facts) -> list[Object]:
    stack, dialect = subject.stack, subject.dialect
    objects = list(tls_secrets(subject.certificates, facts))
    for name in stack.apps:
        objects += app_objects(stack, name, dialect, facts)
    objects = annotated(objects, subject.certificates)
    return [*namespaces(stack, dialect, objects), *objects]
