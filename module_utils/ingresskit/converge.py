"""One run of a stack: the steps in their order, each fed with what the one before it found.

    inventory -> model -> observe -> render -> preflight -> plan -> transaction (apply, wait, prune, record)

What decides is in the pure packages, what talks to the API server in ``api``, ``engine`` and ``state``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import authority as ca
from . import crds, model, preflight
from .api.resources import Ref
from .app_files import read_app_files
from .controllers import IngressController
from .errors import ClusterError, IngresskitError, InventoryError
from .facts import Facts
from .manifests import Object
from .model.stack import Stack
from .observe import (
    AUTHORITY,
    certificate_facts,
    default_classes,
    existing_secrets,
    inventory_problems,
    local_facts,
    recorded_authority,
    save_authority,
    served_kinds,
    with_former_dynamic,
)
from .oracle import identity, probes
from .parts.subject import Subject, whole
from .preflight import Finding
from .render.default_backend import error_texts, page_of
from .render.naming import naming_key
from .render.secrets import without_keys
from .report.progress import Pace, held_up
from .settings import Settings

if TYPE_CHECKING:
    from .api.client import KubeApi
    from .engine.changes import ChangeSet
    from .engine.ownership import Owner
    from .engine.snapshot import Snapshot
    from .oracle.types import Probe
    from .state.lease import Lock
    from .state.release import Note, Release
    from .transaction import Draft

_BASELINE = 10.0  # seconds for asking the routes before a release


@dataclass(frozen=True)
class Prepared:
    """An inventory that holds to the contract and passed the checks that need no cluster."""

    subject: Subject
    facts: Facts
    findings: list[Finding]

    @property
    def stack(self) -> Stack:
        return self.subject.stack

    @property
    def dialect(self) -> IngressController:
        return self.subject.dialect


@dataclass(frozen=True)
class Outcome:
    """What a run did, or in check mode would do."""

    stack: Stack
    changes: ChangeSet
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    revision: int = 0
    calls: Mapping[str, int] = field(default_factory=dict)
    ca_certificate: str | None = None  # what clients trust, where the stack's CA has issued some of what was brought
    ca_news: Sequence[str] = ()  # what has become of that CA
    failed_before: Sequence[str] = ()  # routes (``oracle.identity``) that failed before this run wrote anything

    @property
    def changed(self) -> bool:
        return self.changes.changed or bool(self.ca_news)


def prepare(inventory: Mapping[str, Any], base_dir: Path) -> Prepared:
    """Model, files and static checks. Raises InventoryError naming every key at fault."""
    return _prepare(whole(load(inventory, base_dir)), base_dir)


def load(inventory: Mapping[str, Any], base_dir: Path) -> Stack:
    """The stack of an inventory and of the app files that it names. Raises InventoryError naming every key at fault."""
    twice = inventory_problems(base_dir)
    if twice:
        raise InventoryError(twice)
    return model.load(inventory, read_app_files(inventory.get("ingress_app_files"), base_dir))


def _prepare(subject: Subject, base_dir: Path) -> Prepared:
    facts = _local(subject, base_dir)
    findings = subject.check(facts)
    preflight.raise_findings(findings)
    return Prepared(subject, facts, findings)


def _local(subject: Subject, base_dir: Path) -> Facts:
    facts = local_facts([name for __, name in subject.files], base_dir)
    return replace(facts, definitions=crds.definitions(subject.stack.controller, subject.dialect, base_dir))


def check(inventory: Mapping[str, Any], base_dir: Path, *, cluster: bool) -> list[Finding]:
    """Every finding, errors included; with ``cluster`` the Secrets that the inventory refers to are read as well.

    Raises InventoryError where the inventory does not hold to the contract at all, ClusterError where none answers.
    """
    subject = whole(load(inventory, base_dir))
    facts = _local(subject, base_dir)
    if cluster:
        api = connect_to(subject.stack)
        facts = existing_secrets(api, subject.certificates, subject.stack, facts)
        facts = served_kinds(api, subject.stack.controller, subject.dialect, facts)
        facts = default_classes(api, subject.stack.controller, facts)
    return subject.check(facts)


def connect_to(stack: Stack, say: Callable[[str], None] | None = None) -> KubeApi:
    """The API server that the inventory names; ``say`` hears what calls are held up by. Raises ClusterError in one
    line."""
    from .api.client import connect  # not needed to load the module

    cluster, pace = stack.cluster, Pace(say)
    api = connect(cluster.kubeconfig, cluster.context, timeout=cluster.timeout)
    api.tell(lambda error: pace.tell(held_up(error)))
    return api


def owner_of(stack: Stack, part: str = "") -> Owner:
    """The stack, or one part of it, as owner of objects in the cluster."""
    from .engine.ownership import Owner  # not needed without a cluster

    return Owner(stack.name, stack.cluster.state_namespace, part)


def render_offline(inventory: Mapping[str, Any], base_dir: Path) -> tuple[Prepared, list[Object]]:
    """The objects as they can be had without a cluster. Raises InventoryError where one would be needed."""
    prepared = prepare(inventory, base_dir)
    problems = list(without_keys(prepared.subject.certificates, prepared.stack, prepared.dialect))
    if problems:
        raise InventoryError(problems)
    without_clock = Facts(files=prepared.facts.files, definitions=prepared.facts.definitions)
    return prepared, prepared.subject.render(without_clock)


def converge(inventory: Mapping[str, Any], settings: Settings) -> Outcome:
    """Brings the cluster to what the inventory says; in check mode tells what that would change.

    Raises InventoryError (nothing was sent), ConflictError, ClusterError or WaitError.
    """
    return bring(whole(load(inventory, settings.base_dir)), settings)


def bring(subject: Subject, settings: Settings) -> Outcome:
    """``converge`` for what a subject holds: a whole stack, or a part that is owned by itself."""
    prepared = _prepare(subject, settings.base_dir)
    return _Run(prepared, connect_to(prepared.stack, settings.say), settings).converge()


def compare(prepared: Prepared, api: KubeApi, settings: Settings) -> tuple[ChangeSet, Snapshot, Release | None]:
    """What the inventory says beside what the cluster holds, whoever looks after it: a plan that nobody carries out."""
    from .engine.plan import plan
    from .state import store

    run = _Run(prepared, api, settings)
    record = store.load(api, run.owner)
    objects, __, seen = run.render(record, thorough=True)
    return plan(objects, seen, record, force_conflicts=True), seen, record


def remove(inventory: Mapping[str, Any], settings: Settings) -> Outcome:
    """Deletes everything of the stack and nothing else, its CA and its record last."""
    return withdraw(load(inventory, settings.base_dir), settings)


def withdraw(stack: Stack, settings: Settings, part: str = "") -> Outcome:
    """``remove`` for a stack or, where ``part`` names one, for that part alone."""
    from .engine.rights import telling

    api, owner = connect_to(stack, settings.say), owner_of(stack, part)
    with telling(api, owner, partial(_recorded, api, owner)):
        return _withdraw(api, owner, stack, settings)


def _recorded(api: KubeApi, owner: Owner) -> set[Ref]:
    """What the stack holds, as far as the record may be read."""
    from .state import store

    with suppress(ClusterError):
        record = store.load(api, owner)
        return set(record.objects) if record else set()
    return set()


def _withdraw(api: KubeApi, owner: Owner, stack: Stack, settings: Settings) -> Outcome:
    from .engine.apply import preview, raise_errors
    from .engine.keepers import refuse_kept
    from .engine.plan import plan_removal
    from .engine.prune import forget, prune, spare
    from .engine.snapshot import observe
    from .state import store

    record = store.load(api, owner)

    def planned() -> ChangeSet:
        doomed = plan_removal(observe(api, owner, record, for_removal=True), record)
        refuse_kept(doomed, stack.ingress_apply.adopt_from)
        return spare(api, doomed)

    changes = planned()
    if settings.check:
        changes = preview(api, changes)
        raise_errors(changes)
        return Outcome(stack, changes, calls=dict(api.calls))
    if record is None and not changes.changed:
        return Outcome(stack, changes, notes=forget(api, owner), calls=dict(api.calls))
    with locked(api, owner, stack, settings) as lock:
        now = store.load(api, owner)
        if _moved(record, now):
            record, changes = now, planned()
        tell = Pace(settings.say).tell
        changes = prune(api, changes, diff=settings.diff, timeout=60, guard=lock.check, tell=tell)
        raise_errors(changes)
        notes = forget(api, owner)
    return Outcome(stack, changes, notes=notes, calls=dict(api.calls))


def locked(api: KubeApi, owner: Owner, stack: Stack, settings: Settings) -> AbstractContextManager[Lock]:
    """The stack's lock for a ``with`` block; the time for its calls starts when it is held."""
    from .state import lease
    from .transaction import who

    wait = stack.ingress_apply.lock_wait
    api.renew(stack.cluster.timeout + wait)
    return lease.held(api, owner, who(), wait=wait, say=settings.say)


