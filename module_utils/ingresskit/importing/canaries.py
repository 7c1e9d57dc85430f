"""Canaries of ingress-nginx: an Ingress of its own there, an option of the path they are for here.

https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#canary
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .dialects import CANARY as PREFIX
from .drafts import Draft
from .loss import Loss
from .manifest import Ingress
from .reading import Entry, UnsaidError, give, number, present


def is_canary(ingress: Ingress) -> bool:
    return ingress.annotations.get(PREFIX, "").lower() == "true"


def notes_of(ingress: Ingress) -> dict[str, str]:
    """The annotations that make it a canary, without their common beginning."""
    return {
        name.removeprefix(PREFIX).removeprefix("-"): value
        for name, value in ingress.annotations.items()
        if name.startswith(PREFIX)
    }


def add_canaries(drafts: Sequence[Draft], canaries: Iterable[tuple[Draft, dict[str, str]]]) -> Iterator[Loss]:
    """Gives each path that a canary has the option. What has no path to belong to is a loss, and so is the rest."""
    mains = {
        (one.ingress.namespace, name, *entry.given): entry
        for one in drafts
        for name, host in one.hosts.items()
        for entry in host.entries
    }
    for canary, notes in canaries:
        ingress = canary.ingress
        if canary.default and not canary.hosts:
            yield Loss(str(ingress), ingress.at, "canary of the default backend", "the option canary is for paths")
        for name, host in canary.hosts.items():
            for entry in host.entries:
                main = mains.get((ingress.namespace, name, *entry.given))
                try:
                    _add(main, entry, notes)
                except UnsaidError as error:
                    yield Loss(str(ingress), entry.at, f"canary of {entry.path} of {name}", str(error))
        if len(_kinds(notes)) > 1:
            why = f"the option canary goes by one thing: {_kinds(notes)[0]} was taken, which comes first"
            yield Loss(str(ingress), ingress.at, f"annotation {PREFIX}-{_kinds(notes)[1]}", why)


def _add(main: Entry | None, entry: Entry, notes: dict[str, str]) -> None:
    if main is None:
        raise UnsaidError("no other Ingress has this path: it was never served")
    if "canary" in main.options:
        raise UnsaidError("the path has a canary already, and there is one at most")
    backend = f"{entry.backend.service}:{entry.backend.port}"
    give([main], "canary", {"backend": backend, **_share(notes)})


def _kinds(notes: dict[str, str]) -> list[str]:
    """By what a request may be the canary's, in the order in which the controller asks."""
    return [name for name in ("by-header", "by-cookie", "weight") if name in notes]


def _share(notes: dict[str, str]) -> dict[str, Any]:
    kind = next(iter(_kinds(notes)), None)
    if "by-header-pattern" in notes:
        raise UnsaidError("the option canary compares a header with one value, not with a pattern")
    if kind == "by-header":
        return {"header": present(name=notes[kind], value=notes.get("by-header-value"))}
    if kind == "by-cookie":
        return {"cookie": notes[kind]}
    if kind is None:
        raise UnsaidError("nothing says who goes there")
    share = number(notes.get("weight", "0")) * 100 / (number(notes.get("weight-total", "100")) or 1)
    if share != int(share):
        raise UnsaidError("the option canary has whole percents")
    return {"weight": int(share)}
