"""What a stack holds in the cluster, as a plain value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .controllers import controller_for
from .converge import connect_to, load, owner_of
from .observe import recorded_authority
from .oracle.types import Target
from .reach import find_targets
from .report.rows import target_facts

if TYPE_CHECKING:
    from .state.release import Release, Revision


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
        **_authority(record),
    }


def _authority(record: Release) -> dict[str, Any]:
    """The certificates that clients of the stack's CA trust: as one PEM text, and each told in a few words."""
    from . import tls

    now, authority = datetime.now(UTC), recorded_authority(record)
    if authority is None:
        return {"ca_certificate": None, "ca": []}
    roles: list[tuple[str, str, dict[str, str]]] = [("signs", authority.certificate, {})]
    if authority.successor and authority.signs_from:
        roles.append(("will sign", authority.successor, {"from": authority.signs_from.isoformat()}))
    roles += [("did sign", each.certificate, {"until": each.until.isoformat()}) for each in authority.former]
    told = [
        {"role": role, "fingerprint": known.fingerprint, "not_after": known.not_after.isoformat(), **more}
        for role, text, more in roles
        for known in [tls.inspect(text)]
    ]
    return {"ca_certificate": authority.bundle(now), "ca": told}


def _line(revision: Revision) -> dict[str, Any]:
    """A revision as a user reads it."""
    return {key: value for key, value in asdict(revision).items() if key != "blobs" and value not in ("", 0)}
