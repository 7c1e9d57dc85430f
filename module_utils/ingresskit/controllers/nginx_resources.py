"""F5's custom resources, for what its annotations cannot say.

``allow`` and ``cors`` become Policies that Ingresses name; a host with ``redirect`` or ``canary`` becomes a
VirtualServer as a whole, with everything else that its entries say; one with ``ssl_passthrough`` a TransportServer.
Fields: pkg/apis/configuration/v1/types.go of nginx/kubernetes-ingress; what they do: docs.nginx.com, NGINX Ingress
Controller, "Policy type reference" and "VirtualServer and VirtualServerRoute resources".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..manifests import Object, content_hash, manifest, present
from ..model.apps import Backend
from ..model.controller import Controller
from ..model.options import Canary, Cors, HeaderChanges, Options, RateLimit, Redirect
from ..model.routes import Entry, Site, slug
from ..model.stack import Stack
from .ingresses import once, rest_of
from .nginx_options import scalable
from .nginx_users import password_secret
from .workload import rule

if TYPE_CHECKING:
    from .nginx import Nginx

NEEDED = "needs ingress_controller.custom_resources: true"
OPTIONS = frozenset({"allow", "cors", "redirect", "canary", "ssl_passthrough"})  # those that need custom resources
WHOLE_HOST = ("redirect", "canary")  # those that make the host a VirtualServer
KINDS = ("policies", "transportservers", "virtualserverroutes", "virtualservers")
RULES = [
    rule("k8s.nginx.org", " ".join(KINDS), "get list watch"),
    rule("k8s.nginx.org", " ".join(f"{kind}/status" for kind in KINDS), "update"),
]
OWN_RULES = [rule("k8s.nginx.org", "globalconfigurations", "get list watch")]  # the one beside the controller
DEFINITIONS = (*(f"{kind}.k8s.nginx.org" for kind in KINDS), "globalconfigurations.k8s.nginx.org")
ANNOTATION = "nginx.org/policies"
SOCKET_PATH = 107
PART_OF = "app.kubernetes.io/part-of"


def is_virtual_server(site: Site) -> bool:
    """Whether a host has an option that no Ingress can say."""
    return any(is_set(entry.options, *WHOLE_HOST) for entry in site.entries)


def is_passthrough(site: Site) -> bool:
    """Whether a host's TLS ends at the backend."""
    return any(entry.options.ssl_passthrough for entry in site.entries)


def any_passthrough(stack: Stack) -> bool:
    """Whether the controller has to look into handshakes."""
    return any(map(is_passthrough, stack.sites.values()))


def is_routed(site: Site, stack: Stack) -> bool:
    """Whether custom resources route a host, and no Ingress does."""
    return stack.controller.custom_resources and site.host != "*" and (is_passthrough(site) or is_virtual_server(site))


def ingress_policies(entry: Entry, stack: Stack, class_name: str) -> list[Object]:
    """The Policies that the Ingress of an entry names (``nginx.org/policies``)."""
    return list(_access(entry.options, entry.app, stack.namespace_of(entry.app), class_name))


def policies_annotation(policies: Sequence[Object]) -> dict[str, str]:
    """The annotation that names them."""
    names = ",".join(each["metadata"]["name"] for each in policies)
    return {ANNOTATION: names} if names else {}


def app_share(dialect: Nginx, stack: Stack, app: str) -> list[Object]:
    """What custom resources an app brings: its part of every host that they route, and the hosts that it owns."""
    found = []
    for site in (stack.sites[host] for host in stack.apps[app].hosts):
        for each in _host(dialect, site, stack) if is_routed(site, stack) else ():
            whole = each["kind"] == "VirtualServer"
            if site.owner == app if whole else each["metadata"]["labels"][PART_OF] == app:
                found.append(each)
    return found


def host_share(dialect: Nginx, site: Site, stack: Stack) -> list[Object]:
    """What a host of ``ingress_hosts`` brings itself."""
    return [each for each in _host(dialect, site, stack) if each["kind"] == "VirtualServer"]


def _host(dialect: Nginx, site: Site, stack: Stack) -> list[Object]:
    return [_transport_server(dialect, site, stack)] if is_passthrough(site) else _Build(dialect, site, stack).objects()


