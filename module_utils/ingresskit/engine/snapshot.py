"""What is in the cluster: metadata of the stack's objects and of namesakes in its way. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from ..api.calls import WORKERS
from ..api.failures import Forbidden, NotFound, UnknownKind
from ..api.resources import BUILTIN, Object, Ref, Resource, served_by_crds
from ..errors import ClusterError
from ..state.release import Release
from .ownership import PART_OF, Owner
from .parallel import each, together

if TYPE_CHECKING:
    from ..api.client import Api

Kind = tuple[str, str]  # (apiVersion, kind)
_Spaces = Mapping[Kind, Collection[str]]  # the namespaces in which there may be some of a kind
_NAMESPACE = BUILTIN["v1", "Namespace"]
_FEW = 4  # names of a kind in a namespace that are asked for one by one rather than by a LIST


@dataclass(frozen=True)
class Snapshot:
    """Metadata (apiVersion, kind, metadata) of live objects.

    ``owned`` carry the stack's part-of label; ``others`` are what was found under names of the stack without it;
    ``namespaces`` are all of the cluster by name, None where they may not be listed."""

    owner: Owner
    owned: dict[Ref, Object] = field(default_factory=dict)
    others: dict[Ref, Object] = field(default_factory=dict)
    namespaces: dict[str, Object] | None = None
    listed: frozenset[Kind] = frozenset()  # LISTed by label
    sought: frozenset[Ref] = frozenset()  # looked up by name

    def live(self, ref: Ref) -> Object | None:
        """Metadata of the live object, ours or not."""
        return self.owned.get(ref) or self.others.get(ref)

    def going(self, ref: Ref) -> bool:
        """Whether the object or its namespace is being deleted."""
        around = (self.namespaces or {}).get(ref.namespace)
        return any(obj and obj["metadata"].get("deletionTimestamp") for obj in (self.live(ref), around))


def observe(
    api: Api,
    owner: Owner,
    record: Release | None,
    *,
    workers: int = WORKERS,
    for_removal: bool = False,
    thorough: bool = False,
) -> Snapshot:
    """One LIST per kind of the last release (by label, cluster-wide, metadata only, parallel) and one of Namespaces.
    A kind that may not be listed in the whole cluster is listed in each namespace where the release has some.

    That is all a run needs whose render has no new names; ``complete`` adds the rest once the objects are known.
    ``for_removal``: nothing is rendered, so where the record is lost all built-in kinds are looked through;
    ``thorough``: these in any case."""
    released = set(record.kinds) if record else set()
    unrecorded = set(BUILTIN) if thorough or (for_removal and record is None) else set()
    kinds = (released | unrecorded) - {("v1", "Namespace")}
    spaces_of = _spaces(record.objects if record else ())
    jobs: list[Callable[[], list[Object] | None]] = [partial(_namespaces, api)]
    for kind in sorted(kinds):
        known = kind in released
        jobs.append(partial(_labelled, api, owner, spaces_of, kind) if known else partial(_visible, api, owner, kind))
    spaces, *lists = together(jobs, workers)
    seen = Snapshot(owner, namespaces=None if spaces is None else {obj["metadata"]["name"]: obj for obj in spaces})
    return _with(seen, [spaces or [], *(items or [] for items in lists)], kinds)


def complete(
    api: Api, seen: Snapshot, objects: Sequence[Object], record: Release | None, *, workers: int = WORKERS
) -> Snapshot:
    """The snapshot with the kinds and names that are new in ``objects``: LISTs of new kinds, and namesakes looked up
    without the label (GET where few, LIST of the namespace where many). No call is made where nothing is new.

    Raises ClusterError where an object lacks its namespace, has an unknown kind, or its namespace neither exists nor is
    part of ``objects``."""
    api.learn(served_by_crds(objects))
    wanted = {Ref.of(obj) for obj in objects}
    _check_namespaces(api, wanted, seen)
    kinds = {(ref.api_version, ref.kind) for ref in wanted} - seen.listed - {("v1", "Namespace")}
    seen = _with(seen, each(partial(_labelled, api, seen.owner, _spaces(wanted)), sorted(kinds), workers), kinds)
    released = set(record.objects) if record else set()
    unseen = {ref for ref in wanted | released if ref not in seen.owned} - seen.sought
    found = _look_up(api, unseen, seen, workers)
    return replace(_with(seen, [list(found.values())], ()), sought=seen.sought | unseen)


def _with(seen: Snapshot, lists: Iterable[list[Object]], kinds: Iterable[Kind]) -> Snapshot:
    """The snapshot with more objects, told apart by their label."""
    owned, others = dict(seen.owned), dict(seen.others)
    for obj in (obj for items in lists for obj in items):
        ours = (obj["metadata"].get("labels") or {}).get(PART_OF) == seen.owner.id
        (owned if ours else others)[Ref.of(obj)] = obj
    return replace(seen, owned=owned, others=others, listed=seen.listed | set(kinds))


def _spaces(refs: Iterable[Ref]) -> _Spaces:
    found: dict[Kind, set[str]] = defaultdict(set)
    for ref in refs:
        found[ref.api_version, ref.kind].add(ref.namespace)
    return found


def _labelled(api: Api, owner: Owner, spaces: _Spaces, kind: Kind) -> list[Object]:
    """All objects of a kind with the stack's label; none where the cluster does not serve the kind (yet). A user who
    has rights in namespaces only sees those in ``spaces``; what the stack has elsewhere is not among them."""
    try:
        resource = api.resource(*kind)
        try:
            return api.list_metadata(resource, selector=owner.selector).items
        except Forbidden:
            if not resource.namespaced:
                raise
        lists = (api.list_metadata(resource, space, owner.selector).items for space in sorted(spaces.get(kind, ())))
        return [obj for items in lists for obj in items]
    except (NotFound, UnknownKind):
        return []


def _visible(api: Api, owner: Owner, kind: Kind) -> list[Object]:
    """The same for a kind of which the stack may well have nothing: none where it may not be listed."""
    try:
        return _labelled(api, owner, {}, kind)
    except Forbidden:
        return []


def _namespaces(api: Api) -> list[Object] | None:
    try:
        return api.list_metadata(_NAMESPACE).items
    except Forbidden:  # a user bound to some namespaces; then they are asked for by name
        return None


def _check_namespaces(api: Api, wanted: Iterable[Ref], seen: Snapshot) -> None:
    """Whether every object has the namespace its kind needs, and that one is or will be there."""
    rendered = {ref.name for ref in wanted if ref.kind == "Namespace" and not ref.group}
    for ref in wanted:
        if not api.resource(ref.api_version, ref.kind).namespaced:
            continue
        if not ref.namespace:
            raise ClusterError(f"{ref}: it has no namespace: set metadata.namespace in ingress_extra_objects")
        if seen.namespaces is not None and ref.namespace not in rendered and ref.namespace not in seen.namespaces:
            raise ClusterError(f"{ref}: the namespace {ref.namespace} does not exist: create it, or name another")


def _look_up(api: Api, refs: Iterable[Ref], seen: Snapshot, workers: int) -> dict[Ref, Object]:
    """What lives under these names. Where the namespace does not exist, nothing does."""
    groups: dict[tuple[Resource, str], set[Ref]] = defaultdict(set)
    for ref in refs:
        resource = _known(api, ref)
        if resource and not _surely_absent(ref, seen.namespaces):
            groups[resource, ref.namespace].add(ref)
    jobs: list[Callable[[], dict[Ref, Object]]] = []
    for (resource, namespace), names in groups.items():
        if len(names) <= _FEW:
            jobs += [partial(_by_name, api, ref) for ref in sorted(names, key=str)]
        else:
            jobs.append(partial(_by_list, api, resource, namespace, names))
    return {ref: obj for found in together(jobs, workers) for ref, obj in found.items()}


def _surely_absent(ref: Ref, namespaces: Mapping[str, Object] | None) -> bool:
    """Whether the LIST of Namespaces tells already that the object cannot be there."""
    if namespaces is None:
        return False
    return ref.namespace not in namespaces if ref.namespace else ref.kind == "Namespace"


def _known(api: Api, ref: Ref) -> Resource | None:
    try:
        return api.resource(ref.api_version, ref.kind)
    except UnknownKind:  # of the last release, and its definition is gone: so is the object
        return None


def _by_name(api: Api, ref: Ref) -> dict[Ref, Object]:
    try:
        obj = api.get(ref, metadata_only=True)
    except Forbidden:
        if ref.kind != "Namespace":
            raise
        # bound to it, so it is there: somebody else's, to be used as it is
        obj = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ref.name}}
    return {ref: obj} if obj else {}


def _by_list(api: Api, resource: Resource, namespace: str, refs: set[Ref]) -> dict[Ref, Object]:
    try:
        items = api.list_metadata(resource, namespace or None).items
    except NotFound:  # the kind is not served yet
        return {}
    return {ref: obj for obj in items if (ref := Ref.of(obj)) in refs}
