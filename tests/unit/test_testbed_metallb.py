"""The test bed's load balancer: which addresses it gives away, what is sent to the cluster."""

from ipaddress import IPv4Address, IPv4Interface
from itertools import pairwise

import pytest

from testbed import images, metallb
from testbed.docker import Image
from testbed.errors import TestbedError


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        ("172.18.0.2/16", [], "172.18.255.208-172.18.255.223"),
        ("172.18.0.3/16", ["172.18.0.2", "172.18.0.4"], "172.18.255.192-172.18.255.207"),
        ("192.168.5.2/24", ["192.168.5.3"], "192.168.5.208-192.168.5.223"),
        ("192.168.5.2/24", ["192.168.5.207"], "192.168.5.208-192.168.5.223"),
    ],
)
def test_addresses_are_high_in_the_network(own, others, expected):
    assert metallb.addresses_of(IPv4Interface(own), [IPv4Address(each) for each in others]) == expected


def test_two_clusters_on_one_network_share_no_address():
    given = [metallb.addresses_of(IPv4Interface(f"172.18.0.{host}/16"), []) for host in range(2, 200)]
    ranges = [[int(IPv4Address(end)) for end in each.split("-")] for each in reversed(given)]
    assert all(before[1] < after[0] for before, after in pairwise(ranges))
    assert {last - first + 1 for first, last in ranges} == {metallb.SIZE}


@pytest.mark.parametrize(("own", "others"), [("10.0.0.2/28", []), ("192.168.5.2/24", ["192.168.5.208"])])
def test_a_network_without_room_is_told(own, others):
    with pytest.raises(TestbedError, match=r"has no 16 addresses left"):
        metallb.addresses_of(IPv4Interface(own), [IPv4Address(each) for each in others])


def test_what_the_programs_watch_may_be_watched_by_them_and_is_defined():
    objects = metallb.programs(
        [("example/controller:1", Image("sha256:1", {})), ("example/speaker:1", Image("i2", {}))]
    )
    rules = [rule for one in objects if one["kind"] in ("Role", "ClusterRole") for rule in one["rules"]]
    watched = {name for rule in rules if "metallb.io" in rule["apiGroups"] for name in rule["resources"]}
    defined = {one["metadata"]["name"].removesuffix(".metallb.io") for one in metallb.definitions()}
    assert {name.partition("/")[0] for name in watched} == defined
    assert not any("*" in values for rule in rules for values in rule.values())


def test_a_new_image_rolls_the_pods():
    def templates(number):
        held = [(f"example/{name}:1", Image(f"sha256:{number}", {})) for name in ("controller", "speaker")]
        workloads = [one for one in metallb.programs(held) if one["kind"] in ("Deployment", "DaemonSet")]
        return {one["metadata"]["name"]: one["spec"]["template"] for one in workloads}

    old, new = templates(1), templates(2)
    for name in ("controller", "speaker"):
        assert old[name] != new[name]
        (container,) = old[name]["spec"]["containers"]
        assert container["image"] == f"example/{name}:1"
        assert container["resources"]["requests"]["cpu"] == "10m"


def test_images_are_made_of_the_pinned_module():
    for name in metallb.IMAGES:
        recipe = images.RECIPE_OF[name]
        (module,) = recipe.modules
        assert f"go.universe.tf/metallb {images.METALLB_VERSION} " in (module.folder / "go.mod").read_text()
        assert recipe.reference.endswith(f":{images.METALLB_VERSION}")
