"""The images inside the nodes' containerd."""

from __future__ import annotations

import json
from collections.abc import Sequence

from testbed.cache import Cache
from testbed.commands import output, run
from testbed.console import say, step
from testbed.docker import Image

# For each reference: its manifest, through the index of a multi-platform image where there is one, then its configuration.
_INSPECT = r"""
case $(uname -m) in x86_64) arch=amd64 ;; *) arch=arm64 ;; esac
content() { ctr -n k8s.io content get "$1"; }
for reference; do
  digest=$(ctr -n k8s.io images ls "name==$reference" | awk 'NR > 1 {print $3}')
  [ -n "$digest" ] || continue
  inner=$(content "$digest" | jq -r --arg arch "$arch" \
    'select(.manifests) | first(.manifests[] | select((.platform.architecture // $arch) == $arch)).digest')
  config=$(content "${inner:-$digest}" | jq -r .config.digest)
  content "$config" | jq -c --arg reference "$reference" --arg id "$config" \
    '{reference: $reference, id: $id, labels: (.config.Labels // {})}'
done
"""
_IMPORT = 'docker save "$1" | docker exec -i "$2" ctr -n k8s.io images import --digests --snapshotter=overlayfs -'


def images(node: str, references: Sequence[str]) -> dict[str, Image]:
    """What a node holds under these references; those it lacks are left out."""
    lines = output(["docker", "exec", node, "sh", "-c", _INSPECT, "inspect", *references]).splitlines()
    found = map(json.loads, lines)
    return {entry["reference"]: Image(entry["id"], entry["labels"]) for entry in found}


def must_load(held: Image | None, wanted: Image) -> bool:
    """Whether a node needs the image: it has none, or an older one of ours. What is not ours is never replaced."""
    if held is None:
        return True
    return held.ours and held.recipe != wanted.recipe


def load(cache: Cache, node: str, wanted: dict[str, Image]) -> None:
    """Bring the images (by reference, from Docker) into a node where it needs them. Raises CommandError."""
    held = images(node, list(wanted))
    for reference, image in wanted.items():
        there = held.get(reference)
        if there and not there.ours:
            say(f"{reference}: a real image is already in {node}, it stays")
        if not must_load(there, image):
            continue
        with step(f"loading {reference} into {node}"):
            run(["sh", "-c", _IMPORT, "import", reference, node], cache.log("load"))
        if there:
            say(f"{reference}: replaced in {node}; Pods that run the older one keep it until they are restarted")
