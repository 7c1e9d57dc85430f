"""Which GitOps tool looks after an object: the marks that Argo CD and Flux leave on what they apply. Pure.

What it writes it writes again: so nothing else may write there, and nothing of ours does. Sources:
https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/ and, for the format and for marks that were
copied along with an object, argo-cd's util/argo/resource_tracking.go and controller/state.go;
https://fluxcd.io/flux/components/kustomize/kustomizations/ and helmreleases/, "Server-side apply" and labels.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..api.resources import Object, Ref
from ..errors import ConflictError
from .changes import ChangeSet
from .fields import entries

TRACKING = "argocd.argoproj.io/tracking-id"  # annotation: APPLICATION:GROUP/KIND:NAMESPACE/NAME
_OWN_LABEL = "argocd.argoproj.io/instance"  # the label that many have Argo CD use instead of the one below
_INSTANCE = "app.kubernetes.io/instance"  # Argo CD's before 3.0; Helm charts and we set it as well
ARGOCD_MANAGERS = frozenset({"argocd-controller", "argocd-application-controller"})
FLUX_MANAGERS = frozenset({"kustomize-controller", "helm-controller"})
_FLUX = {"kustomize.toolkit.fluxcd.io": "Kustomization", "helm.toolkit.fluxcd.io": "HelmRelease"}
_CRD = "CustomResourceDefinition"
_NAMED = 3  # objects in a message, before "and 5 more"


@dataclass(frozen=True, order=True)
class Keeper:
    """The object of a GitOps tool that applies others: ``name`` with its namespace where that is known."""

    tool: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.tool}'s {self.kind} {self.name}"

    @property
    def let_go(self) -> str:
        """What makes it leave alone what it has applied."""
        if self.tool == "Argo CD":
            return f"argocd app delete {self.name} --cascade=false"
        if self.kind == "Kustomization":
            return f"set spec.deletionPolicy: Orphan in {self.kind} {self.name}, then delete it"
        return f"suspend {self.kind} {self.name} and delete it"


def keeper(live: Object, desired: Object | None = None) -> Keeper | None:
    """Who looks after a live object (its metadata), None where nobody does.

    ``app.kubernetes.io/instance`` counts only where Argo CD has set it, and where it does not say just what
    ``desired`` says."""
    return _flux(live) or _argocd(live, desired)


def refuse_kept(changes: ChangeSet, let_go: Collection[str] = ()) -> None:
    """Raises ConflictError where a plan is about objects that a GitOps tool looks after: whatever is written there it
    would undo, and what is deleted make again. ``let_go``: names of those that have been told to leave them alone.

    What the plan leaves alone anyway is no hindrance, nor are definitions (``plan`` has a word of its own for them)."""
    kept: dict[Keeper, list[Ref]] = {}
    for change in changes:
        found = keeper(change.live, change.desired) if change.live else None
        spared = change.action == "skipped" or (change.action == "conflicted" and change.ref.kind == _CRD)
        if found and not spared and found.name not in let_go:
            kept.setdefault(found, []).append(change.ref)
    if kept:
        raise ConflictError("\n".join(_refusal(found, kept[found]) for found in sorted(kept)))


def _flux(live: Object) -> Keeper | None:
    labels = live["metadata"].get("labels") or {}
    for group, kind in _FLUX.items():
        name = labels.get(f"{group}/name")
        if name:
            return Keeper("Flux", kind, _place(labels.get(f"{group}/namespace", ""), name))
    return None


def _argocd(live: Object, desired: Object | None) -> Keeper | None:
    metadata = live["metadata"]
    labels = metadata.get("labels") or {}
    tracked = _application((metadata.get("annotations") or {}).get(TRACKING, ""), live)
    if tracked:
        return Keeper("Argo CD", "Application", tracked)
    if _OWN_LABEL in labels:
        return Keeper("Argo CD", "Application", labels[_OWN_LABEL])
    name = labels.get(_INSTANCE)
    rendered = ((desired or {}).get("metadata") or {}).get("labels") or {}
    if name and name != rendered.get(_INSTANCE) and _set_by_argocd(live):
        return Keeper("Argo CD", "Application", name)
    return None


def _application(tracking: str, live: Object) -> str:
    """The Application that a tracking id names, "" where it is not about this object: controllers copy annotations.
    Of one outside Argo CD's own namespace the name is NAMESPACE_NAME."""
    ref, (name, *rest) = Ref.of(live), tracking.split(":", 2)
    if len(rest) != 2 or rest[0] != f"{ref.group}/{ref.kind}":
        return ""
    namespace, __, own = rest[1].partition("/")  # a cluster-scoped object's is the Application's destination
    if own != ref.name or (ref.namespace and namespace != ref.namespace):
        return ""
    return _place(*name.split("_", 1)) if "_" in name else name


def _set_by_argocd(live: Object) -> bool:
    field = f"f:{_INSTANCE}"
    held = (entry for entry in entries(live) if entry.get("manager") in ARGOCD_MANAGERS)
    return any(field in _labels_of(entry.get("fieldsV1") or {}) for entry in held)


def _labels_of(fields: Object) -> Object:
    labels: Object = (fields.get("f:metadata") or {}).get("f:labels") or {}
    return labels


def _place(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


def _refusal(found: Keeper, refs: Sequence[Ref]) -> str:
    more = f" and {len(refs) - _NAMED} more" if len(refs) > _NAMED else ""
    return (
        f"{found} looks after {', '.join(map(str, refs[:_NAMED]))}{more}: nothing was sent, as it would undo that. "
        "Where it brings this stack, change what Git holds (playbooks/render.yml); playbooks/smoke.yml and "
        "playbooks/drift.yml work as ever. Where it is about something else, choose other names in the inventory. "
        f"To bring them by ingresskit from now on: {found.let_go}, then set ingress_apply.adopt_from: [{found.name}]"
    )
