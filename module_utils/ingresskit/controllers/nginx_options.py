"""Options in the dialect of F5's controller: what each says in nginx.org annotations, and to whom.

Names and values: docs.nginx.com/nginx-ingress-controller/configuration/ingress-resources/
advanced-configuration-with-annotations; how F5 reads and checks them: internal/configs/annotations.go,
parsing_helpers.go and internal/k8s/validation.go of nginx/kubernetes-ingress (5.5). An invalid limit-req-* is only
logged there and limits nothing, any other invalid value withdraws the Ingress and its host: none is ever sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..model.apps import PathType
from ..model.controller import Controller
from ..model.options import Hsts, Options, RateLimit, Rewrite
from .workload import replicas

PREFIX = "nginx.org/"
REGEX, REWRITES, TARGET = PREFIX + "path-regex", PREFIX + "rewrites", PREFIX + "rewrite-target"
STICKY = PREFIX + "sticky-cookie-services"
PROTOCOLS = {"HTTPS": PREFIX + "ssl-services", "GRPC": PREFIX + "grpc-services", "WS": PREFIX + "websocket-services"}
# Annotations that name Services; F5 refuses the Ingress where one of them is none of its backends.
PER_SERVICE = {REWRITES: ";", STICKY: ";", **dict.fromkeys(PROTOCOLS.values(), ",")}


@dataclass(frozen=True)
class Said:
    """What one path entry's options say.

    ``location``: annotations of the Ingress that the entry is in; ``service``: annotations that speak of Services, with
    what they say of this entry's; ``places``: the paths, with their types, that it takes for the entry.
    """

    location: Mapping[str, str] = field(default_factory=dict)
    service: Mapping[str, str] = field(default_factory=dict)
    places: tuple[tuple[str, PathType], ...] = ()


def location(options: Options, controller: Controller, secret: str | None) -> dict[str, str]:
    """Annotations of an Ingress, also of a minion, for what holds in each of its locations.

    ``secret``: the Secret of type nginx.org/htpasswd in the Ingress's namespace that ``basic_auth`` means.
    """
    found: dict[str, str] = {}
    if options.body_size is not None:
        found["client-max-body-size"] = options.body_size
    if options.timeouts is not None:
        times = options.timeouts.model_dump(exclude_none=True)
        found |= {f"proxy-{name}-timeout": f"{seconds}s" for name, seconds in times.items()}
    if options.rate_limit is not None:
        found |= _limit(options.rate_limit, controller)
    if secret is not None:
        found |= {"basic-auth-secret": secret, "basic-auth-realm": "Restricted"}
    if options.headers is not None and options.headers.request:
        # an empty value: nginx does not pass the header on
        pairs = (f"{name}: {value}".strip() for name, value in options.headers.request.items())
        found["proxy-set-headers"] = ",".join(pairs)
    return prefixed(found)


def _limit(limit: RateLimit, controller: Controller) -> dict[str, str]:
    found = {"rate": f"{limit.rps}r/s", "reject-code": str(limit.status)}
    if limit.burst:
        found |= {"burst": str(limit.burst), "no-delay": "true"}  # as many at once; without it they would be queued
    if scalable(limit, controller):
        found["scale"] = "true"
    return {f"limit-req-{name}": value for name, value in found.items()}


def scalable(limit: RateLimit, controller: Controller) -> bool:
    """Whether F5 is to divide the rate by its Pods (nginx.org/limit-req-scale), so that all of them together allow it.

    It rounds down to whole requests a minute (scaleRatelimit in internal/configs/ingress.go), and nginx refuses 0r/m.
    A DaemonSet has as many Pods as there are nodes: nobody knows how many.
    """
    if controller.workload == "DaemonSet":
        return False
    pods = controller.autoscaling.max if controller.autoscaling else replicas(controller)
    return limit.rps * 60 >= pods


def added(headers: Mapping[str, str]) -> dict[str, str]:
    """Annotations that add response headers, to errors too; those of the server (HSTS) go on being added.

    ``nginx.org/add-header`` is of 5.5: ``NAME: VALUE: always``, joined by commas (version1/header_parsing_helper.go).
    """
    if not headers:
        return {}
    said = ",".join(f"{name}: {value}: always" for name, value in headers.items())
    return prefixed({"add-header": said, "add-header-inherit": "merge"})


def hsts_of_host(hsts: Hsts | None) -> dict[str, str]:
    """Annotations for HSTS on a whole host, over HTTPS only. F5 says ``preload`` always."""
    if hsts is None:
        return {}
    found = {"hsts": "true", "hsts-max-age": str(hsts.max_age)}
    return prefixed(found | ({"hsts-include-subdomains": "true"} if hsts.include_subdomains else {}))


def hidden(names: list[str]) -> dict[str, str]:
    """The annotation for response headers that the backends' answers lose. A minion may not have it."""
    return prefixed({"proxy-hide-headers": ",".join(names)}) if names else {}


