"""The inventories of the tutorials' shapes, brought as they are, all at once; what each must answer is written here."""

import shutil

import pytest

from tests.cluster.double import ask, until
from tests.cluster.playbook import CONTEXT, ROOT, Project, kubectl, namespaces

pytestmark = pytest.mark.timeout(300)
PREFIX = "ik-shapes-"
# host of the inventory -> (scheme, host, path) -> Service of the workload that answers, or status
EXAMPLES = {
    "single": {("http", "any.example.org", "/any"): "web-svc"},
    "fanout": {
        ("http", "foo.bar.com", "/foo"): "one-svc",
        ("http", "foo.bar.com", "/bar"): "two-svc",
        ("http", "foo.bar.com", "/"): 404,
    },
    "website": {
        ("http", "mywebsite.com", "/web"): "web-svc",
        ("http", "mywebsite.com", "/api"): "api-svc",
        ("http", "mywebsite.com", "/"): 404,
    },
    "vhosts": {
        ("http", "foo.bar.com", "/"): "service1-svc",
        ("http", "foo.bar2.com", "/"): "service2-svc",
        ("http", "bar.com", "/"): 404,
    },
    "anyhost": {("http", "any.example.org", "/foo"): "one-svc", ("http", "any.example.org", "/bar"): 404},
    "cafe": {
        ("https", "cafe.example.com", "/tea"): "tea-svc",
        ("https", "cafe.example.com", "/coffee"): "coffee-svc",
        ("https", "cafe.example.com", "/"): 404,
        ("http", "cafe.example.com", "/tea"): 301,
    },
    "lanqiao": {
        ("https", "www.lanqiao.cn", "/courses"): "courses-svc",
        ("https", "www.lanqiao.cn", "/louplus"): "louplus-svc",
        ("https", "www.lanqiao.cn", "/vip"): "vip-svc",
        ("https", "www.lanqiao.cn", "/"): 404,
        ("http", "www.lanqiao.cn", "/vip"): 301,
    },
}


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    """Host of the inventory -> where its stack answers. Names of their own keep the stacks out of everybody's way."""
    project = Project(tmp_path_factory.mktemp("examples"))
    shutil.copytree(ROOT / "inventories/shapes", project.folder / "inventory")
    mine = {
        "ingress_stack_name": PREFIX + "{{ inventory_hostname }}",
        "ingress_cluster": {"context": CONTEXT, "state_namespace": f"{PREFIX}state"},
        "ingress_controller__test": {
            "termination": {"drain": 0, "grace": 1},
            "resources": {"requests": {"cpu": "10m"}},  # seven of them stand on one small node
        },
    }
    clear(project, mine)  # what a killed run left
    run = project.play("site.yml", "--forks", "4", **mine).passed()
    results = [task["result"] for task in run.tasks if task["action"] == "ingress_smoke"]
    assert {route["verdict"] for result in results for route in result["routes"]} == {"proven"}
    yield {
        result["ingresskit_report"]["stack"].removeprefix(PREFIX): result["ingresskit_report"]["target"]
        for result in results
    }
    clear(project, mine)


def clear(project, mine):
    if [name for name in namespaces() if name.removeprefix(PREFIX).removesuffix("-controller") in EXAMPLES]:
        project.play("playbooks/teardown.yml", "--forks", "4", **mine).passed()
        kubectl("delete", "namespace", "--ignore-not-found", "--wait=false", f"{PREFIX}state")


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(targets, example):
    target, asks = targets[example], EXAMPLES[example]

    def answer(scheme, host, path):
        found = ask(target["address"], target[f"{scheme}_port"], host, path, tls=scheme == "https")
        return found.json["service"] if found.status == 200 else found.status or found.error

    until(lambda: {each: answer(*each) for each in asks} == asks)
