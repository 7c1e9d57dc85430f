"""The pages of the inventory: there, with something in them, and not too much."""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers import IngressController
from ..controllers.pages import is_file, pages
from ..facts import Facts
from ..model.stack import Stack
from .finding import Finding, error

# of all files in a ConfigMap (kubernetes.io/docs/concepts/configuration/configmap), with room for nginx.conf
LARGEST = (1 << 20) - (32 << 10)
BACKEND = "ingress_controller.default_backend"


def check_pages(stack: Stack, dialect: IngressController, facts: Facts) -> Iterator[Finding]:
    """What the API server would refuse, and what nobody could serve as it is meant. Files that cannot be read are not
    looked at here."""
    yield from _texts(stack, facts)
    controller = stack.controller
    backend = controller.default_backend
    if backend is None:
        return
    if backend.page is not None and 404 in controller.error_pages:
        yield error(
            "ingress_controller.error_pages.404",
            f"{BACKEND}.page is a page for 404 too, and both would answer what no rule matches: leave one of them out "
            "(with error_pages.404 it also replaces what backends say with 404)",
        )
    if controller.error_pages and dialect.errors_by_pod and backend.image is not None and backend.page is None:
        yield error(
            f"{BACKEND}.image",
            f"{dialect.title} has the error pages served beside it by a nginx of ours, which this image stands in for: "
            "set page too (the image has to have nginx then), or deploy the image yourself and name its Service",
        )
    service, __, port = (backend.service or "").rpartition(":")
    if service and not port.isdigit() and dialect.not_found_by_pod(controller):
        yield error(
            f"{BACKEND}.service",
            f"{dialect.title} reaches it through a nginx of ours, which needs the port's number: {service}:80 for one",
        )


def _texts(stack: Stack, facts: Facts) -> Iterator[Finding]:
    sizes: dict[str, int] = {}
    for path, page in pages(stack.controller):
        content = facts.files.get(page) if is_file(page) else page.encode()
        if not page.strip() or (content is not None and not content.strip()):
            yield error(path, "the page is empty: give HTML text or the name of a file that holds some")
        sizes[path] = len(content or b"")
    total = sum(sizes.values())
    if total > LARGEST:
        largest = max(sizes, key=lambda path: sizes[path])
        yield error(
            largest,
            f"all pages together have {total} bytes, this one {sizes[largest]}, and a ConfigMap has room for {LARGEST}:"
            " serve images and styles from elsewhere",
        )
