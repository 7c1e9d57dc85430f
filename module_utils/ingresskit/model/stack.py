"""The whole inventory of one stack."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from .apps import App, HostOwner
from .base import DnsLabel, HostName, HttpPath, Labels, Model, Seconds
from .controller import Controller
from .git import Git
from .routes import Site, sites_of
from .tls import Ca


class Cluster(Model):
    """Which cluster, resolved as kubectl does where absent."""

    kubeconfig: Annotated[str | None, Field(description="File with the credentials; the default is kubectl's.")] = None
    context: Annotated[str | None, Field(description="Context of the file; the default is its current one.")] = None
    state_namespace: Annotated[
        DnsLabel, Field(description="Namespace of the record of releases and of the stack's CA.")
    ] = "ingresskit-system"
    timeout: Annotated[int, Field(ge=1, le=86400, description="Seconds for one run's requests and waits together.")] = (
        300
    )


class Apply(Model):
    """How changes are brought to the cluster."""

    verify: Annotated[
        Literal["fast", "dryrun"],
        Field(description="How objects are compared: by hash and managedFields, or by the server's dry run of each."),
    ] = "fast"
    force_conflicts: Annotated[bool, Field(description="Take fields that another server-side apply holds.")] = False
    recreate: Annotated[bool, Field(description="Delete and make anew what differs in a field that cannot change.")] = (
        False
    )
    adopt: Annotated[
        bool,
        Field(
            description="Take over objects of the same name that belong to no stack (never Namespaces), and what "
            "kubectl apply or helm hold of objects. What was taken over goes when the stack is removed."
        ),
    ] = False
    adopt_from: Annotated[
        list[str],
        Field(
            description="Take over what these Applications of Argo CD, Kustomizations or HelmReleases of Flux have let "
            "go of, by the names that the refusal tells (edge, flux-system/edge). Have them let go first: they would "
            "undo it."
        ),
    ] = []
    history: Annotated[int, Field(ge=1, le=100, description="Number of releases that are kept to return to.")] = 10
    lock_wait: Annotated[Seconds, Field(description="Seconds to wait for another run on the same stack to end.")] = 0


class ExtraProbe(Model):
    """A smoke test of your own beside those derived from the inventory."""

    host: Annotated[HostName, Field(description="Host that is asked for.")]
    path: Annotated[HttpPath, Field(description="Path that is asked for.")] = "/"
    scheme: Annotated[Literal["http", "https"], Field(description="Over which of the two ports.")] = "https"
    method: Annotated[str, Field(pattern=r"^[A-Z]+$", description="Method of the request.")] = "GET"
    headers: Annotated[Labels, Field(description="Headers of the request.")] = {}
    status: Annotated[int, Field(ge=100, le=599, description="Status code that must come back.")] = 200
    backend: Annotated[
        str | None, Field(description="namespace/service that must answer (the echo backend names itself).")
    ] = None
    location: Annotated[str | None, Field(description="Regular expression for the Location header.")] = None
    body: Annotated[str | None, Field(description="Text that the body holds.")] = None


class Smoke(Model):
    """How the routes are proven after an install."""

    enabled: Annotated[bool, Field(description="Whether they are proven at all.")] = True
    timeout: Annotated[float, Field(gt=0, le=300, description="Seconds for one request.")] = 5
    wait: Annotated[float, Field(ge=0, le=3600, description="Seconds until every route must answer as promised.")] = 60
    on_failure: Annotated[
        Literal["rollback", "keep"], Field(description="Whether a release that fails is rolled back or kept.")
    ] = "rollback"
    extra: Annotated[
        list[ExtraProbe], Field(description="Smoke tests of your own, beside those derived from the inventory.")
    ] = []


class Stack(Model):
    """One Ingress stack as the inventory describes it; every key is a variable of the play."""

    ingress_cluster: Annotated[Cluster, Field(description="Which cluster, and where the stack keeps its record.")] = (
        Cluster()
    )
    ingress_stack_name: Annotated[
        DnsLabel, Field(description="Owner of everything applied; one cluster may hold several stacks.")
    ] = "edge"
    ingress_apply: Annotated[Apply, Field(description="How changes are brought to the cluster.")] = Apply()
    ingress_controller: Annotated[Controller, Field(description="The Ingress controller and its exposure.")] = (
        Controller()
    )
    ingress_apps: Annotated[
        dict[DnsLabel, App], Field(description="Apps by name: hosts, paths, backends, workloads.")
    ] = {}
    ingress_app_files: Annotated[
        list[str],
        Field(
            description="Files, folders and globs of apps that ingresskit reads itself: fast, and without templates."
        ),
    ] = []
    ingress_hosts: Annotated[
        dict[HostName, HostOwner], Field(description="Who owns a host that several apps share.")
    ] = {}
    ingress_ca: Annotated[Ca, Field(description="The stack's own CA, which issues what is self_signed.")] = Ca()
    ingress_extra_objects: Annotated[
        list[dict[str, Any]], Field(description="Manifests to apply, own and prune with the stack.")
    ] = []
    ingress_smoke: Annotated[Smoke, Field(description="How the routes are proven after an install.")] = Smoke()

    ingress_git: Annotated[Git, Field(description="How the manifests for a Git repository are written.")] = Git()

    _places: Mapping[str, str] = PrivateAttr(default={})  # files of the apps that come from files

    def model_post_init(self, context: Any) -> None:
        self._places = (context or {}).get("places", {})

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

    def at(self, app_name: str) -> str:
        """The inventory path of an app, after the file it comes from: what every message about it begins with."""
        place = self._places.get(app_name)
        return f"{place}: ingress_apps.{app_name}" if place else f"ingress_apps.{app_name}"

    @cached_property
    def sites(self) -> dict[str, Site]:
        """Every host with its owner and the entries of all apps; "*": requests for any host."""
        return sites_of(self)

    def namespace_of(self, app_name: str) -> str:
        """The namespace of an app: its own, or its name."""
        return self.apps[app_name].namespace or app_name
