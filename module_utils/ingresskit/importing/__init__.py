"""Ingress manifests as an inventory: their hosts, paths, certificates and redirects in the contract's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .. import preflight
from ..controllers import controller_for
from ..errors import InventoryError, Problem
from ..facts import Facts
from ..model import load
from ..model.controller import Controller
from .beside import beside_in, routes_elsewhere
from .canaries import add_canaries, is_canary, notes_of
from .cursor import Cursor
from .dialects import served_by
from .documents import Document, read_documents
from .drafts import Draft, draft, join
from .from_traefik import canary_notes, passed_on
from .inventory import inventory_of
from .loss import Loss
from .manifest import Ingress, is_ingress, read_ingress
from .masters import merge
from .owners import owned, secured_hosts, split
from .reading import Beside
from .text import to_text
from .wishes import Wishes

__all__ = ["Imported", "Source", "Wishes", "import_manifests"]

Source = tuple[str, str] | Document  # a name and its text, or what was read already


@dataclass(frozen=True)
class Imported:
    """``inventory``: the contract's variables, ``text``: they as YAML, ``ignored``: other kinds, how many of each."""

    inventory: dict[str, Any]
    text: str
    losses: tuple[Loss, ...]
    classes: tuple[str, ...]
    ignored: dict[str, int]


def import_manifests(sources: Iterable[Source], wishes: Wishes) -> Imported:
    """An inventory that renders to the equivalent of the Ingresses in ``sources``.

    Raises InventoryError, with file and line, where a text is not YAML or an Ingress is not what the API takes.
    """
    controller_for(wishes.controller)  # raises where it is not supported
    cursors, problems = _objects(sources)
    found = [read_ingress(each, wishes.namespace, wishes.path_type) for each in cursors if is_ingress(each)]
    problems += [problem for document in _once(each.document for each in cursors) for problem in document.problems]
    if problems:
        raise InventoryError(problems)
    ignored = Counter(str(each["kind"].value) for each in cursors if not is_ingress(each) and each["kind"])
    if not found:
        kinds = ", ".join(f"{count} {kind}" for kind, count in ignored.items())
        raise InventoryError([Problem("", f"there is no Ingress to import (found: {kinds or 'nothing'})")])
    ingresses, losses = _chosen([each for each in found if each], wishes)
    others = [each for each in cursors if not is_ingress(each)]
    beside = beside_in(others)
    merged = merge(ingresses)
    routes, named = split(merged.ingresses)
    drafts, lost = _drafts(routes, wishes, beside, secured_hosts(ingresses) | passed_on(beside))
    drafts = join(drafts)
    hosts, disowned = owned(drafts, named | merged.owners)
    inventory, behind, renamed = inventory_of(drafts, hosts)
    losses += [*merged.losses, *lost, *disowned, *routes_elsewhere(others)]
    losses += [*renamed, *_unsupported(inventory, behind, wishes.controller)]
    classes = tuple(sorted({each.class_name for each in ingresses if each.class_name}))
    text = to_text(inventory, losses, _about(len(ingresses), wishes, classes))
    return Imported(inventory, text, tuple(losses), classes, dict(ignored))


def _drafts(
    ingresses: Sequence[Ingress], wishes: Wishes, beside: Beside, secured: Container[str]
) -> tuple[list[Draft], list[Loss]]:
    """An app for every Ingress that is one; what only adds to others is with them."""
    losses: list[Loss] = []
    drafts: list[Draft] = []
    canaries: list[tuple[Draft, dict[str, str]]] = []
    for ingress in ingresses:
        source = wishes.served_by or served_by(ingress, wishes.controller)
        made, lost = draft(ingress, source, wishes.controller, beside, secured)
        losses += lost
        notes = canary_notes(ingress, beside) if source == "traefik" else None
        if notes is not None or is_canary(ingress):
            canaries.append((made, notes_of(ingress) if notes is None else notes))
        elif made.hosts or made.default:
            drafts.append(made)
    return drafts, [*losses, *add_canaries(drafts, canaries)]


def _objects(sources: Iterable[Source]) -> tuple[list[Cursor], list[Problem]]:
    """Every object of every document, those of lists one by one."""
    cursors, problems = [], []
    for source in sources:
        documents, faults = ([source], []) if isinstance(source, Document) else read_documents(*source)
        problems += faults
        for document in documents:
            cursors += list(_unlisted(Cursor(document, document.value)))
    return cursors, problems


def _unlisted(cursor: Cursor) -> Iterator[Cursor]:
    if str(cursor["kind"].value).endswith("List") and cursor["items"]:
        yield from cursor["items"].items()
    elif cursor:
        yield cursor


def _once(documents: Iterable[Document]) -> list[Document]:
    return list({id(document): document for document in documents}.values())


def _chosen(ingresses: Sequence[Ingress], wishes: Wishes) -> tuple[list[Ingress], list[Loss]]:
    """The Ingresses that can be apps."""
    chosen, losses = [], []
    for ingress in ingresses:
        why = None
        if wishes.class_name is not None and ingress.class_name != wishes.class_name:
            why = f"its class is {ingress.class_name or 'not named'}, and {wishes.class_name} was asked for"
        if wishes.namespaces and ingress.namespace not in wishes.namespaces:
            continue
        if why is None:
            chosen.append(ingress)
        else:
            losses.append(Loss(str(ingress), ingress.at, "the whole Ingress", why))
    return chosen, losses


def _unsupported(inventory: dict[str, Any], behind: dict[str, Draft], controller: Controller) -> Iterator[Loss]:
    """What the checks of a run will say of the inventory: hosts that several apps share, for instance."""
    if not behind:
        return
    stack = load(inventory).model_copy(update={"ingress_controller": controller})
    for finding in preflight.check(stack, controller_for(controller), Facts()):
        __, __, rest = finding.path.partition("ingress_apps.")
        name = rest.partition(".")[0]
        if finding.level == "error" and name in behind:
            ingress = behind[name].ingress
            yield Loss(str(ingress), ingress.at, finding.path, finding.message, refused=True)


def _about(count: int, wishes: Wishes, classes: Sequence[str]) -> list[str]:
    title = controller_for(wishes.controller).title
    lines = [f"{count} {'Ingress' if count == 1 else 'Ingresses'}, to be served by {title}."]
    if classes:
        lines.append(f"Class so far: {', '.join(classes)}. From now on it is ingress_controller.class_name.")
    return lines
