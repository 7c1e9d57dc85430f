"""What is in the cluster: metadata of the stack's objects and of namesakes in its way. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..api.client import Api
from ..api.resources import Object, Ref
from ..state.release import Release
from .ownership import Owner


@dataclass(frozen=True)
class Snapshot:
    """Metadata (apiVersion, kind, metadata) of live objects.

    ``owned`` carry the stack's part-of label; ``others`` are what was found under names of the stack without it;
    ``namespaces`` are all of the cluster by name (empty where they may not be listed)."""

    owner: Owner
    owned: dict[Ref, Object] = field(default_factory=dict)
    others: dict[Ref, Object] = field(default_factory=dict)
    namespaces: dict[str, Object] = field(default_factory=dict)
    listed: frozenset[tuple[str, str]] = frozenset()  # (apiVersion, kind) LISTed by label

    def live(self, ref: Ref) -> Object | None:
        """Metadata of the live object, ours or not."""
        return self.owned.get(ref) or self.others.get(ref)


def observe(api: Api, owner: Owner, record: Release | None, *, workers: int = 16) -> Snapshot:
    """One LIST per kind of the last release (by label, cluster-wide, metadata only, parallel) and one of Namespaces.

    That is all a run needs whose render has no new names; ``complete`` adds the rest once the objects are known."""
    raise NotImplementedError


def complete(
    api: Api, seen: Snapshot, objects: Iterable[Object], record: Release | None, *, workers: int = 16
) -> Snapshot:
    """The snapshot with the kinds and names that are new in ``objects``: LISTs of new kinds, and namesakes looked up
    without the label (GET where few, LIST of the namespace where many). No call is made where nothing is new.

    Raises ClusterError where an object lacks its namespace, has an unknown kind, or its namespace neither exists nor is
    part of ``objects``."""
    raise NotImplementedError
