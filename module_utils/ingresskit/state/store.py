"""Keeps the release record and the history in the cluster: Secrets of the state namespace."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..api.failures import Conflict, Forbidden
from ..api.resources import MANAGER, Object, Ref
from ..engine.ownership import MANAGED_BY
from ..engine.until import gone
from ..errors import ClusterError, ConflictError
from . import blobs
from .codec import LIMIT, broken, decode, encode, held_in, pack, record_ref, secret_of, unpack
from .release import Note, Pack, Release, Result, Revision, concluded, content_of, judged, packed, pending, trimmed

if TYPE_CHECKING:
    from ..api.client import Api
    from ..engine.changes import ChangeSet
    from ..engine.ownership import Owner

_GOING = 60.0  # seconds a terminating state namespace is waited for
_Contents = Mapping[str, Mapping[str, str]]  # a Secret's data by its hash


@dataclass(frozen=True)
class Past:
    """A revision as it was brought to the cluster. ``unknown``: Secrets whose content is not kept."""

    line: Revision
    objects: list[Object] = field(repr=False)
    unknown: list[Ref]
    note: Note


def load(api: Api, owner: Owner) -> Release | None:
    """The record of the stack, None before its first release. One GET, and one for each 512 KiB of a record larger
    than that. Raises ClusterError where it is unreadable."""
    secret = api.get(record_ref(owner))
    if secret is None:
        return None
    content, names = held_in(secret, owner)
    if names:
        content = blobs.get(api, owner, names)
    return decode(content, owner, secret["metadata"].get("resourceVersion") or "")


def begin(api: Api, owner: Owner, record: Release | None, changes: ChangeSet, note: Note) -> Release:
    """Saves old and new references as pending, before the first mutation, and with them all objects of the new
    revision; makes the state namespace where missing. Raises ConflictError where another run saved a record meanwhile.
    """
    if record is None:
        ensure_namespace(api, owner)
    wanted = [change.desired for change in changes if change.desired is not None]
    hashes = [content_of(obj, record) for obj in wanted]
    manifests = {
        "objects": [[_bare(obj), content] for obj, content in zip(wanted, hashes, strict=True)],
        "extras": note.extras or {},
        "promises": list(note.promises),
        "addressed": note.addressed,
    }
    ahead = pending(record, changes, note, time=_now(), blobs=blobs.put(api, owner, pack(manifests)))
    new = _unkept(record, zip(wanted, hashes, strict=True))
    ahead = packed(ahead, hashes, blobs.put(api, owner, pack(new)) if new else ())
    return _save(api, owner, replace(ahead, run=secrets.token_hex(8)))[0]


def finish(
    api: Api, owner: Owner, record: Release, changes: ChangeSet, *, ready: bool, reason: str = "", keep: int = 10
) -> Release:
    """Saves what came out: deployed if every change is done and ``ready``, else failed for this ``reason``. Of the
    history the last ``keep`` revisions stay."""
    after = concluded(record, changes, ready=ready, time=_now(), reason=reason)
    after = _repacked(api, owner, after, trimmed(after, keep))
    saved, own_blobs = _save(api, owner, after)
    with contextlib.suppress(ClusterError):  # else the next run does it
        blobs.sweep(api, owner, saved.blobs | set(own_blobs))
    return saved


def judge(api: Api, owner: Owner, record: Release, number: int, result: Result, reason: str) -> Release:
    """Saves another verdict on a revision: its smoke test failed."""
    return _save(api, owner, judged(record, number, result, reason=reason))[0]


def recall(api: Api, owner: Owner, record: Release, number: int) -> Past:
    """A revision of the history with its objects, contents of Secrets included. Raises ClusterError where it is not
    kept, naming those that are."""
    line = record.past(number)
    if line is None or not line.blobs:
        numbers = ", ".join(str(each.number) for each in record.history if each.blobs) or "none"
        raise ClusterError(f"revision {number} of the stack {owner.stack} is not kept: there are {numbers}")
    payload = _payload(api, owner, line)
    pairs: list[tuple[Object, str]] = payload["objects"]
    told = {key: payload[key] for key in ("extras", "promises", "addressed")}
    note = Note(line.who, line.inventory, **told)
    contents = _contents(api, owner, record, {content for __, content in pairs if content})
    objects = [obj | {"data": contents[content]} if content in contents else obj for obj, content in pairs]
    unknown = [Ref.of(obj) for obj, content in pairs if content and content not in contents]
    return Past(line, objects, unknown, note)


def promises(api: Api, owner: Owner, record: Release) -> list[str]:
    """What the smoke test of the present revision asked (see ``oracle.identity``), nothing where that is not kept."""
    line = record.past(record.revision)
    return list(_payload(api, owner, line)["promises"]) if line and line.blobs else []


def _payload(api: Api, owner: Owner, line: Revision) -> dict[str, Any]:
    """What is kept of a revision beside its line in the history."""
    try:
        payload = unpack(blobs.get(api, owner, line.blobs))
        return {key: payload[key] for key in ("objects", "extras", "promises", "addressed")}
    except (KeyError, TypeError, ValueError, OSError, EOFError) as error:
        raise broken(owner) from error


def ensure_namespace(api: Api, owner: Owner) -> None:
    """Makes the state namespace; one that is there stays as it is, one that is being deleted is waited for."""
    obj: Object = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": owner.state_namespace, "labels": {MANAGED_BY: MANAGER}},
    }
    try:
        live = api.get(Ref.of(obj), metadata_only=True)
    except Forbidden:  # a user bound to the namespace: if it is missing, what is made in it next says so
        return
    if live and not live["metadata"].get("deletionTimestamp"):
        return
    if live:
        gone(api, live, _GOING)
    with contextlib.suppress(Conflict):  # made by another run at the same time
        api.create(obj)


def _bare(obj: Object) -> Object:
    """Without a Secret's content, which is kept apart, once for all revisions that hold it."""
    return {key: value for key, value in obj.items() if key != "data"} if obj["kind"] == "Secret" else obj


