"""F5 NGINX Ingress Controller (github.com/nginx/kubernetes-ingress). Not ingress-nginx: another dialect, other rules.

Flags: docs.nginx.com/nginx-ingress-controller, command-line arguments. Its behaviour was observed on 5.5.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..facts import Facts
from ..images import NGINX
from ..manifests import RESTRICTED_CONTAINER, Object, content_hash, manifest, present
from ..model.certificates import DEFAULT_SECRET
from ..model.controller import Controller
from ..model.routes import Entry, Site, slug
from ..model.stack import Stack
from ..model.tls import SelfSigned, TlsSource
from . import nginx_config, nginx_resources, nginx_streams
from .base import IngressController
from .config_values import config_text
from .ingresses import Treatment, once
from .monitoring import monitoring
from .nginx_refusals import nginx_refusals
from .nginx_resources_refusals import resource_refusals
from .nginx_routes import HOSTLESS, master, nginx_routes, of_host, told_of
from .pages import error_config_map, error_files, error_refusals, error_volume, server_snippets
from .ports import Port, entry_ports
from .workload import PATIENT, PodSpec, role_bindings, rule, surroundings, workload

CONFIG = "nginx-config"
# The image keeps templates and configuration below /etc/nginx; as the root is read-only they are copied to an emptyDir.
WRITABLE = {
    "nginx-etc": "/etc/nginx",
    "nginx-cache": "/var/cache/nginx",
    "nginx-lib": "/var/lib/nginx",
    "nginx-state": "/var/lib/nginx/state",
    "nginx-log": "/var/log/nginx",
}
CLUSTER_RULES = [
    rule("discovery.k8s.io", "endpointslices", "list watch"),
    rule("", "services secrets pods", "list watch"),
    rule("networking.k8s.io", "ingresses", "list watch"),
    rule("networking.k8s.io", "ingresses/status", "update"),
    rule("networking.k8s.io", "ingressclasses", "get"),
    rule("", "events", "create patch"),
]
OWN_RULES = [
    rule("", "configmaps", "get list watch"),
    rule("", "pods", "get update"),
    rule("coordination.k8s.io", "leases", "get create update"),
]


_TLS = "set ingress_controller.default_tls"
_SCOPE = "set ingress_controller.watch_namespaces"
_METRICS = "set ingress_controller.metrics"
_PORT = "ingresskit sets it: Service and probes lead there"
OWN_FLAGS = {
    "nginx-configmaps": "set ingress_controller.config",
    "ingress-class": "set ingress_controller.class_name",
    "external-service": "it is the Service of ingress_controller.expose",
    "report-ingress-status": "ingresskit waits for the status",
    "enable-custom-resources": "set ingress_controller.custom_resources",
    "enable-tls-passthrough": "set the option ssl_passthrough of a host",
    "global-configuration": "set ingress_controller.tcp_services or udp_services",
    "default-server-tls-secret": _TLS,
    "watch-namespace": _SCOPE,
    "watch-secret-namespace": _SCOPE,
    "watch-namespace-label": _SCOPE,
    "enable-prometheus-metrics": _METRICS,
    "prometheus-metrics-listen-port": _METRICS,
    **dict.fromkeys(("ready-status", "ready-status-port"), _PORT),
    **dict.fromkeys(("default-http-listener-port", "default-https-listener-port"), _PORT),
}


class Nginx(IngressController):
    kind = "nginx"
    title = "F5 NGINX Ingress Controller"
    class_controller = "nginx.org/ingress-controller"
    default_namespace = "nginx-ingress"
    default_class = "nginx"
    default_image = NGINX
    oldest = (5, 5)  # -allow-empty-ingress-host, -enable-config-safety
    http_port = 80
    https_port = 443
    own_ports = frozenset({80, 443, 8080, 8081, 9113})  # 8080: nginx's status page, for itself
    redirect_codes = (301, 302, 307, 308)
    options = frozenset(
        {
            *("ssl_redirect", "hsts", "rewrite", "regex", "affinity", "body_size", "timeouts", "backend_protocol"),
            *("basic_auth", "rate_limit", "headers"),
        }
    )
    password_secret = ("nginx.org/htpasswd", ("htpasswd",))
    definitions = nginx_resources.DEFINITIONS
    prefix_by_element = False
    config_table = nginx_config.TABLE
    own_flags = OWN_FLAGS
    errors_by_pod = False
    names_tell_passwords = False
    external_names = False  # of NGINX Plus alone: docs.nginx.com, "Support for Type ExternalName Services"

    def definitions_url(self, controller: Controller) -> str:
        tag = f"v{self.version(controller)}"
        return f"https://raw.githubusercontent.com/nginx/kubernetes-ingress/{tag}/deploy/crds.yaml"

    def implied_default_tls(self, controller: Controller) -> TlsSource | None:
        """The page for unknown hosts needs a default certificate: without one F5 refuses their handshakes."""
        if controller.default_tls is None and controller.not_found is not None:
            return TlsSource(self_signed=SelfSigned())
        return controller.default_tls

    def objects(self, stack: Stack, facts: Facts) -> list[Object]:
        controller, labels = stack.controller, self.pod_labels(stack)
        pages = error_files(controller, facts)
        spec = self._pod(stack, pages)
        config = {key: config_text(value) for key, value in controller.settings.items()}
        if pages:
            config["server-snippets"] = server_snippets(controller)
        if any(entry.options.backend_protocol == "GRPC" for site in stack.sites.values() for entry in site.entries):
            config.setdefault("http2", "true")  # without it F5 takes no notice of nginx.org/grpc-services
        return [
            *surroundings(stack, spec, labels),
            *role_bindings(stack, spec, labels, *self._rules(controller)),
            manifest("ConfigMap", CONFIG, spec.namespace, labels=labels, **present(data=config)),
            *nginx_streams.objects(self, stack),
            *([error_config_map(stack, spec.namespace, labels, pages)] if pages else []),
            self.ingress_class(stack),
            workload(stack, spec, labels),
            *(monitoring(spec, labels) if controller.metrics.service_monitor else []),
        ]

    def _rules(self, controller: Controller) -> tuple[list[Object], list[Object], list[str]]:
        """Its rights in what it watches, those in its own namespace, and the namespaces it watches."""
        cluster = [*CLUSTER_RULES, *(nginx_resources.RULES if controller.custom_resources else [])]
        own = [*OWN_RULES, *(nginx_resources.OWN_RULES if controller.custom_resources else [])]
        watched = self.watched(controller)
        if watched:  # it looks whether they are there
            cluster.append({**rule("", "namespaces", "get"), "resourceNames": watched})
        default_tls = self.implied_default_tls(controller)
        if default_tls is not None:  # it gets this one by its name when it starts
            own.append({**rule("", "secrets", "get"), "resourceNames": [default_tls.secret or DEFAULT_SECRET]})
        return cluster, own, watched

    def _pod(self, stack: Stack, pages: dict[str, str]) -> PodSpec:
        controller = stack.controller
        image = self.image(controller)
        mounts: list[Object] = [{"name": name, "mountPath": path} for name, path in WRITABLE.items()]
        volumes: list[Object] = [{"name": name, "emptyDir": {}} for name in WRITABLE]
        # The ConfigMap is reloaded live. But where a text of the user's breaks that, the old configuration goes on
        # serving and nothing is heard of it: new Pods, which do not start with it, show it before the old ones go.
        annotations = {"ingresskit.io/main-config": content_hash(_texts(controller))}
        if pages:
            volume, mount, mark = error_volume(stack, pages)
            volumes, mounts, annotations = [*volumes, volume], [*mounts, mount], {**annotations, **mark}
        ports = [*entry_ports(self, controller), Port("readiness", 8081)]
        if controller.metrics.enabled:
            ports.append(Port("metrics", 9113))
        container = {
            "readinessProbe": {"httpGet": {"path": "/nginx-ready", "port": "readiness"}, "periodSeconds": 1, **PATIENT},
            # the load balancers in front need a moment to see that the Pod left its endpoints
            "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(controller.termination.drain)]}}},
            "securityContext": {**RESTRICTED_CONTAINER, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}},
            "volumeMounts": mounts,
        }
        seed = {
            "name": "seed-etc-nginx",
            "image": image,
            "imagePullPolicy": controller.image.pull_policy or "IfNotPresent",
            "command": ["cp", "-dR", "/etc/nginx/.", "/mnt/etc"],
            "securityContext": RESTRICTED_CONTAINER,
            "resources": controller.resources.model_dump(exclude_defaults=True),
            "volumeMounts": [{"name": "nginx-etc", "mountPath": "/mnt/etc"}],
        }
        return PodSpec(
            name=self.default_namespace,
            namespace=self.namespace(controller),
            image=image,
            args=self.args(stack),
            ports=ports,
            uid=101,
            container=container,
            volumes=volumes,
            init_containers=[seed],
            annotations=annotations,
        )

    def args(self, stack: Stack) -> list[str]:
        """Command-line arguments of the controller."""
        controller = stack.controller
        flags = [
            f"-nginx-configmaps=$(POD_NAMESPACE)/{CONFIG}",
            f"-ingress-class={self.class_name(controller)}",
            "-report-ingress-status",
            f"-external-service={self.published_service(controller)}",
            f"-enable-custom-resources={config_text(controller.custom_resources)}",
            "-enable-snippets=false",
            "-enable-telemetry-reporting=false",
            "-enable-config-safety",
            f"-enable-prometheus-metrics={config_text(controller.metrics.enabled)}",
        ]
        if controller.watch_namespaces:
            flags.append(f"-watch-namespace={','.join(self.watched(controller))}")
        default_tls = self.implied_default_tls(controller)
        if default_tls is not None:
            flags.append(f"-default-server-tls-secret=$(POD_NAMESPACE)/{default_tls.secret or DEFAULT_SECRET}")
        if controller.not_found is not None or any(app.answers_every_host for app in stack.apps.values()):
            flags.append("-allow-empty-ingress-host")
        if controller.custom_resources and nginx_resources.any_passthrough(stack):
            flags.append("-enable-tls-passthrough")
        return flags + nginx_streams.flags(stack)

    def by_ingress(self, site: Site, stack: Stack) -> bool:
        return not nginx_resources.is_routed(site, stack)

    def routes(self, stack: Stack, app_name: str, facts: Facts) -> list[Object]:
        return once(nginx_routes(self, stack, app_name) + nginx_resources.app_share(self, stack, app_name))

    def host_routes(self, stack: Stack, host: str, facts: Facts) -> list[Object]:
        site = stack.sites[host]
        if nginx_resources.is_routed(site, stack):
            return nginx_resources.host_share(self, site, stack)
        return [master(self, stack, site, slug(host), stack.name, {})]

    def cannot(self, option: str, controller: Controller) -> str | None:
        if option in nginx_resources.OPTIONS:
            return None if controller.custom_resources else nginx_resources.NEEDED
        return super().cannot(option, controller)

    def treat(self, entry: Entry, site: Site, stack: Stack, facts: Facts) -> Treatment:
        told, annotations = told_of(self, stack, site, [entry])
        return Treatment({**of_host(site), **(annotations or {})}, objects=told[0].objects)

    def catch_all_annotations(self) -> dict[str, str]:
        return HOSTLESS

    def not_found_per_host(self) -> bool:
        return True

    def not_found_by_pod(self, controller: Controller) -> bool:
        return controller.not_found is not None  # an Ingress reaches Services of its own namespace only

    def unknown_host_tls(self, controller: Controller) -> bool:
        return self.implied_default_tls(controller) is not None

    def refusals(self, stack: Stack) -> Iterator[tuple[str, str]]:
        yield from resource_refusals(stack)
        yield from nginx_streams.refusals(stack, self.title)
        yield from nginx_refusals(self, stack)
        yield from error_refusals(stack.controller)
        hostless = [name for name, app in stack.apps.items() if app.answers_every_host]
        for name in hostless[1:]:
            yield (
                stack.at(name),
                f"F5's controller has one default server, and {stack.at(hostless[0])} is it: merge the two apps",
            )


def _texts(controller: Controller) -> dict[str, str]:
    """Entries that are configuration of nginx, or templates of it."""
    texts = ("-snippets", "-template")
    return {key: config_text(value) for key, value in controller.settings.items() if key.endswith(texts)}
