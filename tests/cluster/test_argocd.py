"""Real Argo CD applies what ingresskit renders, and its PostSync hook proves it: the files of gitops/argocd/ at work."""

import json
import shutil
import time
from dataclasses import dataclass

import pytest
import yaml

from tests.cluster.double import ask, ingress, make_pair, obj, path, tls_secret, until
from tests.cluster.gitserver import Repo
from tests.cluster.playbook import HOST, HOSTS, ROOT, Site, config_map, create, kubectl, secret, theirs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FILES = ROOT / "gitops" / "argocd"
EXAMPLE = "https://git.example.com/platform/ingress.git"
CLUSTER = "test-eu"  # the inventory's host, and what Argo CD calls the cluster
CASCADE = {"metadata": {"finalizers": ["resources-finalizer.argocd.argoproj.io"]}}
OVERRIDE = "resource.customizations.health.networking.k8s.io_Ingress"
SOON = 240  # seconds: on a machine that does much else beside


class Stack(Site):
    """A cafe in Git, whose certificate is in the cluster."""

    def __init__(self, folder, kind):
        super().__init__(folder, name=f"ik-argocd-{kind}")
        self.kind, self.application = kind, f"{CLUSTER}-ik-argocd-{kind}"
        self.repo = Repo(self.name, folder / "repository")

    def inventory(self, kind="nginx", apps=None, **variables):
        git = {"tool": "argocd", "smoke": True}
        return super().inventory(kind, apps, ingress_git=git, ingress_smoke={"wait": 30}, **variables)

    def render(self, **apps):
        """The tree of the cafe and of further apps, in the repository's folder."""
        cafe = self.cafe(tls={"secret": "cafe-tls"})
        self.write(self.inventory(self.kind, {"cafe": cafe, **apps}), host=CLUSTER)
        self.play("playbooks/render.yml").passed()
        shutil.rmtree(self.repo.folder / "rendered", ignore_errors=True)
        shutil.copytree(self.folder / "rendered", self.repo.folder / "rendered")

    def commit(self, message, **apps):
        """Renders and pushes; returns the operation with which Argo CD brings it."""
        self.render(**apps)
        return operation(self.application, self.repo.push(message))

    def ask(self, target, host=HOST):
        port, address = self.node_port("https"), node_address()
        return ask(address, port, host, target, tls=True)

    def smoke_log(self):
        return kubectl("logs", "-n", self.namespace("controller"), f"job/{self.name}-smoke")

    def prepare(self):
        """What no Git holds: the key."""
        namespace = self.namespace("cafe")
        create(obj("v1", "Namespace", namespace), tls_secret("cafe-tls", namespace, make_pair(HOST)))

    def clear(self):
        remove(self.application)
        kubectl("delete", "applicationset,appproject", self.name, "-n", "argocd", "--ignore-not-found")
        left = [name for name in self.left() if not name.startswith("pod/")]
        if left:
            kubectl("delete", "--ignore-not-found", "--wait=false", *left)
        until(lambda: not self.left(), 60)


@pytest.fixture(scope="module", autouse=True)
def argocd():
    """Argo CD with what gitops/argocd/ says of it, and the test bed's cluster under the inventory's name."""
    configure(FILES / "argocd-cm.yaml")
    configure(FILES / "argocd-cm-tracking.yaml")
    cluster = {"name": CLUSTER, "server": "https://kubernetes.default.svc", "config": "{}"}
    labels = {"argocd.argoproj.io/secret-type": "cluster"}
    apply(obj("v1", "Secret", "ik-argocd-cluster", "argocd", stringData=cluster, metadata={"labels": labels}))
    yield
    kubectl("delete", "secret", "ik-argocd-cluster", "-n", "argocd")


@pytest.fixture(scope="module")
def stack(argocd, kind, tmp_path_factory):
    made = Stack(tmp_path_factory.mktemp(kind), kind)
    made.clear()
    made.prepare()
    yield made
    made.clear()


