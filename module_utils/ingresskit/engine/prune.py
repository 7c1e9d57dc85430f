"""Deletes what the stack no longer holds, and a whole stack."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from ..api.calls import WORKERS
from ..api.failures import Conflict, Forbidden, NotFound
from ..api.resources import BUILTIN, MANAGER, Object, Ref, Resource, served_by_crds
from ..errors import ClusterError
from .changes import Change, ChangeSet
from .ownership import APPLYSET_ID, MANAGED_BY, STACK, Owner
from .parallel import each, stream
from .stages import stage
from .until import Tell, gone, until

if TYPE_CHECKING:
    from ..api.client import Api

_SECRET = BUILTIN["v1", "Secret"]
_TRIES = 5  # a controller may write the status of an object between our read and our delete
_MANY = 3  # namespaces above which whole kinds are listed rather than each namespace
# What every namespace holds or what others keep there about things that are gone: nothing that lives there.
_PASSING_KINDS = {"Event", "Lease", "Endpoints", "EndpointSlice", "PodMetrics", "LocalSubjectAccessReview"}
_EVERYWHERE = {
    ("ConfigMap", "kube-root-ca.crt"),
    ("ConfigMap", "openshift-service-ca.crt"),
    ("ConfigMap", "istio-ca-root-cert"),
    ("ServiceAccount", "default"),
}


def spare(api: Api, changes: ChangeSet, *, workers: int = WORKERS) -> ChangeSet:
    """The plan without the deletion of Namespaces and CustomResourceDefinitions in which something else lives: those
    become skipped and say what it is. To be called after planning, so that check mode and record tell the truth; no
    call is made where nothing of that kind is to go."""
    going = {change.ref for change in changes.of("deleted")}
    return changes.replaced(_spared(api, changes.of("deleted"), going, workers))


def prune(
    api: Api,
    changes: ChangeSet,
    *,
    workers: int = WORKERS,
    diff: bool = False,
    timeout: float = 0,
    guard: Callable[[], None] | None = None,
    tell: Tell | None = None,
) -> ChangeSet:
    """Carries out the deletions of a plan in reverse order of stages, with uid and resourceVersion preconditions.

    A Namespace or CustomResourceDefinition goes only where nothing else lives in it; else it becomes skipped and its
    reason says what does. Outcomes as in ``apply``: errors are kept, not raised, and end the run after their stage.
    ``timeout``: seconds to wait until deleted Namespaces are gone; 0 does not wait. ``guard`` is called before every
    stage: what it raises ends the run. ``tell`` hears what is waited for."""
    outcomes: dict[Ref, Change] = {}
    left_to_do = [change for change in changes.of("deleted") if not change.done]
    doomed = sorted(left_to_do, key=lambda change: -stage(change.ref))
    for __, group in groupby(doomed, key=lambda change: stage(change.ref)):
        if guard:
            guard()
        todo = list(group)
        spared = _spared(api, todo, set(), workers)
        left = [change for change in todo if change.ref not in spared]
        if timeout:
            _let_pods_end(api, left, timeout, tell)
        outcomes |= spared | {change.ref: change for change in stream(partial(_delete, api, diff), left, workers)}
        if any(change.error for change in outcomes.values()):
            break
    done = changes.replaced(outcomes)
    return done.replaced(_awaited(api, done, timeout, workers, tell)) if timeout else done


def forget(api: Api, owner: Owner, *, timeout: float = 0) -> list[str]:
    """After a stack's removal: deletes its history, its CA Secret, its release record, and the state namespace if it
    was made by ingresskit and is empty. Returns what it did or kept, a line each; raises ClusterError where it failed.
    ``timeout``: seconds to wait until that namespace is gone; the next run would wait for it anyway."""
    for found in (_history(api, owner), _parents(api, owner)):  # the record goes last: it alone names the others
        changes = prune(api, ChangeSet(tuple(found)), timeout=timeout)
        if changes.errors:
            raise ClusterError("\n".join(changes.errors))
    return changes.messages()


def _history(api: Api, owner: Owner) -> list[Change]:
    """The revisions that are kept."""
    kept = api.list_metadata(_SECRET, owner.state_namespace, owner.blob_selector).items
    return [Change(Ref.of(obj), "deleted", None, obj) for obj in kept]


def _parents(api: Api, owner: Owner) -> list[Change]:
    """What holds a stack together, as far as it is ours: its record, and where that is the last one of the stack and
    its parts, the CA Secret and the state namespace."""
    refs = [Ref("", "Secret", owner.state_namespace, owner.record_name)]
    if not _records(api, owner) - {owner.record_name}:
        refs += [
            Ref("", "Secret", owner.state_namespace, owner.ca_name),
            Ref("", "Namespace", "", owner.state_namespace),
        ]
    found = ((ref, _readable(api, ref)) for ref in refs)
    return [Change(ref, "deleted", None, live) for ref, live in found if live and _made_by_us(live)]


def _readable(api: Api, ref: Ref) -> Object | None:
    """A Namespace that a user bound to it may not even read is not to be deleted by that user either."""
    try:
        return api.get(ref, metadata_only=True)
    except Forbidden:
        if ref.kind != "Namespace":
            raise
        return None


def _records(api: Api, owner: Owner) -> set[str]:
    """Names of the release records of the stack and of its parts."""
    selector = f"{STACK}={owner.stack},{APPLYSET_ID}"
    return {obj["metadata"]["name"] for obj in api.list_metadata(_SECRET, owner.state_namespace, selector).items}


def _made_by_us(live: Object) -> bool:
    return bool((live["metadata"].get("labels") or {}).get(MANAGED_BY) == MANAGER)


def _delete(api: Api, diff: bool, change: Change) -> Change:
    """Deletes the very object that was planned. A newer resourceVersion of the same object is no reason to stop: the
    controllers write to it; another uid is, for that one is not ours."""
    live = change.live or {}
    try:
        before = api.get(change.ref) if diff else None
        for __ in range(_TRIES):
            meta = live["metadata"]
            try:
                api.delete(change.ref, uid=meta["uid"], resource_version=meta["resourceVersion"])
                return replace(change, before=before, done=True)
            except Conflict:
                now = api.get(change.ref, metadata_only=True)
                if now is None or now["metadata"].get("deletionTimestamp"):  # ours, and its answer was lost
                    return replace(change, before=before, done=True)
                if now["metadata"]["uid"] != meta["uid"]:
                    return replace(change, action="skipped", reason="somebody else has made it anew meanwhile")
                live = now
    except ClusterError as error:
        return replace(change, error=str(error))
    return replace(change, error=f"{change.ref}: changed all the time while it was to be deleted: run again")


def _let_pods_end(api: Api, doomed: Iterable[Change], timeout: float, tell: Tell | None) -> None:
    """Waits until no Pod is left in Namespaces that are about to be deleted. The cluster looks again at one that still
    has Pods only after half their grace period (requeue in pkg/controller/namespace), so waiting first is quicker."""
    names = [change.ref.name for change in doomed if change.ref.kind == "Namespace"]

    def empty() -> bool:
        left = [name for name in names if api.list_metadata(BUILTIN["v1", "Pod"], name).items]
        if left and tell:
            tell(f"waiting for the Pods in {', '.join(left)} to end")
        return not left

    with contextlib.suppress(Forbidden):  # then it takes longer
        until(empty, timeout)


def _awaited(api: Api, changes: ChangeSet, timeout: float, workers: int, tell: Tell | None) -> dict[Ref, Change]:
    """Namespaces that were deleted, once they are gone."""

    def awaited(change: Change) -> Change:
        try:
            gone(api, change.live or {}, timeout, tell)
        except ClusterError as error:
            return replace(change, error=str(error))
        return change

    deleted = [change for change in changes.of("deleted") if change.ref.kind == "Namespace" and change.done]
    return {change.ref: change for change in stream(awaited, deleted, workers)}


def _spared(api: Api, doomed: Iterable[Change], going: Collection[Ref], workers: int) -> dict[Ref, Change]:
    """The Namespaces and CRDs among the doomed in which something lives that is not about to go."""
    spaces = {change.ref.name: change for change in doomed if change.ref.kind == "Namespace"}
    crds = {change.ref: change for change in doomed if change.ref.kind == "CustomResourceDefinition"}
    living = {spaces[name].ref: refs for name, refs in _inhabitants(api, set(spaces), going, workers).items()}
    living |= {ref: _instances(api, ref, going) for ref in crds}
    return {
        ref: replace(change, action="skipped", reason=f"kept: {_some(living[ref])} in it")
        for ref, change in {**{change.ref: change for change in spaces.values()}, **crds}.items()
        if living.get(ref)
    }


def _some(refs: list[Ref]) -> str:
    more = f" and {len(refs) - 3} more live" if len(refs) > 3 else (" lives" if len(refs) == 1 else " live")
    return ", ".join(map(str, refs[:3])) + more


def _inhabitants(api: Api, namespaces: set[str], going: Collection[Ref], workers: int) -> dict[str, list[Ref]]:
    """What lives in these namespaces, of every kind that can be listed, by namespace."""
    if not namespaces:
        return {}
    kinds = [resource for resource in api.discover() if resource.namespaced and resource.kind not in _PASSING_KINDS]
    spans = [None] if len(namespaces) > _MANY else sorted(namespaces)
    jobs = [(resource, span) for resource in kinds for span in spans]
    found: dict[str, list[Ref]] = defaultdict(list)
    for refs in each(lambda job: _seen(api, *job, namespaces), jobs, workers):
        for ref in refs:
            if ref.namespace in namespaces and ref not in going:
                found[ref.namespace].append(ref)
    return found


def _seen(api: Api, resource: Resource, namespace: str | None, namespaces: set[str]) -> list[Ref]:
    """What of a kind lives there; where we may not look, something might."""
    try:
        return _living(api, resource, namespace)
    except Forbidden:
        unknown = f"({resource.plural} may not be listed)"
        return [Ref(resource.group, resource.kind, name, unknown) for name in namespaces]


def _living(api: Api, resource: Resource, namespace: str | None) -> list[Ref]:
    try:
        items = api.list_metadata(resource, namespace).items
    except NotFound:  # a kind that came and went
        return []
    return [Ref.of(obj) for obj in items if not _passing(obj)]


def _passing(obj: Object) -> bool:
    """Whether the object goes by itself or comes with every namespace: on its way out, owned by another object (which
    counts itself), or made by the cluster."""
    meta = obj["metadata"]
    token = (meta.get("annotations") or {}).get("kubernetes.io/service-account.name") == "default"
    everywhere = (obj["kind"], meta["name"]) in _EVERYWHERE
    return bool(meta.get("deletionTimestamp") or meta.get("ownerReferences") or token or everywhere)


def _instances(api: Api, crd: Ref, going: Collection[Ref]) -> list[Ref]:
    """The custom resources a definition still serves."""
    definition = api.get(crd)
    served = served_by_crds([definition] if definition else [])[:1]
    return [ref for resource in served for ref in _living(api, resource, None) if ref not in going]
