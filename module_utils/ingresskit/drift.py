"""What differs between a cluster and its inventory, and who changed it. Reads only, whoever brought the stack.

What is compared is what the next run would write, told by the API server's own dry run of it; where the user may read
and not write, by reading alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .api.resources import MANAGER
from .converge import compare, connect_to, prepare
from .drifted import Difference, Drifted, DriftReport, State
from .errors import ClusterError
from .settings import Settings

if TYPE_CHECKING:
    from .api.client import KubeApi
    from .api.resources import Object, Ref
    from .engine.changes import Change, ChangeSet
    from .engine.snapshot import Snapshot
    from .state.release import Release

# What the cluster makes of a stack's objects, with the labels of these.
_FOLLOWERS = {"ControllerRevision", "Endpoints", "EndpointSlice", "Event", "Lease", "Pod", "ReplicaSet"}
_ANEW = "it is due to be issued anew"
_SHOWN = 3  # authors of an object as a whole


def drift(inventory: Mapping[str, Any], base_dir: Path) -> DriftReport:
    """The report. Raises InventoryError or ClusterError where nothing could be compared."""
    prepared = prepare(inventory, base_dir)
    api = connect_to(prepared.stack)
    return _Comparison(api, *compare(prepared, api, Settings(base_dir, check=True))).report()


class _Comparison:
    """One stack beside its inventory: ``changes`` is the plan of a run that is not to be."""

    def __init__(self, api: KubeApi, changes: ChangeSet, seen: Snapshot, record: Release | None) -> None:
        from .engine.prune import spare  # not needed to load the module
        from .engine.sender import Sender

        self.api, self.seen, self.record = api, seen, record
        self.changes = spare(api, changes)  # what no run deletes is no difference
        self.sender = Sender(api, record, diff=True, force_conflicts=True, recreate=False)
        self.only_read: set[Ref] = set()

    def report(self) -> DriftReport:
        from .api.calls import WORKERS
        from .engine.parallel import stream

        found = [*stream(self._judged, self.changes, WORKERS), *self._strangers()]
        if self.sender.broken:
            raise ClusterError(self.sender.broken[0])
        drifted = tuple(each for each in found if each)
        different = set(map(str, drifted))
        names = [str(change.ref) for change in self.changes if change.desired is not None]
        return DriftReport(
            stack=self.seen.owner.stack,
            compared=len(names),
            objects=drifted,
            same=tuple(name for name in names if name not in different),
            brought=tuple(self._brought()),
            notes=tuple(self._notes()),
        )

    def _judged(self, change: Change) -> Drifted | None:
        """What is wrong with one object of the plan."""
        if change.action == "created":
            return _drifted(change.ref, "missing", self._why_missing(change))
        if change.action == "deleted":
            return _drifted(change.ref, "extra", "the inventory does not name it: the next run deletes it", change.live)
        if change.action == "conflicted" and not self._comes_from_git(change):
            return _drifted(change.ref, "foreign", change.reason.partition(":")[0], change.live)
        return self._compared(change) if change.action in ("configured", "conflicted") else None

    def _why_missing(self, change: Change) -> str:
        if change.live:
            return "it is being deleted"
        if self.record is None:
            return ""
        if change.ref in self.record.objects:
            return "it was deleted; who did that is nowhere kept but in an audit log"
        return f"it is new in the inventory since revision {self.record.revision}"

    def _comes_from_git(self, change: Change) -> bool:
        """Whether it is part of the stack although it has none of its labels, as nothing has that is rendered."""
        from .engine.keepers import keeper
        from .engine.plan import claimed

        live = change.live or {}
        return not claimed(live) and (self.record is None or keeper(live, change.desired) is not None)

    def _compared(self, change: Change) -> Drifted | None:
        from .engine.blame import differences

        if change.action == "conflicted":
            change = replace(change, action="configured", desired=self._unlabelled(change.desired or {}))
        before, after, error = self._both(change)
        if error:
            return _drifted(change.ref, "unknown", error, change.live)
        if before is None:
            return _drifted(change.ref, "missing", self._why_missing(replace(change, live=None)))
        fields = differences(before, after) if after else []
        reason = self._why_changed(change)
        if reason == _ANEW and any(map(_touched, fields)):  # that is why: what would be issued in its place is no news
            fields, reason = [field for field in fields if _touched(field)], ""
        return replace(_drifted(change.ref, "changed", reason), fields=tuple(fields)) if fields else None

    def _both(self, change: Change) -> tuple[Object | None, Object | None, str]:
        """The object as it is, as an apply would make it, and why that cannot be told."""
        from .api.failures import GRANT
        from .engine.blame import overlaid

        outcome = self.sender.dry(change)
        if not outcome.error.endswith(GRANT):
            return outcome.before, outcome.after, outcome.error
        before = self.api.get(change.ref)
        self.only_read.add(change.ref)
        return before, overlaid(before, change.desired) if before else None, ""

    def _unlabelled(self, obj: Object) -> Object:
        labels = {
            name: value
            for name, value in obj["metadata"].get("labels", {}).items()
            if name not in self.seen.owner.labels
        }
        meta = {key: value for key, value in obj["metadata"].items() if key != "labels"}
        return obj | {"metadata": meta | ({"labels": labels} if labels else {})}

    def _why_changed(self, change: Change) -> str:
        """What no field can tell: that it is the inventory which has changed, or a certificate that has aged."""
        from .engine.normalise import fingerprint, generated

        obj, entry = change.desired or {}, self.record.objects.get(change.ref) if self.record else None
        if generated(obj) and "data" in obj and entry:
            return _ANEW
        if entry and entry.hash and entry.hash != fingerprint(obj):
            return f"the inventory says something else than at revision {self.record.revision if self.record else 0}"
        return ""

    def _strangers(self) -> Iterator[Drifted]:
        """What has the stack's labels without being of it."""
        from .engine.plan import maker

        planned = {change.ref for change in self.changes}
        for ref, live in sorted(self.seen.owned.items(), key=lambda item: str(item[0])):
            made = ref.kind in _FOLLOWERS or maker(live) is not None
            if ref not in planned and not made and not self.seen.going(ref):
                yield _drifted(ref, "extra", "it has the stack's labels without being of it: no run touches it", live)

    def _brought(self) -> Iterator[str]:
        from .engine.keepers import keeper

        found = (keeper(change.live, change.desired) for change in self.changes if change.live and change.desired)
        yield from sorted({str(each) for each in found if each})
        if self.record:
            yield f"revision {self.record.revision} by {self.record.who} at {self.record.time}"

    def _notes(self) -> Iterator[str]:
        if self.record and self.record.result != "deployed":
            yield f"the last run, revision {self.record.revision}, is not known to have succeeded: run it again"
        kept = (change for change in self.changes.of("skipped") if change.desired is None)
        yield from (f"{change.ref} is {change.reason}" for change in kept)
        if self.only_read:
            count = f"{len(self.only_read)} object{'s' if len(self.only_read) > 1 else ''}"
            yield f"{count} compared by reading alone: the user may not patch, which a server's dry run needs"


def _touched(field: Difference) -> bool:
    """Whether somebody else wrote to it, or removed it."""
    return field.author is None or field.author.manager != MANAGER


def _drifted(ref: Ref, state: State, reason: str, live: Object | None = None) -> Drifted:
    from .engine.blame import authors

    written = tuple(authors(live)[:_SHOWN]) if live else ()
    return Drifted(ref.kind, ref.namespace, ref.name, state, reason, authors=written)
