"""Looks at the Pods and events of what does not get ready."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..api.failures import Forbidden
from ..api.resources import BUILTIN, Object, Ref
from .balancers import balancer_trouble, event_time
from .parallel import each
from .status import Trouble, restarts, trouble

if TYPE_CHECKING:
    from ..api.client import Api

_POD, _EVENT = BUILTIN["v1", "Pod"], BUILTIN["v1", "Event"]
_LOOKED_AT = 16  # workloads a round: where hundreds do not start, a few of them tell why
_EVENTS = 5
_LENGTH = 300  # characters shown of an event


def troubles(api: Api, objects: Sequence[Object]) -> dict[Ref, Trouble]:
    """What keeps these workloads and Services of load balancers from getting ready, of those where it can be told."""
    some = objects[:_LOOKED_AT]
    found = zip(some, each(lambda obj: _trouble(api, obj), some, _LOOKED_AT), strict=True)
    return {Ref.of(obj): reason for obj, reason in found if reason}


def restarted(api: Api, workloads: Sequence[Object]) -> list[Ref]:
    """Those of these workloads whose newest Pods have ended and were started again."""
    return [Ref.of(workload) for workload in workloads[:_LOOKED_AT] if restarts(_pods(api, workload))]


def leaving(api: Api, workload: Object) -> bool:
    """Whether a Pod of it is on its way out: until it is gone it serves by what it read when it started."""
    return any(pod["metadata"].get("deletionTimestamp") for pod in _pods(api, workload))


def podless(api: Api, workload: Object) -> bool:
    """Whether no Pod of it is left, as far as that may be seen."""
    return not _pods(api, workload)


def _trouble(api: Api, obj: Object) -> Trouble | None:
    if obj["kind"] == "Service":
        return balancer_trouble(obj, _events(api, obj["metadata"]["namespace"]))
    return trouble(obj, _pods(api, obj))


def _pods(api: Api, workload: Object) -> list[Object]:
    try:
        listing = api.list_objects(_POD, workload["metadata"]["namespace"], _selector(workload["spec"]["selector"]))
    except Forbidden:  # then the workload's own conditions have to do
        return []
    return listing.items


def _selector(selector: Object) -> str:
    """A LabelSelector in the form a LIST takes."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for term in selector.get("matchExpressions") or ():
        key, operator = term["key"], term["operator"]
        values = ",".join(term.get("values") or ())
        forms = {
            "Exists": key,
            "DoesNotExist": f"!{key}",
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
        }
        parts.append(forms[operator])
    return ",".join(parts)


def events_of(api: Api, refs: Iterable[Ref]) -> list[str]:
    """The last warnings about these objects and what they made (whose names begin with theirs), oldest first; one of
    each kind, as events repeat themselves."""
    names = {(ref.namespace, ref.name) for ref in refs if ref.namespace}
    warnings = [
        event
        for namespace in sorted({namespace for namespace, __ in names})[:_EVENTS]
        for event in _warnings(api, namespace)
        if any(_about(event, name) for space, name in names if space == namespace)
    ]
    last = {
        (event["involvedObject"].get("kind"), event.get("reason")): event for event in sorted(warnings, key=event_time)
    }
    return [f"{_subject(event)}: {event.get('reason')}: {_message(event)}" for event in list(last.values())[-_EVENTS:]]


def _message(event: Object) -> str:
    text = " ".join(str(event.get("message") or "").split())
    return text if len(text) <= _LENGTH else f"{text[:_LENGTH]}…"


def _warnings(api: Api, namespace: str) -> list[Object]:
    return [event for event in _events(api, namespace) or () if event.get("type") == "Warning"]


def _events(api: Api, namespace: str) -> list[Object] | None:
    """Those of a namespace, oldest first; None where they may not be read."""
    try:
        # one object's events come in the order of their names, which end with the time to the nanosecond
        return sorted(api.list_objects(_EVENT, namespace).items, key=event_time)
    except Forbidden:
        return None


def _about(event: Object, name: str) -> bool:
    subject = str((event.get("involvedObject") or {}).get("name") or "")
    return subject == name or subject.startswith(f"{name}-")


def _subject(event: Object) -> str:
    involved = event.get("involvedObject") or {}
    return f"{involved.get('kind')} {involved.get('namespace')}/{involved.get('name')}"
