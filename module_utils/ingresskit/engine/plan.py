"""Compares what is wanted, what is there and what we released last. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..api.resources import Object, Ref
from ..errors import ClusterError
from ..state.release import UNKNOWN, Release
from .adopt import LEGACY, holders, legacies
from .changes import Change, ChangeSet
from .fields import Fields, Loss, losses, ours, present
from .handover import HANDOVER
from .keepers import keeper
from .normalise import INPUTS, digest, fingerprint, generated
from .ownership import ADOPTED, KEEP, MANAGED_BY, PART, PART_OF, STACK
from .stages import stage

if TYPE_CHECKING:
    from .snapshot import Snapshot

# Namespaces every cluster has: never ours, whatever their labels say.
SYSTEM_NAMESPACES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})
_RENAME = "rename it in the inventory, or delete it from the cluster if nobody needs it"
_SHARE = "leave it to that stack and say source: none here"
_ADOPT = f"{_RENAME}, or set ingress_apply.adopt: true to take it over"


@dataclass(frozen=True)
class _Basis:
    """What every object is compared with, and by which rules."""

    seen: Snapshot
    record: Release | None
    force: bool
    adopt: bool
    adopt_from: Collection[str]

    def adopts(self, live: Object, obj: Object) -> bool:
        """Whether what others hold of an object is to be taken over: asked for, or let go of by who looked after it."""
        return self.adopt or self._let_go(live, obj)

    def bound(self, live: Object, obj: Object) -> bool:
        """Whether it cannot be adopted, as it belongs to somebody who looks after it: another stack or part, another
        ApplySet, Argo CD or Flux, or an object whose controller would make it anew."""
        return claimed(live) or (keeper(live, obj) is not None and not self._let_go(live, obj))

    def _let_go(self, live: Object, obj: Object) -> bool:
        kept = keeper(live, obj) if self.adopt_from else None
        return kept is not None and kept.name in self.adopt_from


def plan(
    objects: Sequence[Object],
    seen: Snapshot,
    record: Release | None,
    *,
    force_conflicts: bool = False,
    adopt: bool = False,
    adopt_from: Collection[str] = (),
) -> ChangeSet:
    """What has to be done so that the cluster holds ``objects`` (normalised, owned: see ``ownership.own``) and nothing
    else of the stack.

    unchanged: the hash equals the record's and our managedFields entry is as we left it. configured: otherwise;
    ``reason`` names the manager that took or removed a field of ours by an Update (drift). conflicted: a namesake that
    is not ours, or a field of ours that another Apply manager took (unless ``force_conflicts``). skipped: a Namespace
    that exists and is not ours. deleted: ours, no longer wanted, without the keep annotation.
    ``adopt``: a namesake that belongs to nobody is configured instead, and so is what is ours where kubectl or helm
    still hold fields of it; ``Change.adopt`` is set then. Namespaces are never adopted: they would go with the stack.
    ``adopt_from``: the same for what these Applications, Kustomizations and HelmReleases have let go of (``keepers``).
    Raises ClusterError where ``objects`` is empty (an empty render never prunes) or holds an object twice.
    """
    if not objects:
        raise ClusterError(
            "nothing was rendered, and an empty render never prunes: use state: absent to remove a stack"
        )
    wanted = {Ref.of(obj): obj for obj in objects}
    _refuse_twins(objects, wanted)
    basis = _Basis(seen, record, force_conflicts, adopt, adopt_from)
    applied = [_change(ref, obj, basis) for ref, obj in wanted.items()]
    applied.sort(key=lambda change: stage(change.ref))
    gone = [ref for ref in _held(seen, record) if ref not in wanted]
    return ChangeSet((*applied, *_removals(gone, seen, record)))


def plan_removal(seen: Snapshot, record: Release | None) -> ChangeSet:
    """Everything of the stack as deleted (state: absent); what carries the keep annotation as skipped."""
    return ChangeSet(tuple(_removals(_held(seen, record), seen, record)))


def keep_adopted(changes: ChangeSet) -> ChangeSet:
    """A plan to return to an earlier revision, without the deletion of what was adopted since: nothing could bring it
    back."""
    adopted = {change.ref: change for change in changes.of("deleted") if _annotated(change.live or {}, ADOPTED)}
    reason = "kept: it was there before it was adopted"
    return changes.replaced({ref: replace(change, action="skipped", reason=reason) for ref, change in adopted.items()})


def intact(seen: Snapshot, record: Release | None) -> set[Ref]:
    """References of generated objects whose live object still is as our last release left it: the renderer may keep
    their content and send the object without data."""
    return {ref for ref, live in seen.owned.items() if record and generated(live) and _as_left(ref, live, record)}


def _refuse_twins(objects: Iterable[Object], wanted: dict[Ref, Object]) -> None:
    counts = Counter(map(Ref.of, objects))
    twins = [str(ref) for ref in wanted if counts[ref] > 1]
    if twins:
        raise ClusterError(
            f"rendered more than once: {', '.join(twins)}: rename one of them or drop it from the inventory"
        )


def _change(ref: Ref, obj: Object, basis: _Basis) -> Change:
    live = basis.seen.live(ref)
    if live is None:
        return _complete(Change(ref, "created", obj))
    if basis.seen.going(ref):
        return _complete(Change(ref, "created", obj, live, "the former one is still being deleted"))
    if _is_ours(ref, basis.seen, basis.record):
        return _compared(ref, obj, live, basis)
    if ref.kind == "Namespace":
        return Change(ref, "skipped", obj, live, _whose(live))
    bound = basis.bound(live, obj)
    if basis.adopts(live, obj) and not bound:
        was = f", was managed by {', '.join(holders(live))}" if holders(live) else ""
        return _complete(Change(ref, "configured", obj, live, f"adopted{was}", adopt=True))
    remedy = _SHARE if ref.kind == "CustomResourceDefinition" else _RENAME
    return Change(ref, "conflicted", obj, live, f"{_whose(live)}: {remedy if bound else _ADOPT}")


def _compared(ref: Ref, obj: Object, live: Object, basis: _Basis) -> Change:
    """The change of an object that is there and ours."""
    adopt = basis.adopts(live, obj)
    record, former = basis.record, legacies(live) if adopt else []
    as_left = record is not None and _as_left(ref, live, record) and record.objects[ref].hash == fingerprint(obj)
    if as_left and _labelled(live, obj) and not former:
        return Change(ref, "unchanged", obj, live, done=True)
    unfinished = adopt and not _labelled(live, obj)  # adopted by a run that was killed
    released = record.released(ref) if record else None
    lost = _missed(released, obj, live) if released is not None else []
    rivals = [loss for loss in lost if loss.operation == "Apply" and loss.manager not in former]
    if rivals and not basis.force:
        taken = ", ".join(map(str, rivals))
        return Change(ref, "conflicted", obj, live, f"{taken} by server-side apply: {_remedy(rivals)}")
    if generated(obj) and "data" not in obj and _inputs(obj) != _inputs(live):
        raise ClusterError(f"{ref}: rendered without content although its inputs changed: report this as a bug")
    told = [f"taken over from {', '.join(former)}"] if former else []
    return Change(ref, "configured", obj, live, ", ".join([*told, *map(str, lost)]), adopt=bool(former) or unfinished)


def _missed(released: Fields, obj: Object, live: Object) -> list[Loss]:
    """The losses that matter: of fields that are still wanted. What our own handover holds is not lost."""
    wanted = set(present(released, obj))
    return [loss for loss in losses(released, live) if loss.field in wanted and loss.manager != HANDOVER]


def _remedy(rivals: Iterable[Loss]) -> str:
    former = sorted({loss.manager for loss in rivals} & LEGACY)
    adopt = f", or ingress_apply.adopt: true to take over from {', '.join(former)}" if former else ""
    return f"remove the field there, or set ingress_apply.force_conflicts: true{adopt}"


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
    if _annotated(live, KEEP):
        return Change(ref, "skipped", None, live, f"kept: it is annotated {KEEP}")
    return Change(ref, "deleted", None, live)


def claimed(live: Object) -> bool:
    """Whether an object that is not the stack's has labels of another one, or of an ApplySet, or a controller that
    would make it anew."""
    return not _labels(live).keys().isdisjoint((STACK, PART_OF)) or maker(live) is not None


def maker(live: Object) -> Object | None:
    """The owner reference of whoever would make it anew."""
    owners = live["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def _whose(live: Object) -> str:
    labels, kept, made_by = _labels(live), keeper(live), maker(live)
    if STACK in labels:
        part = f" (its part {labels[PART]})" if PART in labels else ""
        return f"exists and belongs to the stack {labels[STACK]}{part}"
    if PART_OF in labels:
        return f"exists and belongs to another ApplySet ({labels[PART_OF]})"
    if kept:
        return f"exists and belongs to {kept}"
    if made_by:
        return f"exists and is made by {made_by['kind']} {made_by['name']}"
    manager = labels.get(MANAGED_BY)
    return "exists and is not ours" + (f" (managed by {manager})" if manager else "")


def _labelled(live: Object, obj: Object) -> bool:
    return _labels(live).get(PART_OF) == _labels(obj).get(PART_OF)


def _annotated(live: Object, name: str) -> bool:
    return (live["metadata"].get("annotations") or {}).get(name) == "true"


def _labels(live: Object) -> dict[str, str]:
    return live["metadata"].get("labels") or {}


def _inputs(obj: Object) -> str | None:
    return (obj["metadata"].get("annotations") or {}).get(INPUTS)
