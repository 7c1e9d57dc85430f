"""The API server takes every object of kind ingress-nginx, field by field. No Pod of it runs here: there is no image."""

import pytest
import yaml

from tests.cluster.playbook import kubectl
from tests.golden.stacks import CASES

NAMESPACE = "ik-strict-dry-run"
RENDERED = [case for case in CASES if case.kind == "ingress-nginx"]


@pytest.fixture(scope="module")
def namespace():
    kubectl("create", "namespace", NAMESPACE)
    yield NAMESPACE
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.mark.parametrize("case", RENDERED, ids=str)
def test_the_api_server_takes_every_object(case, namespace, tmp_path):
    """All in one namespace, as a dry run makes none; node ports are left to the cluster."""
    objects = [each for each in case.objects() if each["kind"] != "Namespace"]
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
