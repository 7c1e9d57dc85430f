"""Bytes kept in Secrets of the state namespace, named by their content: written once, never changed, swept when nothing
refers to them any more. A record that names them is the one place that says which of them count."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from ..api.failures import Conflict
from ..api.resources import BUILTIN, Object, Ref
from ..engine.parallel import each
from ..errors import ClusterError
from .codec import LIMIT

if TYPE_CHECKING:
    from ..api.client import Api
    from ..engine.ownership import Owner

_SECRET = BUILTIN["v1", "Secret"]
_KEY = "blob"
_WORKERS = 4


def put(api: Api, owner: Owner, content: bytes) -> list[str]:
    """Keeps the bytes and returns the names to get them by, in order."""
    pieces = [content[start : start + LIMIT] for start in range(0, len(content), LIMIT)]
    return each(lambda piece: _put(api, owner, piece), pieces, _WORKERS)


def get(api: Api, owner: Owner, names: Iterable[str]) -> bytes:
    """The bytes again. Raises ClusterError naming the Secret that is gone or was tampered with."""
    return b"".join(each(lambda name: _get(api, owner, name), names, _WORKERS))


def kept(api: Api, owner: Owner) -> list[Object]:
    """Metadata of all there are; one LIST."""
    return api.list_metadata(_SECRET, owner.state_namespace, owner.blob_selector).items


def sweep(api: Api, owner: Owner, used: Collection[str]) -> None:
    """Deletes what nothing refers to: of revisions that are no longer kept, or of a run that was killed."""
    unused = [obj for obj in kept(api, owner) if obj["metadata"]["name"] not in used]
    each(lambda obj: api.delete(Ref.of(obj), uid=obj["metadata"]["uid"]), unused, _WORKERS)


def _put(api: Api, owner: Owner, piece: bytes) -> str:
    name = f"{owner.record_name}.{_digest(piece)}"
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "ingresskit.io/history",
        "immutable": True,
        "metadata": {"name": name, "namespace": owner.state_namespace, "labels": owner.blob_labels},
        "data": {_KEY: base64.b64encode(piece).decode()},
    }
    with contextlib.suppress(Conflict):  # it is there, and what has this name has this content
        api.create(secret)
    return name


def _get(api: Api, owner: Owner, name: str) -> bytes:
    ref = Ref("", "Secret", owner.state_namespace, name)
    live = api.get(ref)
    piece = base64.b64decode(((live or {}).get("data") or {}).get(_KEY, ""))
    if live is None or not name.endswith(_digest(piece)):
        raise ClusterError(f"{ref}: a part of the stack's history {'was changed' if live else 'is gone'}: restore it")
    return piece


def _digest(piece: bytes) -> str:
    return hashlib.sha256(piece).hexdigest()[:24]
