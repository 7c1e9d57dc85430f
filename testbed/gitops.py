"""What GitOps needs in the cluster: a Git server, Argo CD and Flux. Each is a file below ``gitops/`` and a row here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import yaml

from testbed import cluster, docker, images, node
from testbed.cache import Cache
from testbed.cluster import Spec, nodes
from testbed.commands import output
from testbed.console import say, step

MANIFESTS = Path(__file__).parent / "gitops"
DEFINITION = "CustomResourceDefinition"


@dataclass(frozen=True)
class Part:
    """Objects of ``gitops/NAME.yaml``, the images they run, the workloads to wait for in the namespace NAME."""

    name: str
    title: str
    images: tuple[str, ...]
    workloads: tuple[str, ...]

    def objects(self, held: Mapping[str, docker.Image]) -> list[dict[str, Any]]:
        """Its manifests; ``held``: the images by recipe, filled in as $RECIPE_image and $RECIPE_id."""
        known: dict[str, str] = {}
        for recipe, image in held.items():
            name = recipe.replace("-", "_")
            known |= {f"{name}_image": images.RECIPE_OF[recipe].reference, f"{name}_id": image.id}
        return list(yaml.safe_load_all(Template((MANIFESTS / f"{self.name}.yaml").read_text()).substitute(known)))


GIT_SERVER = Part("git-server", "the Git server", ("git-server",), ("deployment/git-server",))
ARGOCD = Part(
    "argocd",
    "Argo CD",
    ("argocd", "redis"),
    (
        "deployment/argocd-redis",
        "deployment/argocd-repo-server",
        "statefulset/argocd-application-controller",
        "deployment/argocd-applicationset-controller",
    ),
)
FLUX = Part("flux-system", "Flux's kustomize-controller", ("flux",), ("deployment/kustomize-controller",))
PARTS = (GIT_SERVER, ARGOCD, FLUX)


def ensure(cache: Cache, spec: Spec) -> None:
    """Have them run in a cluster whose nodes are up, their images made or pulled as the others are.

    Where they run already nothing changes. Raises TestbedError or CommandError.
    """
    held = {name: images.ensure(cache, name) for name in images.GITOPS}
    for name in nodes(spec.name):
        node.load(cache, name, {images.RECIPE_OF[recipe].reference: image for recipe, image in held.items()})
    for part in PARTS:
        with step(part.title):
            _install(cache, spec, part, {name: held[name] for name in part.images})
        say(f"{part.title}: runs in the namespace {part.name}")


def _install(cache: Cache, spec: Spec, part: Part, held: Mapping[str, docker.Image]) -> None:
    objects = part.objects(held)
    definitions = [one for one in objects if one["kind"] == DEFINITION]
    if definitions:
        cluster.apply(cache, spec, definitions, part.name)
        named = [f"crd/{one['metadata']['name']}" for one in definitions]
        output(cluster.kubectl(spec, "wait", "--for=condition=Established", "--timeout=30s", *named))
    cluster.apply(cache, spec, [one for one in objects if one["kind"] != DEFINITION], part.name)
    for workload in part.workloads:
        cluster.wait_for_rollout(spec, part.name, workload)
