"""Compares what is wanted, what is there and what we released last. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..api.resources import Object, Ref
from ..errors import ClusterError
from ..state.release import UNKNOWN, Release
from .changes import Change, ChangeSet
from .fields import losses, ours
from .normalise import INPUTS, digest, fingerprint, generated
from .ownership import KEEP, MANAGED_BY, PART, PART_OF, STACK
from .stages import stage

if TYPE_CHECKING:
    from .snapshot import Snapshot

# Namespaces every cluster has: never ours, whatever their labels say.
SYSTEM_NAMESPACES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})


def plan(
    objects: Sequence[Object], seen: Snapshot, record: Release | None, *, force_conflicts: bool = False
) -> ChangeSet:
    """What has to be done so that the cluster holds ``objects`` (normalised, owned: see ``ownership.own``) and nothing
    else of the stack.

    unchanged: the hash equals the record's and our managedFields entry is as we left it. configured: otherwise;
    ``reason`` names the manager that took or removed a field of ours by an Update (drift). conflicted: a namesake that
    is not ours, or a field of ours that another Apply manager took (unless ``force_conflicts``). skipped: a Namespace
    that exists and is not ours. deleted: ours, no longer wanted, without the keep annotation.
    Raises ClusterError where ``objects`` is empty (an empty render never prunes) or holds an object twice.
    """
    if not objects:
        raise ClusterError(
            "nothing was rendered, and an empty render never prunes: use state: absent to remove a stack"
        )
    wanted = {Ref.of(obj): obj for obj in objects}
    _refuse_twins(objects, wanted)
    applied = [_change(ref, obj, seen, record, force_conflicts) for ref, obj in wanted.items()]
    applied.sort(key=lambda change: stage(change.ref))
    gone = [ref for ref in _held(seen, record) if ref not in wanted]
    return ChangeSet((*applied, *_removals(gone, seen, record)))


def plan_removal(seen: Snapshot, record: Release | None) -> ChangeSet:
    """Everything of the stack as deleted (state: absent); what carries the keep annotation as skipped."""
    return ChangeSet(tuple(_removals(_held(seen, record), seen, record)))


def intact(seen: Snapshot, record: Release | None) -> set[Ref]:
    """References whose live object still is as our last release left it: the renderer may keep their generated content
    and send the object without data."""
    return {ref for ref, live in seen.owned.items() if record and _as_left(ref, live, record)}


def _refuse_twins(objects: Iterable[Object], wanted: dict[Ref, Object]) -> None:
    counts = Counter(map(Ref.of, objects))
    twins = [str(ref) for ref in wanted if counts[ref] > 1]
    if twins:
        raise ClusterError(
            f"rendered more than once: {', '.join(twins)}: rename one of them or drop it from the inventory"
        )


def _change(ref: Ref, obj: Object, seen: Snapshot, record: Release | None, force: bool) -> Change:
    live = seen.live(ref)
    if live is None:
        return _complete(Change(ref, "created", obj))
    if seen.going(ref):
        return _complete(Change(ref, "created", obj, live, "the former one is still being deleted"))
    if _is_ours(ref, seen, record):
        return _compared(ref, obj, live, record, force)
    if ref.kind == "Namespace":
        return Change(ref, "skipped", obj, live, _whose(live))
    remedy = "rename it in the inventory, or delete it from the cluster if nobody needs it"
    return Change(ref, "conflicted", obj, live, f"{_whose(live)}: {remedy}")


def _compared(ref: Ref, obj: Object, live: Object, record: Release | None, force: bool) -> Change:
    """The change of an object that is there and ours."""
    if record and _as_left(ref, live, record) and record.objects[ref].hash == fingerprint(obj) and _labelled(live, obj):
        return Change(ref, "unchanged", obj, live, done=True)
    released = record.released(ref) if record else None
    lost = losses(released, live) if released is not None else []
    rivals = [loss for loss in lost if loss.operation == "Apply"]
    if rivals and not force:
        taken = ", ".join(map(str, rivals))
        remedy = "remove the field there, or set ingress_apply.force_conflicts: true"
        return Change(ref, "conflicted", obj, live, f"{taken} by server-side apply: {remedy}")
    if generated(obj) and "data" not in obj and _inputs(obj) != _inputs(live):
        raise ClusterError(f"{ref}: rendered without content although its inputs changed: report this as a bug")
    return Change(ref, "configured", obj, live, ", ".join(map(str, lost)))


def _complete(change: Change) -> Change:
    """A new object must come with its content: kept content is no longer there."""
    obj = change.desired or {}
    if generated(obj) and "data" not in obj:
        raise ClusterError(f"{change.ref}: deleted by somebody while this run was being planned: run again")
    return change


def _as_left(ref: Ref, live: Object, record: Release) -> bool:
    """Whether our managedFields entry is the one our last write left, and no run was interrupted since."""
    entry = record.objects.get(ref, UNKNOWN)
    held = ours(live)
    return bool(entry.hash) and held is not None and digest(held) == entry.managed


def _is_ours(ref: Ref, seen: Snapshot, record: Release | None) -> bool:
    """By the label; where somebody removed that, by the record and our entry in managedFields together."""
    if ref.kind == "Namespace" and ref.name in SYSTEM_NAMESPACES:
        return False
    if ref in seen.owned:
        return True
    live = seen.others[ref]
    return record is not None and ref in record.objects and PART_OF not in _labels(live) and ours(live) is not None


def _held(seen: Snapshot, record: Release | None) -> list[Ref]:
    """What of the stack is there. The label alone is not enough to delete by: controllers copy labels to objects they
    make (cert-manager, for one), so our managedFields entry or the record has to confirm it."""
    labelled = [ref for ref, live in seen.owned.items() if ours(live) is not None or (record and ref in record.objects)]
    return labelled + [ref for ref in seen.others if record and ref in record.objects]


def _removals(refs: Iterable[Ref], seen: Snapshot, record: Release | None) -> list[Change]:
    mine = [ref for ref in refs if _is_ours(ref, seen, record) and not seen.going(ref)]
    return [_removal(ref, seen) for ref in sorted(mine, key=lambda ref: (-stage(ref), str(ref)))]


def _removal(ref: Ref, seen: Snapshot) -> Change:
    live = seen.live(ref) or {}
    if (live["metadata"].get("annotations") or {}).get(KEEP) == "true":
        return Change(ref, "skipped", None, live, f"kept: it is annotated {KEEP}")
    return Change(ref, "deleted", None, live)


def _whose(live: Object) -> str:
    labels = _labels(live)
    if STACK in labels:
        part = f" (its part {labels[PART]})" if PART in labels else ""
        return f"exists and belongs to the stack {labels[STACK]}{part}"
    manager = labels.get(MANAGED_BY)
    return "exists and is not ours" + (f" (managed by {manager})" if manager else "")


def _labelled(live: Object, obj: Object) -> bool:
    return _labels(live).get(PART_OF) == _labels(obj).get(PART_OF)


def _labels(live: Object) -> dict[str, str]:
    return live["metadata"].get("labels") or {}


def _inputs(obj: Object) -> str | None:
    return (obj["metadata"].get("annotations") or {}).get(INPUTS)