def _moved(planned_with: Release | None, now: Release | None) -> bool:
    """Whether another run has released since."""
    return (planned_with and planned_with.resource_version) != (now and now.resource_version)


def _bundle(facts: Facts) -> str | None:
    return facts.authority.bundle(facts.now) if facts.authority and facts.now else None


class _Run:
    """The steps of one run that share the connection."""

    def __init__(self, prepared: Prepared, api: KubeApi, settings: Settings) -> None:
        self.subject, self.stack, self.dialect = prepared.subject, prepared.stack, prepared.dialect
        self.prepared, self.findings = prepared, prepared.findings
        self.api, self.settings = api, settings
        self.owner = owner_of(prepared.stack, prepared.subject.part)
        self.apply = prepared.stack.ingress_apply

    def converge(self) -> Outcome:
        from .engine.rights import telling

        with telling(self.api, self.owner, self._refs):
            return self._converge()

    def _refs(self) -> set[Ref]:
        """What this run is about, as far as that can be told without having read anything of the cluster."""
        from .tls import new_authority

        facts = self.prepared.facts
        authority = new_authority(self.stack.name, facts.now) if facts.now else None  # nobody's; for the names only
        objects = self.subject.render(replace(facts, authority=authority))
        return {*map(Ref.of, objects), *_recorded(self.api, self.owner)}

    def _converge(self) -> Outcome:
        from .state import store
        from .transaction import Transaction

        draft, facts = self._plan(store.load(self.api, self.owner))
        changes, revision = draft.changes, draft.record.revision if draft.record else 0
        failed_before: Sequence[str] = ()
        if self.settings.check:
            changes = Transaction(self.api, self.owner, self.stack, self.settings).rehearse(draft)
        elif draft.due:
            with locked(self.api, self.owner, self.stack, self.settings) as lock:
                now = store.load(self.api, self.owner)
                if _moved(draft.record, now):
                    draft, facts = self._plan(now)
                    changes, revision = draft.changes, now.revision if now else 0
                if draft.due:
                    failed_before = self._failing(draft)
                    transaction = Transaction(self.api, self.owner, self.stack, self.settings, lock)
                    changes, revision = transaction.release(replace(draft, note=self._note(facts)))
        return Outcome(
            self.stack,
            changes,
            self.findings,
            revision=revision,
            calls=dict(self.api.calls),
            notes=list(draft.news),
            # one made in check mode is not kept
            ca_certificate=None if self.settings.check else _bundle(facts),
            ca_news=draft.news,
            failed_before=failed_before,
        )

    def _plan(self, record: Release | None) -> tuple[Draft, Facts]:
        from .engine.keepers import refuse_kept
        from .engine.plan import plan
        from .engine.prune import spare
        from .engine.verify import verify
        from .transaction import Draft

        objects, facts, seen = self.render(record)
        apply = self.apply
        changes = plan(
            objects, seen, record,
            force_conflicts=apply.force_conflicts, adopt=apply.adopt, adopt_from=apply.adopt_from,
        )  # fmt: skip
        refuse_kept(changes, apply.adopt_from)
        changes.raise_conflicts(self._key_of)
        if self.apply.verify == "dryrun":
            force, recreate = self.apply.force_conflicts, self.apply.recreate
            changes = verify(self.api, changes, record, force_conflicts=force, recreate=recreate)
        ahead = partial(save_authority, self.api, self.owner, facts)
        news = tuple(ca.news(recorded_authority(record), facts.authority))
        return Draft(record, objects, spare(self.api, changes), ahead=ahead, news=news), facts

    def _key_of(self, ref: Ref) -> str:
        """The inventory key that an object has its name from; single modules have other parameters."""
        if self.owner.part:
            return ""
        return naming_key(self.stack, self.dialect, ref.kind, ref.namespace, ref.name)

    def render(self, record: Release | None, *, thorough: bool = False) -> tuple[list[Object], Facts, Snapshot]:
        """The objects, owned, what they were made from, and what is there; ``thorough``: see ``snapshot.observe``."""
        from .engine.ownership import own
        from .engine.plan import intact
        from .engine.snapshot import complete, observe

        seen = observe(self.api, self.owner, record, thorough=thorough)
        uses = self.subject.certificates
        rehearsal = self.settings.check and bool(self.owner.part)
        facts = replace(existing_secrets(self.api, uses, self.stack, self.prepared.facts), rehearsal=rehearsal)
        facts = served_kinds(self.api, self.stack.controller, self.dialect, facts)
        facts = default_classes(self.api, self.stack.controller, facts)
        if facts != self.prepared.facts:  # the cluster has told more than was known when they were checked
            self.findings = self.subject.check(facts)
            preflight.raise_findings(self.findings)
        wish = self.stack.ingress_ca
        facts = certificate_facts(self.api, uses, facts, seen, intact(seen, record), record, wish)
        objects = with_former_dynamic(self.api, self.subject.render(facts), seen)
        objects = own(objects, self.stack.name, self.owner.state_namespace, self.owner.part)
        return objects, facts, complete(self.api, seen, objects, record)

    def _note(self, facts: Facts) -> Note:
        """What the release's line in the history says."""
        from .engine.normalise import digest
        from .state.release import Note
        from .transaction import who

        controller = self.stack.controller
        extras: dict[str, Any] = {"controller": controller.kind, "version": self.dialect.version(controller)}
        if facts.authority:
            extras[AUTHORITY] = ca.recorded(facts.authority)
        return Note(
            who(),
            digest(self.stack.model_dump(mode="json", exclude_unset=True)),
            extras,
            promises=[identity(probe) for probe in self._probes()],
            addressed=any(self.dialect.ingress_gets_address(expose) for expose in controller.exposes),
        )

    @property
    def _proven(self) -> bool:
        """Whether a smoke test follows this run."""
        return not self.subject.part and self.stack.ingress_smoke.enabled

    def _probes(self) -> list[Probe]:
        """What the smoke test after this run will ask; nothing where there is none."""
        if not self._proven:
            return []
        facts = self.prepared.facts
        return probes(self.stack, self.dialect, page_of(self.stack, facts), error_texts(self.stack, facts))

    def _failing(self, draft: Draft) -> list[str]:
        """Of what the release before promised, what does not hold even before this run has written anything: that is
        not the new release's doing. Asked once, without patience."""
        record, smoke = draft.record, self.stack.ingress_smoke
        if record is None or not draft.changes.changed or smoke.on_failure == "keep" or not self._proven:
            return []
        from .smoke import ask
        from .state import store

        with suppress(IngresskitError):  # the controller is not reached at all: it may be a new one
            results = ask(self.prepared, self.api, record, wait=0, budget=_BASELINE)[0].results
            failing = [identity(result.probe) for result in results if result.attempts and not result.ok]
            promised = set(store.promises(self.api, self.owner, record)) if failing else set()
            return [each for each in failing if each in promised]
        return []
