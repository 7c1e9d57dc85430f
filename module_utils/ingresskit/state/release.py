"""The release record: what a stack holds in the cluster, as we left it. One Secret, which is the ApplySet's parent too.

It is saved before the first mutation (the union of old and new, what is about to be touched marked by an empty hash)
and again after the last: a run killed anywhere leaves no object unknown and no stale hash behind.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import gzip
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from ..api.failures import Conflict
from ..api.resources import Object, Ref
from ..engine.normalise import digest, fingerprint
from ..engine.until import gone
from ..errors import ClusterError, ConflictError

if TYPE_CHECKING:
    from ..api.client import Api
    from ..engine.changes import Change, ChangeSet
    from ..engine.ownership import Owner

Result = Literal["pending", "deployed", "failed"]
FORMAT = 1
_VERSION = "0.1.0"
_GOING = 60.0  # seconds a terminating state namespace is waited for
_KEY = "release"
_ID = "applyset.kubernetes.io/id"
_TOOLING = "applyset.kubernetes.io/tooling"
_KINDS = "applyset.kubernetes.io/contains-group-kinds"
_NAMESPACES = "applyset.kubernetes.io/additional-namespaces"


@dataclass(frozen=True, slots=True)
class Entry:
    """One object: the hash of what we rendered ("" while it is being changed) and of our managedFields entry."""

    hash: str = ""
    managed: str = ""


UNKNOWN = Entry()


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

    @property
    def kinds(self) -> set[tuple[str, str]]:
        """(apiVersion, kind) of everything in it."""
        return {(ref.api_version, ref.kind) for ref in self.objects}

    def released(self, ref: Ref) -> dict[str, Any] | None:
        """The fieldsV1 we held of an object after our last write to it, None where that is not known."""
        return self.fields.get(self.objects.get(ref, UNKNOWN).managed)


def load(api: Api, owner: Owner) -> Release | None:
    """The record of the stack, None before its first release. One GET. Raises ClusterError where it is unreadable."""
    secret = api.get(_ref(owner))
    return decode(secret, owner) if secret else None


def begin(
    api: Api,
    owner: Owner,
    record: Release | None,
    changes: ChangeSet,
    *,
    who: str = "",
    extras: dict[str, Any] | None = None,
) -> Release:
    """Saves old and new references as pending, before the first mutation; makes the state namespace where missing.
    Raises ConflictError where another run saved a record meanwhile."""
    if record is None:
        _ensure_namespace(api, owner)
    ahead = pending(record, changes, who=who, time=_now(), extras=extras)
    return _save(api, owner, replace(ahead, run=secrets.token_hex(8)))


def finish(api: Api, owner: Owner, record: Release, changes: ChangeSet, *, ready: bool) -> Release:
    """Saves what came out: deployed if every change is done and ``ready``, else failed."""
    return _save(api, owner, concluded(record, changes, ready=ready, time=_now()))


def pending(
    record: Release | None, changes: ChangeSet, *, who: str, time: str, extras: dict[str, Any] | None = None
) -> Release:
    """The record to write ahead: nothing is forgotten, what is about to be touched has no hash. Pure."""
    touched = {change.ref for change in changes.of("created", "configured", "deleted")}
    before = record or Release(0, time, who, "pending")
    objects = {ref: replace(entry, hash="") if ref in touched else entry for ref, entry in before.objects.items()} | {
        ref: UNKNOWN for ref in touched if ref not in before.objects
    }
    return replace(
        before,
        revision=before.revision + 1,
        time=time,
        who=who,
        result="pending",
        objects=objects,
        extras=before.extras if extras is None else extras,
    )


def concluded(record: Release, changes: ChangeSet, *, ready: bool, time: str) -> Release:
    """The record after the run. An object whose deletion or change failed stays, as unknown. Pure."""
    known = {change.ref for change in changes}
    objects = {ref: entry for ref, entry in record.objects.items() if ref in known}  # the rest is gone already
    fields = dict(record.fields)
    for change in changes:
        _settle(change, objects, fields)
    complete = ready and all(change.done for change in changes.of("created", "configured", "deleted"))
    used = {entry.managed for entry in objects.values()}
    return replace(
        record,
        time=time,
        result="deployed" if complete else "failed",
        objects=objects,
        fields={key: value for key, value in fields.items() if key in used},
    )


def _settle(change: Change, objects: dict[Ref, Entry], fields: dict[str, dict[str, Any]]) -> None:
    if change.action == "deleted" and change.done:
        objects.pop(change.ref, None)
    elif change.desired is not None and change.done and change.fields is not None:
        entry = Entry(fingerprint(change.desired), digest(change.fields))
        objects[change.ref] = entry
        fields[entry.managed] = change.fields


def encode(release: Release, owner: Owner) -> Object:
    """The record as its Secret: the ApplySet's parent, its payload compressed."""
    refs = release.objects
    payload = {
        "format": FORMAT,
        "revision": release.revision,
        "time": release.time,
        "who": release.who,
        "result": release.result,
        "run": release.run,
        "extras": release.extras,
        "fields": release.fields,
        "objects": [
            [ref.api_version, ref.kind, ref.namespace, ref.name, entry.hash, entry.managed]
            for ref, entry in sorted(refs.items(), key=lambda item: str(item[0]))
        ],
    }
    packed = gzip.compress(json.dumps(payload, separators=(",", ":")).encode(), compresslevel=6, mtime=0)
    namespaces = {ref.namespace for ref in refs if ref.namespace} - {owner.state_namespace}
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "ingresskit.io/release",
        "metadata": {
            "name": owner.record_name,
            "namespace": owner.state_namespace,
            "labels": {_ID: owner.id, **_managed_by(owner)},
            "annotations": {
                _TOOLING: f"ingresskit/v{_VERSION}",
                _KINDS: ",".join(sorted({f"{ref.kind}.{ref.group}" if ref.group else ref.kind for ref in refs})),
                _NAMESPACES: ",".join(sorted(namespaces)),
            },
        },
        "data": {_KEY: base64.b64encode(packed).decode()},
    }
    if release.resource_version:
        secret["metadata"]["resourceVersion"] = release.resource_version
    return secret


