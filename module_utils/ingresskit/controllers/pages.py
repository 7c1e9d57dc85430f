"""Pages of the inventory: for what no rule matches, and for errors; and what stands where of them.

A code of ``error_pages`` gets its page whoever answers it, the controller or a backend, and keeps its status. F5's
controller serves these pages itself, from files; the others ask the Pod of ours that also serves the page for what no
rule matches (render/default_backend).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from ..facts import Facts, text_of
from ..manifests import Object, content_hash, manifest
from ..model.apps import Backend
from ..model.controller import Controller
from ..model.stack import Stack

LONGEST_NAME = 63  # of a Service
ASKED = "/.ingresskit/errors"  # below it, a page by its code: where nobody has a path
INTERCEPT = "proxy_intercept_errors"


def page_name(stack: Stack) -> str:
    """Of the Pods with the pages, and of what belongs to them: two stacks may have apps in one namespace."""
    return stack_name(stack, "default-backend")


def stack_name(stack: Stack, what: str) -> str:
    """``STACK-what``, by a hash of the stack's name where that would be longer than a name may be."""
    name = f"{stack.name}-{what}"
    return name if len(name) <= LONGEST_NAME else f"{hashlib.sha256(stack.name.encode()).hexdigest()[:8]}-{what}"


def page_backend(stack: Stack) -> Backend:
    """Their Service."""
    return Backend(service=page_name(stack), port=80)


def pages(controller: Controller) -> Iterator[tuple[str, str]]:
    """(inventory path, page) of each."""
    backend = controller.default_backend
    if backend is not None and backend.page is not None:
        yield "ingress_controller.default_backend.page", backend.page
    for code, page in sorted(controller.error_pages.items()):
        yield f"ingress_controller.error_pages.{code}", page


def is_file(page: str) -> bool:
    """A page is HTML text if it has a tag or a line break, else the path of a file."""
    return "<" not in page and "\n" not in page


def page_text(page: str, facts: Facts) -> str:
    """Its HTML. Raises InventoryError where a file was not read or is not UTF-8."""
    return text_of(page, facts) if is_file(page) else page


def error_files(controller: Controller, facts: Facts) -> dict[str, str]:
    """The error pages as files: ``503.html``. Raises InventoryError."""
    return {f"{code}.html": page_text(page, facts) for code, page in sorted(controller.error_pages.items())}


# -- F5 ---------------------------------------------------------------------------------------------------------------

FILES = "/etc"  # of the controller's Pod; the pages lie in it by the paths at which nginx asks for them
VOLUME = "error-pages"


def server_snippets(controller: Controller) -> str:
    """F5's ``server-snippets``: of every server, those of VirtualServers too (its templates, internal/configs).

    The user's own come first. A page is served without the access rules that stand in front of the backends, which
    would be asked a second time; while a Pod has no file yet, the answer has its status and nginx's own page.
    """
    lines = [f"{INTERCEPT} on;"]
    for code in sorted(controller.error_pages):
        uri = f"{ASKED}/{code}.html"
        lines.append(f"error_page {code} {uri};")
        lines.append(
            f"location = {uri} {{ internal; root {FILES}; default_type text/html; charset utf-8;"
            f" auth_basic off; allow all; try_files $uri ={code}; }}"
        )
    own = str(controller.settings.get("server-snippets", "")).strip("\n")
    return "\n".join([*([own] if own else []), *lines]) + "\n"


def error_config_map(stack: Stack, namespace: str, labels: dict[str, str], files: dict[str, str]) -> Object:
    """The pages beside F5's controller."""
    return manifest("ConfigMap", f"{stack.name}-error-pages", namespace, labels=labels, data=files)


def error_volume(stack: Stack, files: dict[str, str]) -> tuple[Object, Object, dict[str, str]]:
    """The volume with the pages, where it is mounted, and the Pod's annotation: a mounted ConfigMap follows a change
    within a minute or two, when the run is over and proven; so another page rolls the Pods out."""
    volume = {"name": VOLUME, "configMap": {"name": f"{stack.name}-error-pages"}}
    mount = {"name": VOLUME, "mountPath": f"{FILES}{ASKED}", "readOnly": True}
    return volume, mount, {"ingresskit.io/error-pages": content_hash(files)}


def error_refusals(controller: Controller) -> Iterator[tuple[str, str]]:
    """What does not go together with error pages behind F5's controller."""
    if controller.error_pages and INTERCEPT in str(controller.settings.get("server-snippets", "")):
        yield 'ingress_controller.config."server-snippets"', f"error_pages sets {INTERCEPT} already: leave it out here"
