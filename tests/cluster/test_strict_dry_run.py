"""The API server takes every object of stacks that are not run here, field by field: kind ingress-nginx, of which there
is no image, and the inventories for clusters of another make."""

import shutil

import pytest
import yaml

from module_utils.ingresskit.render import render
from tests import inventories
from tests.cluster.double import make_pair
from tests.cluster.monitors import service_monitors
from tests.cluster.playbook import CONTEXT, Project, kubectl
from tests.golden.stacks import CASES

NAMESPACE = "ik-strict-dry-run"
ELSEWHERE = ("bare-metal", "cloud", "edge")
FOREIGN = {"Certificate", "Issuer"}  # of definitions that are not in this cluster
RENDERED = [case for case in CASES if case.kind == "ingress-nginx" or case.inventory in ("rich", "knobs")]
PURPOSES = [case for case in inventories.cases() if case.folder.name in ELSEWHERE]


@pytest.fixture(scope="module")
def namespace():
    with service_monitors():
        kubectl("create", "namespace", NAMESPACE)
        yield NAMESPACE
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.mark.parametrize("case", RENDERED, ids=str)
def test_the_api_server_takes_every_object(case, namespace, tmp_path):
    taken(case.objects(), namespace, tmp_path)


@pytest.mark.parametrize("case", PURPOSES, ids=str)
def test_the_api_server_takes_the_inventories_for_other_clusters(case, namespace, tmp_path):
    taken(render(case.stack, case.facts), namespace, tmp_path)


@pytest.mark.parametrize("purpose", ELSEWHERE)
def test_preflight_passes_the_inventories_for_other_clusters(purpose, tmp_path):
    """As a user runs it, but that the cluster is this one and the certificates are made here."""
    project = Project(tmp_path)
    shutil.copytree(inventories.INVENTORIES / purpose, project.folder / "inventory")
    (project.folder / "inventory/certs").mkdir()
    for name, host in (("shop", "shop.example.com"), ("branch", "*.branch.example.com")):
        for suffix, text in zip((".crt", ".key"), make_pair(host), strict=True):
            (project.folder / f"inventory/certs/{name}{suffix}").write_bytes(text)
    project.play("playbooks/preflight.yml", ingress_cluster={"context": CONTEXT}).passed()


def taken(objects, namespace, tmp_path):
    """All in one namespace, as a dry run makes none; node ports are left to the cluster."""
    objects = [each for each in objects if each["kind"] not in {"Namespace", *FOREIGN}]
    for each in objects:
        if "namespace" in each["metadata"]:
            each["metadata"]["namespace"] = namespace
        else:
            each["metadata"]["name"] = f"{namespace}-{each['metadata']['name']}"  # one of that name may be there
        for port in each.get("spec", {}).get("ports", ()) if each["kind"] == "Service" else ():
            port.pop("nodePort", None)
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    said = kubectl("create", "--dry-run=server", "--validate=strict", "-f", str(file)).splitlines()
    assert len(said) == len(objects) and all(line.endswith("created (server dry run)") for line in said)
