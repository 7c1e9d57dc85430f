"""The table of the issue, word for word: which option must work behind which controller."""

EVERY = {
    "ssl_redirect",
    "hsts",
    "rewrite",
    "regex",
    "affinity",
    "body_size",
    "timeouts",
    "backend_protocol",
    "basic_auth",
}
OF_CUSTOM_RESOURCES = {"allow", "redirect", "canary", "ssl_passthrough"}
OPTIONS = EVERY | {"rate_limit"} | OF_CUSTOM_RESOURCES | {"cors", "headers"}

MUST_WORK = {
    "nginx": EVERY | {"rate_limit", "headers"},
    "nginx-crd": EVERY | {"rate_limit", "headers"} | OF_CUSTOM_RESOURCES,
    "traefik": OPTIONS,
    # of the rest: what its provider reads
    "traefik-compat": {"allow", "redirect", "canary"},
    "ingress-nginx": OPTIONS,
}
