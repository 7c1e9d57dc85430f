"""Traefik as a replacement of ingress-nginx: its provider kubernetesIngressNGINX, in the Pod of kind traefik.

doc.traefik.io, "Traefik & Ingresses with NGINX Annotations". It serves IngressClasses of ingress-nginx's controller
name and reads its annotations. Observed on 3.7.15:

- The redirect to HTTPS is always 308 and never names a port; what a rate limit rejects is always 429.
- Plain paths rank by the length of a rule made of them: Exact /tea loses to Prefix / (see ``Reader.exact_loses``).
- Where an Ingress names a ConfigMap of headers that is missing, or holds a name it was not told to allow, its paths
  answer 503: the Pods that know a new name have to run before the Ingress says it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from ..facts import Facts
from ..manifests import Object
from ..model.controller import Controller
from ..model.routes import Entry, Site
from ..model.stack import Stack
from .base import option_levels
from .ingress_nginx import IngressNginx, class_controller, default_service
from .ingress_nginx_dialect import HSTS, OPTIONS, Reader, by_regex, pattern, response_headers, treatment
from .ingress_nginx_limits import site_refusals, value_refusals
from .ingresses import Treatment, app_routes
from .streams import unnumbered
from .traefik import Traefik
from .traefik_dynamic import Dynamic
from .traefik_errors import error_refusals
from .workload import rule

PROVIDER = "--providers.kubernetesingressnginx"
READER = Reader("Traefik's nginx provider", exact_loses=True, asks_to_buffer=True)
# always allowed, so that the Pods need not change for an app that begins or ends to set one of them
USUAL_HEADERS = (
    HSTS, "Cache-Control", "Content-Security-Policy", "Permissions-Policy", "Referrer-Policy", "X-Content-Type-Options",
    "X-Frame-Options", "X-Robots-Tag", "X-XSS-Protection",
)  # fmt: skip
CLUSTER_RULES = [
    rule("", "services secrets configmaps", "get list watch"),
    rule("discovery.k8s.io", "endpointslices", "get list watch"),
    rule("networking.k8s.io", "ingresses ingressclasses", "get list watch"),
    rule("networking.k8s.io", "ingresses/status", "update"),
]


class TraefikCompat(Traefik):
    title = "Traefik with compat: ingress-nginx"
    class_controller = IngressNginx.class_controller
    default_class = IngressNginx.default_class
    oldest = (3, 7)  # before that the provider read few annotations
    redirect_codes = (308,)
    options = OPTIONS
    password_secret = IngressNginx.password_secret
    cluster_rules = CLUSTER_RULES
    takes_back = False  # behind a Service of another type the provider would show its cluster IP, so it is told of none

    def _rules(self, controller: Controller) -> list[Object]:
        named = [rule("", "namespaces", "list")] if controller.watch_namespaces else []  # to find them by their label
        return [*super()._rules(controller), *named]

    def controller_name(self, controller: Controller) -> str:
        return class_controller(self, controller)

    def provider_args(self, stack: Stack) -> list[str]:
        controller = stack.controller
        headers = dict.fromkeys([*USUAL_HEADERS, *response_headers(stack)])
        flags = [
            f"{PROVIDER}=true",
            f"{PROVIDER}.ingressclass={self.class_name(controller)}",
            f"{PROVIDER}.controllerclass={self.controller_name(controller)}",
            f"{PROVIDER}.httpentrypoint=web",  # else routes are served on every port without TLS, the metrics' too
            f"{PROVIDER}.httpsentrypoint=websecure",
            f"{PROVIDER}.allowsnippetannotations=false",
            f"{PROVIDER}.strictvalidatepathtype=true",
            f"{PROVIDER}.globalallowedresponseheaders={','.join(headers)}",
        ]
        if controller.watch_namespaces:  # more than one: by the label that the cluster gives each of them
            names = ",".join(self.watched(controller))
            flags.append(f"{PROVIDER}.watchnamespaceselector=kubernetes.io/metadata.name in ({names})")
        default = default_service(self, stack, self.namespace(controller))
        if default is not None:
            flags.append(f"{PROVIDER}.defaultbackendservice={default}")
        if any(self.ingress_gets_address(expose) for expose in controller.exposes):
            service = f"{self.namespace(controller)}/{self.published_service(controller)}"
            flags.append(f"{PROVIDER}.publishservice={service}")
        return flags

    def treat(self, entry: Entry, site: Site, stack: Stack, facts: Facts) -> Treatment:
        return treatment(entry, site, stack, facts, READER)

    def routes(self, stack: Stack, app_name: str, facts: Facts) -> list[Object]:
        return app_routes(self, stack, app_name, facts)

    def dynamic(self, stack: Stack, facts: Facts) -> Dynamic:
        return self.usual(stack)

    def catch_all_annotations(self) -> None:
        return None

    def refusals(self, stack: Stack) -> Iterator[tuple[str, str]]:
        yield from unnumbered(stack, self.title)
        yield from error_refusals(stack.controller)
        yield from value_refusals(stack, READER)
        yield from site_refusals(stack)
        for at, options in option_levels(stack):
            code = options.ssl_redirect.code if options.ssl_redirect else None
            if code not in (None, *self.redirect_codes):
                yield (
                    f"{at}.ssl_redirect.code",
                    f"its provider redirects with 308, not {code}; kinds nginx and traefik can",
                )
            if options.rate_limit is not None and options.rate_limit.status != 429:
                yield f"{at}.rate_limit.status", "its provider rejects with 429; kind nginx has others"
        yield from _looser_first(stack)


def _looser_first(stack: Stack) -> Iterator[tuple[str, str]]:
    """Entries of a wildcard host, or of none, that would take requests from a host that is named."""
    for host, site in stack.sites.items():
        for looser in (stack.sites.get(f"*.{host.partition('.')[2]}"), stack.sites.get("*")):
            if host == "*" or looser is None or looser is site:
                continue
            for taker, entry in product(looser.entries, site.entries):
                wins = _rule_length(taker, looser, stack) >= _rule_length(entry, site, stack)
                if wins and _meet(taker, entry):
                    why = f"the provider ranks rules by length: this would take requests for {host} from {entry.at}"
                    yield taker.at, f"{why}; kind traefik looks at the nearer host first"


def _rule_length(entry: Entry, site: Site, stack: Stack) -> int:
    """Length of the rule that the provider makes of an entry: what ranks it."""
    host = "" if site.host == "*" else f'Host("{site.host}") && '
    if by_regex(site, stack, READER):
        return len(f'{host}PathRegexp("(?i)^{pattern(entry)}")')
    path = entry.path.rstrip("/")
    return len(f'{host}(Path("{path}") || PathPrefix("{path}/"))' if path else f'{host}PathPrefix("/")')


def _meet(one: Entry, other: Entry) -> bool:
    """True where a request can match both: their paths are one below the other (of expressions nothing is known)."""
    if one.options.regex or other.options.regex:
        return True
    shorter, longer = sorted((one, other), key=lambda entry: len(entry.path.rstrip("/")))
    if shorter.type == "Exact" and shorter.path != longer.path:
        return False
    return f"{longer.path.rstrip('/')}/".startswith(f"{shorter.path.rstrip('/')}/")