def test_from_a_commit_to_proven_routes(stack, kind):
    """Traefik by an Application; F5's by an ApplicationSet that finds the rendered folder."""
    stack.render()
    revision = stack.repo.push("the cafe")
    apply(project(stack.repo, f"{stack.name}-*"))
    folder, home = f"rendered/{CLUSTER}/{stack.name}", stack.namespace("controller")
    one = application(stack.application, stack.repo, folder, home)
    apply(one if kind == "traefik" else application_set(stack))
    proven(stack, operation(stack.application, revision))
    settled(stack.application, "Synced", "Healthy")
    assert "routes proven" in stack.smoke_log()
    assert stack.ask("/tea").json["service"] == "tea-svc"


@pytest.mark.parametrize("kind", ["traefik"], indirect=True, scope="module")
class TestCommits:
    def test_a_change_arrives_and_is_proven(self, stack):
        shop = {
            "namespace": stack.namespace("shop"),
            "hosts": {"shop.example.com": "shop-svc:80"},
            "workloads": {"shop": {}},
        }
        shop["options"] = {"ssl_redirect": False}
        proven(stack, stack.commit("a shop", shop=shop))
        assert "shop.example.com" in stack.smoke_log()
        assert ask(node_address(), stack.node_port("http"), "shop.example.com").json["service"] == "shop-svc"

    def test_what_a_commit_drops_goes(self, stack):
        namespace = stack.namespace("shop")
        create(config_map(namespace))
        proven(stack, stack.commit("no shop"))
        assert settled(stack.application, "Synced", "Healthy")
        until(lambda: not kubectl("get", "all,ingress", "-n", namespace, "-o", "name"), SOON, every=1)
        assert theirs(namespace) == "yes", "a namespace is not Argo CD's alone"
        assert ask(node_address(), stack.node_port("http"), "shop.example.com").status == 404
        assert stack.ask("/tea").json["service"] == "tea-svc"

    def test_a_bad_commit_fails_by_name_and_a_good_one_mends_it(self, stack):
        stack.render()
        (place,) = stack.repo.folder.glob("rendered/*/*/apps/*/ingress-*.yaml")
        place.write_text(place.read_text().replace("tea-svc", "coffee-svc"))
        done = operation(stack.application, stack.repo.push("tea is coffee"))
        assert (done["phase"], hook(done)) == ("Failed", "Failed"), done
        assert settled(stack.application, "Synced", "Healthy"), "Argo CD alone would have called it good"
        said = stack.smoke_log()
        assert f"https://{HOST}" in said and "/tea" in said and "coffee-svc" in said and "failed" in said.lower()
        assert stack.ask("/tea").json["service"] == "coffee-svc"
        proven(stack, stack.commit("tea is tea"))
        assert stack.ask("/tea").json["service"] == "tea-svc"

    def test_what_somebody_changes_is_put_back(self, stack):
        where = ("-n", stack.namespace("cafe"))
        kubectl("scale", "deployment/tea", "--replicas=3", *where)
        replicas = ("get", "deployment/tea", *where, "-o", "jsonpath={.spec.replicas}")
        until(lambda: kubectl(*replicas) == "1", SOON, every=1)

    def test_the_application_takes_its_stack_along(self, stack):
        remove(stack.application)
        namespaces = [f"namespace/{stack.namespace(each)}" for each in ("cafe", "controller", "shop")]
        until(lambda: stack.left() == namespaces, SOON, every=1)
        assert secret(stack.namespace("cafe"), "cafe-tls"), "what no Git holds is not Argo CD's"


@pytest.mark.parametrize("kind", ["nginx"], indirect=True, scope="module")
def test_an_application_set_that_is_deleted_takes_no_stack_down(stack):
    kubectl("delete", "applicationset", stack.name, "-n", "argocd")
    until(lambda: not live(stack.application), SOON, every=1)
    assert stack.ask("/tea").json["service"] == "tea-svc"


@pytest.fixture(scope="module")
def small(argocd, tmp_path_factory):
    """Makes Applications of one Ingress, which nobody serves."""
    name = "ik-argocd-small"
    repo = Repo(name, tmp_path_factory.mktemp("small"))
    made = Small(name, repo)
    made.clear()
    create(obj("v1", "Namespace", name))
    one = ingress("one", name, "one.example.com", path(), class_name=name)
    repo.commit({"one/ingress.yaml": yaml.safe_dump(one)}, "one Ingress")
    apply(project(repo, name), application(name, repo, "one", name))
    yield made
    made.clear()


