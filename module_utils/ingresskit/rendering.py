"""The stack as manifests for Git: without a cluster, a clock or a key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import model
from .api.resources import BUILTIN, Ref
from .app_files import read_app_files
from .converge import Prepared, prepare, render_offline
from .engine.stages import stage
from .errors import InventoryError, Problem
from .keyless import holds_key
from .manifests import Object
from .model.git import SmokeJob
from .model.stack import Stack
from .preflight.finding import Finding, warning
from .render.portable import hosts_file, left_out, portable
from .render.sealing import known_sealed
from .render.secrets import without_note
from .render.smoke_job import smoke_objects
from .render.tree import in_waves, kept_by_flux, stream, tree
from .sops import sealed

_NOT_ASKED = "the smoke Job does not ask this: its inventory is in a ConfigMap, and header or query may hold a secret"


def render_for_git(
    inventory: Mapping[str, Any], base_dir: Path, layout: str | None = None, before: Mapping[str, str] | None = None
) -> tuple[Prepared, dict[str, str]]:
    """What the inventory holds, and the files: name below the stack's folder -> text. ``layout``: another than its;
    ``before``: the files of an earlier render, whose ciphertext stays where it is right.

    Raises InventoryError where a cluster would be needed or a private key would stand in a file.
    """
    prepared, objects = render_offline(inventory, base_dir)
    _refuse_nowhere(prepared.stack)
    git, home = prepared.stack.ingress_git, prepared.dialect.namespace(prepared.stack.controller)
    objects = _for_tool([without_note(each) for each in objects], git.tool)
    notes: list[Finding] = []
    if git.sops is not None:
        objects = sealed(objects, git.sops.age, known_sealed((before or {}).values()))
        notes += _undecrypted(objects, git.tool)
    smoke: list[Object] = []
    if git.smoke is not None:
        notes += [warning(at, _NOT_ASKED) for at in left_out(prepared.stack)]
        smoke = _smoke(prepared, git.smoke, _inventory(prepared, inventory, base_dir), objects)
    _refuse_keys([*objects, *smoke])
    prepared, apart = replace(prepared, findings=[*prepared.findings, *notes]), git.tool != "argocd"
    if (layout or git.layout) == "stream":
        return prepared, stream(objects, _order, smoke, apart=apart)
    return prepared, tree(objects, home, _order, smoke, apart=apart)


def _for_tool(objects: list[Object], tool: str) -> list[Object]:
    """The objects with what the tool reads in their annotations."""
    match tool:
        case "argocd":
            return in_waves(objects, _order)
        case "flux":
            return kept_by_flux(objects)
        case _:
            return objects


def _undecrypted(objects: Iterable[Object], tool: str) -> Iterator[Finding]:
    if tool == "argocd" and any("sops" in each for each in objects):
        why = "Argo CD decrypts nothing by itself: give its repo-server a plugin that does, or use secret or issuer"
        yield warning("ingress_git.sops", why)


def _smoke(prepared: Prepared, job: SmokeJob, inventory: str, others: list[Object]) -> list[Object]:
    """The smoke Job, last, and what it needs."""
    found = smoke_objects(prepared.stack, job, prepared.dialect, inventory, others)
    if prepared.stack.ingress_git.tool != "argocd":
        return found
    return [*in_waves(found[:-1], _order), found[-1]]  # in place before the last wave, and the hook after it


def _inventory(prepared: Prepared, inventory: Mapping[str, Any], base_dir: Path) -> str:
    """The inventory file for the smoke Job. Raises InventoryError where the Job would refuse it."""
    variables, __ = model.merged(inventory, read_app_files(inventory.get("ingress_app_files"), base_dir))
    found = portable(variables, prepared.stack, prepared.facts)
    try:
        prepare(found, base_dir)
    except InventoryError as refused:
        said = "the Job's inventory would be refused"
        raise InventoryError([Problem("ingress_git.smoke", f"{said}: {each}") for each in refused.problems]) from None
    return hosts_file(found, prepared.stack)


def _refuse_nowhere(stack: Stack) -> None:
    """Who applies the files would choose a namespace for what names none."""
    said = "is missing: every object of this kind is in a namespace"
    problems = [
        Problem(f"ingress_extra_objects[{index}].metadata.namespace", said)
        for index, each in enumerate(stack.ingress_extra_objects)
        if (known := BUILTIN.get((each["apiVersion"], each["kind"]))) is not None
        and known.namespaced
        and not each["metadata"].get("namespace")
    ]
    if problems:
        raise InventoryError(problems)


def _refuse_keys(objects: Iterable[Object]) -> None:
    """The last line of defence: a page, an annotation, a variable of a workload may hold one. Ciphertext holds none."""
    said = "a private key would stand in its file: keep it in a Secret, which ingress_git.sops encrypts"
    texts = ((Ref.of(each), json.dumps(each, default=str)) for each in objects)
    problems = [Problem(str(ref), said) for ref, text in texts if holds_key(text)]
    if problems:
        raise InventoryError(problems)


def _order(obj: Object) -> int:
    return stage(Ref.of(obj))
