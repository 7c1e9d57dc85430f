"""What answers where no rule matches: a small nginx with the page of the inventory, or an image of the user's."""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers import IngressController
from ..controllers.ingresses import PAGE_BACKEND, path_of, rest_of, rule_of, sites_of
from ..facts import Facts
from ..images import PAGE
from ..manifests import RESTRICTED_CONTAINER, RESTRICTED_POD, Object, content_hash, manifest, present
from ..model.apps import Backend, split_backend
from ..model.controller import DefaultBackend
from ..model.stack import Stack
from .files import is_file, text_of

NAME = PAGE_BACKEND.service
LABELS = {"app.kubernetes.io/name": NAME}
MOUNT = "/etc/ingresskit"
MOUNTS = [{"name": "page", "mountPath": MOUNT, "readOnly": True}, {"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108
VOLUMES = [{"name": "page", "configMap": {"name": NAME}}, {"name": "tmp", "emptyDir": {}}]
PORT, HEALTH_PORT = 8080, 8081
# the controller's namespace takes "restricted" Pods only; an image of the user's may still write to its own disk
NOT_OUR_IMAGE = {key: value for key, value in RESTRICTED_CONTAINER.items() if key != "readOnlyRootFilesystem"}
STANDARD_PAGE = "<!doctype html>\n<title>404 Not Found</title>\n<h1>404 Not Found</h1>\n"

# complete, so that it does not matter which nginx image reads it; every path that nginx writes to is below /tmp
NGINX_CONF = f"""\
worker_processes 1;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  server_tokens off;
  default_type text/html;
  charset utf-8;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server {{
    listen {PORT} default_server;
    root {MOUNT};
    error_page 404 /404.html;
    location / {{ return 404; }}
    location = /404.html {{ internal; }}
  }}
  server {{
    listen {HEALTH_PORT};
    location / {{ return 204; }}
  }}
}}
"""


def page_of(stack: Stack, facts: Facts) -> str | None:
    """The page's HTML, or None where the inventory names an image or Service that answers by itself."""
    backend = stack.controller.default_backend
    if backend is None or backend.page is None:
        return None
    return text_of(backend.page, facts) if is_file(backend.page) else backend.page


def default_backend_objects(stack: Stack, dialect: IngressController, facts: Facts) -> list[Object]:
    """Pod, Service and page in every namespace that needs them, and the Ingress that answers unknown hosts."""
    backend = stack.controller.default_backend
    if backend is None:
        return []
    home = dialect.namespace(stack.controller)
    # where a host is a server of its own, an app without hosts is that for unknown ones: there can be no second
    taken = dialect.not_found_per_host() and any(app.answers_every_host for app in stack.apps.values())
    objects: list[Object] = []
    if backend.service is None:
        page = page_of(stack, facts)
        for namespace in dict.fromkeys([*([] if taken else [home]), *_needing(stack, dialect)]):
            objects += list(_pod_objects(namespace, backend, page))
    annotations = dialect.catch_all_annotations()
    if taken or annotations is None:
        return objects
    return [*objects, _catch_all(stack, dialect, home, backend, annotations)]


def _needing(stack: Stack, dialect: IngressController) -> Iterator[str]:
    """Namespaces whose Ingresses have a ``/`` entry for it: an Ingress reaches Services of its own namespace only."""
    if dialect.not_found_per_host():
        for name in stack.apps:
            rests = (rest_of(dialect, stack, name, site) for site in sites_of(stack, name))
            if any(rest is not None and rest.backend is PAGE_BACKEND for rest in rests):
                yield stack.namespace_of(name)


def _catch_all(
    stack: Stack, dialect: IngressController, home: str, backend: DefaultBackend, annotations: dict[str, str]
) -> Object:
    namespace, answering = home, PAGE_BACKEND
    if backend.service is not None:
        namespace, _, service = backend.service.partition("/")
        answering = Backend.model_construct(**split_backend(service))
    rules = [rule_of("*", [path_of("/", "Prefix", answering)])]
    spec = {"ingressClassName": dialect.class_name(stack.controller), "rules": rules}
    name = f"{stack.name}-default-backend"
    return manifest("Ingress", name, namespace, labels=LABELS, annotations=annotations, spec=spec)


def _pod_objects(namespace: str, backend: DefaultBackend, page: str | None) -> Iterator[Object]:
    ours = backend.page is not None
    files = {"nginx.conf": NGINX_CONF, "404.html": page or STANDARD_PAGE} if ours else None
    if files:
        yield manifest("ConfigMap", NAME, namespace, labels=LABELS, data=files)
    container = present(
        name="default-backend",
        image=backend.image or str(PAGE),
        imagePullPolicy="IfNotPresent",
        command=["nginx", "-c", f"{MOUNT}/nginx.conf", "-g", "daemon off;"] if ours else None,
        ports=[{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        readinessProbe={**_probe(ours), "periodSeconds": 2},
        resources={"requests": {"cpu": "10m", "memory": "16Mi"}},
        securityContext=RESTRICTED_CONTAINER if ours else NOT_OUR_IMAGE,
        volumeMounts=MOUNTS if ours else None,
    )
    pod = present(
        automountServiceAccountToken=False,
        securityContext={**RESTRICTED_POD, "runAsUser": 101} if ours else RESTRICTED_POD,
        containers=[container],
        volumes=VOLUMES if ours else None,
    )
    metadata = present(labels=LABELS, annotations={"ingresskit.io/content": content_hash(files)} if files else None)
    spec = {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": {"metadata": metadata, "spec": pod}}
    yield manifest("Deployment", NAME, namespace, labels=LABELS, spec=spec)
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    yield manifest("Service", NAME, namespace, labels=LABELS, spec={"selector": LABELS, "ports": ports})


def _probe(ours: bool) -> Object:
    return {"httpGet": {"path": "/", "port": HEALTH_PORT}} if ours else {"tcpSocket": {"port": "http"}}