@dataclass
class Small:
    name: str
    repo: Repo

    def clear(self):
        for each in (self.name, f"{self.name}-other"):
            remove(each)
        kubectl("delete", "namespace", self.name, "--ignore-not-found")
        kubectl("delete", "appproject", self.name, "-n", "argocd", "--ignore-not-found")


class TestSettings:
    def test_an_ingress_without_an_address_is_healthy_by_the_override_alone(self, small):
        settled(small.name, "Synced", "Healthy")
        without = json.dumps({"data": {OVERRIDE: None}})
        kubectl("patch", "configmap", "argocd-cm", "-n", "argocd", "--type=merge", "-p", without)
        refresh(small.name)
        settled(small.name, "Synced", "Progressing")
        configure(FILES / "argocd-cm.yaml")
        refresh(small.name)
        settled(small.name, "Synced", "Healthy")

    def test_what_another_application_brought_is_not_taken_over(self, small):
        other = f"{small.name}-other"
        apply(application(other, small.repo, "one", small.name))
        done = operation(other, small.repo.commit({}, "the same"))
        assert done["phase"] == "Failed" and "Shared resource found" in done["message"], done
        kubectl("delete", "application", other, "-n", "argocd")

    def test_a_secret_in_git_is_refused(self, small):
        key = obj("v1", "Secret", "key", small.name, stringData={"tls.key": "none"})
        done = operation(small.name, small.repo.commit({"one/secret.yaml": yaml.safe_dump(key)}, "a key"))
        assert done["phase"] == "Failed", done
        (refused,) = [each for each in done["syncResult"]["resources"] if each["kind"] == "Secret"]
        assert "not permitted in project" in refused["message"]


@pytest.fixture
def plugin(argocd, tmp_path):
    """An inventory of two clusters in Git, and the sidecar that renders it."""
    sidecar("--patch-file", str(FILES / "plugin" / "repo-server.yaml"))
    made = Plugin(tmp_path, name="ik-argocd-plugin")
    made.clear()
    yield made
    made.clear()
    sidecar(
        "-p", json.dumps({"spec": {"template": {"spec": {"containers": [{"name": "ingresskit", "$patch": "delete"}]}}}})
    )


class Plugin(Site):
    """Two clusters, of each an app of its own; no Pods."""

    def write(self, **more):
        home = self.namespace("controller")
        controller = {"kind": "nginx", "namespace": home, "class_name": self.name, "replicas": 0, "pdb": None}
        controller["expose"] = {"type": "ClusterIP"}
        variables = {"ingress_stack_name": self.name, "ingress_controller": controller}
        self.dump("hosts.yml", {"all": {"hosts": {"frankfurt": HOSTS, "paris": HOSTS}}})
        for city in ("frankfurt", "paris"):
            app = {"namespace": home, "hosts": {f"{city}.example.com": "web:80"}}
            self.dump(f"host_vars/{city}.yml", {"ingress_apps": {"own": app}})
        self.dump("group_vars/all/stack.yml", {**variables, "ingress_git": {"tool": "argocd"}, **more})

    def clear(self):
        remove(self.name)
        kubectl("delete", "appproject", self.name, "-n", "argocd", "--ignore-not-found")
        if left := self.left():
            kubectl("delete", "--ignore-not-found", *left)


def test_the_plugin_renders_an_inventory_in_git(plugin):
    repo = Repo(plugin.name, plugin.folder)
    plugin.write()
    revision = repo.push("an inventory")
    home = plugin.namespace("controller")
    apply(project(repo, home), application(plugin.name, repo, "inventory", home, "plugin/application"))
    done = operation(plugin.name, revision)
    assert done["phase"] == "Succeeded", done
    settled(plugin.name, "Synced", "Healthy")
    hosts = kubectl("get", "ingresses", "-n", home, "-o", "jsonpath={.items[*].spec.rules[*].host}")
    assert hosts == "frankfurt.example.com"
    plugin.write(ingress_controler={})
    repo.push("a slip")
    refresh(plugin.name)
    until(lambda: "ingress_controler" in conditions(plugin.name), SOON, every=1)


