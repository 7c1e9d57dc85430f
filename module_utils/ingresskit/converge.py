"""One run of a stack: the steps in their order, each fed with what the one before it found.

    inventory -> model -> observe -> render -> preflight -> plan -> apply -> wait -> prune -> record

What decides is in the pure packages, what talks to the API server in ``api``, ``engine`` and ``state``.
"""

from __future__ import annotations

import getpass
import platform
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import model, preflight
from .controllers import IngressController
from .errors import IngresskitError, InventoryError
from .facts import Facts
from .manifests import Object
from .model.stack import Stack
from .observe import AUTHORITY, certificate_facts, existing_secrets, inventory_problems, local_facts, save_authority
from .parts.subject import Subject, whole
from .preflight import Finding
from .render.secrets import without_keys

if TYPE_CHECKING:
    from .api.client import KubeApi
    from .engine.changes import ChangeSet
    from .engine.ownership import Owner
    from .engine.snapshot import Snapshot
    from .engine.status import Status
    from .state.release import Release

_LAST_WORDS = 10.0  # seconds in which the record of a run that failed or was interrupted is saved


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
    ca_certificate: str | None = None  # of the stack's CA, where it has issued a certificate of what was brought


@dataclass(frozen=True)
class Settings:
    """How to run: check mode writes nothing, a diff reads before and after, file names start at ``base_dir``."""

    base_dir: Path = Path()
    check: bool = False
    diff: bool = False
    progress: Callable[[list[Status]], None] | None = None


def prepare(inventory: Mapping[str, Any], base_dir: Path) -> Prepared:
    """Model, files and static checks. Raises InventoryError naming every key at fault."""
    return _prepare(whole(_load(inventory, base_dir)), base_dir)


def _load(inventory: Mapping[str, Any], base_dir: Path) -> Stack:
    twice = inventory_problems(base_dir)
    if twice:
        raise InventoryError(twice)
    return model.load(inventory)


def _prepare(subject: Subject, base_dir: Path) -> Prepared:
    facts = _local(subject, base_dir)
    findings = subject.check(facts)
    preflight.raise_findings(findings)
    return Prepared(subject, facts, findings)


def _local(subject: Subject, base_dir: Path) -> Facts:
    return local_facts([name for _, name in subject.files], base_dir)


def check(inventory: Mapping[str, Any], base_dir: Path, *, cluster: bool) -> list[Finding]:
    """Every finding, errors included; with ``cluster`` the Secrets that the inventory refers to are read as well.

    Raises InventoryError where the inventory does not hold to the contract at all, ClusterError where none answers.
    """
    subject = whole(_load(inventory, base_dir))
    facts = _local(subject, base_dir)
    if cluster:
        facts = existing_secrets(connect_to(subject.stack), subject.certificates, facts)
    return subject.check(facts)


def connect_to(stack: Stack) -> KubeApi:
    """The API server that the inventory names. Raises ClusterError in one line."""
    from .api.client import connect  # not needed to load the module

    cluster = stack.cluster
    return connect(cluster.kubeconfig, cluster.context, timeout=cluster.timeout)


def owner_of(stack: Stack, part: str = "") -> Owner:
    """The stack, or one part of it, as owner of objects in the cluster."""
    from .engine.ownership import Owner  # not needed without a cluster

    return Owner(stack.name, stack.cluster.state_namespace, part)


def render_offline(inventory: Mapping[str, Any], base_dir: Path) -> tuple[Prepared, list[Object]]:
    """The objects as they can be had without a cluster. Raises InventoryError where one would be needed."""
    prepared = prepare(inventory, base_dir)
    problems = list(without_keys(prepared.subject.certificates, prepared.stack.ingress_extra_objects))
    if problems:
        raise InventoryError(problems)
    without_clock = Facts(files=prepared.facts.files)
    return prepared, prepared.subject.render(without_clock)


def converge(inventory: Mapping[str, Any], settings: Settings) -> Outcome:
    """Brings the cluster to what the inventory says; in check mode tells what that would change.

    Raises InventoryError (nothing was sent), ConflictError, ClusterError or WaitError.
    """
    return bring(whole(_load(inventory, settings.base_dir)), settings)


def bring(subject: Subject, settings: Settings) -> Outcome:
    """``converge`` for what a subject holds: a whole stack, or a part that is owned by itself."""
    prepared = _prepare(subject, settings.base_dir)
    return _Run(prepared, connect_to(prepared.stack), settings).converge()


def remove(inventory: Mapping[str, Any], settings: Settings) -> Outcome:
    """Deletes everything of the stack and nothing else, its CA and its record last."""
    return withdraw(model.load(inventory), settings)


def withdraw(stack: Stack, settings: Settings, part: str = "") -> Outcome:
    """``remove`` for a stack or, where ``part`` names one, for that part alone."""
    from .engine.apply import preview, raise_errors
    from .engine.plan import plan_removal
    from .engine.prune import forget, prune, spare
    from .engine.snapshot import observe
    from .state import release

    api, owner = connect_to(stack), owner_of(stack, part)
    record = release.load(api, owner)
    changes = spare(api, plan_removal(observe(api, owner, record, for_removal=True), record))
    changes = preview(api, changes) if settings.check else prune(api, changes, diff=settings.diff, timeout=60)
    raise_errors(changes)
    notes = [] if settings.check else forget(api, owner)
    return Outcome(stack, changes, notes=notes, calls=dict(api.calls))


