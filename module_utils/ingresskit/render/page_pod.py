"""A small nginx of ours: the page for what no rule matches, the error pages, and the way to a Service of another
namespace; or an image of the user's in its place.

Two of them, so that neither a rollout nor a drained node leaves unknown paths without an answer; they ask for next to
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers import IngressController
from ..controllers.pages import ASKED, error_files, page_name, page_text
from ..facts import Facts
from ..images import PAGE
from ..manifests import (
    BEFORE_ROUTES,
    RESTRICTED_CONTAINER,
    RESTRICTED_POD,
    Object,
    content_hash,
    manifest,
    present,
)
from ..model.controller import DefaultBackend
from ..model.stack import Stack

MOUNT = "/etc/ingresskit"
PORT, HEALTH_PORT = 8080, 8081
# the controller's namespace takes "restricted" Pods only; an image of the user's may still write to its own disk
NOT_OUR_IMAGE = {key: value for key, value in RESTRICTED_CONTAINER.items() if key != "readOnlyRootFilesystem"}
STANDARD_PAGE = "<!doctype html>\n<title>404 Not Found</title>\n<h1>404 Not Found</h1>\n"
RUN = ["nginx", "-c", f"{MOUNT}/nginx.conf", "-g", "daemon off;"]
RUN_RESOLVING = [
    "sh",
    "-c",
    f'awk -f {MOUNT}/resolver.awk /etc/resolv.conf >/tmp/resolver.conf && exec "$@"',
    "-",
    *RUN,
]

# complete, so that it does not matter which nginx image reads it; every path that nginx writes to is below /tmp
NGINX_CONF = """\
worker_processes 1;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;
events { worker_connections 512; }
http {
  access_log off;
  server_tokens off;
  default_type text/html;
  charset utf-8;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
%(http)s\
  server {
    listen %(port)s default_server;
    root %(mount)s;
%(server)s\
    location / {
%(location)s\
    }
  }
  server {
    listen %(health)s;
    location / { return 204; }
  }
}
"""
# What the libc does for other programs: nginx asks for a name again when its address has changed, but wants the DNS
# server's address for it, and the whole name. So a Service that is not there yet is a 502, not a Pod that cannot start.
RESOLVER = """\
$1 == "nameserver" && !server { server = index($2, ":") ? "[" $2 "]" : $2 }
$1 == "search" { for (i = 2; i <= NF; i++) if ($i ~ /^svc[.]/ && !zone) zone = $i }
END {
  print "resolver " server " valid=5s;"
  print "map $host $zone { default " (zone ? zone : "svc.cluster.local") "; }"
}
"""


def labels_of(stack: Stack) -> dict[str, str]:
    """Labels that select the Pods."""
    return {"app.kubernetes.io/name": "default-backend", "app.kubernetes.io/instance": stack.name}


def page_pod(stack: Stack, dialect: IngressController, namespace: str, facts: Facts) -> Iterator[Object]:
    """The Deployment in one namespace with everything around it."""
    name, labels = page_name(stack), labels_of(stack)
    backend = stack.controller.not_found or DefaultBackend.model_construct()
    files = _files(stack, dialect, backend, facts)
    if files:
        yield manifest("ConfigMap", name, namespace, labels=labels, data=files)
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "strategy": strategy}
    said = {BEFORE_ROUTES: "true"}  # else an Ingress would send requests to Pods that are only starting
    template = _template(name, labels, backend, files)
    yield manifest("Deployment", name, namespace, labels=labels, annotations=said, spec={**spec, "template": template})
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    yield manifest("Service", name, namespace, labels=labels, spec={"selector": labels, "ports": ports})
    few = {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    yield manifest("PodDisruptionBudget", name, namespace, labels=labels, spec=few)
    if stack.controller.network_policy:
        # probes come from the Pod's own node, which no policy keeps out
        rules = {"policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": PORT, "protocol": "TCP"}]}]}
        selector = {"podSelector": {"matchLabels": labels}}
        yield manifest("NetworkPolicy", name, namespace, labels=labels, spec={**selector, **rules})


def _files(stack: Stack, dialect: IngressController, backend: DefaultBackend, facts: Facts) -> dict[str, str]:
    """What our nginx reads; nothing where an image of the user's stands alone."""
    if backend.image is not None and backend.page is None:
        return {}
    errors = error_files(stack.controller, facts) if dialect.errors_by_pod else {}
    missing = page_text(backend.page, facts) if backend.page is not None else STANDARD_PAGE
    files = {"404.html": missing, **errors}
    service = backend.service if dialect.not_found_by_pod(stack.controller) else None
    files["nginx.conf"] = _nginx_conf([name.removesuffix(".html") for name in files], list(errors), service)
    if service is not None:
        files["resolver.awk"] = RESOLVER
    return files