def _unkept(record: Release | None, wanted: Iterable[tuple[Object, str]]) -> _Contents:
    """The contents of Secrets that the history does not hold yet."""
    known = {content for each in (record.packs if record else ()) for content in each.contents}
    return {content: obj["data"] for obj, content in wanted if content and obj.get("data") and content not in known}


def _contents(api: Api, owner: Owner, record: Release, hashes: set[str]) -> _Contents:
    """The contents of Secrets with these hashes, as far as they are kept."""
    found: dict[str, Mapping[str, str]] = {}
    for each in record.packs:
        if hashes & set(each.contents):
            found |= unpack(blobs.get(api, owner, each.blobs))
    return {content: data for content, data in found.items() if content in hashes}


def _repacked(api: Api, owner: Owner, before: Release, after: Release) -> Release:
    """The trimmed record, its packs without the contents that were dropped: old keys are not kept for longer."""
    sizes = {each.blobs: len(each.contents) for each in before.packs}
    packs = [each if len(each.contents) == sizes[each.blobs] else _repack(api, owner, each) for each in after.packs]
    return replace(after, packs=tuple(each for each in packs if each))


def _repack(api: Api, owner: Owner, old: Pack) -> Pack | None:
    """None where somebody deleted it: then a rollback says what it cannot restore."""
    try:
        contents = unpack(blobs.get(api, owner, old.blobs))
    except (ClusterError, ValueError, OSError, EOFError):
        return None
    return Pack(
        tuple(blobs.put(api, owner, pack({each: contents[each] for each in old.contents if each in contents}))),
        old.contents,
    )


def _save(api: Api, owner: Owner, release: Release) -> tuple[Release, Sequence[str]]:
    """Creates or replaces the Secret; the resourceVersion read before guards against a run in between. Returns the
    record as saved and the blobs it took."""
    content = encode(release)
    names = blobs.put(api, owner, content) if len(content) > LIMIT else []
    secret = secret_of(release, owner, content, names)
    try:
        saved = api.update(secret) if release.resource_version else api.create(secret)
    except Conflict as error:
        live = api.get(record_ref(owner))
        if live is None or live.get("data") != secret["data"]:  # else our own write, whose answer was lost
            remedy = "wait for it to end and run again"
            what = f"another run for the stack {owner.stack} saved a release meanwhile"
            raise ConflictError(f"{record_ref(owner)}: {what}: {remedy}") from error
        saved = live
    return replace(release, resource_version=saved["metadata"]["resourceVersion"]), names


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
