"""The smoke Job and what it needs, byte for byte, and valid; the stack itself is in the other expected files."""

import shutil

import pytest
import yaml

from module_utils.ingresskit.render.tree import PLACES
from module_utils.ingresskit.render.yaml_files import present_files
from module_utils.ingresskit.rendering import render_for_git

from .stacks import HERE, ROOT
from .validity import faults, pod_of, restricted

STACK = {
    "ingress_stack_name": "shop",
    "ingress_cluster": {"context": "kind-ingresskit", "timeout": 120},
    "ingress_controller": {
        "kind": "nginx",
        "default_tls": {"secret": "default-tls"},
        "expose": {"type": "NodePort", "address": "127.0.0.1"},
        "error_pages": {"503": "<h1>{{ soon }}</h1>"},
    },
    "ingress_apps": {
        "cafe": {
            "tls": {"secret": "cafe-tls"},
            "hosts": {"cafe.example.com": {"paths": {"/tea": "tea-svc:80"}}},
            "workloads": {"tea": {}},
        }
    },
}
IMAGE = {"registry": "registry.example.com", "pull_secrets": ["registry"]}
TOOLS = {
    "argocd": {"tool": "argocd", "smoke": True},
    "flux": {"tool": "flux", "smoke": {"image": IMAGE, "timeout": 120}},
}
OUTSIDE = {"secret nginx-ingress/default-tls", "secret cafe/cafe-tls", "secret nginx-ingress/registry"}


def files(tool):
    _, found = render_for_git({**STACK, "ingress_git": TOOLS[tool]}, ROOT)
    return found


@pytest.mark.parametrize("tool", TOOLS)
def test_the_smoke_part_is_as_expected(tool, update_golden):
    folder = HERE / "smoke" / tool
    found = {name: text for name, text in files(tool).items() if name.startswith("smoke/")}
    if update_golden:
        shutil.rmtree(folder, ignore_errors=True)
        for name, text in found.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    assert found == present_files(folder, PLACES)


@pytest.mark.parametrize("tool", TOOLS)
def test_every_object_is_valid_and_the_pod_restricted(tool):
    objects = [yaml.safe_load(text) for name, text in files(tool).items() if not name.endswith("kustomization.yaml")]
    assert faults(objects, OUTSIDE) == []
    (job,) = (obj for obj in objects if obj["kind"] == "Job")
    assert list(restricted(pod_of(job))) == []


def test_a_fault_is_found():
    objects = [yaml.safe_load(text) for name, text in files("flux").items() if not name.endswith("kustomization.yaml")]
    without = [obj for obj in objects if (obj["kind"], obj["metadata"]["name"]) != ("ServiceAccount", "shop-smoke")]
    assert any("shop-smoke" in fault for fault in faults(without, OUTSIDE))
