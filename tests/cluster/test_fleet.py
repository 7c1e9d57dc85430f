"""One run over several clusters: the canary first, and where it fails the others are left as they are.

The fleet is two stacks in the one cluster, and (slow) two clusters: ``python -m testbed up --name …``.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.cluster.playbook import CONTEXT, HOST, HOSTS, ROOT, Project, Site

pytestmark = pytest.mark.timeout(600)
CANARY, OTHER = "berlin", "amsterdam"  # in this order they would not come by their names
SECOND = "ingresskit-fleet"
ELSEWHERE = ("--http-port", "32080", "--https-port", "32443")  # of this host: the other cluster has the usual ones
SMOKE = {"wait": 5, "timeout": 2}


@dataclass
class Fleet(Project):
    """Two hosts, each a cluster with a stack of its own; ``kubeconfig`` is that of the second one."""

    kubeconfig: str = ""

    def __post_init__(self):
        self.sites = {name: Site(self.folder, name=f"ik-fleet-{name[0]}") for name in (OTHER, CANARY)}

    def lay(self, canary=True, **everywhere):
        """The inventory; ``everywhere``: what all clusters get."""
        children = {"canary": {"hosts": {CANARY: None}}} if canary else {}
        self.dump("hosts.yml", {"all": {"hosts": dict.fromkeys(self.sites, HOSTS), "children": children}})
        self.dump("group_vars/all.yml", {"ingress_smoke": SMOKE, **everywhere})
        for name, site in self.sites.items():
            cafe = site.cafe(hosts={HOST: {"paths": {"/tea": "tea-svc:80"}}}, workloads={"tea": {}})
            self.dump(f"host_vars/{name}.yml", site.inventory(apps={"cafe": cafe}) | self._cluster(name))

    def _cluster(self, name):
        if name == CANARY or not self.kubeconfig:
            return {}
        where = {"kubeconfig": self.kubeconfig, "context": f"kind-{SECOND}"}
        return {"ingress_cluster": where | {"state_namespace": self.sites[name].namespace("state")}}

    def versions(self, name):
        """What a run would have touched, by resourceVersion."""
        where = ["--kubeconfig", self.kubeconfig] if self._cluster(name) else ["--context", CONTEXT]
        found = {}
        for space in ("cafe", "controller", "state"):
            command = ["kubectl", *where, "get", "ingresses,services,secrets,configmaps", "-o", "json"]
            command += ["-n", self.sites[name].namespace(space)]
            items = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["items"]
            found |= {(space, each["kind"], each["metadata"]["name"]): each["metadata"] for each in items}
        return {place: meta["resourceVersion"] for place, meta in found.items()}

    def clear(self):
        if any(site.left() for site in self.sites.values()):
            self.lay()
            self.play("playbooks/teardown.yml").passed()


@pytest.fixture(scope="module")
def second_cluster(tmp_path_factory):
    """The kubeconfig of another one, which is there as long as the tests need it."""
    path = tmp_path_factory.mktemp("second") / "kubeconfig"
    try:
        bed(path, "up", *ELSEWHERE)
        yield str(path)
    finally:
        bed(path, "down")


@pytest.fixture(
    scope="module", params=["one", pytest.param("two", marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def fleet(request, tmp_path_factory):
    kubeconfig = request.getfixturevalue("second_cluster") if request.param == "two" else ""
    made = Fleet(tmp_path_factory.mktemp("fleet"), kubeconfig=kubeconfig)
    made.clear()
    yield made
    made.clear()


def bed(kubeconfig, verb, *options):
    ran = subprocess.run(
        [sys.executable, "-m", "testbed", verb, "--name", SECOND, *options],
        cwd=ROOT, env=os.environ | {"KUBECONFIG": str(kubeconfig)}, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout


def table(run):
    """The summary: cluster -> cells."""
    lines = run.output[run.output.index("CLUSTER  ") :].split("\n\n")[0].splitlines()
    cells = [re.split(r"  +", line.strip()) for line in lines]
    assert cells[0] == ["CLUSTER", "STACK", "REVISION", "CHANGES", "RESULT", "VERDICT"]
    return {name: rest for name, *rest in cells[1:]}


def bad(fleet):
    """A release that is ready, and wrong: a path of which nobody has the Service."""
    paths = {"paths": {"/coffee": "ghost-svc:80"}}
    fleet.lay(ingress_apps__bad={"cafe": {"hosts": {HOST: paths}}})


def test_the_canary_first_then_the_others(fleet):
    fleet.lay()
    run = fleet.play("site.yml", "-f", "2").passed()
    assert [name for name, *_ in order(run)] == [CANARY, OTHER]
    for name, site in fleet.sites.items():
        stack, revision, changes, result, verdict = table(run)[name]
        assert (stack, revision, verdict) == (site.name, "1", "proven")
        assert " created" in changes and " routes proven in " in result
    assert_both_at_once(fleet)
    assert_drift_is_told(fleet)


def order(run):
    """(host, module) as the results came, of what brings a stack."""
    return [(task["host"], task["action"]) for task in run.tasks if task["action"].endswith("ingress_stack")]


def assert_both_at_once(fleet):
    """Without a canary there is one batch; and nothing is left to do."""
    fleet.lay(canary=False)
    run = fleet.play("site.yml", "-f", "2").passed()
    assert not run.changed
    assert run.output.count("PLAY [") == 1
    assert {cells[-1] for cells in table(run).values()} == {"proven"}


def assert_drift_is_told(fleet):
    run = fleet.play("playbooks/drift.yml", "-f", "2").passed()
    assert run.output.count(" objects are as the inventory says") >= 2
    assert len(re.findall(r"^(?:berlin|amsterdam) .* clean$", run.output, re.MULTILINE)) == 2


def test_a_canary_that_fails_stops_the_fleet(fleet):
    fleet.lay()
    fleet.play("site.yml", "-f", "2").passed()
    before = fleet.versions(OTHER)
    bad(fleet)
    run = fleet.play("site.yml", "-f", "2").failed(f"https://{HOST}", "/coffee")
    assert [name for name, *_ in order(run)] == [CANARY]
    told = table(run)
    assert told[CANARY][-1].startswith("FAILED, returned to revision ")
    assert told[OTHER] == ["not reached"]
    assert fleet.versions(OTHER) == before, "it was not touched"

    fleet.lay()
    run = fleet.play("site.yml", "-f", "2").passed()
    assert not run.changed, "the canary has been put back"
    assert {cells[-1] for cells in table(run).values()} == {"proven"}


def test_a_batch_goes_to_its_end_and_the_next_is_not_begun(fleet):
    """Where only a part of a batch fails, Ansible by itself would go on with the next."""
    fleet.lay()
    children = {"canary": {"hosts": {CANARY: {"ingress_nonsense": 1}, OTHER: None}}}
    fleet.dump("hosts.yml", {"all": {"hosts": dict.fromkeys((*fleet.sites, "cairo"), HOSTS), "children": children}})
    run = fleet.play("site.yml", "-f", "2").failed(
        "ingress_nonsense: unknown key", f"Nothing was sent to cairo, as {CANARY} failed before"
    )
    told = table(run)
    assert told[CANARY][-1] == "FAILED"
    assert told[OTHER][-1] == "proven"
    assert told["cairo"][-1] == "not reached"
    assert {name for name, _ in order(run)} == {CANARY, OTHER}
