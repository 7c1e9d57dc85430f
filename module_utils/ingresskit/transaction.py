"""One release as a transaction: written ahead, applied, waited for, pruned, recorded; or returned to the one before."""

from __future__ import annotations

import getpass
import itertools
import platform
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from .api.client import KubeApi
from .api.failures import Unauthorized, Unreachable
from .controllers import controller_for
from .engine.ahead import delete_ahead, forgive_node_ports
from .engine.apply import apply, preview, raise_errors
from .engine.changes import WRITES, Change, ChangeSet
from .engine.diagnose import leaving
from .engine.keepers import refuse_kept
from .engine.ownership import Owner
from .engine.plan import keep_adopted, plan
from .engine.prune import prune, spare
from .engine.published import take_back
from .engine.scopes import WORKLOADS
from .engine.snapshot import complete, observe
from .engine.until import until
from .engine.wait import wait
from .errors import IngresskitError, ReleaseError
from .manifests import BEFORE_ROUTES, Object
from .model.stack import Stack
from .observe import AUTHORITY, with_certificates_in_place, with_former_dynamic
from .report.progress import Pace, applied, waiting
from .settings import Settings
from .state import store
from .state.lease import Lock, LockLost
from .state.release import Note, Release

_OUT_OF_REACH = (Unreachable, Unauthorized, LockLost)  # failures after which nothing can be put back
NOWHERE = "there is no revision to return to: what was brought is left as it is for you to look at"
_LAST_WORDS = 10.0  # seconds in which the record of a run that failed is saved
_PARTING = 5.0  # the same after Ctrl-C


@dataclass(frozen=True)
class Draft:
    """What a run is about to do. ``ahead`` is called once that is on record, before the first object is sent; ``news``:
    what it has to do beside the objects (see ``authority.news``)."""

    record: Release | None
    objects: list[Object] = field(repr=False)
    changes: ChangeSet
    note: Note = field(default_factory=Note)
    ahead: Callable[[], None] = lambda: None
    news: Sequence[str] = ()

    @property
    def due(self) -> bool:
        """Whether there is anything to do: after a run that failed or was killed the wait is due again even where
        nothing is left to write."""
        return self.changes.changed or bool(self.news) or self.record is None or self.record.result != "deployed"


