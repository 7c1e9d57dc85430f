"""Taking over what kubectl or helm brought before: whose fields become ours, and what of them goes. Pure.

Both leave entries in managedFields that nobody acts on any more and that keep every field alive they once set. As
k8s.io/client-go/util/csaupgrade does, their fields are made ours, so that our next server-side apply removes those of
them that are not rendered: the notes of kubectl and helm about themselves among them.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ..api.resources import MANAGER, Object
from .fields import Entry, Fields, below, element, entries, is_ours, locate, paths, union
from .keepers import ARGOCD_MANAGERS, FLUX_MANAGERS
from .ownership import ADOPTED, PART_OF

# Field managers that bring whole objects: kubectl apply (on either side), create and replace; objects older than
# managedFields; helm; and Argo CD and Flux, once they have let go of an object (``keepers``: until then it is refused).
LEGACY = (
    frozenset(
        {"kubectl", "kubectl-client-side-apply", "kubectl-create", "kubectl-replace", "before-first-apply", "helm"}
    )
    | ARGOCD_MANAGERS
    | FLUX_MANAGERS
)
# Their notes. The first holds the whole manifest, a Secret's values included.
_NOTES = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
)


def holders(live: Object) -> list[str]:
    """The managers but us that set fields of an object itself, not of its status."""
    return sorted({entry["manager"] for entry in entries(live) if not is_ours(entry) and not entry.get("subresource")})


def legacies(live: Object) -> list[str]:
    """Those of them that a takeover ends."""
    return sorted({entry["manager"] for entry in entries(live) if _is_legacy(entry)})


def combined(live: Object) -> Fields:
    """What is ours or becomes so by a takeover."""
    return union(*(_fields(entry) for entry in entries(live) if is_ours(entry) or _is_legacy(entry)))


def takeover(live: Object) -> list[dict[str, Any]]:
    """The JSON patch that makes the fields of legacy managers ours, removes their notes, and marks what has not been
    part of the stack as adopted; [] where there is nothing to do. It holds for this very resourceVersion: for another
    one the API server answers 409."""
    meta = live["metadata"]
    annotations = _noteless(live) | _mark(live)
    operations: list[dict[str, Any]] = []
    if legacies(live):
        kept = [entry for entry in entries(live) if not is_ours(entry) and not _is_legacy(entry)]
        made = [*_marking(live), _entry(live)]
        operations.append({"op": "replace", "path": "/metadata/managedFields", "value": [*kept, *made]})
    if annotations != (meta.get("annotations") or {}):
        operations.append({"op": "add", "path": "/metadata/annotations", "value": annotations})
    version = {"op": "replace", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]}
    return [*operations, version] if operations else []


def taken_over(live: Object, after: Object) -> Object:
    """What a takeover of the live object and our apply lead to, but for defaults. ``after``: what a dry run of that
    apply alone shows; what only legacy managers hold goes from it."""
    kept = {path for entry in entries(after) if not _is_legacy(entry) for path in paths(_fields(entry))}
    held = union(*(_fields(entry) for entry in entries(after) if _is_legacy(entry)))
    result = copy.deepcopy(after)
    _remove(held, result, set(paths(held)), kept)
    result["metadata"]["annotations"] = _noteless(result) | _mark(live)
    return result


def exchange(before: Object, after: Object) -> list[dict[str, Any]]:
    """The JSON patch that makes one state of an object of another; the status is left alone."""
    fixed = ("apiVersion", "kind", "status")
    changed = [{"op": "add", "path": f"/{key}", "value": value} for key, value in after.items() if key not in fixed]
    return changed + [{"op": "remove", "path": f"/{key}"} for key in before if key not in after and key not in fixed]


def _noteless(obj: Object) -> dict[str, str]:
    """The annotations without the notes of legacy managers."""
    annotations = obj["metadata"].get("annotations") or {}
    return {name: value for name, value in annotations.items() if name not in _NOTES}


def _mark(live: Object) -> dict[str, str]:
    """The annotation of what has not been part of the stack."""
    return {} if PART_OF in (live["metadata"].get("labels") or {}) else {ADOPTED: "true"}


def _is_legacy(entry: Entry) -> bool:
    return entry.get("manager") in LEGACY and not entry.get("subresource")


def _entry(live: Object) -> dict[str, Any]:
    """Our entry with the legacy managers' fields in it; that of the first of them, renamed, where we have none yet."""
    pattern = next(filter(is_ours, entries(live)), None) or next(filter(_is_legacy, entries(live)))
    return {**pattern, "manager": MANAGER, "operation": "Apply", "fieldsV1": combined(live)}


def _marking(live: Object) -> list[dict[str, Any]]:
    """What keeps a mark that is there already, but is about to become ours as legacy managers seem to hold it: no apply
    of ours renders it."""
    mark: Fields = {"f:metadata": {"f:annotations": {f"f:{ADOPTED}": {}}}}
    holding = [entry for entry in entries(live) if _is_legacy(entry) and set(paths(mark)) & set(paths(_fields(entry)))]
    return [{**entry, "manager": MANAGER, "operation": "Update", "fieldsV1": mark} for entry in holding[:1]]


def _fields(entry: Entry) -> Fields:
    return entry.get("fieldsV1") or {}


def _remove(fields: Mapping[str, Any], value: Any, doomed: set[str], kept: set[str], prefix: str = "") -> None:
    """Removes what lies at the doomed paths, unless something kept is at it or below."""
    for key, inner in fields.items():
        place = locate(key, value)
        if place is None:
            continue
        path = prefix + element(key)
        if path in doomed and path not in kept and not any(below(other, path) for other in kept):
            del value[place]
        else:
            _remove(inner, value[place], doomed, kept, path)
