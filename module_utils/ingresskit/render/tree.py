"""Rendered objects as a tree for Git: the controller's half, then the apps', each a kustomization of its own.

kubectl and Argo CD take the whole, Flux takes the halves one after the other (``dependsOn``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..manifests import Object
from .yaml_files import to_files, to_stream, with_header

KUSTOMIZATION = "kustomization.yaml"
STREAM = "manifests.yaml"
# https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/
WAVE = "argocd.argoproj.io/sync-wave"

# where a render of this stack may have left files: nowhere deeper, there are other stacks' perhaps
PLACES = (
    KUSTOMIZATION,
    STREAM,
    *(f"{half}/{name}" for half in ("stack", "apps") for name in (KUSTOMIZATION, "*/*.yaml")),
)

Order = Callable[[Object], int]


def tree(objects: Iterable[Object], home: str, order: Order) -> dict[str, str]:
    """File name -> text: a folder ``stack`` with what the controller in namespace ``home`` consists of, and a folder
    ``apps`` with the rest, one file for each object. ``order``: the stage in which an object is applied."""
    halves: dict[str, list[Object]] = {"stack": [], "apps": []}
    for obj in sorted(objects, key=order):
        halves["apps" if _is_of_apps(obj, home) else "stack"].append(obj)
    files: dict[str, str] = {}
    for half, members in halves.items():
        if members:
            texts = to_files(members)
            files |= {f"{half}/{name}": text for name, text in texts.items()}
            files[f"{half}/{KUSTOMIZATION}"] = _kustomization(list(texts))
    files[KUSTOMIZATION] = _kustomization([half for half, members in halves.items() if members])
    return files


def stream(objects: Iterable[Object], order: Order) -> dict[str, str]:
    """The same as one file, in the order in which the objects are applied, and the kustomization that names it."""
    text = with_header(to_stream(sorted(objects, key=order)))
    return {STREAM: text, KUSTOMIZATION: _kustomization([STREAM])}


def in_waves(objects: Iterable[Object], order: Order) -> list[Object]:
    """Copies that tell Argo CD the order; a wave that an object of the user's brings along stays."""
    return [_annotated(obj, {WAVE: str(order(obj))}) for obj in objects]


def _annotated(obj: Object, more: Mapping[str, str]) -> Object:
    metadata = obj["metadata"]
    return {**obj, "metadata": {**metadata, "annotations": {**more, **(metadata.get("annotations") or {})}}}


def _is_of_apps(obj: Object, home: str) -> bool:
    metadata = obj["metadata"]
    if obj["kind"] == "Namespace":
        return str(metadata["name"]) != home
    return obj["kind"] == "Ingress" or str(metadata.get("namespace", home)) != home


def _kustomization(resources: Sequence[str]) -> str:
    """https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/"""
    kind = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return with_header(to_stream([{**kind, "resources": list(resources)}]))
