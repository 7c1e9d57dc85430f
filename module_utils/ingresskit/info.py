"""What a stack holds in the cluster, as a plain value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .controllers import controller_for
from .converge import connect_to, load, owner_of
from .errors import ClusterError
from .observe import AUTHORITY

if TYPE_CHECKING:
    from .state.release import Revision


def info(inventory: Mapping[str, Any], base_dir: Path) -> dict[str, Any]:
    """Release record, address and CA of a stack. Raises InventoryError or ClusterError."""
    from .api.exposure import find_target  # not needed to load the module
    from .state import store

    stack = load(inventory, base_dir)
    api = connect_to(stack)
    record = store.load(api, owner_of(stack))
    if record is None:
        return {"installed": False}
    dialect, expose = controller_for(stack.controller), stack.controller.exposes[0]
    place = {"namespace": dialect.namespace(stack.controller), "service": dialect.service_name(stack.controller)}
    try:
        target = asdict(find_target(api, type=expose.type, address=expose.address, **place))
    except ClusterError:
        target = None
    shown = {"revision": record.revision, "time": record.time, "who": record.who, "result": record.result}
    return {
        "installed": True,
        "release": {**shown, "objects": sorted(str(ref) for ref in record.objects)},
        "history": [_line(each) for each in reversed(record.history)],
        "target": target,
        "ca_certificate": record.extras.get(AUTHORITY),
    }


def _line(revision: Revision) -> dict[str, Any]:
    """A revision as a user reads it."""
    return {key: value for key, value in asdict(revision).items() if key != "blobs" and value not in ("", 0)}
