"""What answers where no rule matches, and the error pages that a controller does not serve itself: which Pods stand
where, and who sends requests to them."""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers import IngressController
from ..controllers.ingresses import path_of, rest_of, rule_of, sites_of
from ..controllers.pages import page_backend, page_name, page_text
from ..facts import Facts
from ..manifests import Object, manifest
from ..model.apps import Backend, split_backend
from ..model.controller import DefaultBackend
from ..model.stack import Stack
from .page_pod import labels_of, page_pod


def page_of(stack: Stack, facts: Facts) -> str | None:
    """The HTML for what no rule matches, or None where an image or Service of the user's answers by itself."""
    backend = stack.controller.not_found
    if backend is None or backend.page is None:
        return None
    return page_text(backend.page, facts)


def error_texts(stack: Stack, facts: Facts) -> dict[int, str]:
    """The HTML of the error pages, by code."""
    return {code: page_text(page, facts) for code, page in stack.controller.error_pages.items()}


def default_backend_objects(stack: Stack, dialect: IngressController, facts: Facts) -> list[Object]:
    """The Pods and what belongs to them wherever they are needed, and the Ingress that answers unknown hosts."""
    backend = stack.controller.not_found
    # where a host is a server of its own, an app without hosts is that for unknown ones: there can be no second
    taken = dialect.not_found_per_host() and any(app.answers_every_host for app in stack.apps.values())
    places = dict.fromkeys(_places(stack, dialect, taken=taken))
    objects = [each for namespace in places for each in page_pod(stack, dialect, namespace, facts)]
    annotations = dialect.catch_all_annotations()
    if backend is None or taken or annotations is None:
        return objects
    return [*objects, _catch_all(stack, dialect, backend, annotations)]


def _places(stack: Stack, dialect: IngressController, *, taken: bool) -> Iterator[str]:
    """The namespaces of the Pods: an Ingress reaches Services of its own namespace only."""
    home, controller = dialect.namespace(stack.controller), stack.controller
    if (dialect.not_found_by_pod(controller) and not taken) or (controller.error_pages and dialect.errors_by_pod):
        yield home
    if dialect.not_found_per_host():
        ours = page_backend(stack)
        for name in stack.apps:
            rests = (rest_of(dialect, stack, name, site) for site in sites_of(stack, name))
            if any(rest is not None and rest.backend == ours for rest in rests):
                yield stack.namespace_of(name)


def _catch_all(
    stack: Stack, dialect: IngressController, backend: DefaultBackend, annotations: dict[str, str]
) -> Object:
    namespace, answering = dialect.namespace(stack.controller), page_backend(stack)
    if backend.service is not None and not dialect.not_found_by_pod(stack.controller):
        namespace, __, service = backend.service.partition("/")
        answering = Backend.model_construct(**split_backend(service))
    rules = [rule_of("*", [path_of("/", "Prefix", answering)])]
    spec = {"ingressClassName": dialect.class_name(stack.controller), "rules": rules}
    labels = labels_of(stack)
    return manifest("Ingress", page_name(stack), namespace, labels=labels, annotations=annotations, spec=spec)
