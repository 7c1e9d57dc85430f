"""The images inside the nodes' containerd."""

from __future__ import annotations

import json
from collections.abc import Sequence

from testbed.cache import Cache
from testbed.commands import output, run, succeeds, wait_until
from testbed.console import say, step
from testbed.docker import Image
from testbed.errors import TestbedError

UP_TIMEOUT = 60

# For each reference: its manifest, through the index of a multi-platform image if there is one, then its configuration.
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
# All at once, because what several images share then travels and is unpacked once.
_IMPORT = (
    'node=$1; shift; docker save "$@" | docker exec -i "$node" ctr -n k8s.io images import --snapshotter=overlayfs -'
)


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


def wait_for_containerd(node: str) -> None:
    """Return when a node takes images, long before Kubernetes runs on it. Raises TestbedError if it never does."""
    if not wait_until(lambda: succeeds(["docker", "exec", node, "ctr", "version"]), UP_TIMEOUT):
        raise TestbedError(f"containerd does not answer in {node}: see docker logs {node}")


def load(cache: Cache, node: str, wanted: dict[str, Image]) -> None:
    """Bring the images (by reference, from Docker) into a node where it needs them. Raises CommandError."""
    held = images(node, list(wanted))
    for reference in wanted:
        if reference in held and not held[reference].ours:
            say(f"{reference}: a real image is in {node} already, it stays")
    missing = [reference for reference, image in wanted.items() if must_load(held.get(reference), image)]
    if missing:
        names = ", ".join(reference.rpartition("/")[2] for reference in missing)
        with step(f"loading {names} into {node}"):
            run(["sh", "-c", _IMPORT, "import", node, *missing], cache.log("load"))
    for reference in set(missing) & set(held):
        say(f"{reference}: replaced in {node}; Pods that run the older one keep it until they are restarted")
