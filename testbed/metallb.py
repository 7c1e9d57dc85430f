"""A real load balancer for the cluster: MetalLB in layer 2 mode, its addresses out of the nodes' own Docker network.

Layer 2 mode: https://metallb.io/concepts/layer2/. The custom resources: https://metallb.io/apis/.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from string import Template
from typing import Any

import yaml

from testbed import cluster, docker, images, node
from testbed.cache import Cache
from testbed.cluster import Spec, kubectl, nodes
from testbed.commands import output
from testbed.console import say, step
from testbed.errors import TestbedError

IMAGES = ("metallb-controller", "metallb-speaker")
NAMESPACE = "metallb-system"
SIZE = 16  # addresses of a cluster
GROUP = "metallb.io"
MANIFESTS = Path(__file__).parent / "metallb" / "metallb.yaml"
_ANY = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_STRINGS = {"type": "array", "items": {"type": "string"}}
# What the two programs watch, used or not: they do not start without. Of those in use the spec is told.
_KINDS: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "IPAddressPool": (
        "ipaddresspools",
        ["v1beta1"],
        {
            "type": "object",
            "required": ["addresses"],
            "properties": {"addresses": _STRINGS, "autoAssign": {"type": "boolean", "default": True}},
        },
    ),
    "L2Advertisement": (
        "l2advertisements",
        ["v1beta1"],
        {"type": "object", "properties": {"ipAddressPools": _STRINGS}},
    ),
    "ServiceL2Status": ("servicel2statuses", ["v1beta1"], _ANY),
    "ServiceBGPStatus": ("servicebgpstatuses", ["v1beta1"], _ANY),
    "Community": ("communities", ["v1beta1"], _ANY),
    "BGPAdvertisement": ("bgpadvertisements", ["v1beta1"], _ANY),
    "BGPPeer": ("bgppeers", ["v1beta1", "v1beta2"], _ANY),
    "BFDProfile": ("bfdprofiles", ["v1beta1"], _ANY),
}


def ensure(cache: Cache, spec: Spec) -> None:
    """Have MetalLB run in a cluster whose nodes are up, its images made or pulled as the others are.

    Where it runs already nothing changes. Raises TestbedError or CommandError.
    """
    wanted = {images.RECIPE_OF[name].reference: images.ensure(cache, name) for name in IMAGES}
    for name in nodes(spec.name):
        node.load(cache, name, wanted)
    addresses = _look(spec)
    with step("MetalLB"):
        cluster.apply(cache, spec, definitions(), "metallb")
        named = [f"crd/{plural}.{GROUP}" for plural, _, _ in _KINDS.values()]
        output(kubectl(spec, "wait", "--for=condition=Established", "--timeout=30s", *named))
        cluster.apply(cache, spec, [*programs(list(wanted.items())), *pool(addresses)], "metallb")
        for program in ("deployment/controller", "daemonset/speaker"):
            cluster.wait_for_rollout(spec, NAMESPACE, program)
    say(f"MetalLB: a Service of type LoadBalancer gets one of {addresses}")


def addresses_of(own: IPv4Interface, others: Sequence[IPv4Address]) -> str:
    """The addresses a cluster may give away, "first-last", by its first node's own on Docker's network.

    As many ranges below the top of the network as that node is above its bottom: clusters on one network never share
    any. Docker gives its own out from the bottom. Raises TestbedError where the network is too small for that.
    """
    network = own.network
    last = int(network.broadcast_address) - SIZE * (int(own.ip) - int(network.network_address))
    first = last - SIZE + 1
    taken = max(map(int, [*others, own.ip]))
    if first <= taken:
        raise TestbedError(f"Docker's network {network} has no {SIZE} addresses left for a load balancer")
    return f"{IPv4Address(first)}-{IPv4Address(last)}"


def _look(spec: Spec) -> str:
    """The same, by what Docker tells."""
    found = json.loads(output(["docker", "inspect", spec.control_plane]))[0]["NetworkSettings"]["Networks"]
    name, own = next((name, each) for name, each in found.items() if each["IPAddress"])
    attached = json.loads(output(["docker", "network", "inspect", name]))[0]["Containers"].values()
    others = [IPv4Interface(each["IPv4Address"]).ip for each in attached if each["IPv4Address"]]
    return addresses_of(IPv4Interface(f"{own['IPAddress']}/{own['IPPrefixLen']}"), others)


def definitions() -> list[dict[str, Any]]:
    """The custom resources' definitions: minimal schemas of our own, no copies of upstream's."""
    return [_definition(kind, *known) for kind, known in _KINDS.items()]


def _definition(kind: str, plural: str, versions: list[str], spec: dict[str, Any]) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": _ANY}}}
    served = {"served": True, "subresources": {"status": {}}, "schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [served | {"name": name, "storage": name == versions[-1]} for name in versions],
        },
    }


def programs(held: Sequence[tuple[str, docker.Image]]) -> list[dict[str, Any]]:
    """Namespace, rights and workloads; ``held``: reference and image of the controller, then of the speaker."""
    known: dict[str, str] = {}
    for name, (reference, image) in zip(("controller", "speaker"), held, strict=True):
        known |= {f"{name}_image": reference, f"{name}_id": image.id}
    return list(yaml.safe_load_all(Template(MANIFESTS.read_text()).substitute(known)))


def pool(addresses: str) -> list[dict[str, Any]]:
    """The addresses, and that they are announced by ARP."""
    meta = {"name": "docker", "namespace": NAMESPACE}
    version = f"{GROUP}/v1beta1"
    return [
        {"apiVersion": version, "kind": "IPAddressPool", "metadata": meta, "spec": {"addresses": [addresses]}},
        {"apiVersion": version, "kind": "L2Advertisement", "metadata": meta, "spec": {"ipAddressPools": ["docker"]}},
    ]
