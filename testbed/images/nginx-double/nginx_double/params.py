"""The settings of nginx: F5's defaults and the ConfigMap over them (annotations go over those: dialect.py).

Rules: internal/configs/config_params.go and configmaps.go of nginx/kubernetes-ingress, and what was observed: a bad
boolean is an InvalidValue event and ignored, a bad time reaches nginx and breaks the reload, an unknown key is silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from . import values
from .model import NOT_IMITATED, Obj, Report, label_of


@dataclass(frozen=True)
class Params:
    """What the templates need; the defaults are F5's."""

    server_tokens: bool = True
    lb_method: str = "random two least_conn"
    proxy_connect_timeout: str = "60s"
    proxy_read_timeout: str = "60s"
    proxy_send_timeout: str = "60s"
    client_max_body_size: str = "1m"
    client_body_buffer_size: str = ""
    proxy_buffering: bool = True
    proxy_buffers: str = ""
    proxy_buffer_size: str = ""
    proxy_busy_buffers_size: str = ""
    proxy_max_temp_file_size: str = ""
    proxy_next_upstream: str = "error timeout"
    proxy_next_upstream_timeout: str = "0s"
    proxy_next_upstream_tries: int = 0
    proxy_hide_headers: list[str] = field(default_factory=list)
    proxy_pass_headers: list[str] = field(default_factory=list)
    proxy_set_headers: list[tuple[str, str]] = field(default_factory=list)
    add_header: list[tuple[str, str, bool]] = field(default_factory=list)
    add_header_inherit: str = "on"
    keepalive: int = 0
    max_fails: int = 1
    max_conns: int = 0
    fail_timeout: str = "10s"
    upstream_zone_size: str = "256k"
    ssl_redirect: bool = True
    redirect_to_https: bool = False
    http_redirect_code: int = 301
    hsts: bool = False
    hsts_max_age: int = 2592000
    hsts_include_subdomains: bool = False
    hsts_behind_proxy: bool = False
    server_ssl_ciphers: str = ""
    server_ssl_prefer_server_ciphers: bool = False
    server_snippets: str = ""
    location_snippets: str = ""
    app_root: str = ""
    basic_auth_secret: str = ""
    basic_auth_realm: str = ""
    limit_req_rate: str = ""
    limit_req_key: str = "${binary_remote_addr}"
    limit_req_zone_size: str = "10m"
    limit_req_burst: int = 0
    limit_req_delay: int = 0
    limit_req_no_delay: bool = False
    limit_req_dry_run: bool = False
    limit_req_log_level: str = "error"
    limit_req_reject_code: int = 429
    limit_req_scale: bool = False
    # main context: only the ConfigMap sets these
    http2: bool = False
    ssl_protocols: str = ""
    ssl_ciphers: str = ""
    ssl_prefer_server_ciphers: bool = False
    worker_processes: str = "auto"
    worker_connections: str = "1024"
    worker_shutdown_timeout: str = ""
    keepalive_timeout: str = "75s"
    keepalive_requests: str = "1000"
    error_log_level: str = "notice"
    access_log_off: bool = False
    default_server_access_log_off: bool = False
    default_server_return: str = "404"
    server_names_hash_bucket_size: str = "256"
    server_names_hash_max_size: str = "1024"
    proxy_protocol: bool = False
    real_ip_header: str = ""
    real_ip_recursive: bool = False
    set_real_ip_from: list[str] = field(default_factory=list)
    main_snippets: str = ""
    http_snippets: str = ""
    external_status_address: str = ""


