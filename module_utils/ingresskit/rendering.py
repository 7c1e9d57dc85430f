"""The stack as manifests for Git: without a cluster, a clock or a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import model
from .api.resources import Ref
from .app_files import read_app_files
from .converge import Prepared, render_offline
from .engine.stages import stage
from .manifests import Object
from .preflight.finding import warning
from .render.portable import hosts_file, left_out, portable
from .render.sealing import known_sealed
from .render.smoke_job import smoke_objects
from .render.tree import in_waves, stream, tree
from .sops import sealed


def render_for_git(
    inventory: Mapping[str, Any], base_dir: Path, layout: str | None = None, before: Mapping[str, str] | None = None
) -> tuple[Prepared, dict[str, str]]:
    """What the inventory holds, and the files: name below the stack's folder -> text. ``layout``: another than its;
    ``before``: the files of an earlier render, whose ciphertext stays where it is right.

    Raises InventoryError where a cluster would be needed or a private key would stand in a file.
    """
    prepared, objects = render_offline(inventory, base_dir)
    git, home = prepared.stack.ingress_git, prepared.dialect.namespace(prepared.stack.controller)
    argo = git.tool == "argocd"
    if argo:
        objects = in_waves(objects, _order)
    if git.sops is not None:
        objects = sealed(objects, git.sops.age, known_sealed((before or {}).values()))
        if argo and any("sops" in each for each in objects):
            why = "Argo CD decrypts nothing by itself: give its repo-server a plugin that does, or use secret or issuer"
            prepared = replace(prepared, findings=[*prepared.findings, warning("ingress_git.sops", why)])
    smoke: list[Object] = []
    if git.smoke is not None:
        why = "the smoke Job does not ask this: its inventory is in a ConfigMap, and a header may hold a secret"
        prepared = replace(
            prepared, findings=[*prepared.findings, *(warning(at, why) for at in left_out(prepared.stack))]
        )
        text = _inventory(prepared, inventory, base_dir)
        smoke = smoke_objects(prepared.stack, git.smoke, prepared.dialect, text, objects)
        if argo:  # what the Job needs is in place before the last wave
            smoke = [*in_waves(smoke[:-1], _order), smoke[-1]]
    if (layout or git.layout) == "stream":
        return prepared, stream(objects, _order, smoke, apart=not argo)
    return prepared, tree(objects, home, _order, smoke, apart=not argo)


def _inventory(prepared: Prepared, inventory: Mapping[str, Any], base_dir: Path) -> str:
    """The inventory file for the smoke Job."""
    variables, __ = model.merged(inventory, read_app_files(inventory.get("ingress_app_files"), base_dir))
    return hosts_file(portable(variables, prepared.stack, prepared.facts), prepared.stack)


def _order(obj: Object) -> int:
    return stage(Ref.of(obj))
