"""Raw annotations: an Ingress takes any, and controllers pass over in silence what they do not know."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from ..controllers import IngressController
from ..controllers.annotations import CLASS, KNOWN, is_known, reader_of
from ..facts import Facts
from ..model.stack import Stack
from .finding import Finding, error, warning

# what ends a directive or a block where a value is written into a configuration (CVE-2025-1974 and its family)
INJECTION = re.compile(r"[\x00-\x1f\x7f{}`]")
SWITCHES = ("-enable-snippets", "--enable-snippets", "allow-snippet-annotations", "allowsnippetannotations")


def check_annotations(stack: Stack, dialect: IngressController) -> Iterator[Finding]:
    """Annotations that do nothing, that the controller refuses, or that would write into its configuration."""
    mine = stack.controller.compat or stack.controller.kind
    for name, app in stack.apps.items():
        for key, value in app.annotations.items():
            at = f'{stack.at(name)}.annotations."{key}"'
            reader = reader_of(key)
            if key == CLASS:
                why = "the API server takes no Ingress with both; ingress_controller.class_name names the class"
                yield error(at, f"stands against ingressClassName: {why}")
            elif reader is not None and reader != mine and not _old_redirect(key, mine):
                yield warning(at, f"is read by {reader}: {dialect.title} ignores it; options mean the same everywhere")
            elif reader == mine:
                yield from _own(stack, dialect, at, key, value)


def _own(stack: Stack, dialect: IngressController, at: str, key: str, value: str) -> Iterator[Finding]:
    if "snippet" in key:
        if _snippets_on(stack):
            yield warning(at, "is free configuration: who may write it here can read every Secret of the controller")
        else:
            yield error(
                at, f"is a snippet, which {dialect.title} refuses here: use options, or the controller's config"
            )
    elif not is_known(key):
        near = difflib.get_close_matches(key, KNOWN, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        yield warning(at, f"is not known to {dialect.title}, which ignores it{hint}")
    if "snippet" not in key and INJECTION.search(value):
        yield error(at, "holds a line break or a brace, which would end up in the controller's own configuration")


def _old_redirect(key: str, mine: str) -> bool:
    return mine == "nginx" and key == "ingress.kubernetes.io/ssl-redirect"  # F5 reads this one still


def _snippets_on(stack: Stack) -> bool:
    said = [*stack.controller.extra_args, *(f"{key}={value}" for key, value in stack.controller.settings.items())]
    return any(switch in each and not each.lower().endswith("=false") for each in said for switch in SWITCHES)


def check_overrides(stack: Stack, dialect: IngressController, facts: Facts) -> Iterator[Finding]:
    """Raw annotations that would replace what an option, or its default, says in the same place.

    The routes are rendered for it, so ask only where nothing else is wrong.
    """
    given = {name: app.annotations for name, app in stack.apps.items() if app.annotations}
    if not given:
        return
    bare = {name: app.model_copy(update={"annotations": {}}) for name, app in stack.apps.items()}
    plain = stack.model_copy(update={"ingress_apps": bare})
    for name, raw in given.items():
        said: dict[str, str] = {}
        for each in dialect.routes(plain, name, facts):
            if each["kind"] == "Ingress":
                said |= each["metadata"].get("annotations") or {}
        for key, value in raw.items():
            if said.get(key, value) != value:
                yield error(
                    f'{stack.at(name)}.annotations."{key}"',
                    f"replaces {said[key]!r}, which the options in force say there: remove it, or change the options",
                )
