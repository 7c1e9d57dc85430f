"""Annotations of Ingresses: who reads them, by their prefix, and which ones their documentation knows.

github.com/nginx/documentation, content/nic/configuration/ingress-resources; github.com/kubernetes/ingress-nginx,
docs/user-guide/nginx-configuration/annotations-risk.md; doc.traefik.io, "Traefik & Kubernetes with Ingress".
"""

from __future__ import annotations

import re

NGINX_ORG, NGINX_COM = "nginx.org/", "nginx.com/"
INGRESS_NGINX = "nginx.ingress.kubernetes.io/"
TRAEFIK = "traefik.ingress.kubernetes.io/"
CLASS = "kubernetes.io/ingress.class"
# prefix of an annotation -> the controller that reads it (by its kind, where the contract has one)
READERS = {
    NGINX_ORG: "nginx",
    NGINX_COM: "nginx",
    "custom.nginx.org/": "nginx",
    "appprotect.f5.com/": "nginx",
    "appprotectdos.f5.com/": "nginx",
    INGRESS_NGINX: "ingress-nginx",
    TRAEFIK: "traefik",
    "haproxy.org/": "haproxy",
    "haproxy.com/": "haproxy",
    "haproxy-ingress.github.io/": "HAProxy Ingress",
    "konghq.com/": "Kong",
    "projectcontour.io/": "Contour",
    "alb.ingress.kubernetes.io/": "the AWS Load Balancer Controller",
    "appgw.ingress.kubernetes.io/": "Azure Application Gateway",
    "kubernetes.io/ingress.": "Google Cloud's load balancer",
    "networking.gke.io/": "Google Cloud's load balancer",
    "cloud.google.com/": "Google Cloud's load balancer",
    "ingress.kubernetes.io/": "some older controllers",
}
_F5 = """add-header add-header-inherit app-root basic-auth-realm basic-auth-secret client-body-buffer-size
    client-max-body-size fail-timeout grpc-services hsts hsts-behind-proxy hsts-include-subdomains hsts-max-age
    http-redirect-code keepalive lb-method limit-req-burst limit-req-delay limit-req-dry-run limit-req-key
    limit-req-log-level limit-req-no-delay limit-req-rate limit-req-reject-code limit-req-scale limit-req-zone-size
    listen-ports listen-ports-ssl location-snippets max-conns max-fails mergeable-ingress-type path-regex policies
    proxy-buffer-size proxy-buffering proxy-buffers proxy-busy-buffers-size proxy-connect-timeout proxy-hide-headers
    proxy-max-temp-file-size proxy-next-upstream proxy-next-upstream-timeout proxy-next-upstream-tries
    proxy-pass-headers proxy-read-timeout proxy-send-timeout proxy-set-headers redirect-to-https rewrite-target rewrites
    server-snippets server-tokens ssl-ciphers ssl-prefer-server-ciphers ssl-redirect ssl-services sticky-cookie-services
    upstream-zone-size use-cluster-ip websocket-services"""
_PLUS = """health-checks health-checks-mandatory health-checks-mandatory-queue jwt-key jwt-login-url jwt-realm jwt-token
    slow-start sticky-cookie-services"""
_COMMUNITY = """affinity affinity-canary-behavior affinity-mode allowlist-source-range app-root auth-always-set-cookie
    auth-cache-duration auth-cache-key auth-keepalive auth-keepalive-requests auth-keepalive-share-vars
    auth-keepalive-timeout auth-method auth-proxy-set-headers auth-realm auth-request-redirect auth-response-headers
    auth-secret auth-secret-type auth-signin auth-signin-redirect-param auth-snippet auth-tls-error-page
    auth-tls-match-cn auth-tls-pass-certificate-to-upstream auth-tls-secret auth-tls-verify-client auth-tls-verify-depth
    auth-type auth-url backend-protocol canary canary-by-cookie canary-by-header canary-by-header-pattern
    canary-by-header-value canary-weight canary-weight-total client-body-buffer-size configuration-snippet
    connection-proxy-header cors-allow-credentials cors-allow-headers cors-allow-methods cors-allow-origin
    cors-expose-headers cors-max-age custom-headers custom-http-errors default-backend denylist-source-range
    disable-proxy-intercept-errors enable-access-log enable-cors enable-global-auth enable-modsecurity
    enable-opentelemetry enable-owasp-core-rules enable-rewrite-log fastcgi-index fastcgi-params-configmap
    force-ssl-redirect from-to-www-redirect http2-push-preload limit-allowlist limit-burst-multiplier limit-connections
    limit-rate limit-rate-after limit-rpm limit-rps limit-whitelist load-balance mirror-host mirror-request-body
    mirror-target modsecurity-snippet modsecurity-transaction-id opentelemetry-operation-name
    opentelemetry-trust-incoming-span permanent-redirect permanent-redirect-code preserve-trailing-slash
    proxy-body-size proxy-buffer-size proxy-buffering proxy-buffers-number proxy-busy-buffers-size
    proxy-connect-timeout proxy-cookie-domain proxy-cookie-path proxy-http-version proxy-max-temp-file-size
    proxy-next-upstream proxy-next-upstream-timeout proxy-next-upstream-tries proxy-read-timeout proxy-redirect-from
    proxy-redirect-to proxy-request-buffering proxy-send-timeout proxy-ssl-ciphers proxy-ssl-name proxy-ssl-protocols
    proxy-ssl-secret proxy-ssl-server-name proxy-ssl-verify proxy-ssl-verify-depth relative-redirects rewrite-target
    satisfy server-alias server-snippet service-upstream session-cookie-change-on-failure
    session-cookie-conditional-samesite-none session-cookie-domain session-cookie-expires session-cookie-max-age
    session-cookie-name session-cookie-partitioned session-cookie-path session-cookie-samesite session-cookie-secure
    ssl-ciphers ssl-passthrough ssl-prefer-server-ciphers ssl-redirect stream-snippet temporal-redirect
    temporal-redirect-code upstream-hash-by upstream-hash-by-subset upstream-hash-by-subset-size upstream-vhost
    use-port-in-redirects use-regex whitelist-source-range x-forwarded-prefix"""
_TRAEFIK = """router.entrypoints router.middlewares router.observability.accesslogs router.observability.metrics
    router.observability.tracing router.pathmatcher router.priority router.rulesyntax router.tls router.tls.certresolver
    router.tls.domains router.tls.options"""
KNOWN = {
    prefix + name
    for prefix, names in ((NGINX_ORG, _F5), (NGINX_COM, _PLUS), (INGRESS_NGINX, _COMMUNITY), (TRAEFIK, _TRAEFIK))
    for name in names.split()
}
LISTED = (NGINX_ORG, NGINX_COM, INGRESS_NGINX, TRAEFIK)  # prefixes of which ``KNOWN`` has all


def reader_of(name: str) -> str | None:
    """Who reads an annotation: a kind of controller, or a name in words; None where no controller is known to."""
    return next((kind for prefix, kind in READERS.items() if name.startswith(prefix)), None)


def is_known(name: str) -> bool:
    """False for one of a controller's prefix that its documentation does not have."""
    plain = re.sub(r"(\.domains)\.\d+\.(main|sans)$", r"\1", name)
    return plain in KNOWN or not name.startswith(LISTED)
