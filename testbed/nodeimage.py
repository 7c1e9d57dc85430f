"""The node image of the cluster: kind's own where a registry can be reached, else one made here.

Ours is Debian with systemd, containerd and Kubernetes built from its Go modules; see node-image/Dockerfile.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from testbed import docker, golang, kind, oci, registry, rootfs
from testbed.cache import Cache, files_below, key
from testbed.commands import parallel
from testbed.console import say, step
from testbed.golang import COREDNS, ETCD, KUBERNETES, KUBERNETES_VERSION, PAUSE

RECIPE = Path(__file__).parent / "node-image"
REPOSITORY = "ingresskit-testbed/node"
OVERRIDE = "INGRESSKIT_NODE_IMAGE"
_KUBE = "registry.k8s.io"
# reference -> module and program: as `kubeadm config images list` names them for this version
KUBE_SYSTEM = {
    f"{_KUBE}/kube-apiserver:{KUBERNETES_VERSION}": (KUBERNETES, "kubernetes"),
    f"{_KUBE}/kube-controller-manager:{KUBERNETES_VERSION}": (KUBERNETES, "kubernetes"),
    f"{_KUBE}/kube-scheduler:{KUBERNETES_VERSION}": (KUBERNETES, "kubernetes"),
    f"{_KUBE}/kube-proxy:{KUBERNETES_VERSION}": (KUBERNETES, "kubernetes"),
    f"{_KUBE}/coredns/coredns:v1.12.1": (COREDNS, "coredns"),
    f"{_KUBE}/pause:3.10.1": (PAUSE, "pause"),
    f"{_KUBE}/etcd:3.6.5-0": (ETCD, "etcd"),
}
_MODULES = (KUBERNETES, ETCD, COREDNS, PAUSE)


def ensure(cache: Cache) -> str | None:
    """The node image to give to kind, made if need be; None lets kind pull the one it was released with."""
    chosen = os.environ.get(OVERRIDE)
    if chosen:
        say(f"node image: {chosen}, as {OVERRIDE} says")
        return chosen
    if registry.reachable("docker.io"):
        say("node image: the registry answers -> kind's own kindest/node")
        return None
    reference = current()
    present = docker.image(reference) is not None
    say(f"node image: no registry -> {reference}, {'made before' if present else 'to be made here'}")
    if not present:
        _make(cache, reference)
    return reference


def current() -> str:
    """The reference of the node image this checkout would make."""
    return f"{REPOSITORY}:{KUBERNETES_VERSION}-{_recipe_key()}"


def _recipe_key() -> str:
    parts = [f"{reference}={module.key}" for reference, (module, _) in KUBE_SYSTEM.items()]
    return key(RECIPE, *parts, rootfs.NODE.key, rootfs.BASE.key)


def _make(cache: Cache, reference: str) -> None:
    # the compilers fill the processors, the package downloads the line
    trees = (rootfs.NODE, rootfs.BASE)
    parallel(lambda: _compile(cache), *(partial(rootfs.build, cache, tree) for tree in trees))
    base = f"ingresskit-testbed/rootfs-node:{rootfs.NODE.key}"
    if docker.image(base) is None:
        with step("importing the node's root file system into Docker"):
            archive = rootfs.build(cache, rootfs.NODE)
            docker.import_rootfs(base, archive, cache.log("import-node"), docker.labels("rootfs-node", rootfs.NODE.key))
    with cache.scratch() as scratch, step("assembling the node image"):
        docker.build(
            reference,
            _context(cache, scratch),
            cache.log("node-image"),
            docker.labels("node", _recipe_key()),
            {"ROOTFS": base, "VERSION": KUBERNETES_VERSION},
        )
    docker.drop_older(base)
    docker.drop_older(reference)


def _compile(cache: Cache) -> None:
    for module in _MODULES:
        golang.build(cache, module)
    kind.program(cache)  # while the standard library is compiled
    golang.drop_build_cache(cache)


def _context(cache: Cache, scratch: Path) -> dict[str, Path]:
    """The build context: the recipe, the programs on the node, and an archive of the kube-system images."""
    programs = golang.build(cache, KUBERNETES)
    archive = scratch / "kube-system.tar"
    oci.write_archive(archive, [_kube_system_image(cache, reference) for reference in KUBE_SYSTEM], scratch)
    return files_below(RECIPE) | {
        "kube-system.tar": archive,
        **{name: programs / name for name in ("kubernetes", "kubectl")},
    }


def _kube_system_image(cache: Cache, reference: str) -> oci.Image:
    module, program = KUBE_SYSTEM[reference]
    name = reference.rpartition("/")[2].partition(":")[0]
    # static programs need nothing below them, but kube-proxy calls iptables
    below = rootfs.build(cache, rootfs.BASE) if name == "kube-proxy" else None
    return oci.Image(reference, golang.build(cache, module) / program, name, below)
