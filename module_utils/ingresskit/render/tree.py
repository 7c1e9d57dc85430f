"""Rendered objects as a tree for Git: the controller's part, then the apps', then what proves them; each a
kustomization of its own.

kubectl and Argo CD take the whole, Flux takes the parts one after the other (``dependsOn``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from ..manifests import Object
from .yaml_files import to_files, to_stream, with_header

KUSTOMIZATION = "kustomization.yaml"
STREAM = "manifests.yaml"
# https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/
WAVE = "argocd.argoproj.io/sync-wave"
# With a Namespace goes everybody's in it, with a definition all resources of its kind: these are left. Argo CD does not
# call the rest out of sync for it. https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/
KEPT = ("Namespace", "CustomResourceDefinition")
KEEP = {
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
}
# https://fluxcd.io/flux/components/kustomize/kustomizations/#prune
FLUX_KEEP = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}

# where a render of this stack may have left files: nowhere deeper, there are other stacks' perhaps
PLACES = (
    KUSTOMIZATION,
    STREAM,
    *(f"{part}/{name}" for part in ("stack", "apps", "smoke") for name in (KUSTOMIZATION, STREAM, "*/*.yaml")),
)

_RIGHTS = ("Role", "RoleBinding")

Order = Callable[[Object], int]


def tree(
    objects: Iterable[Object], home: str, order: Order, smoke: Sequence[Object] = (), *, apart: bool = True
) -> dict[str, str]:
    """File name -> text: a folder ``stack`` with what the controller in namespace ``home`` consists of, and a folder
    ``apps`` with the rest, one file for each object. ``order``: the stage in which an object is applied.

    ``smoke``: what proves them, in a folder of its own; ``apart``: which the root does not name, for a Job that is
    applied together with what it proves would begin before that is there.
    """
    parts: dict[str, list[Object]] = {"stack": [], "apps": [], "smoke": list(smoke)}
    ordered = sorted(objects, key=order)
    spaces = {home, *(str(obj["metadata"].get("namespace")) for obj in ordered if obj["kind"] in _RIGHTS)}
    for obj in ordered:
        parts["apps" if _is_of_apps(obj, home, spaces) else "stack"].append(obj)
    files: dict[str, str] = {}
    for part, members in parts.items():
        if members:
            texts = to_files(members)
            files |= {f"{part}/{name}": text for name, text in texts.items()}
            files[f"{part}/{KUSTOMIZATION}"] = _kustomization(list(texts))
    named = [part for part, members in parts.items() if members and not (apart and part == "smoke")]
    files[KUSTOMIZATION] = _kustomization(named)
    return files


def stream(
    objects: Iterable[Object], order: Order, smoke: Sequence[Object] = (), *, apart: bool = True
) -> dict[str, str]:
    """The same as one file, in the order in which the objects are applied, and the kustomization that names it; what
    proves them stands at its end, or ``apart`` in a folder of its own."""
    text = to_stream([*sorted(objects, key=order), *([] if apart else smoke)])
    files = {STREAM: with_header(text), KUSTOMIZATION: _kustomization([STREAM])}
    if apart and smoke:
        files[f"smoke/{STREAM}"] = with_header(to_stream(smoke))
        files[f"smoke/{KUSTOMIZATION}"] = _kustomization([STREAM])
    return files


def in_waves(objects: Iterable[Object], order: Order) -> list[Object]:
    """Copies that tell Argo CD the order, and what to keep; what an object of the user's says of that itself stays."""
    return [_annotated(obj, {WAVE: str(order(obj))} | (KEEP if obj["kind"] in KEPT else {})) for obj in objects]


def kept_by_flux(objects: Iterable[Object]) -> list[Object]:
    """Copies that tell Flux what to keep, unless an object of the user's says of that itself."""
    return [_annotated(obj, FLUX_KEEP) if obj["kind"] in KEPT else obj for obj in objects]


def _annotated(obj: Object, more: Mapping[str, str]) -> Object:
    metadata = obj["metadata"]
    return {**obj, "metadata": {**metadata, "annotations": {**more, **(metadata.get("annotations") or {})}}}


def _is_of_apps(obj: Object, home: str, spaces: Collection[str]) -> bool:
    """``spaces``: where the controller has its rights. Without them it is not ready, and the apps wait until it is."""
    metadata, kind = obj["metadata"], obj["kind"]
    if kind == "Namespace":
        return str(metadata["name"]) not in spaces
    return kind == "Ingress" or (kind not in _RIGHTS and str(metadata.get("namespace", home)) != home)


def _kustomization(resources: Sequence[str]) -> str:
    """https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/"""
    kind = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return with_header(to_stream([{**kind, "resources": list(resources)}]))
