"""The annotations nginx.ingress.kubernetes.io/*, for the two programs that read them.

ingress-nginx itself (kubernetes.github.io/ingress-nginx, user guide, "Annotations"), and Traefik's provider for its
Ingresses (doc.traefik.io, "Traefik & Ingresses with NGINX Annotations"; observed on 3.7.15). Three of their ways shape
what is written here:

- ``use-regex`` or ``rewrite-target`` on one Ingress makes every path of its host a regular expression, compared without
  case and from the front, the longest text first. So on such a host every entry is written as one that still matches by
  element and with case, and an Exact one is longer than a Prefix of the same path: see ``pattern``.
- Both refuse a whole Ingress that has an unusual character in an Exact or Prefix path; in a pattern they take it.
- Response headers are taken from a ConfigMap, by names that the controller was told to allow: see ``response_headers``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..facts import Facts
from ..htpasswd import htpasswd
from ..manifests import Object, content_hash, manifest, workload_service
from ..model.apps import Backend, PathType, split_backend
from ..model.options import Affinity, Canary, Cors, Hsts, Options, Redirect, Rewrite, Timeouts
from ..model.routes import Entry, Site
from ..model.stack import Stack
from .base import wants_redirect
from .ingresses import Treatment

PREFIX = "nginx.ingress.kubernetes.io/"
OPTIONS = frozenset(Options.model_fields)
REGEX_KEYS = {f"{PREFIX}use-regex", f"{PREFIX}rewrite-target"}
PLAIN_PATH = re.compile(r"/[A-Za-z0-9._/-]*")  # strict-validate-path-type lets no other through as Exact or Prefix
HSTS = "Strict-Transport-Security"
NO_HEADER_MORE = "Accept"  # one that every request may have: the reader's own default allows eight others
LONG = 3600  # seconds a WebSocket may be silent; the reader's own default, 60, ends most of them


@dataclass(frozen=True)
class Reader:
    """A program that reads the annotations, by what sets it apart."""

    title: str
    exact_loses: bool = False  # to a Prefix that matches: it ranks plain paths by the length of a rule made of them
    sets_headers: bool = False  # towards the backend, by its ConfigMap
    asks_to_buffer: bool = False  # it limits a body only where told to read all of it first


def treatment(entry: Entry, site: Site, stack: Stack, facts: Facts, reader: Reader) -> Treatment:
    """The options in force for an entry as annotations, path, and objects beside the Ingress."""
    options, namespace = entry.options, stack.namespace_of(entry.app)
    said = {**_redirects(entry, site), **_towards_backend(options, reader), **_access(options), **_cors(options.cors)}
    said |= _stickiness(options.affinity, "/" if options.regex else entry.path)
    objects = [*_users(entry, stack, namespace), *_headers(entry, site, namespace)]
    for each in objects:
        kind, name = each["kind"], each["metadata"]["name"]
        said |= {"auth-secret": name} if kind == "Secret" else {"custom-headers": f"{namespace}/{name}"}
    path: str | None = None
    if by_regex(site, stack, reader) and not _raw_regex(stack, entry.app):
        path = pattern(entry)
        said["use-regex"] = "true"
        if options.rewrite is not None:
            said["rewrite-target"] = target(entry, options.rewrite)
    kind_of_path: PathType | None = "ImplementationSpecific" if path else None
    if options.canary is None:
        return Treatment(_full(said), path, kind_of_path, objects=tuple(objects))
    mainline = mainline_of(entry, stack)
    backend = None
    if mainline is not None:
        objects.append(mainline)
        backend = Backend(service=mainline["metadata"]["name"], port=entry.backend.port)
    also = (_canary(options.canary, path, kind_of_path),)
    return Treatment(_full(said), path, kind_of_path, backend, tuple(objects), also)


def _full(said: Mapping[str, str]) -> dict[str, str]:
    return {f"{PREFIX}{name}": value for name, value in said.items()}


def by_regex(site: Site, stack: Stack, reader: Reader) -> bool:
    """True where the paths of a host have to be written as regular expressions."""
    for entry in site.entries:
        if entry.options.regex or entry.options.rewrite is not None or not PLAIN_PATH.fullmatch(entry.path):
            return True
        if reader.exact_loses and entry.type == "Exact":
            return True
    return any(_raw_regex(stack, app) for app in site.apps)


def _raw_regex(stack: Stack, app: str) -> bool:
    """True where an app's own annotations say that its paths are expressions already."""
    return not REGEX_KEYS.isdisjoint(stack.apps[app].annotations)


