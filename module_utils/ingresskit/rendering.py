"""The stack as manifests for Git: without a cluster, a clock or a key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .api.resources import Ref
from .converge import Prepared, render_offline
from .engine.stages import stage
from .manifests import Object
from .render.tree import in_waves, stream, tree


def render_for_git(
    inventory: Mapping[str, Any], base_dir: Path, layout: str | None = None
) -> tuple[Prepared, dict[str, str]]:
    """What the inventory holds, and the files: name below the stack's folder -> text. ``layout``: another than its.

    Raises InventoryError where a cluster would be needed or a private key would stand in a file.
    """
    prepared, objects = render_offline(inventory, base_dir)
    git = prepared.stack.ingress_git
    if git.tool == "argocd":
        objects = in_waves(objects, _order)
    if (layout or git.layout) == "stream":
        return prepared, stream(objects, _order)
    return prepared, tree(objects, prepared.dialect.namespace(prepared.stack.controller), _order)


def _order(obj: Object) -> int:
    return stage(Ref.of(obj))
