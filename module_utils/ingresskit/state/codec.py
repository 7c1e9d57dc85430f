"""The release record and what belongs to it as Secrets, and back. Pure."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
from collections.abc import Mapping
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from ..api.resources import Object, Ref
from ..errors import ClusterError
from ..version import VERSION
from .release import Entry, Pack, Release, Revision

if TYPE_CHECKING:
    from ..engine.ownership import Owner

FORMAT = 1
LIMIT = 512 * 1024  # bytes kept in one Secret; the API server takes 1 MiB
_ANNOTATION_LIMIT = 128 * 1024  # of 256 KiB for all annotations of an object
_RELEASE, _BLOBS = "release", "blobs"  # the record itself, or the names of the blobs it is kept in
_ID = "applyset.kubernetes.io/id"
_TOOLING = "applyset.kubernetes.io/tooling"
_KINDS = "applyset.kubernetes.io/contains-group-kinds"
_NAMESPACES = "applyset.kubernetes.io/additional-namespaces"


def pack(value: Any) -> bytes:
    """A value as compressed JSON; equal values give equal bytes."""
    return gzip.compress(json.dumps(value, separators=(",", ":")).encode(), compresslevel=5, mtime=0)


def unpack(content: bytes) -> Any:
    """The value again. Raises ValueError, OSError or EOFError where it is none."""
    return json.loads(gzip.decompress(content))


def encode(release: Release) -> bytes:
    """The record as bytes, to be kept in its Secret or in blobs."""
    return pack(
        {
            "format": FORMAT,
            "revision": release.revision,
            "time": release.time,
            "who": release.who,
            "result": release.result,
            "run": release.run,
            "extras": release.extras,
            "fields": release.fields,
            "objects": [
                [ref.api_version, ref.kind, ref.namespace, ref.name, entry.hash, entry.managed, entry.content]
                for ref, entry in sorted(release.objects.items(), key=lambda item: str(item[0]))
            ],
            "history": [astuple(line) for line in release.history],
            "packs": [[each.blobs, each.contents] for each in release.packs],
        }
    )


def decode(content: bytes, owner: Owner, resource_version: str = "") -> Release:
    """The record again. Raises ClusterError naming the Secret where it is not one."""
    try:
        payload = unpack(content)
        if payload["format"] > FORMAT:
            raise ClusterError(f"{record_ref(owner)}: written by a later ingresskit: use that version or a newer one")
        return Release(
            payload["revision"],
            payload["time"],
            payload["who"],
            payload["result"],
            dict(_row(row) for row in payload["objects"]),
            payload["fields"],
            payload["extras"],
            payload["run"],
            resource_version,
            tuple(_line(row) for row in payload["history"]),
            tuple(Pack(tuple(blobs), contents) for blobs, contents in payload["packs"]),
        )
    except (KeyError, TypeError, ValueError, OSError, EOFError) as error:
        raise broken(owner) from error


def secret_of(release: Release, owner: Owner, content: bytes, blobs: list[str]) -> Object:
    """The record's Secret, the ApplySet's parent. It holds ``content``, or the names of the ``blobs`` that do."""
    namespaces = {ref.namespace for ref in release.objects if ref.namespace} - {owner.state_namespace}
    kinds = {f"{ref.kind}.{ref.group}" if ref.group else ref.kind for ref in release.objects}
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "ingresskit.io/release",
        "metadata": {
            "name": owner.record_name,
            "namespace": owner.state_namespace,
            "labels": {_ID: owner.id, **owner.state_labels},
            "annotations": {
                _TOOLING: f"ingresskit/v{VERSION}",
                _KINDS: ",".join(sorted(kinds)),
                _NAMESPACES: _shortened(",".join(sorted(namespaces))),
            },
        },
        "data": {_BLOBS: _base64(",".join(blobs).encode())} if blobs else {_RELEASE: _base64(content)},
    }
    if release.resource_version:
        secret["metadata"]["resourceVersion"] = release.resource_version
    return secret


def held_in(secret: Mapping[str, Any], owner: Owner) -> tuple[bytes, list[str]]:
    """What the record's Secret holds: the record, or the names of its blobs. Raises ClusterError where neither."""
    data = secret.get("data") or {}
    try:
        if data.get(_BLOBS):
            return b"", base64.b64decode(data[_BLOBS]).decode().split(",")
        return base64.b64decode(data[_RELEASE], validate=True), []
    except (KeyError, ValueError, TypeError, binascii.Error) as error:
        raise broken(owner) from error


def broken(owner: Owner) -> ClusterError:
    """The error for a record that cannot be read."""
    remedy = f"restore it, or delete it to have the stack {owner.stack} planned anew from its labels"
    return ClusterError(f"{record_ref(owner)}: this is not a release record: {remedy}")


def record_ref(owner: Owner) -> Ref:
    """The Secret of the release record."""
    return Ref("", "Secret", owner.state_namespace, owner.record_name)


def _row(row: list[str]) -> tuple[Ref, Entry]:
    api_version, kind, namespace, name, *hashes = row
    identity = {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace, "name": name}}
    return Ref.of(identity), Entry(*hashes)


def _line(row: list[Any]) -> Revision:
    number, time, who, result, inventory, summary, reason, restored, blobs = row
    return Revision(number, time, who, result, inventory, summary, reason, restored, tuple(blobs))


def _shortened(names: str) -> str:
    """An annotation that tells other tools where to look; ours look into the record."""
    return names if len(names) <= _ANNOTATION_LIMIT else ""


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
