"""What only a second node shows, on a cluster of its own: python -m testbed up --workers 1 --metallb."""

import json
import os
import subprocess
import sys

import pytest

from tests.cluster.double import ask, until
from tests.cluster.playbook import HOST, ROOT, Site, proven

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
NAME = "ingresskit-two"
ELSEWHERE = ("--http-port", "31080", "--https-port", "31443")  # of this host: the other cluster has the usual ones


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory):
    """The second cluster's own, so that the user's stays as it is."""
    path = tmp_path_factory.mktemp("two") / "kubeconfig"
    try:
        bed(path, "up", "--workers", "1", "--metallb", *ELSEWHERE)
        yield path
    finally:
        bed(path, "down")


@pytest.fixture(scope="module")
def kubectl(kubeconfig):
    def call(*args):
        command = ["kubectl", "--kubeconfig", str(kubeconfig), *args, "-o", "json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    return call


@pytest.fixture(scope="module")
def nodes(kubectl):
    """Names to addresses."""
    return {
        node["metadata"]["name"]: each["address"]
        for node in kubectl("get", "nodes")["items"]
        for each in node["status"]["addresses"]
        if each["type"] == "InternalIP"
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory, kubeconfig):
    return Far(tmp_path_factory.mktemp("site"), name="ik-two", kubeconfig=str(kubeconfig))


class Far(Site):
    """A stack of the second cluster."""

    def __init__(self, folder, name, kubeconfig):
        super().__init__(folder, name=name)
        self.kubeconfig = kubeconfig

    def inventory(self, kind="nginx", apps=None, *, expose="NodePort", **controller):
        way = {"type": expose, "external_traffic_policy": "Local"}
        made = super().inventory(kind, apps, controller={"expose": way, **controller})
        where = {"kubeconfig": self.kubeconfig, "context": f"kind-{NAME}", "state_namespace": f"{self.name}-state"}
        return made | {"ingress_cluster": where}


def test_the_default_spread_puts_replicas_on_both_nodes(site, kubectl, nodes):
    assert proven(site.site(replicas=2), f"https://{HOST}")
    assert homes(site, kubectl) == sorted(nodes)


def test_with_one_replica_and_local_traffic_the_right_node_is_asked(site, kubectl, nodes):
    run = site.site(replicas=1)
    assert proven(run, f"https://{HOST}")
    (home,) = until(lambda: alone(homes(site, kubectl)), 60)
    (other,) = set(nodes) - {home}
    target = run.smoke["ingresskit_report"]["target"]
    assert target["address"] == nodes[home]
    assert ask(nodes[home], target["https_port"], HOST, "/tea", tls=True).json["service"] == "tea-svc"
    assert "timed out" in ask(nodes[other], target["https_port"], HOST, "/tea", tls=True).error, "it is dropped there"


def test_a_load_balancer_leads_to_the_node_that_serves(site, kubectl):
    run = site.site(replicas=1, expose="LoadBalancer")
    assert proven(run, f"https://{HOST}")
    service = kubectl("get", "service", "nginx-ingress", "-n", site.namespace("controller"))
    (given,) = service["status"]["loadBalancer"]["ingress"]
    assert run.smoke["ingresskit_report"]["target"]["address"] == given["ip"]
    assert ask(given["ip"], 443, HOST, "/tea", tls=True).json["service"] == "tea-svc"


def test_a_daemon_set_serves_on_both_nodes(site, kubectl, nodes):
    run = site.site(workload="DaemonSet", replicas=None)
    assert proven(run, f"https://{HOST}")
    assert homes(site, kubectl) == sorted(nodes)
    port = run.smoke["ingresskit_report"]["target"]["https_port"]
    until(lambda: [ask(each, port, HOST, "/tea", tls=True).status for each in nodes.values()] == [200, 200])
    assert not site.play().passed().changed


def homes(site, kubectl):
    """On which nodes the controller's Pods run that are not on their way out."""
    pods = kubectl("get", "pods", "-n", site.namespace("controller"))["items"]
    return sorted(pod["spec"]["nodeName"] for pod in pods if not pod["metadata"].get("deletionTimestamp"))


def alone(names):
    return names if len(names) == 1 else None


def bed(kubeconfig, verb, *options):
    command = [sys.executable, "-m", "testbed", verb, "--name", NAME, *options]
    ran = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"KUBECONFIG": str(kubeconfig)}, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
