"""What GitOps needs in the cluster: a Git server, and Argo CD. Each is a file below ``gitops/`` and a row here."""

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
from testbed.console import say, step

MANIFESTS = Path(__file__).parent / "gitops"


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
PARTS = (GIT_SERVER,)


def ensure(cache: Cache, spec: Spec) -> None:
    """Have them run in a cluster whose nodes are up, their images made or pulled as the others are.

    Where they run already nothing changes. Raises TestbedError or CommandError.
    """
    held = {name: images.ensure(cache, name) for name in images.GITOPS}
    for name in nodes(spec.name):
        node.load(cache, name, {images.RECIPE_OF[recipe].reference: image for recipe, image in held.items()})
    for part in PARTS:
        with step(part.title):
            cluster.apply(cache, spec, part.objects({name: held[name] for name in part.images}), part.name)
            for workload in part.workloads:
                cluster.wait_for_rollout(spec, part.name, workload)
        say(f"{part.title}: runs in the namespace {part.name}")
