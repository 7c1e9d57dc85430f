"""Traefik Proxy, by its Kubernetes Ingress provider (doc.traefik.io, "Kubernetes Ingress").

No custom resource is used: middlewares come from its file provider, out of a ConfigMap.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import yaml

from ..facts import Facts
from ..images import TRAEFIK
from ..manifests import RESTRICTED_CONTAINER, Object, content_hash, manifest, present
from ..model.certificates import DEFAULT_SECRET
from ..model.controller import Controller
from ..model.routes import Entry, Site
from ..model.services import external_names
from ..model.stack import Stack
from . import traefik_crd
from .base import IngressController, option_levels, wants_redirect
from .ingresses import Treatment
from .workload import PodSpec, role_bindings, rule, surroundings, workload

DYNAMIC = "traefik-dynamic"
FOLDER = "/etc/traefik/dynamic"
ANNOTATION = "traefik.ingress.kubernetes.io/"
TO_HTTPS = r"^http://(\[[^\]]+\]|[^/:]+)(?::\d+)?(/.*)?$"
EXACT_FIRST = 1_000_000  # above the length of any rule
REDIRECTS = {301: ("redirect-permanently", True), 302: ("redirect-temporarily", False)}
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
    redirect_codes: ClassVar[tuple[int, ...]] = (301, 302)
    options = frozenset({"ssl_redirect"})
    password_secret = (None, ("htpasswd", "auth", "users"))
    definitions = traefik_crd.DEFINITIONS
    prefix_by_element = True
    cluster_rules: ClassVar[list[Object]] = CLUSTER_RULES

    def tag_of(self, version: str | None) -> str:
        return f"v{version.removeprefix('v')}" if version else self.default_image.tag

    def definitions_url(self, controller: Controller) -> str:
        folder = f"v{self.version(controller)}/docs/content/reference/dynamic-configuration"
        return f"https://raw.githubusercontent.com/traefik/traefik/{folder}/kubernetes-crd-definition-v1.yml"

    def objects(self, stack: Stack, facts: Facts) -> list[Object]:
        controller, labels = stack.controller, self.pod_labels(stack)
        spec = self._pod(stack)
        ingress_class = manifest(
            "IngressClass",
            self.class_name(controller),
            labels=labels,
            annotations={"ingressclass.kubernetes.io/is-default-class": "true"} if controller.default_class else None,
            spec={"controller": self.controller_name(controller)},
        )
        dynamic = {"dynamic.yaml": yaml.safe_dump(_dynamic(controller))}
        return [
            *surroundings(stack, spec, labels),
            *role_bindings(stack, spec, labels, self._rules(controller), []),
            manifest("ConfigMap", DYNAMIC, spec.namespace, labels=labels, data=dynamic),
            ingress_class,
            workload(stack, spec, labels),
        ]

    def _rules(self, controller: Controller) -> list[Object]:
        return [*self.cluster_rules, *(traefik_crd.RULES if controller.custom_resources else [])]

    def _pod(self, stack: Stack) -> PodSpec:
        controller = stack.controller
        probe = {"httpGet": {"path": "/ping", "port": "ping"}}
        # the default certificate lies beside the file that names it: Traefik watches that folder and no other
        sources = [{"configMap": {"name": DYNAMIC}}]
        if controller.default_tls is not None:
            sources.append({"secret": {"name": controller.default_tls.secret or DEFAULT_SECRET}})
        ports = {"http": self.http_port, "https": self.https_port, "ping": 8080}
        if controller.metrics.enabled:
            ports["metrics"] = 9100
        return PodSpec(
            name=self.default_namespace,
            namespace=self.namespace(controller),
            image=self.image(controller),
            args=self.args(stack),
            ports=ports,
            uid=65532,
            container={
                "readinessProbe": {**probe, "periodSeconds": 1},
                "livenessProbe": {**probe, "periodSeconds": 10},
                "securityContext": RESTRICTED_CONTAINER,
                "volumeMounts": [{"name": "dynamic", "mountPath": FOLDER, "readOnly": True}],
            },
            volumes=[{"name": "dynamic", "projected": {"sources": sources}}],
            # it reloads the file by itself, but only when the kubelet gets round to it, a minute or two later
            annotations={"ingresskit.io/dynamic": content_hash(_dynamic(controller))},
        )

    def args(self, stack: Stack) -> list[str]:
        """Static configuration as command-line arguments; ``config`` of the inventory adds to it."""
        controller = stack.controller
        drain = f"{controller.termination.drain}s"
        grace = f"{controller.termination.grace - controller.termination.drain}s"
        flags = ["--global.checknewversion=false", "--global.sendanonymoususage=false", "--ping=true"]
        flags.append("--entrypoints.traefik.address=:8080")
        for name, port in (("web", self.http_port), ("websecure", self.https_port)):
            lifecycle = f"--entrypoints.{name}.transport.lifecycle"
            flags.append(f"--entrypoints.{name}.address=:{port}")
            flags.append(f"--entrypoints.{name}.asdefault=true")  # else every route is served on the metrics port too
            flags.append(f"{lifecycle}.requestacceptgracetimeout={drain}")
            flags.append(f"{lifecycle}.gracetimeout={grace}")
        flags += [
            "--entrypoints.websecure.http.tls=true",
            *self.provider_args(stack),
            *(traefik_crd.provider_args(self.class_name(controller)) if controller.custom_resources else []),
            f"--providers.file.directory={FOLDER}",
        ]
        if controller.metrics.enabled:
            flags += [
                "--entrypoints.metrics.address=:9100",
                "--metrics.prometheus=true",
                "--metrics.prometheus.entrypoint=metrics",
            ]
        return flags + [f"--{key}={_scalar(value)}" for key, value in controller.settings.items()]

    def provider_args(self, stack: Stack) -> list[str]:
        """Where the routes come from."""
        controller, provider = stack.controller, "--providers.kubernetesingress"
        flags = [
            f"{provider}=true",
            f"{provider}.ingressclass={self.class_name(controller)}",
            f"{provider}.strictprefixmatching=true",  # else Prefix is a string prefix, against the Ingress API
            f"{provider}.allowemptyservices=true",  # a Service without endpoints answers 503, its route stays
        ]
        if any(self.ingress_gets_address(expose) for expose in controller.exposes):
            service = f"{self.namespace(controller)}/{self.published_service(controller)}"
            flags.append(f"{provider}.ingressendpoint.publishedservice={service}")
        if external_names(stack):
            flags.append(f"{provider}.allowexternalnameservices=true")  # off by default: doc.traefik.io, same page
        return flags

    def treat(self, entry: Entry, site: Site, stack: Stack, facts: Facts) -> Treatment:
        if not wants_redirect(entry.options, tls=site.tls):
            return Treatment()
        middleware, _ = REDIRECTS[self.redirect_code(entry.options)]
        return Treatment({f"{ANNOTATION}router.middlewares": f"{middleware}@file"})

    def arrange(self, ingress: Object) -> list[Object]:
        """Exact entries apart and first: it ranks routes by the length of their rule, and a Prefix makes a longer one.

        doc.traefik.io, "Rules & Priority"; observed on 3.7.15: Prefix /tea takes /tea and /tea/green from Exact ones.
        """
        exact, others = (_only(ingress, exact=wanted) for wanted in (True, False))
        if "rules" not in exact["spec"] or "rules" not in others["spec"]:
            return [ingress]
        metadata = exact["metadata"]
        annotations = metadata.get("annotations", {}) | {f"{ANNOTATION}router.priority": str(EXACT_FIRST)}
        exact["metadata"] = metadata | {"name": f"{metadata['name']}-exact", "annotations": annotations}
        return [exact, others]

    def catch_all_annotations(self) -> dict[str, str] | None:
        return {f"{ANNOTATION}router.priority": "1"}

    def not_found_per_host(self) -> bool:
        return False

    def unknown_host_tls(self, controller: Controller) -> bool:
        return True  # with a certificate it makes itself, where no default one is given

    def refusals(self, stack: Stack) -> Iterator[tuple[str, str]]:
        for path, options in option_levels(stack):
            code = options.ssl_redirect.code if options.ssl_redirect else None
            if code is not None and code not in REDIRECTS:
                can = ", ".join(map(str, REDIRECTS))
                yield f"{path}.ssl_redirect.code", f"Traefik redirects with {can}, not {code}; nginx can"


def _dynamic(controller: Controller) -> Object:
    # not redirectScheme: it drops the port, finds https://host:30443/ changed by that, and redirects HTTPS for ever
    to_https = {"regex": TO_HTTPS, "replacement": "https://${1}${2}"}
    middlewares = {name: {"redirectRegex": {**to_https, "permanent": keep}} for name, keep in REDIRECTS.values()}
    dynamic: Object = {"http": {"middlewares": middlewares}}
    if controller.default_tls is not None:
        files = {"certFile": f"{FOLDER}/tls.crt", "keyFile": f"{FOLDER}/tls.key"}
        dynamic["tls"] = {"stores": {"default": {"defaultCertificate": files}}}
    return dynamic


def _only(ingress: Object, *, exact: bool) -> Object:
    """The Ingress with its Exact entries only, or with all others; hosts without an entry drop out, from tls too."""
    spec = ingress["spec"]
    rules = []
    for rule_ in spec["rules"]:
        paths = [path for path in rule_["http"]["paths"] if (path["pathType"] == "Exact") == exact]
        if paths:
            rules.append({**rule_, "http": {"paths": paths}})
    hosts = {rule_.get("host") for rule_ in rules}
    tls = [{**entry, "hosts": [host for host in entry["hosts"] if host in hosts]} for entry in spec.get("tls", ())]
    body = {**spec, "tls": [entry for entry in tls if entry["hosts"]], "rules": rules}
    return {**ingress, "spec": present(**body)}


def _scalar(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