def _nginx_conf(codes: list[str], asked: list[str], service: str | None) -> str:
    """``codes``: those with a page; ``asked``: pages that a controller asks for, by path or by header."""
    http, server, location = [], [], []
    for code in codes:
        server += [f"error_page {code} /{code}.html;", f"location = /{code}.html {{ internal; }}"]
    for name in asked:
        code = name.removesuffix(".html")
        server.append(f"location = {ASKED}/{name} {{ return {code}; }}")  # Traefik
        location.append(f"if ($http_x_code = {code}) {{ return {code}; }}")  # ingress-nginx
    if service is None:
        location.append("return 404;")
    else:
        place, __, port = service.rpartition(":")
        namespace, __, name = place.partition("/")
        http += ["include /tmp/resolver.conf;", "client_max_body_size 0;"]
        location += [
            "proxy_http_version 1.1;",
            'proxy_set_header Connection "";',
            "proxy_set_header Host $http_host;",
            f"set $service http://{name}.{namespace}.$zone:{port};",
            "proxy_pass $service;",
        ]
    parts = {
        name: "".join(f"{indent}{line}\n" for line in lines)
        for name, indent, lines in (("http", "  ", http), ("server", "    ", server), ("location", "      ", location))
    }
    return NGINX_CONF % {**parts, "port": PORT, "health": HEALTH_PORT, "mount": MOUNT}


def _template(name: str, labels: dict[str, str], backend: DefaultBackend, files: dict[str, str]) -> Object:
    ours = bool(files)
    command = RUN_RESOLVING if "resolver.awk" in files else RUN
    container = present(
        name="default-backend",
        image=backend.image or str(PAGE),
        imagePullPolicy="IfNotPresent",
        command=command if ours else None,
        ports=[{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        readinessProbe={**_probe(ours=ours), "periodSeconds": 2},
        # proxies hear of a Pod's end a moment later; an image of the user's need not have a shell
        lifecycle={"preStop": {"exec": {"command": ["sleep", "5"]}}} if ours else None,
        resources={"requests": {"cpu": "10m", "memory": "16Mi"}},
        securityContext=RESTRICTED_CONTAINER if ours else NOT_OUR_IMAGE,
        volumeMounts=[
            {"name": "page", "mountPath": MOUNT, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (its own)
        ]
        if ours
        else None,
    )
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    pod = present(
        automountServiceAccountToken=False,
        securityContext={**RESTRICTED_POD, "runAsUser": 101} if ours else RESTRICTED_POD,
        topologySpreadConstraints=[{**spread, "labelSelector": {"matchLabels": labels}}],
        containers=[container],
        volumes=[{"name": "page", "configMap": {"name": name}}, {"name": "tmp", "emptyDir": {}}] if ours else None,
    )
    metadata = present(labels=labels, annotations={"ingresskit.io/content": content_hash(files)} if ours else None)
    return {"metadata": metadata, "spec": pod}


def _probe(*, ours: bool) -> Object:
    return {"httpGet": {"path": "/", "port": HEALTH_PORT}} if ours else {"tcpSocket": {"port": "http"}}
