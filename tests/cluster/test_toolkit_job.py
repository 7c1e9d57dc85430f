"""The toolkit's container as a Job in the cluster: site.yml from a Git checkout, with its ServiceAccount alone."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml

from module_utils.ingresskit.engine.ownership import STACK
from module_utils.ingresskit.images import TOOLKIT
from tests.cluster.double import until
from tests.cluster.gitserver import Repo
from tests.cluster.playbook import HOST, HOSTS, ROOT, Site, kubectl, namespaces

pytestmark = pytest.mark.timeout(400)
NAME = "ik-toolkit"
HOME = f"{NAME}-job"
CANARY = "canary-of-a-password"
ENDED = {"Complete", "Failed"}
INVENTORY = "inventories/prod"
SMOKE = {"wait": 5, "timeout": 2}
GUARDED = {"basic_auth": {"users": {"ann": CANARY}}}
PATHS = {"/tea": "tea-svc:80", "/coffee": {"service": "coffee-svc", "port": 80, "options": GUARDED}}
UNREADY = {"tea": {}, "coffee": {"image": "docker.io/ingresskit/no-such:1"}}


class Toolkit:
    """A team's repository: an inventory, and the Job that brings it to the cluster it runs in."""

    def __init__(self, folder):
        self.site = Site(folder / "site", name=NAME)
        self.repo = Repo(NAME, folder / "repo")
        self.deploy = folder / "deploy"
        self.settled = None  # the revision that the last Job brought
        shutil.copytree(ROOT / "gitops/job", self.deploy)

    def clear(self):
        kubectl("delete", "namespace", HOME, "--ignore-not-found")
        kubectl("delete", "clusterrole,clusterrolebinding", f"{NAME}-ingresskit-job", "--ignore-not-found")
        self.site.clear()

    def commit(self, paths=PATHS, patience=120, **app):
        """As a user outside would have it, but for the cluster: the Job is in it."""
        cafe = self.site.cafe(hosts={HOST: {"paths": paths}}, **app)
        found = self.site.inventory(apps={"cafe": cafe}, ingress_smoke=SMOKE, ingress_apply={"lock_wait": 60})
        found["ingress_cluster"] = {"state_namespace": self.site.namespace("state"), "timeout": patience}
        found["ingress_controller"]["expose"] = {"type": "ClusterIP"}
        hosts = {"all": {"hosts": {"prod": HOSTS}, "vars": found}}
        return self.repo.commit({f"{INVENTORY}/hosts.yml": yaml.safe_dump(hosts)}, "a change")

    def start(self, revision, **settings):
        """A Job anew, as Argo CD and Flux make it: the former one is deleted, and may still be ending."""
        literals = {"GIT_URL": self.repo.url_inside, "GIT_REVISION": revision, "INVENTORY": INVENTORY} | settings
        overlay = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": ["../base"],
            "namespace": HOME,
            "namePrefix": f"{NAME}-",
            "configMapGenerator": [
                {"name": "ingresskit", "namespace": "ingresskit-job", "behavior": "merge",
                 "literals": [f"{name}={value}" for name, value in literals.items()]}
            ],
        }  # fmt: skip
        (self.deploy / "own").mkdir(exist_ok=True)
        (self.deploy / "own" / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
        if HOME in namespaces():
            kubectl("delete", "job", f"{NAME}-ingresskit", "-n", HOME, "--ignore-not-found", "--wait=false")
            until(lambda: not kubectl("get", "jobs", "-n", HOME, "-o", "name"), 30)
        kubectl("apply", "-k", str(self.deploy / "own"))

    def run(self, revision, **settings):
        self.start(revision, **settings)
        self.settled = revision
        return ended()

    def release(self):
        """The release record as ``ingress_info`` tells it, outside."""
        inventory = self.site.inventory()
        self.site.write(inventory)
        task = {"ingress_info": {"inventory": inventory}}
        play = self.site.text("../info.yml", json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
        return self.site.play(play).passed().of("ingress_info")["release"]


class Ended:
    """A Job that is over: its condition, its Pod, what its containers said."""

    def __init__(self, job):
        self.condition = next(each["type"] for each in job["status"]["conditions"] if each["type"] in ENDED)
        (self.pod,) = pods(f"batch.kubernetes.io/controller-uid={job['metadata']['uid']}")
        self.said = said(self.pod)

    def passed(self):
        assert self.condition == "Complete", self.said
        return self

    def failed(self, *words):
        assert self.condition == "Failed", self.said
        assert "Traceback" not in self.said
        for each in words:
            assert each in self.said, f"{each!r} is not in:\n{self.said}"
        return self


def ended():
    """The Job, when it is."""

    def look():
        job = json.loads(kubectl("get", "job", f"{NAME}-ingresskit", "-n", HOME, "-o", "json"))
        return job if ENDED & {each["type"] for each in job["status"].get("conditions", [])} else None

    return Ended(until(look, 240, every=0.5))


def pods(selector=""):
    return json.loads(kubectl("get", "pods", "-n", HOME, "-l", selector, "-o", "json"))["items"]


def said(pod):
    """What its containers wrote, those that have begun."""
    states = pod["status"].get("initContainerStatuses", []) + pod["status"].get("containerStatuses", [])
    begun = [each["name"] for each in states if "waiting" not in each["state"]]
    return "".join(kubectl("logs", pod["metadata"]["name"], "-n", HOME, "-c", name) for name in begun)


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory):
    made = Toolkit(tmp_path_factory.mktemp("toolkit"))
    made.clear()
    yield made
    made.clear()


@pytest.fixture
def good(toolkit):
    """A revision that is installed, and the Job that has proven it last."""
    if toolkit.settled is None or toolkit.settled != toolkit.good[0]:
        revision = toolkit.commit()
        toolkit.good = revision, toolkit.run(revision).passed()
    return toolkit.good


def routes():
    """path -> Service, of every Ingress of the stack."""
    found = json.loads(kubectl("get", "ingresses", "-A", "-l", f"{STACK}={NAME}", "-o", "json"))["items"]
    rules = [path for each in found for rule in each["spec"]["rules"] for path in rule.get("http", {}).get("paths", [])]
    return {path["path"]: path["backend"]["service"]["name"] for path in rules}


CAFE = {"/tea": "tea-svc", "/coffee": "coffee-svc"}


def test_a_revision_is_installed_and_proven_from_inside(toolkit, good):
    """At a ClusterIP, straight: the ServiceAccount may not even forward ports."""
    revision, first = good
    assert f"{revision} is commit {revision}" in first.said
    assert "routes proven" in first.said and "port-forward" not in first.said
    assert routes() == CAFE
    again = toolkit.run(revision).passed()
    assert "changed=0" in again.said and "routes proven" in again.said
    assert CANARY not in first.said + again.said


def test_it_runs_without_root_and_writes_nowhere_but_in_its_own_volumes(good):
    _, first = good
    (container,), (checkout,) = first.pod["spec"]["containers"], first.pod["spec"]["initContainers"]
    for each in (container, checkout):
        assert each["image"] == str(TOOLKIT)
        assert each["securityContext"]["readOnlyRootFilesystem"]
    labels = json.loads(kubectl("get", "namespace", HOME, "-o", "jsonpath={.metadata.labels}"))
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted", "by which the API server has let it in"
    mounts = {each["mountPath"] for each in checkout["volumeMounts"]}
    assert not [path for path in mounts if "serviceaccount" in path], "what talks to Git has no token"
    assert "/etc/ingresskit/git" not in {each["mountPath"] for each in container["volumeMounts"]}


def test_a_wrong_route_fails_the_job_and_the_revision_before_is_back(toolkit, good):
    bad = toolkit.commit(PATHS | {"/coffee": "ghost-svc:80"})
    toolkit.run(bad).failed("/coffee", "returned to revision", "failed=1")
    assert routes() == CAFE


def test_a_job_that_is_deleted_gives_the_lock_back_to_the_next_one(toolkit, good):
    """As Argo CD does it with BeforeHookCreation: SIGTERM to process 1 of the container."""
    toolkit.start(toolkit.commit(workloads=UNREADY))
    until(lambda: any("waiting for" in said(pod) for pod in pods()), 120, every=0.5)
    lease = ["get", "leases", "-n", toolkit.site.namespace("state"), "-o", "name"]
    assert kubectl(*lease)
    kubectl("delete", "job", f"{NAME}-ingresskit", "-n", HOME, "--wait=false")
    until(lambda: not pods(), 60)
    assert not kubectl(*lease), "given back, not left to end by itself"
    assert toolkit.release()["result"] == "failed"
    toolkit.run(good[0]).passed()
    assert routes() == CAFE


def test_a_revision_that_is_not_there_fails_the_job_before_anything_is_sent(toolkit):
    toolkit.commit()
    assert "PLAY" not in toolkit.run("v99").failed("ingresskit-checkout: the repository has no revision v99").said


@pytest.mark.slow
def test_what_never_gets_ready_fails_the_job_and_the_revision_before_is_back(toolkit, good):
    toolkit.run(toolkit.commit(workloads=UNREADY, patience=20)).failed("coffee", "returned to revision")
    assert routes() == CAFE


@pytest.mark.slow
def test_another_playbook_proves_alone(toolkit, good):
    run = toolkit.run(good[0], PLAYBOOK="/opt/ingresskit/playbooks/smoke.yml").passed()
    assert "routes proven" in run.said and "changed=0" in run.said
