"""The files of gitops/argocd/ fit each other, and what is rendered fits them."""

import pytest
import yaml

from module_utils.ingresskit.images import TOOLKIT
from tests.golden.stacks import CASES, ROOT

FILES = ROOT / "gitops" / "argocd"
ON_REQUEST = {"k8s.nginx.org", "traefik.io", "monitoring.coreos.com"}  # in comments there


def file(name):
    (found,) = yaml.safe_load_all((FILES / f"{name}.yaml").read_text())
    return found


def test_every_application_syncs_in_the_same_way():
    one = file("application")["spec"]
    others = [file("plugin/application")["spec"], file("applicationset")["spec"]["template"]["spec"]]
    for other in others:
        assert (other["syncPolicy"], other["project"]) == (one["syncPolicy"], file("project")["metadata"]["name"])
        assert other["source"]["repoURL"] == one["source"]["repoURL"] == file("project")["spec"]["sourceRepos"][0]


def test_the_sidecar_runs_the_toolkit_with_the_plugin_beside_it():
    pod = file("plugin/repo-server")["spec"]["template"]["spec"]
    assert [each["image"] for each in pod["containers"]] == [str(TOOLKIT)]
    config = file("plugin/plugin")
    assert config["metadata"]["name"] in {each.get("configMap", {}).get("name") for each in pod["volumes"]}
    plugin = yaml.safe_load(config["data"]["plugin.yaml"])
    assert plugin["metadata"]["name"] == file("plugin/application")["spec"]["source"]["plugin"]["name"]
    assert "discover" not in plugin["spec"], "or the sidecar is asked about every Application, and gets its files"


def test_each_setting_of_argocd_itself_is_a_file_of_its_own():
    """They are for everybody's Applications: who wants one need not take the other."""
    assert [list(file(name)["data"]) for name in ("argocd-cm", "argocd-cm-tracking")] == [
        ["resource.customizations.health.networking.k8s.io_Ingress"],
        ["application.resourceTrackingMethod"],
    ]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_project_permits_what_a_stack_consists_of(case):
    rights = file("project")["spec"]
    permitted = {
        scoped: {(each["group"], each["kind"]) for each in rights[f"{scoped}ResourceWhitelist"]}
        for scoped in ("cluster", "namespace")
    }
    for each in case.objects():
        group = each["apiVersion"].rpartition("/")[0]
        scoped = "namespace" if "namespace" in each["metadata"] else "cluster"
        if group in ON_REQUEST or each["kind"] == "Secret":
            assert (group, each["kind"]) not in permitted[scoped]
        else:
            assert (group, each["kind"]) in permitted[scoped], each["metadata"]
    assert all(f"group: {group}" in (FILES / "project.yaml").read_text() for group in ON_REQUEST)
