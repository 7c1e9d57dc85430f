"""The keys of ingress-nginx's ConfigMap, with the kinds of their values.

kubernetes.github.io/ingress-nginx, "ConfigMaps"; which key is read how: internal/ingress/controller/config and
template/configmap.go. A value of the wrong kind is a line in its log and the default, a bad text breaks every reload.
"""

from __future__ import annotations

from .config_values import (
    ADDRESSES,
    ANY,
    BOOL,
    CODES,
    DURATION,
    ERROR_LEVEL,
    FORMAT,
    FRACTION,
    INTEGER,
    NAMES,
    OFFSET,
    PARAMETERS,
    PORT,
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
    whole,
)

_OPTION = (
    "holds for every host, and the smoke test expects what the options say: set the option {}, of an app or of a host"
)
RESERVED = {
    **{key: _OPTION.format("ssl_redirect") for key in ("ssl-redirect", "force-ssl-redirect")},
    "http-redirect-code": _OPTION.format("ssl_redirect: {code: …}"),
    "limit-req-status-code": _OPTION.format("rate_limit: {status: …}"),
}
_ON = one_of("on", "off", "true", "false")
VALUES: dict[str, Value] = {
    **keys(
        BOOL,
        """
        allow-backend-server-header allow-cross-namespace-resources allow-snippet-annotations compute-full-forwarded-for
        disable-access-log disable-http-access-log disable-ipv6 disable-ipv6-dns disable-proxy-intercept-errors
        disable-stream-access-log enable-access-log-for-default-backend enable-aio-write enable-auth-access-log
        enable-brotli enable-modsecurity enable-multi-accept enable-ocsp enable-opentelemetry
        enable-owasp-modsecurity-crs enable-real-ip enable-serial-reloads enable-syslog enable-underscores-in-headers
        force-ssl-redirect generate-request-id global-auth-always-set-cookie hsts hsts-include-subdomains hsts-preload
        ignore-invalid-headers log-format-escape-json log-format-escape-none opentelemetry-trust-incoming-span
        otel-sampler-parent-based preserve-trailing-slash proxy-add-original-uri-header proxy-ssl-location-only
        proxy-stream-next-upstream relative-redirects retry-non-idempotent reuse-port server-tokens service-upstream
        ssl-early-data ssl-redirect ssl-reject-handshake ssl-session-cache ssl-session-tickets
        strict-validate-path-type upstream-hash-by-subset use-forwarded-headers use-geoip use-geoip2 use-gzip use-http2
        use-port-in-redirects use-proxy-protocol
        """,
    ),
    **keys(
        INTEGER,
        """
        brotli-level brotli-min-length client-body-timeout client-header-timeout geoip2-autoreload-in-minutes
        global-rate-limit-memcached-connect-timeout global-rate-limit-memcached-max-idle-timeout
        global-rate-limit-memcached-pool-size grpc-buffer-size-kb gzip-level gzip-min-length
        http2-max-concurrent-streams http2-max-requests keep-alive keep-alive-requests limit-rate limit-rate-after
        map-hash-bucket-size max-worker-connections max-worker-open-files otel-max-export-batch-size otel-max-queuesize
        otel-schedule-delay-millis proxy-buffers-number proxy-connect-timeout proxy-headers-hash-bucket-size
        proxy-headers-hash-max-size proxy-next-upstream-timeout proxy-next-upstream-tries proxy-read-timeout
        proxy-send-timeout proxy-stream-next-upstream-tries proxy-stream-responses server-name-hash-bucket-size
        server-name-hash-max-size upstream-hash-by-subset-size upstream-keepalive-connections
        upstream-keepalive-requests upstream-keepalive-timeout variables-hash-bucket-size variables-hash-max-size
        """,
    ),
    **keys(
        TIME,
        """
        proxy-stream-next-upstream-timeout proxy-stream-timeout ssl-session-timeout upstream-keepalive-time
        worker-shutdown-timeout
        """,
    ),
    **keys(
        SIZE,
        """
        client-body-buffer-size client-header-buffer-size http2-max-field-size http2-max-header-size proxy-buffer-size
        proxy-busy-buffers-size ssl-buffer-size ssl-session-cache-size
        """,
    ),
    **keys(OFFSET, "proxy-body-size proxy-max-temp-file-size"),
    **keys(
        NAMES,
        """
        global-allowed-response-headers global-auth-response-headers hide-headers plugins
        """,
    ),
    **keys(CODES, "custom-http-errors"),
    **keys(whole(400, 599), "limit-conn-status-code limit-req-status-code global-rate-limit-status-code"),
    **keys(PORT, "global-rate-limit-memcached-port otlp-collector-port syslog-port"),
    **keys(
        ADDRESSES,
        """
        bind-address block-cidrs debug-connections denylist-source-range nginx-status-ipv4-whitelist
        nginx-status-ipv6-whitelist proxy-real-ip-cidr whitelist-source-range
        """,
    ),
    **keys(FORMAT, "log-format-stream log-format-upstream"),
    **keys(_ON, "proxy-buffering proxy-request-buffering"),
    **keys(
        SNIPPET,
        "main-snippet http-snippet server-snippet location-snippet stream-snippet global-auth-snippet",
    ),
    **keys(
        ANY,
        """
        annotation-value-word-blocklist block-referers block-user-agents no-auth-locations no-tls-redirect-locations
        modsecurity-snippet skip-access-log-urls ssl-dh-param ssl-session-ticket-key
        """,
    ),
    **keys(
        WORD,
        """
        access-log-path add-headers app-root default-type error-log-path forwarded-for-header global-auth-cache-key
        global-auth-method global-auth-request-redirect global-auth-signin global-auth-signin-redirect-param
        global-auth-url global-rate-limit-memcached-host hsts-max-age http-access-log-path limit-conn-zone-variable
        opentelemetry-config opentelemetry-operation-name otel-sampler otel-service-name otlp-collector-host
        proxy-redirect-from proxy-redirect-to proxy-set-headers ssl-ecdh-curve stream-access-log-path syslog-host
        """,
    ),
    **keys(
        PARAMETERS,
        """
        access-log-params brotli-types global-auth-cache-duration gzip-disable gzip-types proxy-cookie-domain
        proxy-cookie-path ssl-ciphers upstream-hash-by worker-cpu-affinity
        """,
    ),
    "annotations-risk-level": one_of("Low", "Medium", "High", "Critical"),
    "error-log-level": ERROR_LEVEL,
    "http-redirect-code": REDIRECT,
    "large-client-header-buffers": like(r"\d+ \d+[kKmM]?", "a number and a size of nginx: 4 8k"),
    "load-balance": one_of("round_robin", "ewma"),
    "lua-shared-dicts": like(r"\w+ *: *\d+[kKmM]?( *, *\w+ *: *\d+[kKmM]?)*", "names with sizes: certificate_data: 20"),
    "otel-sampler-ratio": FRACTION,
    "proxy-http-version": one_of("1.0", "1.1"),
    "proxy-next-upstream": UPSTREAM_FAILURES,
    "proxy-protocol-header-timeout": DURATION,
    "ssl-protocols": PROTOCOLS,
    "worker-processes": like(r"\d+|auto", "a number or auto"),
}
TABLE = ConfigTable(VALUES, RESERVED)
