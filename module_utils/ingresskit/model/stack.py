"""The whole inventory of one stack."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .apps import App, HostOwner
from .base import DnsLabel, HostName, HttpPath, Labels, Model, Seconds
from .controller import Controller
from .options import Options


class Cluster(Model):
    """Which cluster, resolved as kubectl does where absent."""

    kubeconfig: str | None = None
    context: str | None = None
    state_namespace: DnsLabel = "ingresskit-system"
    timeout: Annotated[int, Field(ge=1, le=86400, description="Seconds for one run's requests and waits together.")] = (
        300
    )


class Apply(Model):
    verify: Literal["fast", "dryrun"] = "fast"
    force_conflicts: bool = False
    recreate: bool = False
    history: Annotated[int, Field(ge=1, le=100)] = 10
    lock_wait: Seconds = 0


class ExtraProbe(Model):
    """A smoke test of your own beside those derived from the inventory."""

    host: HostName
    path: HttpPath = "/"
    scheme: Literal["http", "https"] = "https"
    method: Annotated[str, Field(pattern=r"^[A-Z]+$")] = "GET"
    headers: Labels = {}
    status: Annotated[int, Field(ge=100, le=599)] = 200
    backend: Annotated[
        str | None, Field(description="namespace/service that must answer (the echo backend names itself).")
    ] = None
    location: Annotated[str | None, Field(description="Regular expression for the Location header.")] = None
    body: Annotated[str | None, Field(description="Text that the body holds.")] = None


class Smoke(Model):
    enabled: bool = True
    timeout: Annotated[int | float, Field(gt=0, le=300, description="Seconds for one request.")] = 5
    wait: Annotated[
        int | float, Field(ge=0, le=3600, description="Seconds until every route must answer as promised.")
    ] = 60
    on_failure: Literal["rollback", "keep"] = "rollback"
    extra: list[ExtraProbe] = []


class Stack(Model):
    """One Ingress stack as the inventory describes it; every key is a variable of the play."""

    ingress_cluster: Cluster = Cluster()
    ingress_stack_name: DnsLabel = "edge"
    ingress_apply: Apply = Apply()
    ingress_controller: Controller = Controller()
    ingress_apps: dict[DnsLabel, App] = {}
    ingress_hosts: dict[HostName, HostOwner] = {}
    ingress_extra_objects: list[dict[str, Any]] = []
    ingress_smoke: Smoke = Smoke()

    @property
    def name(self) -> str:
        return self.ingress_stack_name

    @property
    def cluster(self) -> Cluster:
        return self.ingress_cluster

    @property
    def controller(self) -> Controller:
        return self.ingress_controller

    @property
    def apps(self) -> dict[str, App]:
        return self.ingress_apps

    def namespace_of(self, app_name: str) -> str:
        """The namespace of an app: its own, or its name."""
        return self.apps[app_name].namespace or app_name


def effective_options(*levels: Options | None) -> Options:
    """The options in force, given those of app, host and path in that order.

    ``load`` has merged each level over the farther ones already, so the nearest level that has any is the answer.
    """
    return next((level for level in reversed(levels) if level is not None), Options())
