"""Traefik Proxy, by its Kubernetes Ingress provider (doc.traefik.io, "Kubernetes Ingress").

No custom resource is used: middlewares come from its file provider, out of a ConfigMap. What an entry's options become
stands in traefik_routes, traefik_middlewares and traefik_services, the file in traefik_dynamic.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ..facts import Facts
from ..images import TRAEFIK
from ..manifests import BEFORE_ROUTES, RESTRICTED_CONTAINER, Object, present
from ..model.certificates import DEFAULT_SECRET
from ..model.controller import Controller
from ..model.options import Options
from ..model.routes import NO_OPTIONS, Entry, Site
from ..model.stack import Stack
from . import traefik_config, traefik_crd, traefik_refusals, traefik_streams
from .arguments import merged
from .base import IngressController
from .config_values import config_text
from .ingresses import Treatment, rest_of
from .monitoring import monitoring
from .ports import Port, entry_ports
from .streams import unnumbered
from .traefik_dynamic import FOLDER, HASH, IN_USE, NAME, Dynamic, joined
from .traefik_errors import error_pages, error_refusals
from .traefik_middlewares import REDIRECTS, to_https
from .traefik_routes import LAST, ROUTER, Route, exact_first
from .workload import PATIENT, PodSpec, role_bindings, rule, surroundings, workload

CLUSTER_RULES = [
    rule("", "services secrets nodes", "get list watch"),
    rule("discovery.k8s.io", "endpointslices", "list watch"),
    rule("networking.k8s.io", "ingresses ingressclasses", "get list watch"),
    rule("networking.k8s.io", "ingresses/status", "update"),
]


class Traefik(IngressController):
    kind = "traefik"
    title = "Traefik Proxy"
    class_controller = "traefik.io/ingress-controller"
    default_namespace = "traefik"
    default_class = "traefik"
    default_image = TRAEFIK
    oldest = (3, 5)  # strictprefixmatching
    http_port = 8000  # no privileged port, no capability
    https_port = 8443
    own_ports = frozenset({8000, 8443, 8080, 9100})
    redirect_codes: ClassVar[tuple[int, ...]] = tuple(REDIRECTS)
    options = frozenset(Options.model_fields)
    password_secret: ClassVar[tuple[str | None, tuple[str, ...]]] = (None, ("htpasswd", "auth", "users"))
    definitions = traefik_crd.DEFINITIONS
    prefix_by_element = True
    config_table = traefik_config.TABLE
    own_flags = traefik_config.RESERVED
    cluster_rules: ClassVar[list[Object]] = CLUSTER_RULES

    def tag_of(self, version: str | None) -> str:
        return f"v{version.removeprefix('v')}" if version else self.default_image.tag

    def definitions_url(self, controller: Controller) -> str:
        folder = f"v{self.version(controller)}/docs/content/reference/dynamic-configuration"
        return f"https://raw.githubusercontent.com/traefik/traefik/{folder}/kubernetes-crd-definition-v1.yml"

    def objects(self, stack: Stack, facts: Facts) -> list[Object]:
        controller, labels = stack.controller, self.pod_labels(stack)
        dynamic = self.dynamic(stack, facts)
        spec = self._pod(stack, dynamic)
        in_use = {IN_USE: ",".join(self._on_entry_points(stack))}
        return [
            *surroundings(stack, spec, labels),
            *role_bindings(stack, spec, labels, self._rules(controller), [], self.watched(controller)),
            *dynamic.objects(spec.namespace, labels),
            self.ingress_class(stack),
            workload(stack, spec, labels, {BEFORE_ROUTES: "true", **present(**in_use)}),
            *(monitoring(spec, labels) if controller.metrics.service_monitor else []),
        ]

    def _rules(self, controller: Controller) -> list[Object]:
        return [*self.cluster_rules, *(traefik_crd.RULES if controller.custom_resources else [])]

    def dynamic(self, stack: Stack, facts: Facts) -> Dynamic:
        """What the file provider reads: beside what is always there, what the options of every entry need."""
        entries = ((entry, site) for entry, site in self._entries(stack) if entry.options is not NO_OPTIONS)
        return joined([self.usual(stack), *(Route(entry, site, stack, facts).dynamic for entry, site in entries)])

    def usual(self, stack: Stack) -> Dynamic:
        """What no route asks for: the redirects to HTTPS, the streams, the default certificate, the error pages."""
        rest = traefik_streams.dynamic(stack)
        if stack.controller.default_tls is not None:
            files = {"certFile": f"{FOLDER}/tls.crt", "keyFile": f"{FOLDER}/tls.key"}
            rest["tls"] = {"stores": {"default": {"defaultCertificate": files}}}
        return joined([Dynamic(to_https(), rest=rest), error_pages(stack, self.namespace(stack.controller))])

    def _entries(self, stack: Stack) -> Iterator[tuple[Entry, Site]]:
        """Every entry with its host, those for the paths left over among them."""
        for site in stack.sites.values():
            rest = (rest_of(self, stack, name, site) for name in site.apps)
            yield from ((entry, site) for entry in (*site.entries, *rest) if entry is not None)

    def _pod(self, stack: Stack, dynamic: Dynamic) -> PodSpec:
        controller = stack.controller
        probe = {"httpGet": {"path": "/ping", "port": "ping"}}
        # the default certificate lies beside the file that names it: Traefik watches that folder and no other
        sources: list[Object] = [{"configMap": {"name": NAME}}, {"secret": {"name": NAME, "optional": True}}]
        if controller.default_tls is not None:
            sources.append({"secret": {"name": controller.default_tls.secret or DEFAULT_SECRET}})
        ports = [*entry_ports(self, controller), Port("ping", 8080)]
        if controller.metrics.enabled:
            ports.append(Port("metrics", 9100))
        return PodSpec(
            name=self.default_namespace,
            namespace=self.namespace(controller),
            image=self.image(controller),
            args=self.args(stack),
            ports=ports,
            uid=65532,
            container={
                # it answers the ping before it has read the first Ingress, and a request that comes then finds no route
                "readinessProbe": {**probe, "periodSeconds": 1, "initialDelaySeconds": 3, **PATIENT},
                "livenessProbe": {**probe, "periodSeconds": 10, **PATIENT},
                "securityContext": RESTRICTED_CONTAINER,
                "volumeMounts": [
                    {"name": "dynamic", "mountPath": FOLDER, "readOnly": True},
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (its own: request bodies that it counts)
                ],
            },
            volumes=[{"name": "dynamic", "projected": {"sources": sources}}, {"name": "tmp", "emptyDir": {}}],
            # it reloads the file by itself, but only when the kubelet gets round to it, a minute or two later
            annotations={HASH: dynamic.hash},
        )

    def args(self, stack: Stack) -> list[str]:
        """Static configuration as command-line arguments; ``config`` of the inventory adds to it."""
        controller = stack.controller
        drain = f"{controller.termination.drain}s"
        watched = self.watched(controller)
        grace = f"{controller.termination.grace - controller.termination.drain}s"
        flags = ["--global.checknewversion=false", "--global.sendanonymoususage=false", "--ping=true"]
        flags.append("--entrypoints.traefik.address=:8080")
        web = (("web", f":{self.http_port}"), ("websecure", f":{self.https_port}"))
        for name, address in (*web, *traefik_streams.entry_points(self, stack)):
            lifecycle = f"--entrypoints.{name}.transport.lifecycle"
            flags.append(f"--entrypoints.{name}.address={address}")
            if (name, address) in web:  # else every route is served on the metrics port and those of streams too
                flags.append(f"--entrypoints.{name}.asdefault=true")
                flags += [f"--entrypoints.{name}.http.middlewares={each}" for each in self._on_entry_points(stack)]
            if not address.endswith("/udp"):  # nothing is begun there that could be finished
                flags.append(f"{lifecycle}.requestacceptgracetimeout={drain}")
                flags.append(f"{lifecycle}.gracetimeout={grace}")
        flags += [
            "--entrypoints.websecure.http.tls=true",
            *self.provider_args(stack),
            *(traefik_crd.provider_args(self.class_name(controller), watched) if controller.custom_resources else []),
            f"--providers.file.directory={FOLDER}",
        ]
        if controller.metrics.enabled:
            flags += [
                "--entrypoints.metrics.address=:9100",
                "--metrics.prometheus=true",
                "--metrics.prometheus.entrypoint=metrics",
            ]
        return merged(flags, [f"--{key}={config_text(value)}" for key, value in controller.settings.items()])

    def _on_entry_points(self, stack: Stack) -> list[str]:
        """The middlewares of every route."""
        return [f"{name}@file" for name in error_pages(stack, self.namespace(stack.controller)).middlewares]

    def provider_args(self, stack: Stack) -> list[str]:
        """Where the routes come from."""
        controller, provider = stack.controller, "--providers.kubernetesingress"
        flags = [
            f"{provider}=true",
            f"{provider}.ingressclass={self.class_name(controller)}",
            f"{provider}.strictprefixmatching=true",  # else Prefix is a string prefix, against the Ingress API
            f"{provider}.allowemptyservices=true",  # a Service without endpoints answers 503, its route stays
            f"{provider}.allowexternalnameservices=true",  # see traefik_services
        ]
        if controller.watch_namespaces:
            flags.append(f"{provider}.namespaces={','.join(self.watched(controller))}")
        # behind a load balancer its addresses, with node ports the external addresses of nodes, else none: said always,
        # so that an Ingress does not keep an address of a way in that is gone
        service = f"{self.namespace(controller)}/{self.published_service(controller)}"
        return [*flags, f"{provider}.ingressendpoint.publishedservice={service}"]

    def treat(self, entry: Entry, site: Site, stack: Stack, facts: Facts) -> Treatment:
        return Route(entry, site, stack, facts).treatment

    def routes(self, stack: Stack, app_name: str, facts: Facts) -> list[Object]:
        found = super().routes(stack, app_name, facts)
        return [each for obj in found for each in (exact_first(obj, stack) if obj["kind"] == "Ingress" else [obj])]

    def catch_all_annotations(self) -> dict[str, str] | None:
        return {f"{ROUTER}priority": str(LAST)}

    def not_found_per_host(self) -> bool:
        return False

    def unknown_host_tls(self, controller: Controller) -> bool:
        return True  # with a certificate it makes itself, where no default one is given

    def refusals(self, stack: Stack) -> Iterator[tuple[str, str]]:
        yield from unnumbered(stack, self.title)
        yield from error_refusals(stack.controller)
        yield from traefik_refusals.refusals(stack)
