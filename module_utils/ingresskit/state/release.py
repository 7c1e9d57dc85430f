"""The release record as a value: what a stack holds in the cluster as we left it, and how it came to that. Pure.

It is saved before the first mutation (the union of old and new, what is about to be touched marked by an empty hash)
and again after the last: a run killed anywhere leaves no object unknown and no stale hash behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from ..api.resources import Object, Ref
from ..engine.changes import WRITES
from ..engine.normalise import digest, fingerprint

if TYPE_CHECKING:
    from ..engine.changes import Change, ChangeSet

Result = Literal["pending", "deployed", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One object: the hash of what we rendered ("" while it is being changed), of our managedFields entry, and of a
    Secret's data."""

    hash: str = ""
    managed: str = ""
    content: str = ""


UNKNOWN = Entry()


@dataclass(frozen=True, slots=True)
class Revision:
    """One line of the history."""

    number: int
    time: str  # RFC 3339, UTC
    who: str
    result: Result  # failed: also where the smoke test did
    inventory: str = ""  # hash of what it was made from
    summary: str = ""  # "3 created, 1 configured"
    reason: str = ""  # why it failed
    restored: int = 0  # the revision it returned to; 0: it came from an inventory
    blobs: tuple[str, ...] = ()  # where its objects are kept


@dataclass(frozen=True, slots=True)
class Pack:
    """Contents of Secrets kept together: each by its hash with the last revision that holds it."""

    blobs: tuple[str, ...]
    contents: Mapping[str, int]


@dataclass(frozen=True)
class Note:
    """What a run says of the release it is about to make."""

    who: str = ""
    inventory: str = ""
    extras: dict[str, Any] | None = None  # None: those of the release before
    restored: int = 0
    reason: str = ""
    promises: Sequence[str] = ()  # what its smoke test asks (see ``oracle.identity``)
    addressed: bool = False  # whether its Ingresses get an address


@dataclass(frozen=True)
class Release:
    """What the last run left. ``fields``: managedFields entries (fieldsV1) by their hash; most objects share one."""

    revision: int
    time: str  # RFC 3339, UTC
    who: str
    result: Result
    objects: dict[Ref, Entry] = field(default_factory=dict)
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)  # the stack's own notes; never a private key
    run: str = ""  # a random id, so that no two runs write the same record
    resource_version: str = ""  # of the Secret it was read from
    history: tuple[Revision, ...] = ()  # oldest first; the last one is this release
    packs: tuple[Pack, ...] = ()

    @property
    def kinds(self) -> set[tuple[str, str]]:
        """(apiVersion, kind) of everything in it."""
        return {(ref.api_version, ref.kind) for ref in self.objects}

    @property
    def blobs(self) -> set[str]:
        """Names of all that the history is kept in."""
        named = [*(line.blobs for line in self.history), *(pack.blobs for pack in self.packs)]
        return {name for names in named for name in names}

    def released(self, ref: Ref) -> dict[str, Any] | None:
        """The fieldsV1 we held of an object after our last write to it, None where that is not known."""
        return self.fields.get(self.objects.get(ref, UNKNOWN).managed)

    def past(self, number: int) -> Revision | None:
        """A revision of the history, None where it is not kept."""
        return next((each for each in self.history if each.number == number), None)

    def last_good(self) -> Revision | None:
        """The newest revision before this release that was deployed and passed its smoke test."""
        before = (each for each in reversed(self.history) if each.number < self.revision)
        return next((each for each in before if each.result == "deployed" and each.blobs), None)


def content_of(obj: Object, record: Release | None) -> str:
    """The hash of a Secret's data; where it was rendered without (kept as it is in the cluster), the record's."""
    if obj["kind"] != "Secret":
        return ""
    if obj.get("data"):
        return digest(obj["data"])
    return (record.objects if record else {}).get(Ref.of(obj), UNKNOWN).content


