"""Which way the test bed takes: tables of what it finds and what it then does."""

from __future__ import annotations

import pytest

from testbed import cluster, engine, golang, images, node
from testbed.cluster import Spec
from testbed.docker import DOUBLE_LABEL, LABEL, RECIPE_LABEL, Image
from testbed.engine import Host, Way

REAL = Image("sha256:1", {})
MADE = Image("sha256:2", {LABEL: "nginx-double", RECIPE_LABEL: "new", DOUBLE_LABEL: "nginx"})
OLD = Image("sha256:3", {LABEL: "nginx-double", RECIPE_LABEL: "old", DOUBLE_LABEL: "nginx"})


@pytest.mark.parametrize(
    ("host", "way"),
    [
        (Host(answers=True, daemon=False, root=False, apt=False, systemd=False), Way.USE),
        (Host(answers=True, daemon=True, root=True, apt=True, systemd=True, elsewhere=True), Way.USE),
        (Host(answers=False, daemon=True, root=True, apt=True, systemd=False), Way.START),
        (Host(answers=False, daemon=True, root=True, apt=False, systemd=True), Way.SYSTEMD),
        (Host(answers=False, daemon=False, root=True, apt=True, systemd=True), Way.INSTALL),
        (Host(answers=False, daemon=False, root=True, apt=False, systemd=True), Way.REFUSE),
        (Host(answers=False, daemon=True, root=False, apt=False, systemd=True), Way.REFUSE),
        (Host(answers=False, daemon=True, root=True, apt=True, systemd=True, elsewhere=True), Way.REFUSE),
    ],
)
def test_engine(host: Host, way: Way) -> None:
    assert engine.choose(host) is way


@pytest.mark.parametrize(
    ("host", "reason", "words"),
    [
        (Host(False, True, False, False, True), "connect: permission denied", "usermod -aG docker"),
        (Host(False, True, False, False, True), "cannot connect", "systemctl start docker"),
    ],
)
def test_engine_remedy_names_the_command(host: Host, reason: str, words: str) -> None:
    assert words in engine.remedy(host, reason)


@pytest.mark.parametrize(
    ("held", "published", "reachable", "way"),
    [
        (REAL, True, False, images.Way.REAL),
        (REAL, True, True, images.Way.REAL),
        (None, True, True, images.Way.PULL),
        (None, True, False, images.Way.MAKE),
        (MADE, True, True, images.Way.PULL),  # the real one goes first as soon as it can be had
        (MADE, True, False, images.Way.MADE),
        (OLD, True, False, images.Way.MAKE),
        (None, False, True, images.Way.MAKE),
        (MADE, False, True, images.Way.MADE),
    ],
)
def test_image(held: Image | None, published: bool, reachable: bool, way: images.Way) -> None:
    assert images.choose(held, "new", published, lambda: reachable) is way


def test_image_asks_the_registry_only_where_it_counts() -> None:
    def unasked() -> bool:
        raise AssertionError("asked")

    assert images.choose(REAL, "new", True, unasked) is images.Way.REAL
    assert images.choose(MADE, "new", False, unasked) is images.Way.MADE


def test_image_origin_calls_the_double_a_double() -> None:
    recipe = images.RECIPE_OF["nginx"]
    assert "TEST DOUBLE" in images.origin(recipe, images.Way.MADE)
    assert "TEST DOUBLE" in images.origin(recipe, images.Way.MAKE)
    assert "TEST DOUBLE" not in images.origin(recipe, images.Way.REAL)


def test_only_doubles_carry_the_double_label() -> None:
    doubles = {name for name, recipe in images.RECIPE_OF.items() if DOUBLE_LABEL in recipe.labels}
    assert doubles == {"nginx"}


@pytest.mark.parametrize(
    ("held", "wanted", "load"),
    [
        (None, MADE, True),
        (MADE, MADE, False),
        (OLD, MADE, True),
        (MADE, REAL, True),
        (REAL, MADE, False),  # what is not ours is never replaced
        (REAL, Image("sha256:4", {}), False),
    ],
)
def test_load(held: Image | None, wanted: Image, load: bool) -> None:
    assert node.must_load(held, wanted) is load


PUBLISHED = {
    "30080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "30080"}],
    "30443/tcp": [{"HostIp": "127.0.0.1", "HostPort": "30443"}],
    "6443/tcp": [{"HostIp": "127.0.0.1", "HostPort": "40001"}],
}


@pytest.mark.parametrize(
    ("spec", "workers", "words"),
    [
        (Spec(), 0, None),
        (Spec(http_port=31080), 0, "http port on this host is 30080, not 31080"),
        (Spec(https_port=31443), 0, "https port on this host is 30443, not 31443"),
        (Spec(), 1, "1 workers, not 0"),
        (Spec(workers=1), 1, None),
    ],
)
def test_existing_cluster(spec: Spec, workers: int, words: str | None) -> None:
    found = cluster.difference(spec, PUBLISHED, workers)
    assert found is None if words is None else words in str(found)


def test_a_cluster_without_published_ports_differs() -> None:
    assert "not published" in str(cluster.difference(Spec(), {}, 0))


def test_cluster_config() -> None:
    config, alone = Spec("other", 31080, 31443, workers=2).config("some/node:1"), Spec().config(None)
    assert [one["role"] for one in config["nodes"]] == ["control-plane", "worker", "worker"]
    assert {one["image"] for one in config["nodes"]} == {"some/node:1"}
    ports = config["nodes"][0]["extraPortMappings"]
    assert [(port["containerPort"], port["hostPort"], port["listenAddress"]) for port in ports] == [
        (30080, 31080, "127.0.0.1"),
        (30443, 31443, "127.0.0.1"),
    ]
    untainted = [any("taints: []" in patch for patch in each["kubeadmConfigPatches"]) for each in (config, alone)]
    assert untainted == [True, False], "every node takes Pods"
    assert "image" not in alone["nodes"][0]


@pytest.mark.parametrize(
    ("module", "path", "version"),
    [
        (golang.ARGOCD, "github.com/argoproj/argo-cd/v2", golang.ARGOCD_VERSION),
        (golang.FLUX, "github.com/fluxcd/kustomize-controller", golang.FLUX_VERSION),
    ],
)
def test_the_version_of_an_image_is_that_of_its_module(module, path, version):
    assert f"\t{path} {version} " in (module.folder / "go.mod").read_text()
    assert any(recipe.reference.endswith(f":{version}") for recipe in images.RECIPE_OF.values())
