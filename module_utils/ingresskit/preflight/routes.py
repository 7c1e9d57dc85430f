"""Routes that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers.base import NOT_YET
from ..model.apps import App
from ..model.stack import Stack
from .finding import Finding, error


def check_routes(stack: Stack) -> Iterator[Finding]:
    """A host in two apps, and one path twice on a host: whoever is older would win, silently."""
    owner: dict[str, str] = {}
    for name, app in stack.apps.items():
        at = stack.at(name)
        for host, rules in app.hosts.items():
            where = f'{at}.hosts."{host}"'
            if host in owner:
                yield error(where, f"{owner[host]} has this host already; a host shared by several apps {NOT_YET}")
            owner.setdefault(host, at)
            yield from _twice(where, [(entry.type, path) for path, entry in rules.routes()])
        if app.default_backend is not None and not app.hosts and stack.controller.default_backend is not None:
            yield error(
                f"{at}.default_backend",
                "ingress_controller.default_backend answers unknown hosts too: keep one of them",
            )
        yield from _workloads(at, app)


def _workloads(at: str, app: App) -> Iterator[Finding]:
    for name in app.workloads:
        if len(name) > 59:
            yield error(f"{at}.workloads.{name}", "is too long: its Service is NAME-svc, at most 63 characters")
        if name[0].isdigit():
            yield error(f"{at}.workloads.{name}", "its Service would be NAME-svc, which has to begin with a letter")


def _twice(where: str, routes: list[tuple[str, str]]) -> Iterator[Finding]:
    seen: dict[tuple[str, str], str] = {}
    for kind, path in routes:
        # for Prefix "/foo" and "/foo/" are the same rule: matching is by element; the controllers we drive take
        # ImplementationSpecific for Prefix
        same = (kind, path) if kind == "Exact" else ("Prefix", path.rstrip("/"))
        if same in seen:
            also = "" if seen[same] == path else f" (it equals {seen[same]!r}: Prefix compares element by element)"
            yield error(f'{where}.paths."{path}"', f"there are two {same[0]} entries for this path{also}: remove one")
        seen.setdefault(same, path)
