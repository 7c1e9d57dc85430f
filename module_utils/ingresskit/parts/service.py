"""The Services that let traffic in (module ``ingress_service``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ..controllers.workload import service
from ..errors import InventoryError, Problem
from ..facts import Facts
from ..manifests import Object
from ..model.base import DnsLabel, Labels, Model, ServicePort
from ..model.controller import Controller, Expose, Exposes
from ..model.stack import Stack
from ..render.namespaces import namespaces
from .params import Params, for_routes, part_name, read
from .subject import Subject, whole


class TargetPorts(Model):
    """Ports of the Pods: numbers or names."""

    http: ServicePort = "http"
    https: ServicePort = "https"


class Identity(Params):
    name: DnsLabel | None = None

    @property
    def part(self) -> str:
        return part_name("service", self.name) if self.name else "service"


class ServiceParams(Identity):
    namespace: DnsLabel | None = None
    expose: Exposes = Expose()
    controller: Controller = Controller()
    labels: Labels | None = None
    selector: Labels | None = None
    target_ports: TargetPorts = TargetPorts()


def load(parameters: Mapping[str, Any]) -> Subject:
    """The Services as a part of their stack. Raises InventoryError."""
    params = read(ServiceParams, parameters)
    _one_name(params)
    _has_pods(params)
    changes = {"expose": params.expose, "namespace": params.namespace or params.controller.namespace}
    streams = {key: getattr(params.controller, key) for key in ("tcp_services", "udp_services")}
    controller = for_routes(params.controller).model_copy(update=changes | streams)
    subject = whole(params.stack_with(ingress_controller=controller))
    return replace(subject, part=params.part, render=partial(_render, params, subject))


def identify(parameters: Mapping[str, Any]) -> tuple[Stack, str]:
    """Where the part is and how it is called, without its content. Raises InventoryError."""
    params = read(Identity, parameters)
    return params.stack_with(), params.part


def _one_name(params: ServiceParams) -> None:
    expose = params.expose
    if isinstance(expose, Expose) and params.name and expose.name not in (None, params.name):
        raise InventoryError([Problem("expose.name", f"is {expose.name!r}, and name is {params.name!r}: keep one")])


def _has_pods(params: ServiceParams) -> None:
    """Host ports are the Pods' own: only the controller's task can give them some."""
    exposes = params.expose if isinstance(params.expose, list) else [params.expose]
    if params.selector is not None and any(expose.type == "HostPort" for expose in exposes):
        why = "HostPort stands in the Pods, and those of selector are not ours: use another type, or leave selector out"
        raise InventoryError([Problem("expose.type", why)])


def _render(params: ServiceParams, subject: Subject, __: Facts) -> list[Object]:
    stack, dialect = subject.stack, subject.dialect
    ours = dialect.pod_labels(stack)
    selector = ours if params.selector is None else params.selector
    labels = params.labels if params.labels is not None else ours if params.selector is None else {}
    place = params.name or dialect.default_namespace, dialect.namespace(stack.controller)
    ports = {"http": params.target_ports.http, "https": params.target_ports.https}
    controller = stack.controller
    objects = [
        service(expose, controller, *place, selector, labels=labels, target_ports=ports)
        for expose in controller.exposes
    ]
    return [*namespaces(stack, dialect, objects), *objects]
