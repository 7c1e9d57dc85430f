"""Apps: their Ingresses and the workloads deployed with them."""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers import IngressController
from ..manifests import Object, manifest
from ..model.apps import App, Backend, Host
from ..model.certificates import app_certificates, slug
from ..model.stack import Stack, effective_options
from .default_backend import PAGE_BACKEND
from .workloads import workload_objects


def app_objects(stack: Stack, name: str, dialect: IngressController) -> list[Object]:
    """Workloads, Services and Ingresses of one app."""
    app, namespace = stack.apps[name], stack.namespace_of(name)
    objects = [each for workload in app.workloads.items() for each in workload_objects(name, namespace, *workload)]
    for ingress in _ingresses(stack, name, app, namespace, dialect):
        objects += dialect.arrange(ingress)
    return objects


def _ingresses(stack: Stack, name: str, app: App, namespace: str, dialect: IngressController) -> Iterator[Object]:
    """One Ingress for the hosts that take the app's annotations, one more for each host that differs."""
    secrets = {host: use.secret for use in app_certificates(name, app, namespace) for host in use.hosts}
    usual = dialect.annotations(effective_options(app.options), tls=app.tls is not None)
    hosts = _hosts(app)
    together: dict[str, Host] = {}
    for host, rules in hosts.items():
        annotations = dialect.annotations(effective_options(app.options, rules.options), tls=host in secrets)
        if host == "*":
            annotations |= dialect.hostless_annotations()
        if len(hosts) == 1:
            usual = annotations
        if annotations == usual:
            together[host] = rules
        else:
            spec = _spec(stack, app, {host: rules}, secrets, dialect)
            yield _ingress(f"{name}-{slug(host)}", namespace, app, name, annotations, spec)
    if together:
        yield _ingress(name, namespace, app, name, usual, _spec(stack, app, together, secrets, dialect))


def _ingress(name: str, namespace: str, app: App, part_of: str, annotations: dict[str, str], spec: Object) -> Object:
    labels = {"app.kubernetes.io/part-of": part_of}
    return manifest("Ingress", name, namespace, labels=labels, annotations=annotations | app.annotations, spec=spec)


def _hosts(app: App) -> dict[str, Host]:
    """The app's hosts; a default backend without hosts answers every host."""
    if not app.hosts and app.default_backend is not None:
        backend = app.default_backend
        return {"*": Host.model_validate({"paths": {"/": {"service": backend.service, "port": backend.port}}})}
    return app.hosts


def _spec(
    stack: Stack, app: App, hosts: dict[str, Host], secrets: dict[str, str], dialect: IngressController
) -> Object:
    by_secret: dict[str, list[str]] = {}
    for host in hosts:
        if host in secrets:
            by_secret.setdefault(secrets[host], []).append(host)
    spec: Object = {"ingressClassName": dialect.class_name(stack.controller)}
    if by_secret:
        spec["tls"] = [{"hosts": names, "secretName": secret} for secret, names in by_secret.items()]
    spec["rules"] = [_rule(host, rules, _rest_of_host(stack, app, dialect)) for host, rules in hosts.items()]
    return spec


def _rest_of_host(stack: Stack, app: App, dialect: IngressController) -> Backend | None:
    """What answers the paths of a host that no entry matches, where a ``/`` entry has to say it."""
    if app.default_backend is not None:
        return app.default_backend
    return PAGE_BACKEND if stack.controller.default_backend is not None and dialect.not_found_per_host() else None


def _rule(host: str, rules: Host, rest: Backend | None) -> Object:
    paths = [_path(path, entry.type, entry) for path, entry in rules.routes()]
    if rest is not None and not rules.answers_every_path:
        paths.append(_path("/", "Prefix", rest))
    rule: Object = {"http": {"paths": paths}}
    return rule if host == "*" else {"host": host, **rule}


def _path(path: str, path_type: str, backend: Backend) -> Object:
    port = {"number": backend.port} if isinstance(backend.port, int) else {"name": backend.port}
    return {"path": path, "pathType": path_type, "backend": {"service": {"name": backend.service, "port": port}}}
