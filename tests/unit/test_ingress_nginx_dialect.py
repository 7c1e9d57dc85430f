"""The dialect nginx.ingress.kubernetes.io: options as annotations and paths, and what it refuses."""

import pytest
import yaml

from module_utils.ingresskit import model, preflight
from module_utils.ingresskit.controllers import COMPATIBLE, CONTROLLERS, controller_for
from module_utils.ingresskit.controllers.ingress_nginx_dialect import PREFIX
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.render import render

INGRESS_NGINX, COMPAT = CONTROLLERS["ingress-nginx"], COMPATIBLE["traefik", "ingress-nginx"]
READERS = {
    "ingress-nginx": {"kind": "ingress-nginx", "accept_retired": True},
    "compat": {"kind": "traefik", "compat": "ingress-nginx"},
}
BOTH = pytest.mark.parametrize("reader", READERS)
HOST = "h.example"


def stack_of(apps: str, reader: str = "ingress-nginx", controller: str = "{}", **more) -> model.Stack:
    keys = READERS[reader] | yaml.safe_load(controller)
    return model.load({"ingress_controller": keys, "ingress_apps": yaml.safe_load(apps), **more})


def objects_of(apps: str, reader: str = "ingress-nginx", kind: str = "Ingress", controller: str = "{}") -> list[dict]:
    return [each for each in render(stack_of(apps, reader, controller), Facts()) if each["kind"] == kind]


def said(ingress: dict) -> dict[str, str]:
    notes = ingress["metadata"].get("annotations", {})
    assert all(name.startswith(PREFIX) for name in notes)
    return {name.removeprefix(PREFIX): value for name, value in notes.items()}


def refused(apps: str, reader: str = "ingress-nginx") -> dict[str, str]:
    stack = stack_of(apps, reader)
    found = preflight.check(stack, controller_for(stack.controller), Facts())
    return {each.path: each.message for each in found if each.level == "error"}


# option: what both readers are told; what the compat reader is told beside it
SAID = {
    "redirect: {to: 'https://e.example/x'}": {
        "temporal-redirect": "https://e.example/x", "temporal-redirect-code": "302"
    },
    "redirect: {to: 'https://e.example', code: 308}": {
        "permanent-redirect": "https://e.example", "permanent-redirect-code": "308"
    },
    "redirect: {to: 'https://e.example', code: 303}": {
        "temporal-redirect": "https://e.example", "temporal-redirect-code": "303"
    },
    "ssl_passthrough: true": {"ssl-passthrough": "true"},
    "backend_protocol: HTTP": {},
    "backend_protocol: HTTPS": {"backend-protocol": "HTTPS"},
    "backend_protocol: GRPC": {"backend-protocol": "GRPC"},
    "backend_protocol: WS": {"proxy-read-timeout": "3600", "proxy-send-timeout": "3600"},
    "{backend_protocol: WS, timeouts: {read: 5}}": {"proxy-read-timeout": "5", "proxy-send-timeout": "3600"},
    "timeouts: {connect: 1, read: 2, send: 3}": {
        "proxy-connect-timeout": "1", "proxy-read-timeout": "2", "proxy-send-timeout": "3"
    },
    "basic_auth: {secret: theirs}": {"auth-type": "basic", "auth-realm": "Restricted", "auth-secret": "theirs"},
    "allow: [10.0.0.0/8, 192.0.2.1/32]": {"allowlist-source-range": "10.0.0.0/8,192.0.2.1/32"},
    "rate_limit: {rps: 5}": {"limit-rps": "5", "limit-burst-multiplier": "1"},
    "rate_limit: {rps: 5, burst: 20}": {"limit-rps": "5", "limit-burst-multiplier": "4"},
    "affinity: {}": {
        "affinity": "cookie", "affinity-mode": "persistent", "session-cookie-name": "INGRESSCOOKIE",
        "session-cookie-path": "/tea",
    },
    "affinity: {cookie: C, max_age: 60}": {
        "affinity": "cookie", "affinity-mode": "persistent", "session-cookie-name": "C", "session-cookie-path": "/tea",
        "session-cookie-max-age": "60",
    },
    "cors: {}": {
        "enable-cors": "true", "cors-allow-origin": "*", "cors-allow-headers": "Accept", "cors-max-age": "1728000",
        "cors-allow-methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS", "cors-allow-credentials": "false",
    },
    "cors: {origins: ['https://*.e.example', 'http://a:8080'], methods: [GET], headers: [X-A, X-B], "
    "expose_headers: [X-C], credentials: true, max_age: 1}": {
        "enable-cors": "true", "cors-allow-origin": "https://*.e.example, http://a:8080", "cors-allow-methods": "GET",
        "cors-allow-headers": "X-A, X-B", "cors-expose-headers": "X-C", "cors-allow-credentials": "true",
        "cors-max-age": "1",
    },
    "headers: {request: {host: in.example}}": {"upstream-vhost": "in.example"},
    "ssl_redirect: false": {},  # no certificate, nothing to redirect to
}  # fmt: skip


def app(options: str, path: str = "/tea", more: str = "") -> str:
    text = options if options.startswith("{") else f"{{{options}}}"
    return f"{{a: {{hosts: {{{HOST}: {{paths: {{{path}: x:80}}}}}}, options: {text}{more}}}}}"


@BOTH
@pytest.mark.parametrize("option", SAID)
def test_what_is_said(option, reader):
    (ingress,) = objects_of(app(option), reader)
    assert said(ingress) == SAID[option]
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/tea", "Prefix")


def test_traefik_limits_what_it_reads_whole():
    (usual,), (compat,) = (objects_of(app("body_size: 8M"), reader) for reader in READERS)
    assert said(usual) == {"proxy-body-size": "8m"}
    assert said(compat) == {"proxy-body-size": "8m", "proxy-request-buffering": "on"}
