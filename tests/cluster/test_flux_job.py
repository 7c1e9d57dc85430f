"""The toolkit's Job, applied by the real kustomize-controller: site.yml from Git, its proof and its way back. Names:
ik-fluxjob. In place of source-controller the test says which revision there is (tests/cluster/flux.py).
"""

import json

import pytest
import yaml

from tests.cluster.double import obj, until
from tests.cluster.flux import KUSTOMIZATIONS, Kustomizations
from tests.cluster.gitserver import Repo
from tests.cluster.playbook import HOST, HOSTS, ROOT, Site, kubectl

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]
NAME = "ik-fluxjob"
HOME = f"{NAME}-job"
FILES = ROOT / "gitops" / "job"
PATHS = {"/tea": "tea-svc:80", "/coffee": "coffee-svc:80"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    made = Engine(tmp_path_factory.mktemp("engine"))
    made.clear()
    made.prepare()
    yield made
    made.clear()


class Engine:
    """A team's repository: an inventory, gitops/job, and a folder that says which revision is to be installed."""

    def __init__(self, folder):
        self.site = Site(folder / "site", name=NAME)
        self.flux = Kustomizations(NAME, Repo(NAME, folder / "repo"))
        self.admin = obj(
            "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", f"{NAME}-deployer",
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            subjects=[{"kind": "ServiceAccount", "name": "deployer", "namespace": NAME}],
        )  # fmt: skip

    def prepare(self):
        """gitops/job/flux/sync.yaml in a namespace of its own, on behalf of somebody who may give the Job its rights."""
        kubectl("create", "namespace", NAME)
        self.flux.kubectl("create", "serviceaccount", "deployer")
        self.flux.apply(self.admin)
        source = {"url": self.flux.repo.url_inside, "interval": "1m"}
        self.flux.apply(obj("source.toolkit.fluxcd.io/v1", "GitRepository", "ingress", NAME, spec=source))
        sync = yaml.safe_load((FILES / "flux" / "sync.yaml").read_text())
        sync["metadata"]["namespace"] = NAME
        sync["spec"]["serviceAccountName"] = "deployer"
        self.flux.apply(sync)

    def release(self, paths):
        """A commit with the inventory, and the one that says so: that is what Flux applies."""
        cafe = self.site.cafe(hosts={HOST: {"paths": paths}})
        found = self.site.inventory(apps={"cafe": cafe}, ingress_smoke={"wait": 5, "timeout": 2})
        found["ingress_cluster"] = {"state_namespace": self.site.namespace("state"), "timeout": 120}
        found["ingress_controller"]["expose"] = {"type": "ClusterIP"}
        hosts = {"all": {"hosts": {"prod": HOSTS}, "vars": found}}
        job = {f"deploy/job/{path.relative_to(FILES)}": path.read_text() for path in FILES.rglob("*.yaml")}
        revision = self.flux.repo.commit(job | {"inventories/prod/hosts.yml": yaml.safe_dump(hosts)}, "a change")
        return self.flux.release({"deploy/prod/kustomization.yaml": self.overlay(revision)}, "to be installed")

    def overlay(self, revision):
        literals = [f"GIT_URL={self.flux.repo.url_inside}", f"GIT_REVISION={revision}", "LIMIT=prod"]
        generated = {"name": "ingresskit", "namespace": "ingresskit-job", "behavior": "merge", "literals": literals}
        overlay = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": ["../job/flux"],
            "namespace": HOME,
            "namePrefix": f"{NAME}-",
            "configMapGenerator": [generated],
        }
        return yaml.safe_dump(overlay)

    def log(self):
        return kubectl("logs", f"job/{NAME}-ingresskit", "-n", HOME, "--all-containers")

    def clear(self):
        self.flux.kubectl("delete", "--ignore-not-found", KUSTOMIZATIONS, "ingresskit", "--timeout=120s")
        kubectl("delete", "namespaces", "--ignore-not-found", NAME, HOME)
        kubectl("delete", "clusterrolebindings", "--ignore-not-found", f"{NAME}-deployer")
        self.site.clear()


def routes():
    """path -> Service, of the stack's Ingresses, whoever is their owner."""
    found = json.loads(kubectl("get", "ingresses", "-n", f"{NAME}-cafe", "-o", "json"))["items"]
    paths = [path for each in found for rule in each["spec"]["rules"] for path in rule["http"]["paths"]]
    return {path["path"]: path["backend"]["service"]["name"] for path in paths}


def test_a_release_in_git_is_installed_and_proven_and_one_that_fails_goes_back(engine):
    good = engine.release(PATHS)
    engine.flux.wait("ingresskit", good)
    assert "routes proven" in engine.log()
    assert routes() == {"/tea": "tea-svc", "/coffee": "coffee-svc"}

    bad = engine.release(PATHS | {"/coffee": "ghost-svc:80"})
    message = engine.flux.wait_for("ingresskit", "HealthCheckFailed", f"Job/{HOME}/{NAME}-ingresskit status: 'Failed'")
    assert engine.flux.status("ingresskit")["lastAttemptedRevision"].endswith(bad), message
    assert "/coffee" in engine.log() and "returned to revision" in engine.log()
    until(lambda: routes() == {"/tea": "tea-svc", "/coffee": "coffee-svc"}, 10)

    better = engine.release(PATHS | {"/cake": "tea-svc:80"})
    engine.flux.wait("ingresskit", better)
    assert routes()["/cake"] == "tea-svc", "a new release is run at once, and ends what failed"
