"""What every controller's file answers. The rest of the code knows controllers by this class alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from ..facts import Facts
from ..images import ImageRef
from ..manifests import Object, manifest
from ..model.controller import Controller, Expose
from ..model.options import Hsts, Options
from ..model.routes import Entry, Site
from ..model.stack import Stack
from ..model.tls import TlsSource
from .config_values import ConfigTable
from .ingresses import Treatment, app_routes, host_ingress
from .workload import service

# https://kubernetes.io/docs/concepts/services-networking/ingress/#default-ingress-class
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
NOT_YET = "is part of the contract but not yet supported by this version of ingresskit"


class IngressController(ABC):
    """One kind of Ingress controller: its objects, dialect, matching rules, readiness, and what it cannot do."""

    kind: ClassVar[str]
    title: ClassVar[str]
    class_controller: ClassVar[str]  # spec.controller of its IngressClass, unless controller_name says another
    default_namespace: ClassVar[str]
    default_class: ClassVar[str]
    default_image: ClassVar[ImageRef]
    oldest: ClassVar[tuple[int, int]]  # major and minor of the first version that knows the flags we set
    http_port: ClassVar[int]  # of the container
    https_port: ClassVar[int]
    own_ports: ClassVar[frozenset[int]]  # that its container listens on by itself, those two among them
    redirect_codes: ClassVar[tuple[int, ...]]  # the first is what it answers unless told otherwise
    options: ClassVar[frozenset[str]]  # those of the contract that it can do
    # type (None: any) of a Secret with passwords, and the keys it may have them under
    password_secret: ClassVar[tuple[str | None, tuple[str, ...]]]
    definitions: ClassVar[tuple[str, ...]] = ()  # names of the CustomResourceDefinitions of its own kinds
    prefix_by_element: ClassVar[bool]  # False: Prefix is a prefix of the text, against the Ingress API
    config_table: ClassVar[ConfigTable]  # the keys that ``config`` may have
    # flags that ingresskit sets from other keys of the inventory, each with what to say instead
    own_flags: ClassVar[Mapping[str, str]]
    takes_back: ClassVar[bool] = True  # does it clear the address of an Ingress once its way in has none?
    external_names: ClassVar[bool] = True  # does it resolve the name of an ExternalName Service?
    # do names beside a Secret of users change with the passwords? Then they tell of them, to whoever guesses
    names_tell_passwords: ClassVar[bool] = True
    errors_by_pod: ClassVar[bool] = True  # False: it serves the error pages itself

    def namespace(self, controller: Controller) -> str:
        return controller.namespace or self.default_namespace

    def class_name(self, controller: Controller) -> str:
        return controller.class_name or self.default_class

    def watched(self, controller: Controller) -> list[str]:
        """The namespaces that it reads, its own among them; none: all of the cluster."""
        home = [self.namespace(controller)] if controller.watch_namespaces else []
        return list(dict.fromkeys([*controller.watch_namespaces, *home]))

    def controller_name(self, controller: Controller) -> str:
        """``spec.controller`` of its IngressClass."""
        return self.class_controller

    def service_name(self, controller: Controller) -> str:
        """Name of the Service that lets the traffic in; that of the first way in where there are several."""
        return controller.exposes[0].name or self.default_namespace

    def published_service(self, controller: Controller) -> str:
        """Name of the Service whose address Ingresses get: the first behind a load balancer, else the first."""
        exposes = controller.exposes
        chosen = next((expose for expose in exposes if self.ingress_gets_address(expose)), exposes[0])
        return chosen.name or self.default_namespace

    def image(self, controller: Controller) -> str:
        """The pinned image with the inventory's overrides, part by part."""
        pinned, given = self.default_image, controller.image
        tag = given.tag or self.tag_of(controller.version) if given.tag or controller.version else pinned.tag
        registry = given.registry if given.registry is not None else pinned.registry
        return str(ImageRef(registry, given.repository or pinned.repository, tag, given.digest))

    def tag_of(self, version: str | None) -> str:
        """The image's tag for a version of the controller."""
        return version.removeprefix("v") if version else self.default_image.tag

    def version(self, controller: Controller) -> str:
        """The version that runs, as far as the inventory tells."""
        return (controller.image.tag or self.tag_of(controller.version)).removeprefix("v")

    def definitions_url(self, controller: Controller) -> str:
        """Where upstream serves the definitions that belong to the version, in one file."""
        raise NotImplementedError

    def implied_default_tls(self, controller: Controller) -> TlsSource | None:
        """The default certificate's source: the inventory's, or one that another key makes necessary."""
        return controller.default_tls

    def ingress_class(self, stack: Stack) -> Object:
        """Its IngressClass, the cluster's default one where the inventory says so."""
        controller = stack.controller
        return manifest(
            "IngressClass",
            self.class_name(controller),
            labels=self.pod_labels(stack),
            annotations={DEFAULT_CLASS: "true"} if controller.default_class else None,
            spec={"controller": self.controller_name(controller)},
        )

    @abstractmethod
    def objects(self, stack: Stack, facts: Facts) -> list[Object]:
        """Everything that the controller itself consists of, without its Namespace, Secrets and ``services``."""

    def services(self, stack: Stack) -> list[Object]:
        """The Services that let the traffic in, one for each way in."""
        controller, labels = stack.controller, self.pod_labels(stack)
        place = self.default_namespace, self.namespace(controller)
        ports = {"http": "http", "https": "https"}  # names that the controllers' Pods give to theirs
        return [
            service(expose, controller, *place, labels, labels=labels, target_ports=ports)
            for expose in controller.exposes
        ]

    @abstractmethod
    def treat(self, entry: Entry, site: Site, stack: Stack, facts: Facts) -> Treatment:
        """The options in force for one entry in the controller's dialect."""

    def by_ingress(self, site: Site, stack: Stack) -> bool:
        """False for a host that custom resources of the controller's route instead."""
        return True

    def routes(self, stack: Stack, app_name: str, facts: Facts) -> list[Object]:
        """The Ingresses of one app, and what stands beside them for their options."""
        return app_routes(self, stack, app_name, facts)

    def host_routes(self, stack: Stack, host: str, facts: Facts) -> list[Object]:
        """What a host of ``ingress_hosts`` needs beside the Ingresses of the apps: one that holds its certificate."""
        return [host_ingress(self, stack, host)] if stack.sites[host].tls else []

    def cannot(self, option: str, controller: Controller) -> str | None:
        """Why this controller cannot do an option at all, "" where there is nothing to explain; None where it can."""
        return None if option in self.options else ""

    @abstractmethod
    def catch_all_annotations(self) -> dict[str, str] | None:
        """Annotations of the hostless Ingress that answers where no other rule matches; None: a flag does it."""

    @abstractmethod
    def not_found_per_host(self) -> bool:
        """True where a known host needs a ``/`` entry of its own to answer unknown paths with the default backend."""

    def not_found_by_pod(self, controller: Controller) -> bool:
        """Whether what no rule matches goes to a Pod of ours, which passes it on where a Service is to answer."""
        return controller.not_found is not None and controller.not_found.service is None

    def own_server(self) -> bool:
        """True where a known host answers every path by itself: wildcard and hostless rules are not asked then."""
        return self.not_found_per_host()

    @abstractmethod
    def refusals(self, stack: Stack) -> Iterator[tuple[str, str]]:
        """(inventory path, why) of everything in the stack that this controller cannot do."""

    @abstractmethod
    def unknown_host_tls(self, controller: Controller) -> bool:
        """True where a TLS handshake for an unknown host is answered (with some certificate); False: it is refused."""

    def redirect_code(self, options: Options) -> int:
        """What HTTP answers where TLS is set and the redirect is on."""
        asked = options.ssl_redirect.code if options.ssl_redirect else None
        return asked or self.redirect_codes[0]

    def hsts_words(self, hsts: Hsts) -> tuple[str, ...]:
        """The directives of Strict-Transport-Security that it answers with."""
        also = {"includeSubDomains": hsts.include_subdomains, "preload": hsts.preload}
        return (f"max-age={hsts.max_age}", *(name for name, wanted in also.items() if wanted))

    def ingress_gets_address(self, expose: Expose) -> bool:
        """True where the controller sets an Ingress's ``status.loadBalancer``: only behind a LoadBalancer."""
        return expose.type == "LoadBalancer"

    def pod_labels(self, stack: Stack) -> dict[str, str]:
        """Labels that select the controller's Pods."""
        return {"app.kubernetes.io/name": self.default_namespace, "app.kubernetes.io/instance": stack.name}


