"""What a stack holds in the cluster, as a plain value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .controllers import controller_for
from .converge import connect_to, load, owner_of
from .observe import AUTHORITY
from .oracle.types import Target
from .reach import find_targets
from .report.rows import target_facts

if TYPE_CHECKING:
    from .state.release import Revision


def info(inventory: Mapping[str, Any], base_dir: Path) -> dict[str, Any]:
    """Release record, address and CA of a stack. Raises InventoryError or ClusterError."""
    from .state import store  # not needed to load the module

    stack = load(inventory, base_dir)
    api = connect_to(stack)
    record = store.load(api, owner_of(stack))
    if record is None:
        return {"installed": False}
    found = find_targets(api, stack, controller_for(stack.controller))
    targets = [target_facts(each) if isinstance(each, Target) else None for each in found]
    shown = {"revision": record.revision, "time": record.time, "who": record.who, "result": record.result}
    return {
        "installed": True,
        "release": {**shown, "objects": sorted(str(ref) for ref in record.objects)},
        "history": [_line(each) for each in reversed(record.history)],
        "target": targets[0],
        "further_targets": [target for target in targets[1:] if target],
        "ca_certificate": record.extras.get(AUTHORITY),
    }


def _line(revision: Revision) -> dict[str, Any]:
    """A revision as a user reads it."""
    return {key: value for key, value in asdict(revision).items() if key != "blobs" and value not in ("", 0)}