# -- Policies ---------------------------------------------------------------------------------------------------------


def _policy(app: str, namespace: str, class_name: str, what: str, **said: Object) -> Object:
    """Named by what it says: another content is another Policy, which is there before anything names it."""
    name = f"{app}-{what}-{content_hash(said)[:8]}"
    labels = {PART_OF: app}
    return manifest("Policy", name, namespace, labels=labels, spec={"ingressClassName": class_name, **said})


def _access(options: Options, app: str, namespace: str, class_name: str) -> Iterator[Object]:
    if options.allow is not None:
        networks = [str(each) for each in options.allow]
        yield _policy(app, namespace, class_name, "allow", accessControl={"allow": networks})
    if options.cors is not None:
        yield _policy(app, namespace, class_name, "cors", cors=_cors(options.cors))


def _cors(cors: Cors) -> Object:
    said = present(allowOrigin=cors.origins, allowMethods=cors.methods, allowHeaders=cors.headers)
    said |= present(exposeHeaders=cors.expose_headers, allowCredentials=cors.credentials or None)
    return said | {"maxAge": cors.max_age}


def _rate_limit(limit: RateLimit, controller: Controller) -> Object:
    return present(
        rate=f"{limit.rps}r/s",
        key="${binary_remote_addr}",
        zoneSize="10M",
        burst=limit.burst or None,
        noDelay=True if limit.burst else None,  # as with the annotations: what is let through is not slowed down
        rejectCode=limit.status,
        scale=True if scalable(limit, controller) else None,  # all Pods of the controller together allow the rate
    )


# -- VirtualServer ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Turn:
    """One way into an entry: a VirtualServer's path, and what the backend gets instead ("": the path as it came)."""

    path: str
    rewrite: str = ""


@dataclass
class _Upstreams:
    """The upstreams of one object: each backend once for each set of settings."""

    found: dict[str, Object] = field(default_factory=dict)

    def name(self, backend: Backend, options: Options) -> str:
        said = _upstream(backend, options)
        base = name = f"{backend.service[:50]}-{backend.port}"
        number = 1
        while self.found.get(name, said) != said:
            number += 1
            name = f"{base}-{number}"
        self.found[name] = said
        return name

    def objects(self) -> list[Object]:
        return [{"name": name, **said} for name, said in self.found.items()]