def pattern(entry: Entry) -> str:
    """An entry's path as the expression that matches as its type says.

    Of two that match a request, the one that the Ingress API prefers is the longer text: a longer path has more of it,
    and the end of an Exact one is longer than that of a Prefix.
    """
    if entry.options.regex:
        return _with_case(entry.path)
    if entry.type == "Exact":
        return _with_case(_quoted(entry.path)) + "(?P<exact>$)"
    path = entry.path.rstrip("/")
    return f"{_with_case(_quoted(path))}(/|$)(.*)" if path else "/()(.*)"


def _with_case(path: str) -> str:
    return f"/(?-i){path[1:]}"  # the API wants a path to begin with "/"


def _quoted(path: str) -> str:
    """Every character for itself: in brackets, as backslashes are doubled on the way and would count as length."""
    return re.sub(r"[.+*?|()$\[\]^]", lambda found: f"\\{found[0]}" if found[0] in "[]^" else f"[{found[0]}]", path)


def target(entry: Entry, rewrite: Rewrite) -> str:
    """``rewrite-target`` for the pattern of an entry."""
    if rewrite.path is not None:
        return rewrite.path
    prefix = str(rewrite.prefix)
    if entry.type == "Exact":
        return prefix
    if prefix.endswith("/") or entry.path == "/":
        return f"{prefix.rstrip('/')}/$2"
    return f"{prefix}$1$2"


def _redirects(entry: Entry, site: Site) -> dict[str, str]:
    """To HTTPS, or elsewhere."""
    options = entry.options
    said: dict[str, str] = {}
    if options.redirect is not None:
        said |= _elsewhere(options.redirect)
    if options.ssl_passthrough:
        said["ssl-passthrough"] = "true"
    redirect = wants_redirect(options, tls=site.tls)
    if site.tls and not redirect:
        said["ssl-redirect"] = "false"
    if redirect and entry.app != site.owner:  # the Ingress with the certificate is another
        said["force-ssl-redirect"] = "true"
    return said


def _elsewhere(redirect: Redirect) -> dict[str, str]:
    name = "permanent" if redirect.code in (301, 308) else "temporal"
    return {f"{name}-redirect": redirect.to, f"{name}-redirect-code": str(redirect.code)}


def _towards_backend(options: Options, reader: Reader) -> dict[str, str]:
    """Protocol, time and size of what is passed on."""
    said: dict[str, str] = {}
    if options.backend_protocol in ("HTTPS", "GRPC"):
        said["backend-protocol"] = options.backend_protocol
    timeouts = options.timeouts or Timeouts()
    long = LONG if options.backend_protocol == "WS" else None
    for name, seconds in (
        ("connect", timeouts.connect),
        ("read", timeouts.read if timeouts.read is not None else long),
        ("send", timeouts.send if timeouts.send is not None else long),
    ):
        if seconds is not None:
            said[f"proxy-{name}-timeout"] = str(seconds)
    if options.body_size is not None:
        said["proxy-body-size"] = options.body_size
        if reader.asks_to_buffer and options.body_size != "0":
            said["proxy-request-buffering"] = "on"
    host = _host_header(options)
    if host is not None:
        said["upstream-vhost"] = host
    return said


def _host_header(options: Options) -> str | None:
    request = options.headers.request if options.headers else {}
    return next((value for name, value in request.items() if name.lower() == "host"), None)


