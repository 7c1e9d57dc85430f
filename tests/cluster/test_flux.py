"""A rendered tree that the real kustomize-controller applies, by the files of gitops/flux. Names: ik-flux.

The cluster needs what `python -m testbed load --gitops` brings. In place of source-controller the tests themselves say
which revision there is (tests/cluster/flux.py).
"""

import json
import os

import pytest

from module_utils.ingresskit.rendering import render_for_git
from testbed import golang
from testbed.cache import Cache
from tests.cluster.agekeys import age_pair
from tests.cluster.certificates import der, issued
from tests.cluster.double import ask, obj, until
from tests.cluster.flux import KUSTOMIZATIONS, Flux
from tests.cluster.gitserver import Repo
from tests.cluster.playbook import HOST, KEY_TEXT, ROOT, Site, alone, kubectl, namespaces

pytestmark = pytest.mark.timeout(600)
NAME = "ik-flux"
PATH = f"rendered/test/{NAME}"
SHOP = "shop.example.com"


@pytest.fixture(scope="module")
def stack(tmp_path_factory, node):
    made = Stack(tmp_path_factory.mktemp("flux"), node)
    made.clear()
    made.prepare()
    yield made
    made.clear()


class Stack:
    """A cafe and a shop behind Traefik, in Git. ``revision``: the last one."""

    def __init__(self, folder, node):
        self.folder, self.node = folder, node
        self.site = Site(folder / "site", name=NAME)
        self.flux = Flux(NAME, Repo(NAME, folder / "repo"), PATH, folder / "cluster")
        self.revision = ""

    def prepare(self):
        kubectl("create", "namespace", NAME)
        self.flux.install()

    def apps(self, **more):
        shop = {"namespace": f"{NAME}-shop", "hosts": {SHOP: "web-svc:80"}, "workloads": {"web": {}}}
        cafe = self.site.cafe()
        del cafe["tls"]  # its own authority's key would stand in Git
        return {"cafe": cafe, "shop": shop, **more}

    def files(self, apps=None, git=None, **variables):
        """What playbooks/render.yml writes, below the repository's root; None for a file that goes."""
        git = {"tool": "flux", **(git or {})}
        inventory = self.site.inventory("traefik", apps or self.apps(), ingress_git=git, **variables)
        rendered = render_for_git(inventory, self.folder)[1]
        here = {f"{PATH}/{name}": text for name, text in rendered.items()}
        before = [path.relative_to(self.folder / "repo") for path in (self.folder / "repo" / PATH).rglob("*.yaml")]
        return {str(name): None for name in before if str(name) not in here} | here

    def release(self, files, message):
        self.revision = self.flux.release(files, message)
        return self.revision

    def stand(self):
        """As every test finds it: the whole inventory, applied."""
        self.release(self.files(), "the cafe and the shop")
        for half in ("stack", "apps"):
            self.flux.wait(half, self.revision)

    def answers(self, path, service, host=HOST):
        """Until the service answers there: proxies need a moment to see an Ingress."""
        return until(lambda: self.answers_now(path, service, host), 60)

    def answers_now(self, path, service, host=HOST):
        answer = self.ask(path, host)
        return answer.status == 200 and answer.json["service"] == service

    def status(self, path, host=HOST):
        return self.ask(path, host).status

    def ask(self, path, host):
        return ask(self.node, self.site.node_port("http"), host, path)

    def cafe(self, *args):
        """What somebody does by hand in the cafe's namespace."""
        return kubectl("-n", self.site.namespace("cafe"), *args)

    def clear(self):
        """Flux takes what it applied along; the namespaces it leaves to an administrator."""
        if NAME in namespaces():
            self.flux.install()  # without its rights it could take nothing along, and would stay itself
            self.flux.delete()
        self.flux.clear()
        kubectl("delete", "ingressclasses,clusterroles,clusterrolebindings", "-l", f"app.kubernetes.io/instance={NAME}")
        mine = [name for name in namespaces() if name.startswith(NAME)]
        if mine:
            kubectl("delete", "namespaces", "--ignore-not-found", *mine)