Parse = Callable[[str], Any]
HSTS = ("hsts", "hsts-max-age", "hsts-include-subdomains", "hsts-behind-proxy")
BOOLS = values.words(
    """
    http2 ssl-redirect redirect-to-https ssl-prefer-server-ciphers proxy-buffering access-log-off
    default-server-access-log-off proxy-protocol real-ip-recursive server-tokens
    """
)
# Passed to nginx as they stand: it is nginx that refuses a bad one, and then the whole reload.
RAW = values.words(
    """
    proxy-connect-timeout proxy-read-timeout proxy-send-timeout client-max-body-size client-body-buffer-size
    fail-timeout upstream-zone-size ssl-protocols ssl-ciphers worker-processes worker-connections
    worker-shutdown-timeout keepalive-timeout keepalive-requests error-log-level default-server-return
    server-names-hash-bucket-size server-names-hash-max-size proxy-buffers proxy-buffer-size proxy-busy-buffers-size
    proxy-max-temp-file-size real-ip-header main-snippets http-snippets server-snippets location-snippets
    external-status-address proxy-next-upstream proxy-next-upstream-timeout
    """
)
OTHERS: dict[str, Parse] = {
    "keepalive": values.integer,
    "max-fails": values.integer,
    "http-redirect-code": values.redirect_code,
    "lb-method": values.lb_method,
    "set-real-ip-from": values.names,
    "proxy-hide-headers": values.names,
    "proxy-pass-headers": values.names,
}
CONFIGMAP: dict[str, Parse] = dict.fromkeys(BOOLS, values.boolean) | dict.fromkeys(RAW, str) | OTHERS
# F5's further keys: set, they would change something there and nothing here.
CONFIGMAP_NOT_IMITATED = values.words(
    """
    access-log add-header add-header-inherit
    ingress-template log-format log-format-escaping main-template map-hash-bucket-size map-hash-max-size
    otel-exporter-endpoint otel-exporter-header-name otel-exporter-header-value otel-service-name otel-trace-in-http
    proxy-next-upstream-tries resolver-addresses resolver-ipv6 resolver-timeout resolver-valid ssl-dhparam-file
    stream-log-format stream-log-format-escaping stream-snippets transportserver-template variables-hash-bucket-size
    variables-hash-max-size virtualserver-template worker-cpu-affinity worker-rlimit-nofile zone-sync zone-sync-port
    """
)


def from_configmap(configmap: Obj | None) -> tuple[Params, list[Report]]:
    """The main settings and the events about values that are ignored. Never raises: F5 goes on with the default."""
    if configmap is None:
        return Params(), []
    data: dict[str, str] = configmap.get("data") or {}
    found: dict[str, Any] = {}
    reports: list[Report] = []
    for name in filter(data.__contains__, CONFIGMAP):
        try:
            found[attribute_of(name)] = CONFIGMAP[name](data[name].strip("\n"))
        except ValueError as error:
            reports.append(_invalid(configmap, name, data[name], error))
    hsts, problems = hsts_of(data)
    reports += [_invalid(configmap, name, data[name], error) for name, error in problems]
    for name in filter(data.__contains__, CONFIGMAP_NOT_IMITATED):
        message = f"ConfigMap key '{name}' has no effect: the test double does not imitate it"
        reports.append(Report(configmap, NOT_IMITATED, message, True))
    return replace(Params(), **found, **hsts), reports


def _invalid(configmap: Obj, name: str, value: str, error: ValueError) -> Report:
    message = f"ConfigMap {label_of(configmap)}: invalid value for '{name}': \"{value}\": {error}, ignoring"
    return Report(configmap, "InvalidValue", message, True)


def hsts_of(data: dict[str, str], prefix: str = "") -> tuple[dict[str, Any], list[tuple[str, ValueError]]]:
    """The four HSTS settings stand or fall together, and without `hsts` the others count for nothing."""
    if prefix + "hsts" not in data:
        return {}, []
    found: dict[str, Any] = {}
    problems: list[tuple[str, ValueError]] = []
    for name in (prefix + name for name in HSTS if prefix + name in data):
        try:
            parse: Parse = values.integer if name.endswith("max-age") else values.boolean
            found[attribute_of(name.removeprefix(prefix))] = parse(data[name])
        except ValueError as error:
            problems.append((name, error))
    return ({}, problems) if problems else (found, [])


def attribute_of(name: str) -> str:
    return name.replace("-", "_")