def pending(record: Release | None, changes: ChangeSet, note: Note, *, time: str, blobs: Sequence[str] = ()) -> Release:
    """The record to write ahead: nothing is forgotten, what is about to be touched has no hash. ``blobs``: where the
    objects of this revision are kept."""
    touched = {change.ref for change in changes.of(*WRITES)}
    before = record or Release(0, time, note.who, "pending")
    objects = {ref: replace(entry, hash="") if ref in touched else entry for ref, entry in before.objects.items()} | {
        ref: UNKNOWN for ref in touched if ref not in before.objects
    }
    line = Revision(
        before.revision + 1, time, note.who, "pending", note.inventory, changes.summary(), note.reason, note.restored,
        tuple(blobs),
    )  # fmt: skip
    return replace(
        before,
        revision=line.number,
        time=time,
        who=note.who,
        result="pending",
        objects=objects,
        extras=before.extras if note.extras is None else note.extras,
        history=(*before.history, line),
    )


def concluded(record: Release, changes: ChangeSet, *, ready: bool, time: str, reason: str = "") -> Release:
    """The record after the run. An object whose deletion or change failed stays, as unknown."""
    known = {change.ref for change in changes}
    objects = {ref: entry for ref, entry in record.objects.items() if ref in known}  # the rest is gone already
    fields = dict(record.fields)
    for change in changes:
        _settle(change, objects, fields)
    complete = ready and all(change.done for change in changes.of(*WRITES))
    result: Result = "deployed" if complete else "failed"
    used = {entry.managed for entry in objects.values()}
    after = replace(
        record,
        time=time,
        result=result,
        objects=objects,
        fields={key: value for key, value in fields.items() if key in used},
    )
    return judged(after, record.revision, result, reason=reason, summary=changes.summary())


def judged(record: Release, number: int, result: Result, **said: str) -> Release:
    """The record with another verdict on one of its revisions."""
    told: dict[str, Any] = {key: text for key, text in said.items() if text}
    lines = (replace(each, result=result, **told) if each.number == number else each for each in record.history)
    return replace(record, history=tuple(lines))


def trimmed(record: Release, keep: int) -> Release:
    """The record with its last ``keep`` revisions and, where none of those is good, the last good one besides; and
    without contents of Secrets that none of them holds. A pack that lost some is to be kept anew."""
    recent = record.history[-keep:]
    good = record.last_good()
    lines = recent if good is None or good in recent else (good, *recent)
    oldest = min((line.number for line in lines), default=0)
    packs = []
    for pack in record.packs:
        contents = {content: last for content, last in pack.contents.items() if last >= oldest}
        if contents:
            packs.append(Pack(pack.blobs, contents))
    return replace(record, history=tuple(lines), packs=tuple(packs))


def packed(record: Release, contents: Iterable[str], blobs: Sequence[str]) -> Release:
    """The record that knows which contents this revision holds, and that ``blobs`` keep those not known before."""
    held, number = set(contents) - {""}, record.revision
    packs = [
        Pack(pack.blobs, {each: number if each in held else last for each, last in pack.contents.items()})
        for pack in record.packs
    ]
    new = held - {each for pack in record.packs for each in pack.contents}
    added = [Pack(tuple(blobs), dict.fromkeys(sorted(new), number))] if new and blobs else []
    return replace(record, packs=(*packs, *added))


def _settle(change: Change, objects: dict[Ref, Entry], fields: dict[str, dict[str, Any]]) -> None:
    if change.action == "deleted" and change.done:
        objects.pop(change.ref, None)
    elif change.desired is not None and change.done and change.fields is not None:
        data = change.desired.get("data") if change.ref.kind == "Secret" else None
        content = digest(data) if data else objects.get(change.ref, UNKNOWN).content
        entry = Entry(fingerprint(change.desired), digest(change.fields), content)
        objects[change.ref] = entry
        fields[entry.managed] = change.fields