def wants_redirect(options: Options, *, tls: bool) -> bool:
    """``ssl_redirect`` in force: on where TLS is set, unless switched off."""
    return tls and (options.ssl_redirect is None or options.ssl_redirect.enabled)


def set_options(options: Options) -> list[str]:
    """Names of the options that say something."""
    return [name for name in type(options).model_fields if getattr(options, name) is not None]


def option_levels(stack: Stack) -> Iterator[tuple[str, Options]]:
    """(inventory path, options) wherever the inventory sets options."""
    for host, owned in stack.ingress_hosts.items():
        if owned.options is not None:
            yield f'ingress_hosts."{host}".options', owned.options
    for name, app in stack.apps.items():
        at = stack.at(name)
        if app.options is not None:
            yield f"{at}.options", app.options
        for host, rules in app.hosts.items():
            if rules.options is not None:
                yield f'{at}.hosts."{host}".options', rules.options
            yield from _path_options(at, host, rules)


def _path_options(at: str, host: str, rules: Any) -> Iterator[tuple[str, Options]]:
    for index, (path, entry) in enumerate(rules.routes()):
        if entry.options is not None:
            where = f'."{path}"' if isinstance(rules.paths, dict) else f"[{index}]"
            yield f'{at}.hosts."{host}".paths{where}.options', entry.options


def source(stack: Stack, entry: Entry, option: str) -> str:
    """The inventory path of an option in force for an entry: the farthest level that has this value."""
    value, app, at = getattr(entry.options, option), stack.apps[entry.app], stack.at(entry.app)
    levels = [(f"{at}.options", app.options)]
    owned, rules = stack.ingress_hosts.get(entry.host), app.hosts.get(entry.host)
    if owned is not None:
        levels.append((f'ingress_hosts."{entry.host}".options', owned.options))
    if rules is not None:
        levels.append((f'{at}.hosts."{entry.host}".options', rules.options))
    for where, options in levels:
        if options is not None and getattr(options, option) == value:
            return f"{where}.{option}"
    return f"{entry.at}.options.{option}"