def sidecar(*change):
    apply(*yaml.safe_load_all((FILES / "plugin" / "plugin.yaml").read_text()))
    kubectl("patch", "deployment", "argocd-repo-server", "-n", "argocd", *change)
    kubectl("rollout", "status", "deployment/argocd-repo-server", "-n", "argocd", f"--timeout={SOON}s")


def apply(*objects):
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)


def configure(file):
    kubectl("patch", "configmap", "argocd-cm", "-n", "argocd", "--patch-file", str(file))


def node_address():
    (one, *_) = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    return next(each["address"] for each in one["status"]["addresses"] if each["type"] == "InternalIP")


def example(name, repo):
    """A file of gitops/argocd/ with the repository of a test in it."""
    (found,) = yaml.safe_load_all((FILES / f"{name}.yaml").read_text().replace(EXAMPLE, repo.url_inside))
    return found


def project(repo, *namespaces):
    """The least rights of the example, for a test's own namespaces."""
    found = example("project", repo)
    found["metadata"]["name"] = repo.name
    found["spec"]["destinations"] = [{"name": "*", "namespace": each} for each in namespaces]
    return found


def application(name, repo, folder, namespace, file="application"):
    """An Application of the example, in the project that has the repository's name."""
    found = example(file, repo)
    found["metadata"]["name"], found["spec"]["project"] = name, repo.name
    found["spec"]["source"]["path"] = folder
    found["spec"]["destination"] = {"name": CLUSTER, "namespace": namespace}
    return found


def application_set(stack):
    found = example("applicationset", stack.repo)
    found["metadata"]["name"] = stack.name
    spec = found["spec"]["template"]["spec"]
    spec["project"], spec["destination"]["namespace"] = stack.name, stack.namespace("controller")
    return found


def live(name):
    found = kubectl("get", "application", name, "-n", "argocd", "--ignore-not-found", "-o", "json")
    return json.loads(found) if found else {}


def refresh(name):
    kubectl("annotate", "application", name, "-n", "argocd", "argocd.argoproj.io/refresh=normal", "--overwrite")


def operation(name, revision):
    """The end of the operation that brings a revision; it is started by itself."""
    until(lambda: live(name), SOON, every=1)
    refresh(name)
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        found = live(name).get("status", {})
        state = found.get("operationState", {})
        mine = state.get("syncResult", {}).get("revision") == revision
        if mine and state["phase"] in ("Succeeded", "Failed", "Error"):
            return state
        time.sleep(1)
    return pytest.fail(f"not within {SOON} s:\n{conditions(name)}\n{yaml.safe_dump(state)}", pytrace=False)


def hook(done):
    """What became of the smoke test."""
    found = [each for each in done["syncResult"]["resources"] if each.get("hookType") == "PostSync"]
    return found[0]["hookPhase"] if found else None


def proven(stack, done):
    """The operation is a success, and the smoke test a part of it."""
    if (done["phase"], hook(done)) != ("Succeeded", "Succeeded"):
        failed = [each for each in done["syncResult"]["resources"] if each.get("hookPhase") == "Failed"]
        log = stack.smoke_log() if hook(done) else "no smoke test"
        pytest.fail(f"{done['message']}\n{yaml.safe_dump(failed)}\n{log}", pytrace=False)


def settled(name, sync, health):
    def status():
        found = live(name).get("status", {})
        return (found.get("sync", {}).get("status"), found.get("health", {}).get("status")) == (sync, health)

    return until(status, SOON, every=1)


def remove(name):
    """The Application and all that it brought."""
    found = live(name)
    if found:
        for owner in found["metadata"].get("ownerReferences", []):
            kubectl("delete", "applicationset", owner["name"], "-n", "argocd", "--cascade=orphan")
        kubectl("patch", "application", name, "-n", "argocd", "--type=merge", "-p", json.dumps(CASCADE))
        kubectl("delete", "application", name, "-n", "argocd")


def conditions(name):
    return "\n".join(each["message"] for each in live(name).get("status", {}).get("conditions", []))
