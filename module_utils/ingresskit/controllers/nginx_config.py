"""The keys of the ConfigMap of F5's controller, with the kinds of their values.

docs.nginx.com/nginx-ingress-controller, "ConfigMap resources"; which key is read how: internal/configs/configmaps.go of
nginx/kubernetes-ingress. A value of the wrong kind is an event and the default, or breaks every reload; an unknown key
is silence.
"""

from __future__ import annotations

from .config_values import (
    ADDRESSES,
    ANY,
    BOOL,
    BUFFERS,
    ERROR_LEVEL,
    FORMAT,
    NAMES,
    NUMBER,
    OFFSET,
    PARAMETERS,
    PORT,
    POSITIVE,
    PROTOCOLS,
    REDIRECT,
    SIZE,
    SNIPPET,
    TIME,
    UPSTREAM_FAILURES,
    WORD,
    ConfigTable,
    Value,
    keys,
    like,
    one_of,
)

_ESCAPING = one_of("default", "json", "none")
_OPTION = (
    "holds for every host, and the smoke test expects what the options say: set the option {}, of an app or of a host"
)
RESERVED = {
    "ssl-redirect": _OPTION.format("ssl_redirect"),
    "redirect-to-https": _OPTION.format("ssl_redirect"),
    "http-redirect-code": _OPTION.format("ssl_redirect: {code: …}"),
    "default-server-return": "the smoke test expects 404 of an unknown host: set ingress_controller.default_backend",
}
# the open-source build warns of these and goes on without
PLUS = """
    resolver-addresses resolver-ipv6 resolver-valid resolver-timeout zone-sync zone-sync-port
    zone-sync-resolver-addresses zone-sync-resolver-valid zone-sync-resolver-ipv6
"""
VALUES: dict[str, Value] = {
    **keys(
        BOOL,
        """
        server-tokens http2 redirect-to-https ssl-redirect hsts hsts-include-subdomains hsts-behind-proxy proxy-protocol
        real-ip-recursive ssl-prefer-server-ciphers access-log-off default-server-access-log-off proxy-buffering
        otel-trace-in-http resolver-ipv6 zone-sync zone-sync-resolver-ipv6
        """,
    ),
    **keys(
        NUMBER,
        """
        hsts-max-age keepalive max-fails keepalive-requests proxy-next-upstream-tries variables-hash-max-size
        """,
    ),
    **keys(
        POSITIVE,
        """
        worker-connections worker-rlimit-nofile server-names-hash-max-size server-names-hash-bucket-size
        map-hash-max-size map-hash-bucket-size variables-hash-bucket-size
        """,
    ),
    **keys(
        TIME,
        """
        proxy-connect-timeout proxy-read-timeout proxy-send-timeout proxy-next-upstream-timeout fail-timeout
        worker-shutdown-timeout resolver-valid resolver-timeout zone-sync-resolver-valid oidc-pkce-timeout
        oidc-id-tokens-timeout oidc-access-tokens-timeout oidc-refresh-tokens-timeout oidc-sids-timeout
        """,
    ),
    **keys(
        SIZE,
        """
        client-body-buffer-size proxy-buffer-size proxy-busy-buffers-size upstream-zone-size oidc-pkce-zone-size
        oidc-id-tokens-zone-size oidc-access-tokens-zone-size oidc-refresh-tokens-zone-size oidc-sids-zone-size
        """,
    ),
    **keys(OFFSET, "client-max-body-size proxy-max-temp-file-size"),
    **keys(NAMES, "proxy-hide-headers proxy-pass-headers resolver-addresses zone-sync-resolver-addresses"),
    **keys(FORMAT, "log-format stream-log-format"),
    **keys(_ESCAPING, "log-format-escaping stream-log-format-escaping"),
    **keys(SNIPPET, "main-snippets http-snippets server-snippets location-snippets stream-snippets"),
    **keys(ANY, "main-template ingress-template virtualserver-template transportserver-template ssl-dhparam-file"),
    **keys(WORD, "real-ip-header external-status-address"),
    **keys(
        PARAMETERS,
        """
        ssl-ciphers worker-cpu-affinity otel-exporter-endpoint otel-exporter-header-name otel-exporter-header-value
        otel-service-name add-header default-server-return
        """,
    ),
    **keys(
        ANY,
        """
        app-protect-failure-mode-action app-protect-compressed-requests-action app-protect-cookie-seed
        app-protect-cpu-thresholds app-protect-physical-memory-util-thresholds app-protect-reconnect-period-seconds
        app-protect-dos-log-format app-protect-dos-log-format-escaping app-protect-dos-arb-fqdn
        """,
    ),
    "access-log": like(r"syslog:[^;{}\n]+", "syslog:server=… (access-log-off: true switches it off)"),
    "add-header-inherit": one_of("on", "off", "merge"),
    "error-log-level": ERROR_LEVEL,
    "http-redirect-code": REDIRECT,
    "keepalive-timeout": like(r"\d+(ms|[smhd])?( \d+(ms|[smhd])?)?", "one or two times of nginx: 75s"),
    "lb-method": like(
        r"\s*(round_robin|least_conn|ip_hash|random|random two|random two least_conn|hash \S+( consistent)?"
        r"|least_time \S+( inflight)?|random two least_time=\S+)\s*",
        "round_robin, least_conn, ip_hash, random, random two, random two least_conn or hash KEY [consistent]",
    ),
    "proxy-buffers": BUFFERS,
    "proxy-next-upstream": UPSTREAM_FAILURES,
    "set-real-ip-from": ADDRESSES,
    "ssl-protocols": PROTOCOLS,
    "worker-processes": like(r"\d+|auto", "a number or auto"),
    "zone-sync-port": PORT,
}
TABLE = ConfigTable(VALUES, RESERVED, plus=frozenset(PLUS.split()))