def said_of(path: str, kind: PathType, options: Options, *, shadowed: bool = False) -> Said:
    """How an entry's path, rewrite, protocol and affinity are told.

    ``shadowed``: an Exact entry has the same path, and the host's Ingress is a master, to which a path counts once: the
    Prefix entry then begins below it.
    """
    service: dict[str, str] = {}
    if options.backend_protocol in PROTOCOLS:
        service[PROTOCOLS[options.backend_protocol]] = ""
    if options.affinity is not None:
        age = f" expires={options.affinity.max_age}s" if options.affinity.max_age is not None else ""
        scope = "/" if options.regex else path
        service[STICKY] = f"{options.affinity.cookie}{age} httponly path={scope}"
    if options.regex:
        return _regex(path, kind, options.rewrite, service)
    below = f"{path.rstrip('/')}/"
    if shadowed and kind != "Exact":
        path = below
    rewrite = options.rewrite
    if rewrite is None:
        return Said({}, service, ((path, kind),))
    if rewrite.path is not None and kind != "Exact":
        return Said({TARGET: rewrite.path}, service, ((path, kind),))
    uri = rewrite.path or rewrite.prefix or "/"
    if kind == "Exact":
        return Said({}, service | {REWRITES: f"rewrite={uri}"}, ((path, kind),))
    return _prefix(path, kind, uri, service, below if shadowed else None)


def _prefix(path: str, kind: PathType, uri: str, service: Mapping[str, str], below: str | None) -> Said:
    """nginx puts the URI in the place of the matched text: both must end with a slash, or neither.

    A rewrite to "/" takes two locations: ``/tea`` itself becomes ``/``, and what is below ``/tea/`` loses just that.
    """
    base, target = path.rstrip("/"), uri.rstrip("/")
    if not base and not target:
        return Said({}, service, ((path, kind),))
    if not base or below is not None:
        return Said({}, {**service, REWRITES: f"rewrite={target}/"}, ((below or path, kind),))
    if not target:
        return Said({}, {**service, REWRITES: "rewrite=/"}, ((base, "Exact"), (f"{base}/", kind)))
    return Said({}, {**service, REWRITES: f"rewrite={target}"}, ((base, kind),))


def _regex(path: str, kind: PathType, rewrite: Rewrite | None, service: Mapping[str, str]) -> Said:
    """A regular expression for the beginning of the path, for the whole of it where the type is Exact.

    A rewrite's path may name its groups. For the prefix, what follows the match becomes a further group.
    """
    found = {REGEX: "case_sensitive"}
    whole = f"{path}$" if kind == "Exact" and not path.endswith("$") else path
    if rewrite is None:
        return Said(found, service, ((whole, "ImplementationSpecific"),))
    if rewrite.path is not None:
        return Said(found | {TARGET: rewrite.path}, service, ((whole, "ImplementationSpecific"),))
    target = (rewrite.prefix or "/").rstrip("/")
    if whole.endswith("$"):
        return Said(found | {TARGET: target or "/"}, service, ((whole, "ImplementationSpecific"),))
    rest = re.compile(path).groups + 1
    slash = path.endswith("/") or not target
    pattern = f"{path}(.*)" if target or path.endswith("/") else f"{path}/?(.*)"
    found[TARGET] = f"{target}{'/' if slash else ''}${rest}"
    return Said(found, service, ((pattern, "ImplementationSpecific"),))


def told_of_services(said: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The annotations that speak of Services, from what is said of each: annotation -> Service -> words."""
    found = {}
    for name, words in said.items():
        each = (f"serviceName={service} {text}" if text else service for service, text in sorted(words.items()))
        found[name] = PER_SERVICE[name].join(each)
    return found


def of_services(annotations: Mapping[str, str], services: set[str]) -> dict[str, str]:
    """Raw annotations as an Ingress with these backends may have them: without what they say of other Services."""
    found = dict(annotations)
    for name, separator in PER_SERVICE.items():
        if name in found:
            parts = [part.strip() for part in found[name].split(separator)]
            kept = [part for part in parts if part.split(" ")[0].removeprefix("serviceName=") in services]
            if kept:
                found[name] = separator.join(kept)
            else:
                del found[name]
    return found


def prefixed(found: Mapping[str, str]) -> dict[str, str]:
    """Names without the dialect's prefix, with it."""
    return {PREFIX + name: value for name, value in found.items()}