def emptied(namespace):
    """Until nothing is there of what a stack brings: what its objects made goes by and by."""
    until(lambda: not kubectl("get", "all,ingresses,secrets", "-n", namespace, "-o", "name"), 60)


def test_the_tree_is_applied_on_behalf_of_the_accounts_and_answers(stack):
    """The controller of the test bed has no rights of its own to what it applies."""
    stack.stand()
    assert stack.answers("/tea", "tea-svc") and stack.answers("/coffee", "coffee-svc")
    assert stack.answers("/", "web-svc", SHOP)
    live = json.loads(stack.cafe("get", "ingress", "cafe", "-o", "json", "--show-managed-fields"))
    assert live["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == "ingress-apps"
    assert {entry["manager"] for entry in live["metadata"]["managedFields"]} == {"kustomize-controller"}


def test_the_playbooks_leave_it_to_flux(stack):
    """site.yml sends nothing; drift.yml tells who changed what Flux has not yet put back."""
    stack.stand()
    stack.site.write(stack.site.inventory("traefik", stack.apps(), ingress_git={"tool": "flux"}))
    stack.site.play().failed(
        "Flux's Kustomization ", "/ingress-stack looks after ", "/ingress-apps looks after ", "nothing was sent"
    )
    clean = stack.site.play("playbooks/drift.yml").passed()
    assert "/ingress-apps\n" in clean.output
    stack.cafe("scale", "deployment", "tea", "--replicas=2")
    told = stack.site.play("playbooks/drift.yml").failed(f"Deployment {stack.site.namespace('cafe')}/tea: CHANGED")
    assert "  .spec.replicas: 1 -> 2 (kubectl, Update of scale" in told.output
    stack.flux.reconcile("apps")
    until(lambda: stack.cafe("get", "deployment", "tea", "-o", "jsonpath={.spec.replicas}") == "1", 60)
    stack.site.play("playbooks/drift.yml").passed()


def test_drift_is_corrected(stack):
    stack.stand()
    live = json.loads(stack.cafe("get", "ingress", "cafe", "-o", "json"))
    paths = live["spec"]["rules"][0]["http"]["paths"]
    at = next(number for number, path in enumerate(paths) if path["path"] == "/tea")
    edit = {"op": "replace", "path": f"/spec/rules/0/http/paths/{at}/backend/service/name", "value": "coffee-svc"}
    stack.cafe("patch", "ingress", "cafe", "--type=json", "-p", json.dumps([edit]))
    stack.cafe("delete", "service", "coffee-svc")
    until(lambda: not stack.answers_now("/tea", "tea-svc"), 30)
    stack.flux.reconcile("apps")
    assert stack.answers("/tea", "tea-svc") and stack.answers("/coffee", "coffee-svc")


def test_a_revision_changes_and_prunes(stack):
    stack.stand()
    assert stack.answers("/", "web-svc", SHOP)
    cafe = stack.apps()["cafe"]
    cafe["hosts"][HOST]["paths"]["/cake"] = "tea-svc:80"
    stack.release(stack.files({"cafe": cafe}), "cake instead of the shop")
    stack.flux.wait("apps", stack.revision)
    assert stack.answers("/cake", "tea-svc")
    until(lambda: stack.status("/", SHOP) == 404, 30)
    emptied(stack.site.namespace("shop"))
    assert stack.site.namespace("shop") in namespaces(), "whatever else lives there is not Flux's to delete"


def test_what_cannot_become_ready_is_told_and_a_new_revision_mends_it(stack):
    """The controller's half holds the routes back: an image that is not there."""
    stack.stand()
    broken = stack.files(controller={"replicas": 1, "image": {"tag": "v3.99.0", "pull_policy": "Never"}})
    stack.release(broken, "a controller that does not start")
    bad = stack.revision
    home = stack.site.namespace("controller")
    until(lambda: "ErrImageNeverPull" in kubectl("get", "pods", "-n", home), 60)
    stack.flux.wait_for("apps", "DependencyNotReady", "ingress-stack")
    assert stack.flux.status("apps")["lastAppliedRevision"] != f"main@sha1:{bad}"
    assert stack.answers("/tea", "tea-svc"), "the old Pod serves on"
    stack.stand()


@pytest.fixture
def gate(stack):
    """The smoke test's half, and a Kustomization that nothing but it lets go on: another cluster, say."""
    made = Gate(stack)
    stack.flux.apply(made.following)
    yield made
    stack.flux.kubectl("delete", KUSTOMIZATIONS, "ingress-next", "--timeout=60s")


class Gate:
    def __init__(self, stack):
        self.stack, self.flux = stack, stack.flux

    @property
    def following(self):
        spec = {
            "dependsOn": [{"name": "ingress-smoke"}],
            "sourceRef": {"kind": "GitRepository", "name": "ingress"},
            "serviceAccountName": "ingresskit-smoke",
            "path": "./next",
            "interval": "10m",
            "prune": True,
        }
        return obj("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "ingress-next", NAME, spec=spec)

    def files(self, apps=None):
        """A release whose smoke test is not patient: in these tests nothing gets better by itself."""
        config = json.dumps(obj("v1", "ConfigMap", "next", NAME, data={"gone": "on"}))
        smoke = {"wait": 30, "timeout": 5}
        return self.stack.files(apps, git={"smoke": True}, ingress_smoke=smoke) | {"next/next.yaml": config}

    def release(self, files, message):
        return self.stack.release(files, message)

    def passed(self, revision):
        for half in ("smoke", "next"):
            self.flux.wait(half, revision)

    def held(self, revision):
        """The Job says no: what depends on it stays where it is."""
        home = self.stack.site.namespace("controller")
        self.flux.wait_for("smoke", "HealthCheckFailed", f"Job/{home}/{NAME}-smoke status: 'Failed'")
        assert self.flux.status("smoke")["lastAttemptedRevision"].endswith(revision)
        self.flux.wait_for("next", "DependencyNotReady", "ingress-smoke")
        assert not self.flux.status("next")["lastAppliedRevision"].endswith(revision)

    def job(self):
        return json.loads(
            kubectl("get", "job", f"{NAME}-smoke", "-n", self.stack.site.namespace("controller"), "-o", "json")
        )

    def forget(self):
        """What the Job's time to live does, and these tests do not wait for."""
        kubectl("delete", "job", f"{NAME}-smoke", "-n", self.stack.site.namespace("controller"))

    def log(self):
        return kubectl("logs", f"job/{NAME}-smoke", "-n", self.stack.site.namespace("controller"))


@pytest.mark.slow
def test_what_is_not_proven_holds_up_whatever_depends_on_it(gate):
    good = gate.release(gate.files(), "the cafe, to be proven")
    gate.passed(good)
    first = gate.job()
    assert "proven" in gate.log()

    same = gate.release({"README": "nothing that is rendered"}, "no release")
    gate.passed(same)
    assert gate.job()["metadata"]["uid"] == first["metadata"]["uid"], "what is proven is not proven again"

    cafe = gate.stack.apps()["cafe"]
    cafe["hosts"][HOST]["paths"]["/cake"] = "cake-svc:80"
    bad = gate.release(gate.files({"cafe": cafe}), "a route to a Service that nobody brings")
    gate.held(bad)
    assert "/cake" in gate.log()

    good = gate.release(gate.files(), "the cafe again")
    gate.passed(good)
    assert gate.job()["metadata"]["uid"] != first["metadata"]["uid"], "each release is proven anew"


@pytest.mark.slow
def test_an_edit_by_hand_is_found_once_the_job_is_run_again(gate):
    """Nothing of it is in the rendered release, so the Job of before stands for it until its time is over."""
    files = gate.files()
    gate.passed(gate.release(files, "the cafe, to be proven"))
    assert gate.job()["spec"]["ttlSecondsAfterFinished"] == 120
    gate.forget()
    name = f"{PATH}/apps/{gate.stack.site.namespace('cafe')}/ingress-cafe.yaml"
    bad = gate.release({name: files[name].replace("name: tea-svc", "name: coffee-svc")}, "tea is out")
    gate.held(bad)
    assert "/tea" in gate.log()
    gate.forget()
    gate.passed(gate.release(files, "as it is rendered"))


@pytest.mark.slow  # by the making of sops
def test_a_key_from_git_is_decrypted_in_the_cluster_alone(stack, monkeypatch):
    identity, recipient = age_pair()
    monkeypatch.setenv("PATH", str(golang.build(Cache.of_user(), golang.SOPS)), prepend=os.pathsep)
    pair = issued(HOST)
    cafe = stack.apps()["cafe"] | {"tls": {"cert": pair[0], "key": pair[1]}}
    files = stack.files({"cafe": cafe}, git={"sops": {"age": [recipient]}})
    assert not any(KEY_TEXT.search(text) or identity in text for text in files.values() if text)
    stack.release(files, "a certificate with its key")
    stack.flux.wait_for("apps", "ReconciliationFailed", "is SOPS encrypted")

    stack.flux.apply(obj("v1", "Secret", "sops-age", NAME, stringData={"age.agekey": identity}))
    stack.flux.install("sops")
    stack.flux.wait("apps", stack.revision)
    port = stack.site.node_port("https")
    until(lambda: ask(stack.node, port, HOST, tls=True).certificate == der(pair[0]), 60)
    stack.flux.install()


def test_a_registry_does_as_well(stack):
    stack.stand()
    stack.flux.install("oci")
    cafe = stack.apps()["cafe"]
    cafe["hosts"][HOST]["paths"]["/cake"] = "tea-svc:80"
    stack.release(stack.files({"cafe": cafe}), "cake, pushed as an artifact")
    stack.flux.wait("apps", stack.revision)
    assert stack.answers("/cake", "tea-svc")
    stack.flux.install()
    stack.flux.kubectl("delete", "ocirepository", "ingress")


STATES = {  # of a VirtualServer, by what its controller thinks of it: F5, "Reporting resource status"
    ("Valid", "AddedOrUpdated"): "ReconciliationSucceeded",
    ("Warning", "Rejected"): "HealthCheckFailed",  # somebody else has the host
    ("Warning", "AddedOrUpdatedWithWarning"): "ReconciliationSucceeded",
    ("Invalid", "Rejected"): "HealthCheckFailed",
}


@pytest.fixture
def definitions():
    """F5's kinds, without a controller for them."""
    files = str(ROOT / "testbed" / "crds" / "nginx.yaml")
    with alone("definitions"):
        kubectl("apply", "--server-side", "-f", files)
        yield
        kubectl("delete", "--ignore-not-found", "-f", files)


@pytest.mark.timeout(1200)  # with the wait for the module that has the definitions
def test_a_virtual_server_is_ready_once_its_controller_says_so(stack, definitions):
    """What its controller says, the test writes: its double here leaves custom resources without a status."""
    stack.stand()
    stack.flux.install("custom-resources")
    spec = {"host": "vs.example.com", "ingressClassName": "nobody"}
    server = obj("k8s.nginx.org/v1", "VirtualServer", "states", stack.site.namespace("cafe"), spec=spec)
    stack.release(stack.files(ingress_extra_objects=[server]), "a VirtualServer")
    until(lambda: stack.cafe("get", "virtualservers", "-o", "name"), 60)
    assert stack.flux.ready("apps")[0] != "True"
    for (state, reason), verdict in STATES.items():
        status = json.dumps({"status": {"state": state, "reason": reason}})
        stack.cafe("patch", "virtualserver", "states", "--subresource=status", "--type=merge", "-p", status)
        stack.flux.reconcile("apps")
        stack.flux.until_said("apps", verdict)
    stack.stand()
    stack.flux.install()


def test_deleting_the_kustomizations_takes_the_stack_along(stack):
    stack.stand()
    stack.flux.delete()
    for app in ("cafe", "shop", "controller"):
        emptied(stack.site.namespace(app))
    assert not kubectl("get", "ingressclasses,clusterroles", "-o", "name", "-l", f"app.kubernetes.io/instance={NAME}")
    stack.flux.install()
