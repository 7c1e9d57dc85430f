"""How one object is sent: taken over first where that is asked for, applied, then applied by force or made anew where
the rules allow it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..api.failures import (
    ApiError,
    Cause,
    Conflict,
    FieldConflict,
    Invalid,
    NotFound,
    Unauthorized,
    UnknownKind,
    Unreachable,
)
from ..api.resources import Object, Ref
from ..errors import ClusterError, ConflictError, IngresskitError
from ..state.release import Release
from .adopt import LEGACY, exchange, legacies, taken_over, takeover
from .changes import Action, Change
from .diff import same
from .fields import ours, paths
from .handover import HANDOVER, comes_back, hands_over, number_of
from .normalise import generated
from .reclass import balanced, between, changes_class
from .stages import UNKNOWN, stage
from .until import gone

if TYPE_CHECKING:
    from ..api.client import Api

_SERVED = 10.0  # seconds after which an established CRD is surely served by every API server
_TRIES = 5  # somebody may write to an object between our read and our write
# What cannot be made anew without losing what is in it.
_HOLDING = {"Namespace", "CustomResourceDefinition", "PersistentVolumeClaim", "PersistentVolume"}


@dataclass
class Sender:
    """How one object is sent; the same for all objects of a run."""

    api: Api
    record: Release | None
    diff: bool
    force_conflicts: bool
    recreate: bool
    timeout: float = 300
    broken: list[str] = field(default_factory=list)  # the cluster is out of reach: no point in trying the rest

    def send(self, change: Change) -> Change:
        """Applies one object and tells how that went."""
        if self.broken:
            return change
        try:
            if change.action == "created" and change.live:
                gone(self.api, change.live, self.timeout)
            before = self._before(change) if self.diff else None
            if change.adopt:
                self._take_over(change, change.live)
            if hands_over(change):
                self._hand_over(change.ref)
            after = self._apply(change, dry_run=False)
            if change.adopt and legacies(after):  # older than managedFields: only our apply has made that entry
                self._take_over(change, after)
                after = self._apply(change, dry_run=False)
        except IngresskitError as error:
            return self._failed(change, error)
        same_version = change.live and _version(change.live) == _version(after)
        return replace(
            change,
            action="unchanged" if same_version else change.action,
            before=before,
            after=after if self.diff else None,
            fields=dict(ours(after) or {}),
            done=True,
        )

    def dry(self, change: Change) -> Change:
        """The same without writing. An unchanged object that the server would change becomes configured."""
        try:
            before = self._before(change)
            after = None if change.action == "deleted" else self._dry_after(change, before)
        except IngresskitError as error:
            return self._failed(change, error)
        if before and after and same(before, after) and ours(before) == ours(after) and not change.adopt:
            action: Action = "unchanged"
        else:
            action = "configured" if change.action == "unchanged" else change.action
        return replace(change, action=action, before=before, after=after, done=True)

    def _dry_after(self, change: Change, before: Object | None) -> Object | None:
        if change.action == "created" and change.live:  # still terminating: a dry run would show a merge with it
            return change.desired
        try:
            after = self._adopted(change, before) if before and change.adopt else self._apply(change, dry_run=True)
        except (NotFound, UnknownKind):  # the namespace or kind is part of this very run
            return change.desired
        if before and hands_over(change):
            after["spec"]["replicas"] = before["spec"]["replicas"]
        return after

    def _adopted(self, change: Change, before: Object) -> Object:
        """What a takeover and our apply would lead to: two dry runs, of which the second lets the server fill in its
        defaults where something goes."""
        for __ in range(_TRIES):
            after = taken_over(before, self._apply(change, dry_run=True))
            try:
                return self.api.edit(change.ref, exchange(before, after), dry_run=True)
            except Conflict:
                continue
        raise _restless(change)

    def _failed(self, change: Change, error: IngresskitError) -> Change:
        if isinstance(error, Unreachable | Unauthorized):
            if self.broken:
                return change  # said once already
            self.broken.append(str(error))
        action = "conflicted" if isinstance(error, ConflictError) else change.action
        return replace(change, action=action, error=str(error))

    def _before(self, change: Change) -> Object | None:
        return self.api.get(change.ref) if change.live and change.action != "created" else None

    def _apply(self, change: Change, *, dry_run: bool) -> Object:
        obj = self._content(change)
        whole = self.diff or dry_run
        try:
            try:
                return self._patch(obj, change, dry_run, whole)
            except FieldConflict as conflict:
                self._judge(change, conflict)
                return self.api.apply(obj, force=True, dry_run=dry_run, metadata_only=not whole)
        except Invalid as error:
            if not error.immutable:
                raise
            if changes_class(obj, error):
                return self._reclass(obj, dry_run, whole)
            return self._recreate(obj, change, error, dry_run, whole)

    def _patch(self, obj: Object, change: Change, dry_run: bool, whole: bool) -> Object:
        """A kind whose CRD was established a moment ago may answer 404 for a little while yet."""
        fresh = change.action == "created" and not dry_run and stage(change.ref) == UNKNOWN
        until = time.monotonic() + (_SERVED if fresh else 0)
        while True:
            try:
                return self.api.apply(obj, dry_run=dry_run, metadata_only=not whole)
            except NotFound:
                if time.monotonic() >= until:
                    raise
                time.sleep(0.2)

    def _content(self, change: Change) -> Object:
        """What to send. Generated content that the renderer left out is kept as it is in the cluster."""
        obj = change.desired or {}
        if not generated(obj) or "data" in obj:
            return obj
        live = self.api.get(change.ref)
        if live is None or not live.get("data"):
            raise ClusterError(f"{change.ref}: deleted by somebody while this run was under way: run again")
        return obj | {"data": live["data"]}

    def _take_over(self, change: Change, live: Object | None) -> None:
        """Makes ours what kubectl or helm hold, so that the apply to come removes what of it is not rendered."""
        for __ in range(_TRIES):
            operations = takeover(live) if live else []
            if not operations:
                return
            try:
                self.api.edit(change.ref, operations)
                return
            except Conflict:
                live = self.api.get(change.ref, metadata_only=True)
        raise _restless(change)

    def _hand_over(self, ref: Ref) -> None:
        """Has another manager hold the live number of replicas, which we are about to let go of."""
        for __ in range(_TRIES):
            live = self.api.get(ref)
            if live is None:
                return
            try:
                self.api.apply(number_of(live), manager=HANDOVER, metadata_only=True)
                return
            except FieldConflict:  # scaled since it was read: then with the new number
                continue

    def _judge(self, change: Change, conflict: FieldConflict) -> None:
        """Drift or conflict? A field our last release owned that an Update took is drift, and is taken back."""
        if self.force_conflicts:
            return
        fields = self.record.released(change.ref) if self.record else None
        released = None if fields is None else set(paths(fields))
        foreign = [cause for cause in conflict.causes if not _to_be_taken(cause, change, released)]
        if foreign:
            held = ", ".join(f"{cause.field} belongs to {cause.manager}" for cause in foreign)
            remedy = "drop the field here or there, or set ingress_apply.force_conflicts: true"
            if not change.adopt and any(cause.manager in LEGACY for cause in foreign):
                remedy += ", or ingress_apply.adopt: true to take over what kubectl or helm hold"
            raise ConflictError(f"{change.ref}: {held}: {remedy}") from conflict

    def _reclass(self, obj: Object, dry_run: bool, whole: bool) -> Object:
        between_them = self.api.apply(between(obj), force=True, dry_run=dry_run)
        return balanced(between_them, obj) if dry_run else self.api.apply(obj, force=True, metadata_only=not whole)

    def _recreate(self, obj: Object, change: Change, error: Invalid, dry_run: bool, whole: bool) -> Object:
        if change.ref.kind in _HOLDING:
            remedy = "it is never made anew, as what it holds would be lost: take this back, or delete it yourself"
            raise ApiError(f"{error}: {remedy}", error.status, error.reason) from error
        if not self.recreate:
            remedy = "set ingress_apply.recreate: true to have it deleted and made anew"
            raise ApiError(f"{error}: {remedy}", error.status, error.reason) from error
        if dry_run:
            return obj
        live = change.live or self.api.get(change.ref, metadata_only=True)
        if live:
            self.api.delete(change.ref, uid=live["metadata"]["uid"])
            gone(self.api, live, self.timeout)
        return self.api.apply(obj, metadata_only=not whole)


def _restless(change: Change) -> ClusterError:
    return ClusterError(f"{change.ref}: changed all the time while it was to be taken over: run again")


def _to_be_taken(cause: Cause, change: Change, released: set[str] | None) -> bool:
    """Whether a field in conflict may be taken: drift, a number of replicas that comes back, or part of an adoption.
    ``released``: the fields our last release owned, None where the object was never ours."""
    if comes_back(cause) or (change.adopt and cause.manager in LEGACY):
        return True
    if cause.operation == "Apply":
        return False
    return change.adopt if released is None else cause.field in released


def _version(obj: Object) -> str:
    return str(obj["metadata"].get("resourceVersion"))