def decode(secret: Mapping[str, Any], owner: Owner) -> Release:
    """The record in its Secret. Raises ClusterError naming the Secret where it is not one."""
    try:
        payload = json.loads(gzip.decompress(base64.b64decode(secret["data"][_KEY])))
        if payload["format"] > FORMAT:
            raise ClusterError(f"{_ref(owner)}: written by a later ingresskit: use that version or a newer one")
        return Release(
            payload["revision"],
            payload["time"],
            payload["who"],
            payload["result"],
            dict(_row(row) for row in payload["objects"]),
            payload["fields"],
            payload["extras"],
            payload["run"],
            secret["metadata"].get("resourceVersion") or "",
        )
    except (KeyError, TypeError, ValueError, OSError, EOFError, binascii.Error) as error:
        remedy = f"restore it, or delete it to have the stack {owner.stack} planned anew from its labels"
        raise ClusterError(f"{_ref(owner)}: this is not a release record: {remedy}") from error


def _row(row: list[str]) -> tuple[Ref, Entry]:
    api_version, kind, namespace, name, hash_, managed = row
    identity = {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace, "name": name}}
    return Ref.of(identity), Entry(hash_, managed)


def _save(api: Api, owner: Owner, release: Release) -> Release:
    """Creates or replaces the Secret; the resourceVersion read before guards against a run in between."""
    secret = encode(release, owner)
    try:
        saved = api.update(secret) if release.resource_version else api.create(secret)
    except Conflict as error:
        live = api.get(_ref(owner))
        if live is None or live.get("data") != secret["data"]:  # else our own write, whose answer was lost
            remedy = "wait for it to end and run again"
            message = f"{_ref(owner)}: another run for the stack {owner.stack} saved a release meanwhile: {remedy}"
            raise ConflictError(message) from error
        saved = live
    return replace(release, resource_version=saved["metadata"]["resourceVersion"])


def _ensure_namespace(api: Api, owner: Owner) -> None:
    """Makes the state namespace; one that is there stays as it is, one that is being deleted is waited for."""
    obj: Object = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": owner.state_namespace, "labels": {"app.kubernetes.io/managed-by": "ingresskit"}},
    }
    live = api.get(Ref.of(obj), metadata_only=True)
    if live and not live["metadata"].get("deletionTimestamp"):
        return
    if live:
        gone(api, live, _GOING)
    with contextlib.suppress(Conflict):  # made by another run at the same time
        api.create(obj)


def _managed_by(owner: Owner) -> dict[str, str]:
    return {"app.kubernetes.io/managed-by": "ingresskit", "ingresskit.io/stack": owner.stack}


def _ref(owner: Owner) -> Ref:
    return Ref("", "Secret", owner.state_namespace, owner.record_name)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