class _Run:
    """The steps of one run that share the connection."""

    def __init__(self, prepared: Prepared, api: KubeApi, settings: Settings) -> None:
        self.subject, self.stack, self.dialect = prepared.subject, prepared.stack, prepared.dialect
        self.findings = prepared.findings
        self.local = prepared.facts
        self.api, self.settings = api, settings
        self.owner = owner_of(prepared.stack, prepared.subject.part)
        self.apply = prepared.stack.ingress_apply

    def converge(self) -> Outcome:
        from .engine.plan import plan
        from .engine.prune import spare
        from .state import release

        record = release.load(self.api, self.owner)
        objects, facts, seen = self._render(record)
        changes = plan(objects, seen, record, force_conflicts=self.apply.force_conflicts)
        changes.raise_conflicts()
        changes = spare(self.api, changes)
        revision = record.revision if record else 0
        if self.settings.check:
            changes = self._preview(changes, record)
        elif changes.changed or not _settled(record):
            changes, revision = self._carry_out(objects, changes, record, facts)
        ca = None if self.settings.check else facts.authority_certificate  # one made in check mode is not kept
        calls = dict(self.api.calls)
        return Outcome(self.stack, changes, self.findings, revision=revision, calls=calls, ca_certificate=ca)

    def _render(self, record: Release | None) -> tuple[list[Object], Facts, Snapshot]:
        from .engine.ownership import own
        from .engine.plan import intact
        from .engine.snapshot import complete, observe

        seen = observe(self.api, self.owner, record)
        uses = self.subject.certificates
        rehearsal = self.settings.check and bool(self.owner.part)
        facts = replace(existing_secrets(self.api, uses, self.local), rehearsal=rehearsal)
        self.findings = self.subject.check(facts)
        preflight.raise_findings(self.findings)
        facts = certificate_facts(self.api, uses, facts, seen, intact(seen, record), record)
        objects = own(self.subject.render(facts), self.stack.name, self.owner.state_namespace, self.owner.part)
        return objects, facts, complete(self.api, seen, objects, record)

    def _preview(self, changes: ChangeSet, record: Release | None) -> ChangeSet:
        from .engine.apply import preview, raise_errors
        from .engine.node_ports import forgive_node_ports

        force, recreate = self.apply.force_conflicts, self.apply.recreate
        changes = preview(self.api, changes, record, force_conflicts=force, recreate=recreate)
        changes = forgive_node_ports(self.api, changes)
        raise_errors(changes)
        return changes

    def _carry_out(
        self, objects: list[Object], changes: ChangeSet, record: Release | None, facts: Facts
    ) -> tuple[ChangeSet, int]:
        from .engine.apply import apply, raise_errors
        from .engine.node_ports import release_node_ports
        from .engine.prune import prune
        from .state import release

        pending = release.begin(self.api, self.owner, record, changes, who=_who(), extras=self._extras(facts))
        try:
            save_authority(self.api, self.owner, facts)
            changes = release_node_ports(self.api, changes, diff=self.settings.diff)
            raise_errors(changes)
            changes = apply(
                self.api,
                changes,
                record,
                diff=self.settings.diff,
                force_conflicts=self.apply.force_conflicts,
                recreate=self.apply.recreate,
                timeout=self.stack.cluster.timeout,
            )
            raise_errors(changes)
            self._wait(objects)
            changes = prune(self.api, changes, diff=self.settings.diff)
            raise_errors(changes)
        except BaseException:  # also Ctrl-C: what was done is on record, and the first error is the one to tell
            self.api.renew(_LAST_WORDS)
            with suppress(IngresskitError):
                release.finish(self.api, self.owner, pending, changes, ready=False)
            raise
        release.finish(self.api, self.owner, pending, changes, ready=True)
        return changes, pending.revision

    def _wait(self, objects: list[Object]) -> None:
        from .engine.wait import wait

        exposes = self.stack.controller.exposes
        addressed = any(self.dialect.ingress_gets_address(expose) for expose in exposes)
        timeout = self.stack.cluster.timeout
        progress = self.settings.progress
        self.api.renew(timeout)
        wait(self.api, objects, self.owner, timeout=timeout, ingress_needs_address=addressed, progress=progress)
        self.api.renew(timeout)  # the wait may have taken all of it

    def _extras(self, facts: Facts) -> dict[str, Any]:
        controller = self.stack.controller
        extras: dict[str, Any] = {"controller": controller.kind, "version": self.dialect.version(controller)}
        if facts.authority_certificate:
            extras[AUTHORITY] = facts.authority_certificate
        return extras


def _settled(record: Release | None) -> bool:
    """False after a run that failed or was killed: the wait is due again even where nothing is left to write."""
    return record is not None and record.result == "deployed"


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{platform.node()}"