class Transaction:
    """The writes of one run, made under the stack's ``lock``."""

    def __init__(self, api: KubeApi, owner: Owner, stack: Stack, settings: Settings, lock: Lock | None = None) -> None:
        self.api, self.owner, self.stack, self.settings, self.lock = api, owner, stack, settings, lock
        self.options = stack.ingress_apply
        self._changes = ChangeSet()  # as far as they got

    def rehearse(self, draft: Draft) -> ChangeSet:
        """What the draft would change, by the API server's own dry run. Raises what it would refuse."""
        force, recreate = self.options.force_conflicts, self.options.recreate
        changes = preview(self.api, draft.changes, draft.record, force_conflicts=force, recreate=recreate)
        changes = forgive_node_ports(self.api, changes)
        raise_errors(changes)
        return changes

    def release(self, draft: Draft) -> tuple[ChangeSet, int]:
        """Brings the draft to the cluster; returns what was done, and its revision. A release that fails returns to
        the last good revision, if it had changed anything and ``ingress_smoke.on_failure`` does not say otherwise.

        Raises the failure, told together with what became of it."""
        try:
            return self._carry_out(draft)
        except _OUT_OF_REACH:
            raise
        except IngresskitError as error:
            touched = any(change.done for change in self._changes.of(*WRITES))
            if not touched or self.stack.ingress_smoke.on_failure == "keep":
                raise
            raise ReleaseError(f"{error}\n{self._put_back(str(error))}") from error

    def _put_back(self, reason: str) -> str:
        """Returns to the last good revision and tells how that went."""
        self.api.renew(self.stack.cluster.timeout)
        record = store.load(self.api, self.owner)
        good = record.last_good() if record else None
        if record is None or good is None:
            return NOWHERE
        try:
            changes, revision = self.restore(record, good.number, reason)
        except IngresskitError as error:
            return f"the return to revision {good.number} failed as well: {error}"
        return f"returned to revision {good.number}: {changes.summary()} (recorded as revision {revision})"

    def restore(self, record: Release, number: int, reason: str = "") -> tuple[ChangeSet, int]:
        """Brings a revision of the history to the cluster again; returns what was done, and its new number.
        Raises ClusterError where it is not kept."""
        draft = self.recalled(record, number, reason)
        if not draft.due:
            return draft.changes, record.revision
        return self._carry_out(draft)

    def recalled(self, record: Release, number: int, reason: str = "") -> Draft:
        """The draft that brings a revision of the history again; certificates renewed since then stay."""
        past = store.recall(self.api, self.owner, record, number)
        seen = observe(self.api, self.owner, record)
        objects = with_certificates_in_place(self.api, past, seen, record)
        objects = with_former_dynamic(self.api, objects, seen)
        seen = complete(self.api, seen, objects, record)
        changes = plan(objects, seen, record, force_conflicts=self.options.force_conflicts)
        refuse_kept(changes, self.options.adopt_from)
        changes.raise_conflicts()
        changes = keep_adopted(changes)
        extras = dict(past.note.extras or {})
        extras |= {AUTHORITY: record.extras[AUTHORITY]} if AUTHORITY in record.extras else {}
        note = replace(past.note, who=who(), extras=extras, restored=number, reason=reason)
        return Draft(record, objects, spare(self.api, changes), note)

    def _carry_out(self, draft: Draft) -> tuple[ChangeSet, int]:
        keep = self.options.history
        self._changes = draft.changes
        pending = store.begin(self.api, self.owner, draft.record, draft.changes, draft.note)
        try:
            draft.ahead()
            self._send(draft)
        except BaseException as error:  # also Ctrl-C: what was done is on record, the first error is told
            reason = draft.note.reason or str(error) or type(error).__name__
            self.api.renew(_LAST_WORDS if isinstance(error, IngresskitError) else _PARTING)
            with suppress(IngresskitError):
                store.finish(self.api, self.owner, pending, self._changes, ready=False, reason=reason, keep=keep)
            raise
        store.finish(self.api, self.owner, pending, self._changes, ready=True, keep=keep)
        return self._changes, pending.revision

    def _send(self, draft: Draft) -> None:
        """Applies, waits, prunes: ``self._changes`` tells at any moment how far that got."""
        timeout = self.stack.cluster.timeout
        self._changes = delete_ahead(self.api, self._changes, diff=self.settings.diff)
        raise_errors(self._changes)
        self._changes = apply(
            self.api,
            self._changes,
            draft.record,
            diff=self.settings.diff,
            force_conflicts=self.options.force_conflicts,
            recreate=self.options.recreate,
            timeout=timeout,
            progress=self._applied(),
            guard=self._guard,
            before_routes=self._before_routes,
        )
        raise_errors(self._changes)
        self._wait(draft.objects, addressed=draft.note.addressed)
        self._changes = prune(self.api, self._changes, diff=self.settings.diff, guard=self._guard)
        raise_errors(self._changes)
        if not draft.note.addressed:
            self._take_back()

    def _take_back(self) -> None:
        """Where a way in has changed, and the controller leaves the addresses of Ingresses to themselves."""
        changed = any(change.ref.kind == "Service" for change in self._changes.of("configured", "deleted"))
        if changed and not controller_for(self.stack.controller).takes_back:
            take_back(self.api, self.owner)

    def _before_routes(self, sent: Iterable[Change]) -> None:
        """Waits for what has to know a route's configuration before the route comes."""
        written = [change.desired for change in sent if change.done and change.desired]
        first = [obj for obj in written if BEFORE_ROUTES in (obj["metadata"].get("annotations") or {})]
        self._wait(first)
        for each in first:
            if each["kind"] in WORKLOADS:  # a Pod on a dead node never goes, and serves nobody
                grace = each["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 30)
                until(partial(self._settled, each), grace + _PARTING)

    def _settled(self, workload: Object) -> bool:
        return not leaving(self.api, workload)

    def _wait(self, objects: Sequence[Object], *, addressed: bool = False) -> None:
        timeout, pace = self.stack.cluster.timeout, Pace(self.settings.say)
        self.api.renew(timeout)
        wait(
            self.api,
            objects,
            self.owner,
            timeout=timeout,
            ingress_needs_address=addressed,
            progress=lambda missing, total: pace.tell(waiting(missing, total)),
        )
        self.api.renew(timeout)  # the wait may have taken all of it

    def _applied(self) -> Callable[[Change], None]:
        """Tells of a large stack how many objects were sent."""
        pace, count = Pace(self.settings.say), itertools.count(1)
        total = len(self._changes.of("created", "configured"))
        return lambda __: pace.tell(applied(next(count), total))

    def _guard(self) -> None:
        if self.lock:
            self.lock.check()


def who() -> str:
    """Who runs this: "user@machine"."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{platform.node()}"
