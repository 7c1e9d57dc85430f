"""gitops/flux: the accounts may bring all that is rendered, and grant no more than they have themselves."""

import re
from pathlib import Path

import pytest
import yaml

from module_utils.ingresskit.api.resources import BUILTIN
from module_utils.ingresskit.rendering import render_for_git

ROOT = Path(__file__).parents[2]
FLUX = ROOT / "gitops" / "flux"
BRING = {"create", "delete", "get", "list", "patch"}
CUSTOM = {"k8s.nginx.org": "*", "traefik.io": "*", "apiextensions.k8s.io": "customresourcedefinitions"}
APPS = {
    "cafe": {
        "tls": {"secret": "cafe-tls"},
        "hosts": {"cafe.example.com": {"paths": {"/tea": "tea-svc:80"}}},
        "options": {"hsts": {"max_age": 60}},
        "workloads": {"tea": {}},
    }
}
MUCH = {
    "autoscaling": {"min": 2, "max": 3, "cpu": 80},
    "default_backend": {"page": str(ROOT / "inventories/edge/pages/404.html")},
    "watch_namespaces": ["cafe", "db"],
}
CONTROLLERS = {
    "nginx": {"kind": "nginx", "default_tls": {"secret": "edge-tls"}},
    "nginx, much of it": {"kind": "nginx", "default_tls": {"secret": "edge-tls"}, **MUCH},
    "nginx, its own kinds": {"kind": "nginx", "custom_resources": True, "crds": {"source": str(ROOT / "testbed/crds/nginx.yaml")}},
    "traefik": {"kind": "traefik"},
    "traefik, much of it": {"kind": "traefik", "tcp_services": {"5432": "db/postgres:5432"}, **MUCH},
    "traefik, its own kinds": {"kind": "traefik", "custom_resources": True, "crds": {"source": str(ROOT / "testbed/crds/traefik.yaml")}},
    "traefik, a DaemonSet": {"kind": "traefik", "workload": "DaemonSet"},
    "traefik as ingress-nginx": {"kind": "traefik", "compat": "ingress-nginx"},
    "ingress-nginx": {"kind": "ingress-nginx", "accept_retired": True},
}  # fmt: skip


def documents(name):
    return [each for each in yaml.safe_load_all((FLUX / name).read_text()) if each]


def rights(part, *, custom):
    """The rules of an account: (group, resource) -> verbs."""
    found = {}
    (role,) = [
        each
        for each in documents("base/rights.yaml")
        if each["kind"] == "ClusterRole" and each["metadata"]["name"].endswith(part)
    ]
    rules = list(role["rules"])
    if custom:
        for patch in documents("custom-resources/kustomization.yaml")[0]["patches"]:
            if part in patch["target"]["name"]:
                rules += [each["value"] for each in yaml.safe_load(patch["patch"])]
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def missing(has, group, resource, verbs):
    return set(verbs) - has.get((group, resource), set()) - has.get((group, "*"), set())


def rendered(controller, part):
    inventory = {
        "ingress_stack_name": "edge",
        "ingress_controller": controller,
        "ingress_apps": APPS,
        "ingress_git": {"tool": "flux", "smoke": True},
    }
    files = render_for_git(inventory, ROOT)[1]
    texts = [
        text for name, text in files.items() if name.startswith(f"{part}/") and not name.endswith("kustomization.yaml")
    ]
    return [each for text in texts for each in yaml.safe_load_all(text)]


@pytest.mark.parametrize("part", ["stack", "apps", "smoke"])
@pytest.mark.parametrize("controller", CONTROLLERS.values(), ids=CONTROLLERS)
def test_the_accounts_may_bring_and_grant_what_is_rendered(controller, part):
    has = rights(part, custom=controller.get("custom_resources", False))
    objects = rendered(controller, part)
    assert objects
    for obj in objects:
        group = obj["apiVersion"].rpartition("/")[0]
        known = BUILTIN.get((obj["apiVersion"], obj["kind"]))
        resource = known.plural if known else CUSTOM[group]
        assert not missing(has, group, resource, BRING), f"{part} may not bring {obj['kind']}"
        for rule in obj.get("rules") or [] if obj["kind"].endswith("Role") else []:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    assert not missing(has, group, resource, rule["verbs"]), f"{part} may not grant {rule}"


def test_nobody_may_grant_more_than_they_have():
    for part in ("stack", "apps", "smoke"):
        for (group, resource), verbs in rights(part, custom=True).items():
            assert "escalate" not in verbs and "impersonate" not in verbs and "*" not in verbs
            assert "bind" not in verbs or resource == "roles"
            assert resource != "*" or group in CUSTOM


def test_the_halves_wait_for_each_other():
    halves = {
        each["metadata"]["name"]: each["spec"]
        for name in ("stack", "apps", "smoke")
        for each in documents(f"base/{name}.yaml")
    }
    assert "dependsOn" not in halves["ingress-stack"]
    assert halves["ingress-apps"]["dependsOn"] == [{"name": "ingress-stack"}]
    assert halves["ingress-smoke"]["dependsOn"] == [{"name": "ingress-apps"}]
    for spec in halves.values():
        assert spec["wait"] and spec["prune"] and spec["serviceAccountName"].startswith("ingresskit-")


def test_a_second_stack_has_all_that_is_not_in_a_namespace_under_names_of_its_own():
    """The page's patches; kustomize itself lets the bindings follow their roles, see tests/cluster/test_flux.py."""
    page = (ROOT / "docs/gitops/flux.md").read_text().partition("Several stacks")[2]
    patches = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])["patches"]
    shared = {
        (each["kind"], each["metadata"]["name"])
        for each in documents("base/rights.yaml")
        if "ClusterRole" in each["kind"]
    }
    renamed = {
        found: change["value"]
        for patch in patches
        for found in shared
        if re.fullmatch(patch["target"]["kind"], found[0]) and patch["target"]["name"] == found[1]
        for change in yaml.safe_load(patch["patch"])
    }
    assert renamed == {(kind, name): f"{name}-edge" for kind, name in shared}