class _Build:
    """A VirtualServer, with a VirtualServerRoute for each path whose app is in another namespace, and Policies."""

    def __init__(self, dialect: Nginx, site: Site, stack: Stack) -> None:
        self.dialect, self.site, self.stack = dialect, site, stack
        self.class_name = dialect.class_name(stack.controller)
        self.upstreams = _Upstreams()
        self.beside: list[Object] = []
        self.names: set[str] = set()

    def objects(self) -> list[Object]:
        rests = (rest_of(self.dialect, self.stack, name, self.site) for name in self.site.apps)
        entries = [*self.site.entries, *(rest for rest in rests if rest is not None)]
        exact = {entry.path for entry in self.site.entries if entry.type == "Exact"}
        routes = [route for entry in entries for route in self._routes(entry, exact)]
        spec = present(
            ingressClassName=self.class_name,
            host=self.site.host,
            tls=self._tls(),
            upstreams=self.upstreams.objects(),
            routes=routes,
        )
        app, host = self.site.owner, slug(self.site.host)
        labels = {PART_OF: app or self.stack.name}
        name = f"{app}-{host}" if app else host
        own = manifest("VirtualServer", name, self.site.namespace, labels=labels, spec=spec)
        return [*once(self.beside), own]

    def _tls(self) -> Object | None:
        if self.site.secret is None:
            return None
        options = self.site.options
        if not redirects(options):
            return {"secret": self.site.secret}
        code = self.dialect.redirect_code(options)
        return {"secret": self.site.secret, "redirect": {"enable": True, "code": code}}

    def _routes(self, entry: Entry, exact: set[str]) -> Iterator[Object]:
        namespace = self.stack.namespace_of(entry.app)
        policies = self._policies(entry, namespace)
        inner = entry.options.canary is not None
        for turn in _turns(entry, inner=inner):
            if entry.type != "Exact" and turn.path == f"={entry.path.rstrip('/')}" and turn.path[1:] in exact:
                continue  # the Exact entry's
            if namespace == self.site.namespace:
                yield _route(entry, turn, policies, self.upstreams)
            else:
                yield {"path": turn.path, "route": f"{namespace}/{self._elsewhere(entry, turn, policies, namespace)}"}

    def _elsewhere(self, entry: Entry, turn: _Turn, policies: Sequence[Object], namespace: str) -> str:
        """A VirtualServerRoute in the namespace of the entry's app; returns its name."""
        upstreams = _Upstreams()
        route = _route(entry, turn, policies, upstreams)
        name = f"{entry.app}-{slug(self.site.host)}-{slug(entry.path) or 'root'}"
        if name in self.names:
            name += "-" + hashlib.sha256(turn.path.encode()).hexdigest()[:6]
        self.names.add(name)
        spec = present(
            ingressClassName=self.class_name,
            host=self.site.host,
            upstreams=upstreams.objects(),
            subroutes=[route],
        )
        labels = {PART_OF: entry.app}
        self.beside.append(manifest("VirtualServerRoute", name, namespace, labels=labels, spec=spec))
        return name

    def _policies(self, entry: Entry, namespace: str) -> list[Object]:
        """Those of an entry; they are noted, with the Secret that one of them reads."""
        options, place = entry.options, (entry.app, namespace, self.class_name)
        found = list(_access(options, *place))
        if options.rate_limit is not None:
            found.append(_policy(*place, "limit", rateLimit=_rate_limit(options.rate_limit, self.stack.controller)))
        if options.basic_auth is not None:
            name, secrets = password_secret(entry, options.basic_auth, self.stack)
            self.beside += secrets
            found.append(_policy(*place, "auth", basicAuth={"secret": name, "realm": "Restricted"}))
        self.beside += found
        return found


def redirects(options: Options) -> bool:
    """Whether HTTP is redirected where there is TLS."""
    return options.ssl_redirect is None or options.ssl_redirect.enabled


def _turns(entry: Entry, *, inner: bool) -> list[_Turn]:
    """The paths of an entry. nginx looks for the exact path first, then for a regular expression, then for the longest
    prefix.

    ``inner``: the requests go on to internal locations, where F5 rewrites by the text of the route's path, which must
    not be one with "=" then.
    """
    path, rewrite = entry.path, entry.options.rewrite
    target = "" if rewrite is None else rewrite.path or rewrite.prefix or ""
    if entry.options.regex:
        return [_Turn(f"~ ^{path.removeprefix('^')}{'$' if entry.type == 'Exact' else ''}", target)]
    if entry.type == "Exact":
        return [_exactly(path, target, inner=inner)]
    if rewrite is None:
        return [_Turn(path)]
    base = path.rstrip("/")
    if rewrite.path is not None:
        return [_Turn(f"~ ^{re.escape(base)}(?:/|$)" if base else "~ ^/", target)]
    below = _Turn(f"{base}/", f"{target.rstrip('/')}/")
    return [_exactly(base, target, inner=inner), below] if base else [below if target != "/" else _Turn("/")]


def _exactly(path: str, target: str, *, inner: bool) -> _Turn:
    return _Turn(f"~ ^{re.escape(path)}$" if inner and target else f"={path}", target)


def _route(entry: Entry, turn: _Turn, policies: Sequence[Object], upstreams: _Upstreams) -> Object:
    options = entry.options
    route: Object = {"path": turn.path}
    if policies:
        route["policies"] = [{"name": each["metadata"]["name"]} for each in policies]
    if options.redirect is not None:
        return route | {"action": {"redirect": _redirect(options.redirect)}}
    main = _action(upstreams.name(entry.backend, options), turn, options)
    if options.canary is None:
        return route | {"action": main}
    other = _action(upstreams.name(canary_backend(options.canary), options), turn, options)
    return route | _shares(options.canary, main, other)


