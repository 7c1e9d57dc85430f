"""The stack as manifests for Git: without a cluster, a clock or a key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
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
from .model.stack import Stack
from .preflight.finding import warning
from .render.portable import hosts_file, left_out, portable
from .render.sealing import known_sealed
from .render.secrets import without_note
from .render.smoke_job import smoke_objects
from .render.tree import in_waves, kept_by_flux, stream, tree
from .sops import sealed


def render_for_git(
    inventory: Mapping[str, Any], base_dir: Path, layout: str | None = None, before: Mapping[str, str] | None = None
) -> tuple[Prepared, dict[str, str]]:
    """What the inventory holds, and the files: name below the stack's folder -> text. ``layout``: another than its;
    ``before``: the files of an earlier render, whose ciphertext stays where it is right.

    Raises InventoryError where a cluster would be needed or a private key would stand in a file.
    """
    prepared, objects = render_offline(inventory, base_dir)
    _refuse_nowhere(prepared.stack)
    objects = [without_note(each) for each in objects]
    git, home = prepared.stack.ingress_git, prepared.dialect.namespace(prepared.stack.controller)
    argo = git.tool == "argocd"
    if argo:
        objects = in_waves(objects, _order)
    elif git.tool == "flux":
        objects = kept_by_flux(objects)
    if git.sops is not None:
        objects = sealed(objects, git.sops.age, known_sealed((before or {}).values()))
        if argo and any("sops" in each for each in objects):
            why = "Argo CD decrypts nothing by itself: give its repo-server a plugin that does, or use secret or issuer"
            prepared = replace(prepared, findings=[*prepared.findings, warning("ingress_git.sops", why)])
    smoke: list[Object] = []
    if git.smoke is not None:
        why = "the smoke Job does not ask this: its inventory is in a ConfigMap, and header or query may hold a secret"
        prepared = replace(
            prepared, findings=[*prepared.findings, *(warning(at, why) for at in left_out(prepared.stack))]
        )
        text = _inventory(prepared, inventory, base_dir)
        smoke = smoke_objects(prepared.stack, git.smoke, prepared.dialect, text, objects)
        if argo:  # what the Job needs is in place before the last wave
            smoke = [*in_waves(smoke[:-1], _order), smoke[-1]]
    _refuse_keys([*objects, *smoke])
    if (layout or git.layout) == "stream":
        return prepared, stream(objects, _order, smoke, apart=not argo)
    return prepared, tree(objects, home, _order, smoke, apart=not argo)


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