def _access(options: Options) -> dict[str, str]:
    """Who may come, and how often."""
    said: dict[str, str] = {}
    if options.basic_auth is not None:
        said |= {"auth-type": "basic", "auth-realm": "Restricted"}
        if options.basic_auth.secret is not None:
            said["auth-secret"] = options.basic_auth.secret
    if options.allow is not None:
        said["allowlist-source-range"] = ",".join(options.allow)
    limit = options.rate_limit
    if limit is not None:
        said["limit-rps"] = str(limit.rps)
        said["limit-burst-multiplier"] = str((limit.burst or limit.rps) // limit.rps)
    return said


def _cors(cors: Cors | None) -> dict[str, str]:
    if cors is None:
        return {}
    said = {
        "enable-cors": "true",
        "cors-allow-origin": ", ".join(cors.origins),
        "cors-allow-methods": ", ".join(cors.methods),
        "cors-allow-headers": ", ".join(cors.headers) or NO_HEADER_MORE,
        "cors-allow-credentials": "true" if cors.credentials else "false",
        "cors-max-age": str(cors.max_age),
    }
    return said | ({"cors-expose-headers": ", ".join(cors.expose_headers)} if cors.expose_headers else {})


def _stickiness(affinity: Affinity | None, path: str) -> dict[str, str]:
    """``path``: of the cookie, so that entries on one host do not take each other's."""
    if affinity is None:
        return {}
    said = {
        "affinity": "cookie",
        "affinity-mode": "persistent",  # the other one moves clients when Pods are added
        "session-cookie-name": affinity.cookie,
        "session-cookie-path": path,
    }
    return said | ({} if affinity.max_age is None else {"session-cookie-max-age": str(affinity.max_age)})


def _canary(canary: Canary, path: str | None, type_: PathType | None) -> Treatment:
    """The second Ingress: the same host and path, another backend, and who goes there."""
    said = {"canary": "true"}
    if canary.weight is not None:
        said["canary-weight"] = str(canary.weight)
    if canary.cookie is not None:
        said["canary-by-cookie"] = canary.cookie
    if canary.header is not None:
        said["canary-by-header"] = canary.header.name
        if canary.header.value is not None:
            said["canary-by-header-value"] = canary.header.value
    backend = Backend.model_validate(split_backend(canary.backend))
    return Treatment(_full(said), path, type_, backend=backend, suffix="canary")


def mainline_of(entry: Entry, stack: Stack) -> Object | None:
    """A Service of the canaried entry's own for the same Pods, where the inventory tells what these are.

    Both readers put a canary beside a Service and port, so that whatever else routes to these would get it too.
    """
    namespace, workload = stack.namespace_of(entry.app), entry.backend.service.removesuffix("-svc")
    if workload == entry.backend.service:
        return None
    for name, app in stack.apps.items():
        if workload in app.workloads and stack.namespace_of(name) == namespace:
            place = content_hash([entry.app, entry.host, entry.path, entry.type])[:8]
            service = workload_service(name, namespace, workload)
            service["metadata"]["name"] = f"{workload[:40]}-mainline-{place}"
            return service
    return None


def _users(entry: Entry, stack: Stack, namespace: str) -> Iterator[Object]:
    """The Secret with the users of ``basic_auth``, as ``auth-secret`` wants it: a htpasswd file under ``auth``."""
    auth = entry.options.basic_auth
    if auth is None or auth.users is None:
        return
    text = htpasswd(auth.users, f"{stack.name}/{namespace}/{entry.app}")
    name = f"{entry.app}-users-{content_hash(text)[:8]}"
    data = {"auth": base64.b64encode(text.encode()).decode()}
    yield manifest("Secret", name, namespace, labels=_labels(entry), type="Opaque", data=data)


def _headers(entry: Entry, site: Site, namespace: str) -> Iterator[Object]:
    """The ConfigMap of ``custom-headers``, named by what it says: Ingress and headers change in one step."""
    headers = headers_of(entry.options, tls=site.tls)
    if headers:
        name = f"{entry.app}-headers-{content_hash(headers)[:8]}"
        yield manifest("ConfigMap", name, namespace, labels=_labels(entry), data=headers)


def _labels(entry: Entry) -> dict[str, str]:
    return {"app.kubernetes.io/part-of": entry.app}


def headers_of(options: Options, *, tls: bool) -> dict[str, str]:
    """Response headers to set. HSTS is one: the key for it in ingress-nginx's ConfigMap is for all hosts at once."""
    headers = dict(options.headers.response) if options.headers else {}
    if tls and options.hsts is not None:
        headers[HSTS] = _hsts(options.hsts)
    return headers


def _hsts(hsts: Hsts) -> str:
    more = (("includeSubDomains", hsts.include_subdomains), ("preload", hsts.preload))
    return "; ".join([f"max-age={hsts.max_age}", *(word for word, wanted in more if wanted)])


def response_headers(stack: Stack) -> list[str]:
    """Every header name that an entry of the stack sets, sorted: what the controller has to allow."""
    asked = ((entry.options, site.tls) for site in stack.sites.values() for entry in site.entries)
    return sorted({name for options, tls in asked for name in headers_of(options, tls=tls)})
