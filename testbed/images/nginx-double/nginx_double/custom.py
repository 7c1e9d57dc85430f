"""F5's custom resources (k8s.nginx.org): which are ours and valid, and what each says, read into plain values.

Fields: pkg/apis/configuration/v1/types.go; checks: pkg/apis/configuration/validation. A wrong field is refused here
where ingresskit could write it; the schemas of F5's own definitions refuse many more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from .flags import Flags
from .model import VIRTUAL_SERVER, Key, Obj, Report, key_of, place_of

TRANSPORT = "TransportServer"
PROTOCOLS = ("TCP", "UDP")  # of listeners
PATH = re.compile(r'(= ?|~\*? ?)?[^\s{};"]+')
REDIRECT = re.compile(r'(https?|\$\{scheme\}|\$\{http_x_forwarded_proto\})://[^\s"\\]+')
REDIRECT_CODES = (301, 302, 307, 308)
VARIABLES = {"scheme", "http_x_forwarded_proto", "request_uri", "host"}
PLUS_ONLY = ["sessionCookie", "slow-start", "queue", "healthCheck", "ntlm"]
POLICIES = ["accessControl", "rateLimit", "basicAuth", "cors"]


def ours(obj: Obj, flags: Flags) -> bool:
    """Without a class a custom resource is everybody's (the documentation of ``ingressClassName``)."""
    return obj["spec"].get("ingressClassName") in (None, "", flags.text("ingress-class"))


def claimants(resources: dict[Key, Obj], flags: Flags) -> tuple[list[Obj], list[Report]]:
    """The VirtualServers and TransportServers that may claim a host, and a report on every one that may not."""
    valid: list[Obj] = []
    refused: list[Report] = []
    for obj in resources.values():
        check = CHECKS.get(obj["kind"])
        if check is None or not ours(obj, flags):
            continue
        complaint = "; ".join(check(obj["spec"])) or _listener(obj, flags)
        if complaint:
            refused.append(Report(obj, "Rejected", f"{obj['kind']} {_label(obj)} was rejected: {complaint}", True))
        else:
            valid.append(obj)
    return valid, refused


def has_port(ts: Obj) -> bool:
    """Whether a TransportServer asks for a port of its own, and not for the built-in listener of TLS passthrough."""
    return (ts["spec"].get("listener") or {}).get("protocol") in PROTOCOLS


def _label(obj: Obj) -> str:
    return "/".join(place_of(obj))


def _listener(obj: Obj, flags: Flags) -> str:
    if obj["kind"] == TRANSPORT and not has_port(obj) and not flags.on("enable-tls-passthrough"):
        return "TLS Passthrough is not enabled"
    return ""


def _virtual_server(spec: Obj) -> Iterator[str]:
    if not spec.get("host"):
        yield "spec.host: Required value"
    redirect = (spec.get("tls") or {}).get("redirect") or {}
    if redirect.get("code", 301) not in REDIRECT_CODES:
        yield "spec.tls.redirect.code: status code out of accepted range"
    yield from _upstreams(spec)
    yield from routes_complaints(spec.get("routes") or [], spec, "spec.routes")


def _transport_server(spec: Obj) -> Iterator[str]:
    listener = spec.get("listener") or {}
    if listener.get("protocol") in PROTOCOLS:
        if spec.get("host"):
            yield "spec.host: Forbidden: host field is allowed only for TLS Passthrough TransportServers"
        if listener.get("name") == "tls-passthrough":
            yield "spec.listener.protocol: must be 'TLS_PASSTHROUGH' for the built-in tls-passthrough listener"
    elif listener != {"name": "tls-passthrough", "protocol": "TLS_PASSTHROUGH"}:
        known = "TCP, UDP, and tls-passthrough of protocol TLS_PASSTHROUGH"
        yield f"spec.listener: the test double knows {known} only"
    elif not spec.get("host"):
        yield "spec.host: must specify host for TLS Passthrough TransportServer"
    yield from _upstreams(spec)
    if (spec.get("action") or {}).get("pass") not in _names(spec):
        yield "spec.action.pass: Not found"


CHECKS: dict[str, Callable[[Obj], Iterator[str]]] = {VIRTUAL_SERVER: _virtual_server, TRANSPORT: _transport_server}


def _names(spec: Obj) -> set[str]:
    return {upstream.get("name", "") for upstream in spec.get("upstreams") or []}


def _upstreams(spec: Obj) -> Iterator[str]:
    seen: set[str] = set()
    for index, upstream in enumerate(spec.get("upstreams") or []):
        at = f"spec.upstreams[{index}]"
        name = upstream.get("name", "")
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name):
            yield f'{at}.name: Invalid value: "{name}"'
        if name in seen:
            yield f'{at}.name: Duplicate value: "{name}"'
        seen.add(name)
        if not isinstance(upstream.get("port"), int):
            yield f"{at}.port: Invalid value: must be a number"
        for field in PLUS_ONLY:
            if field in upstream:
                yield f"{at}.{field}: Forbidden: field is only supported in NGINX Plus"