def _shares(canary: Canary, main: Object, other: Object) -> Object:
    if canary.weight is not None:
        if canary.weight in (0, 100):
            return {"action": other if canary.weight else main}
        weights = ((100 - canary.weight, main), (canary.weight, other))
        return {"splits": [{"weight": weight, "action": action} for weight, action in weights]}
    if canary.header is not None:
        condition = {"header": canary.header.name, "value": canary.header.value or "always"}
    else:
        condition = {"cookie": str(canary.cookie), "value": "always"}
    return {"matches": [{"conditions": [condition], "action": other}], "action": main}


def _redirect(redirect: Redirect) -> Object:
    own = redirect.to.startswith("/")
    return {"url": f"${{scheme}}://${{host}}{redirect.to}" if own else redirect.to, "code": redirect.code}


def _action(upstream: str, turn: _Turn, options: Options) -> Object:
    proxy = present(rewritePath=turn.rewrite, requestHeaders=_asked(options), responseHeaders=_answered(options))
    return {"proxy": {"upstream": upstream, **proxy}} if proxy else {"pass": upstream}


def _asked(options: Options) -> Object | None:
    wanted = (options.headers or HeaderChanges()).request
    return {"set": [{"name": name, "value": value} for name, value in wanted.items()]} if wanted else None


def _answered(options: Options) -> Object | None:
    """Headers of the answer; a backend's own of the same name is hidden, so that there is one. HSTS has no field of its
    own before 5.6: it is a header here, of hosts that redirect, so that it is never sent over HTTP."""
    wanted = dict((options.headers or HeaderChanges()).response)
    if options.hsts is not None:
        words = [f"max-age={options.hsts.max_age}"]
        words += ["includeSubDomains"] if options.hsts.include_subdomains else []
        words += ["preload"] if options.hsts.preload else []
        wanted["Strict-Transport-Security"] = "; ".join(words)
    added = [{"name": name, "value": value, "always": True} for name, value in wanted.items() if value]
    return {"hide": list(wanted), **present(add=added)} if wanted else None


def _upstream(backend: Backend, options: Options) -> Object:
    timeouts = options.timeouts
    waits = {} if timeouts is None else {"connect": timeouts.connect, "read": timeouts.read, "send": timeouts.send}
    said: Object = {"service": backend.service, "port": backend.port}
    said |= {f"{kind}-timeout": f"{seconds}s" for kind, seconds in waits.items() if seconds is not None}
    if options.body_size is not None:
        said["client-max-body-size"] = options.body_size
    if options.backend_protocol == "HTTPS":
        said["tls"] = {"enable": True}
    if options.backend_protocol == "GRPC":
        said["type"] = "grpc"
    return said


def canary_backend(canary: Canary) -> Backend:
    """The other backend and its port, a number or a name."""
    name, __, port = canary.backend.rpartition(":")
    return Backend.model_construct(service=name, port=int(port) if port.isdigit() else port)


# -- TransportServer --------------------------------------------------------------------------------------------------


def _transport_server(dialect: Nginx, site: Site, stack: Stack) -> Object:
    entry = site.entries[0]
    upstream = f"{entry.backend.service[:50]}-{entry.backend.port}"
    spec = {
        "ingressClassName": dialect.class_name(stack.controller),
        "listener": {"name": "tls-passthrough", "protocol": "TLS_PASSTHROUGH"},
        "host": site.host,
        "upstreams": [{"name": upstream, "service": entry.backend.service, "port": entry.backend.port}],
        "action": {"pass": upstream},
    }
    labels = {PART_OF: entry.app}
    namespace = stack.namespace_of(entry.app)
    name = _socket_name(f"{entry.app}-{slug(site.host)}", namespace)
    return manifest("TransportServer", name, namespace, labels=labels, spec=spec)


def _socket_name(name: str, namespace: str) -> str:
    """A name that leaves room in the path of the socket that F5 makes of it and the namespace (generateUnixSocket in
    internal/configs/transportserver.go); the kernel takes 107 bytes (unix(7))."""
    room = SOCKET_PATH - len(f"/var/lib/nginx/passthrough-{namespace}_.sock")
    if len(name) <= room:
        return name
    return f"{name[: room - 9].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def is_set(options: Options, *names: str) -> bool:
    """Whether one of these options says something."""
    return any(getattr(options, name) not in (None, False) for name in names)
