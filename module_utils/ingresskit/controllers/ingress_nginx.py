"""ingress-nginx (github.com/kubernetes/ingress-nginx), retired in March 2026: for stacks on their way elsewhere.

Flags: its user guide, "Command line arguments"; what runs around it: its static manifests for bare metal, less what is
left out by intention. That is the admission webhook with its two Jobs, second image and cluster rights: it was the way
in of CVE-2025-1974, does not test the rendered configuration since, and our preflight has looked at the same values
before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..facts import Facts
from ..images import INGRESS_NGINX
from ..manifests import RESTRICTED_CONTAINER, Object, content_hash, manifest
from ..model.certificates import DEFAULT_SECRET
from ..model.controller import Controller
from ..model.options import Options
from ..model.routes import Entry, Site
from ..model.stack import Stack
from . import ingress_nginx_config, ingress_nginx_headers
from .base import IngressController, wants_redirect
from .config_values import config_text
from .ingress_nginx_dialect import OPTIONS, Reader, response_headers, treatment
from .ingress_nginx_limits import site_refusals, value_refusals
from .ingresses import Treatment
from .monitoring import monitoring
from .pages import page_name
from .ports import Port, entry_ports, stream_port
from .workload import PATIENT, PodSpec, role_bindings, rule, surroundings, workload

CONFIG = "ingress-nginx-controller"
HEADERS = ingress_nginx_headers.NAME
STATUS_PORT = 10254  # health and metrics
RETIRED = (
    "ingress-nginx was retired in March 2026 and its vulnerabilities stay unfixed. The way out: kind: traefik with"
    " compat: ingress-nginx reads the same annotations, kind: nginx is maintained by F5. To install it all the same,"
    " set ingress_controller.accept_retired: true"
)
CLUSTER_RULES = [
    rule("", "configmaps secrets services", "get list watch"),
    rule("discovery.k8s.io", "endpointslices", "get list watch"),
    rule("networking.k8s.io", "ingresses ingressclasses", "get list watch"),
    rule("networking.k8s.io", "ingresses/status", "update"),
    rule("", "events", "create patch"),
]
_CLASS = "set ingress_controller.class_name"
_SCOPE = "set ingress_controller.watch_namespaces"
_PORT = "ingresskit sets it: Service and probes lead there"
_ENDS = "set ingress_controller.termination"
OWN_FLAGS = {
    "configmap": "set ingress_controller.config",
    **dict.fromkeys(("controller-class", "ingress-class", "election-id"), _CLASS),
    **dict.fromkeys(("watch-namespace", "watch-namespace-selector"), _SCOPE),
    **dict.fromkeys(("http-port", "https-port", "healthz-port", "health-check-path"), _PORT),
    **dict.fromkeys(("shutdown-grace-period", "post-shutdown-grace-period"), _ENDS),
    **dict.fromkeys(("publish-service", "update-status"), "it is the Service of ingress_controller.expose"),
    "default-ssl-certificate": "set ingress_controller.default_tls",
    "default-backend-service": "set ingress_controller.default_backend",
    "enable-metrics": "set ingress_controller.metrics",
    "enable-ssl-passthrough": "set the option ssl_passthrough of a host",
    "tcp-services-configmap": "set ingress_controller.tcp_services",
    "udp-services-configmap": "set ingress_controller.udp_services",
    "validating-webhook": "its admission webhook is left out: our preflight looks at the same values",
}
READER = Reader("ingress-nginx", sets_headers=True)


class IngressNginx(IngressController):
    kind = "ingress-nginx"
    title = "ingress-nginx"
    class_controller = "k8s.io/ingress-nginx"
    default_namespace = "ingress-nginx"
    default_class = "nginx"
    default_image = INGRESS_NGINX
    oldest = (1, 12)  # strict-validate-path-type, annotations-risk-level, temporal-redirect-code
    http_port = 80
    https_port = 443
    # the rest are 442 for passthrough, 8181 for its default backend, 10245 to 10247 for itself: its "Command line
    # arguments", and internal/nginx/main.go
    own_ports = frozenset({80, 443, 442, 8181, 10245, 10246, 10247, STATUS_PORT})
    redirect_codes = (308, 301, 302, 307)
    options = OPTIONS
    password_secret = (None, ("auth",))
    prefix_by_element = True
    takes_back = False  # with --update-status=false it looks at none
    config_table = ingress_nginx_config.TABLE
    own_flags = OWN_FLAGS

    def tag_of(self, version: str | None) -> str:
        return f"v{version.removeprefix('v')}" if version else self.default_image.tag

    def watched(self, controller: Controller) -> list[str]:
        """The one namespace that it reads: it has no flag for several, and its selector needs the rights for all."""
        return list(controller.watch_namespaces)

    def controller_name(self, controller: Controller) -> str:
        return class_controller(self, controller)

    def objects(self, stack: Stack, facts: Facts) -> list[Object]:
        labels = self.pod_labels(stack)
        values = ingress_nginx_headers.values_of(self._marked(stack, facts))
        config = self.config(stack, values)
        spec = self._pod(stack, config)
        headers = ingress_nginx_headers.headers_data(values)
        own_rules = [
            rule("", "pods", "get list watch"),
            rule("coordination.k8s.io", "leases", "create"),
            {**rule("coordination.k8s.io", "leases", "get update"), "resourceNames": [self._election(stack)]},
        ]
        watched = self.watched(stack.controller)
        if watched:  # of its own namespace, which may be another
            own_rules += [rule("", "configmaps services", "get"), rule("", "events", "create patch")]
        return [
            *surroundings(stack, spec, labels),
            *role_bindings(stack, spec, labels, CLUSTER_RULES, own_rules, watched),
            manifest("ConfigMap", CONFIG, spec.namespace, labels=labels, data=config),
            *self._streams(stack, spec.namespace, labels),
            *([manifest("ConfigMap", HEADERS, spec.namespace, labels=labels, data=headers)] if headers else []),
            self.ingress_class(stack),
            workload(stack, spec, labels),
            *(monitoring(spec, labels) if stack.controller.metrics.service_monitor else []),
        ]

    def _streams(self, stack: Stack, namespace: str, labels: dict[str, str]) -> Iterator[Object]:
        """A ConfigMap for each protocol: the port that nginx listens on, and the Service behind it."""
        for protocol in ("TCP", "UDP"):
            streams = [stream for stream in stack.controller.streams if stream.protocol == protocol]
            if streams:
                data = {str(stream_port(self, stream.port)): stream.backend for stream in streams}
                yield manifest("ConfigMap", f"{protocol.lower()}-services", namespace, labels=labels, data=data)

    def _marked(self, stack: Stack, facts: Facts) -> Iterator[Object]:
        """The Ingresses of apps that set request headers."""
        asking = {
            entry.app
            for site in stack.sites.values()
            for entry in site.entries
            if ingress_nginx_headers.marked(entry.options)
        }
        for name in stack.apps:
            if name in asking:
                yield from self.routes(stack, name, facts)

    def config(self, stack: Stack, request_headers: ingress_nginx_headers.Values) -> dict[str, str]:
        """Its ConfigMap: what is safe and what the options need for all hosts at once, under the inventory's keys."""
        controller = stack.controller
        last = controller.termination.grace - controller.termination.drain
        said: dict[str, object] = {
            "allow-snippet-annotations": False,
            "annotations-risk-level": "Medium",  # the highest of those that the options become
            "strict-validate-path-type": True,
            "hsts": False,  # it would be on for every host; the option sets it where it is wanted
            "worker-shutdown-timeout": f"{max(last - 5, 1)}s",
        }
        codes = {self.redirect_code(options) for options in _redirected(stack)}
        if controller.error_pages:  # it asks the default backend for them, with the code in a header
            said["custom-http-errors"] = ",".join(map(str, sorted(controller.error_pages)))
        if len(codes) == 1:
            said["http-redirect-code"] = codes.pop()
        statuses = {options.rate_limit.status for options in _in_force(stack) if options.rate_limit}
        if len(statuses) == 1:
            said["limit-req-status-code"] = statuses.pop()
        allowed = controller.settings.get("global-allowed-response-headers")
        headers = [*response_headers(stack), *([str(allowed)] if allowed else [])]
        settings = dict(controller.settings)
        if headers:
            settings["global-allowed-response-headers"] = ",".join(dict.fromkeys(headers))
        if request_headers:
            own = settings.get("http-snippet")
            said["proxy-set-headers"] = f"{self.namespace(controller)}/{HEADERS}"
            said["http-snippet"] = ingress_nginx_headers.snippet(request_headers) + (f"{own}\n" if own else "")
            return {key: config_text(value) for key, value in {**settings, **said}.items()}
        return {key: config_text(value) for key, value in {**said, **settings}.items()}

    def _pod(self, stack: Stack, config: Mapping[str, str]) -> PodSpec:
        controller = stack.controller
        probe = {"httpGet": {"path": "/healthz", "port": "status"}}
        security = {
            **RESTRICTED_CONTAINER,
            "readOnlyRootFilesystem": False,  # it writes its configuration beside the templates of the image
            "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
        }
        return PodSpec(
            name=self.default_namespace,
            namespace=self.namespace(controller),
            image=self.image(controller),
            args=self.args(stack),
            ports=[*entry_ports(self, controller), Port("status", STATUS_PORT)],
            uid=101,
            gid=82,  # the image's www-data, who owns what is written to
            container={
                "readinessProbe": {**probe, "periodSeconds": 1, **PATIENT},
                "livenessProbe": {**probe, "periodSeconds": 10, "failureThreshold": 5, **PATIENT},
                # it ends the controller and waits for it, so that requests under way are finished
                "lifecycle": {"preStop": {"exec": {"command": ["/wait-shutdown"]}}},
                "securityContext": security,
            },
            annotations=self._read_at_start(controller, config),
        )

    def _read_at_start(self, controller: Controller, config: Mapping[str, str]) -> dict[str, str]:
        """Annotations that roll the Pods out. The ConfigMap is reloaded live, unless its namespace is not watched; and
        a text of the user's that breaks the reload is seen by new Pods only, before the old ones go."""
        watched = self.watched(controller)
        if watched and self.namespace(controller) not in watched:
            return {"ingresskit.io/config": content_hash(dict(config))}
        texts = {key: config_text(value) for key, value in controller.settings.items() if key.endswith("-snippet")}
        return {"ingresskit.io/main-config": content_hash(texts)} if texts else {}

    def args(self, stack: Stack) -> list[str]:
        """Command-line arguments; an image's entry point is dumb-init, which takes the program's name first."""
        controller = stack.controller
        published = f"$(POD_NAMESPACE)/{self.published_service(controller)}"
        balanced = any(self.ingress_gets_address(expose) for expose in controller.exposes)
        flags = [
            "/nginx-ingress-controller",
            f"--election-id={self._election(stack)}",
            f"--controller-class={self.controller_name(controller)}",
            f"--ingress-class={self.class_name(controller)}",
            f"--configmap=$(POD_NAMESPACE)/{CONFIG}",
            f"--update-status={config_text(balanced)}",  # it would need the right to read nodes otherwise
            f"--enable-metrics={config_text(controller.metrics.enabled)}",
            "--profiling=false",
            # the load balancers in front need a moment to see that the Pod left its endpoints
            f"--shutdown-grace-period={controller.termination.drain}",
            "--post-shutdown-grace-period=0",
        ]
        if balanced:
            flags.append(f"--publish-service={published}")
        if controller.watch_namespaces:
            flags.append(f"--watch-namespace={controller.watch_namespaces[0]}")
        if controller.default_tls is not None:
            flags.append(
                f"--default-ssl-certificate=$(POD_NAMESPACE)/{controller.default_tls.secret or DEFAULT_SECRET}"
            )
        service = default_service(self, stack, "$(POD_NAMESPACE)")
        if service is not None:
            flags.append(f"--default-backend-service={service}")
        if any(options.ssl_passthrough for options in _in_force(stack)):
            flags.append("--enable-ssl-passthrough=true")
        for protocol in dict.fromkeys(stream.protocol.lower() for stream in controller.streams):
            flags.append(f"--{protocol}-services-configmap=$(POD_NAMESPACE)/{protocol}-services")
        return flags

    def _election(self, stack: Stack) -> str:
        return f"{stack.name}-{self.default_namespace}-leader"

    def treat(self, entry: Entry, site: Site, stack: Stack, facts: Facts) -> Treatment:
        how = treatment(entry, site, stack, facts, READER)
        return replace(how, annotations={**how.annotations, **ingress_nginx_headers.marked(entry.options)})

    def catch_all_annotations(self) -> None:
        return None

    def not_found_per_host(self) -> bool:
        return False

    def not_found_by_pod(self, controller: Controller) -> bool:
        return bool(controller.error_pages) or super().not_found_by_pod(controller)

    def unknown_host_tls(self, controller: Controller) -> bool:
        return True  # with a certificate it makes itself, where no default one is given

    def refusals(self, stack: Stack) -> Iterator[tuple[str, str]]:
        if not stack.controller.accept_retired:
            yield "ingress_controller.kind", RETIRED
        if stack.controller.custom_resources:
            yield "ingress_controller.custom_resources", "ingress-nginx has no custom resources"
        if stack.controller.error_pages and "custom-http-errors" in stack.controller.settings:
            why = "error_pages says the codes: name them all there, or leave error_pages out"
            yield 'ingress_controller.config."custom-http-errors"', why
        if "proxy-set-headers" in stack.controller.settings and any(
            map(ingress_nginx_headers.marked, _in_force(stack))
        ):
            why = "the option headers needs this key for itself: say these headers as options too"
            yield 'ingress_controller.config."proxy-set-headers"', why
        yield from value_refusals(stack, READER)
        yield from site_refusals(stack)
        yield from self._one_for_all(stack)
        yield from self._one_namespace(stack.controller)

    def _one_namespace(self, controller: Controller) -> Iterator[tuple[str, str]]:
        """It watches one namespace or all, and reads nothing but its settings in another: its own may be that."""
        watched, home = controller.watch_namespaces, self.namespace(controller)
        at = "ingress_controller.watch_namespaces"
        if len(watched) > 1:
            able = "kinds nginx and traefik watch several (compat: ingress-nginx reads the same annotations)"
            yield at, f"ingress-nginx watches one namespace or all: name one, or a stack for each; {able}"
        if watched and home not in watched:
            here = f"is read in {home}, which would not be watched: set ingress_controller.namespace: {watched[0]} too"
            pages = "error_pages" if controller.error_pages else "default_backend"
            streams = [f"{stream.protocol.lower()}_services" for stream in controller.streams]
            for key, wanted in {
                "default_tls": controller.default_tls,
                pages: self.not_found_by_pod(controller),
            }.items():
                if wanted:
                    yield f"ingress_controller.{key}", here
            yield from ((f"ingress_controller.{key}", here) for key in dict.fromkeys(streams))

    def _one_for_all(self, stack: Stack) -> Iterator[tuple[str, str]]:
        """Values that it has in its ConfigMap only."""
        asked: dict[str, dict[int, str]] = {"ssl_redirect.code": {}, "rate_limit.status": {}}
        for site in stack.sites.values():
            for entry in site.entries:
                if wants_redirect(entry.options, tls=site.tls):
                    asked["ssl_redirect.code"].setdefault(self.redirect_code(entry.options), entry.at)
                if entry.options.rate_limit is not None:
                    asked["rate_limit.status"].setdefault(entry.options.rate_limit.status, entry.at)
        for key, by_value in asked.items():
            for first, *others in [list(by_value)] if by_value else []:
                for value in others:
                    why = f"ingress-nginx has one for all hosts, and {by_value[first]} has {first}, not {value}"
                    yield f"{by_value[value]}.options.{key}", why


def class_controller(dialect: IngressController, controller: Controller) -> str:
    """``spec.controller`` of the IngressClass.

    A class that says k8s.io/ingress-nginx is served by every controller that looks for that. So a class of another name
    than the default adds its name: it is its own stack's alone (user guide, "Multiple Ingress controllers").
    """
    name = dialect.class_name(controller)
    own = "" if name == dialect.default_class else f"-{name}"
    return f"{IngressNginx.class_controller}{own}"


def default_service(dialect: IngressController, stack: Stack, home: str) -> str | None:
    """``namespace/name`` of the Service for what no rule matches, if there is one; its first port is what they take."""
    backend = stack.controller.not_found
    if dialect.not_found_by_pod(stack.controller):
        return f"{home}/{page_name(stack)}"
    return backend.service.rpartition(":")[0] if backend is not None and backend.service else None


def _in_force(stack: Stack) -> Iterator[Options]:
    return (entry.options for site in stack.sites.values() for entry in site.entries)


def _redirected(stack: Stack) -> Iterator[Options]:
    for site in stack.sites.values():
        yield from (entry.options for entry in site.entries if wants_redirect(entry.options, tls=site.tls))