def routes_complaints(routes: list[Obj], spec: Obj, at: str) -> Iterator[str]:
    """What is wrong with the routes of a VirtualServer or the subroutes of a VirtualServerRoute."""
    seen: set[str] = set()
    for index, route in enumerate(routes):
        here, path = f"{at}[{index}]", route.get("path", "")
        if not PATH.fullmatch(path) or path[0] not in "/=~":
            yield f'{here}.path: Invalid value: "{path}"'
        if path in seen:
            yield f'{here}.path: Duplicate value: "{path}"'
        seen.add(path)
        if sum(field in route for field in ("action", "splits", "route")) != 1:
            yield f"{here}: Invalid value: must specify exactly one of `action`, `splits` or `route`"
        for action in actions_of(route):
            yield from (f"{here}.action: {complaint}" for complaint in _action(action, _names(spec)))
        if "splits" in route:
            yield from _splits(route["splits"], here)


def actions_of(route: Obj) -> Iterator[Obj]:
    """Every action of a route, its matches' and splits' too."""
    for holder in (route, *(route.get("matches") or []), *(route.get("splits") or [])):
        if "action" in holder:
            yield holder["action"]


def _splits(splits: list[Obj], at: str) -> Iterator[str]:
    if len(splits) < 2:
        yield f"{at}.splits: Invalid value: must include at least 2 splits"
    if sum(split.get("weight", 0) for split in splits) != 100:
        yield f"{at}.splits: Invalid value: the sum of the weights of all splits must be equal to 100"


def _action(action: Obj, names: set[str]) -> Iterator[str]:
    if sum(field in action for field in ("pass", "redirect", "return", "proxy")) != 1:
        yield "Required value: must specify exactly one of: `pass`, `redirect`, `return`, `proxy`"
    if "return" in action:
        yield "the test double does not imitate return"
    upstream = action.get("pass") or (action.get("proxy") or {}).get("upstream")
    if "redirect" in action:
        yield from _redirect(action["redirect"])
    elif upstream not in names:
        yield f'Not found: "{upstream}"'


def _redirect(redirect: Obj) -> Iterator[str]:
    url = redirect.get("url", "")
    if not REDIRECT.fullmatch(url):
        yield f'redirect.url: Invalid value: "{url}": must start with http://, https:// or ${{scheme}}://'
    unknown = {name for name in re.findall(r"\$\{([^}]*)\}", url) if name not in VARIABLES}
    if unknown or "$" in re.sub(r"\$\{[^}]*\}", "", url):
        yield f'redirect.url: Invalid value: "{url}": unknown variables'
    if redirect.get("code", 301) not in REDIRECT_CODES:
        yield f"redirect.code: Invalid value: accepted values are {REDIRECT_CODES}"


def policy_complaint(policy: Obj) -> str:
    """Why a Policy cannot serve; empty when it can."""
    kinds = [kind for kind in policy["spec"] if kind != "ingressClassName"]
    if len(kinds) != 1:
        return "must specify exactly one policy"
    if kinds[0] not in POLICY_CHECKS:
        return f"the test double does not imitate {kinds[0]}"
    return next(POLICY_CHECKS[kinds[0]](policy["spec"][kinds[0]]), "")


def _access_control(said: Obj) -> Iterator[str]:
    if bool(said.get("allow")) == bool(said.get("deny")):
        yield "spec.accessControl: must specify exactly one of: `allow` or `deny`"


def _rate_limit(said: Obj) -> Iterator[str]:
    if not re.fullmatch(r"[1-9]\d*r/[sm]", said.get("rate", "")):
        yield "spec.rateLimit.rate: Invalid value"
    if not 400 <= said.get("rejectCode", 503) <= 599:
        yield "spec.rateLimit.rejectCode: Invalid value: must be within the range [400-599]"


def _basic_auth(said: Obj) -> Iterator[str]:
    if not said.get("secret"):
        yield "spec.basicAuth.secret: Required value"


def _cors(said: Obj) -> Iterator[str]:
    if said.get("allowCredentials") and "*" in said.get("allowOrigin", []):
        yield "spec.cors.allowOrigin: Invalid value: wildcard origin with allowCredentials"


POLICY_CHECKS: dict[str, Callable[[Obj], Iterator[str]]] = {
    "accessControl": _access_control, "rateLimit": _rate_limit, "basicAuth": _basic_auth, "cors": _cors,
}  # fmt: skip


def subroutes(vsr: Obj | None, host: str, path: str, flags: Flags) -> tuple[list[Obj], str]:
    """The subroutes that a VirtualServer's route takes from a VirtualServerRoute, and what is wrong with that one."""
    if vsr is None or not ours(vsr, flags):
        return [], "doesn't exist"
    spec = vsr["spec"]
    found = spec.get("subroutes") or []
    complaints = [*_upstreams(spec), *routes_complaints(found, spec, "spec.subroutes")]
    if spec.get("host") != host:
        complaints.append(f"spec.host: Invalid value: \"{spec.get('host')}\": must be equal to '{host}'")
    if path[0] in "~=":
        if [route["path"] for route in found] != [path]:
            complaints.append(f"spec.subroutes: must have exactly one subroute with the path '{path}'")
    elif not all(route.get("path", "").startswith(path) for route in found):
        complaints.append(f"spec.subroutes: every path must start with '{path}'")
    return ([], "; ".join(complaints)) if complaints else (found, "")


def key_within(reference: str, namespace: str) -> Key:
    """``name`` or ``namespace/name`` as a key."""
    space, _, name = reference.rpartition("/")
    return space or namespace, name


def sorted_by_label(objects: dict[Key, Obj]) -> list[Obj]:
    """In an order that does not change from round to round."""
    return sorted(objects.values(), key=key_of)
