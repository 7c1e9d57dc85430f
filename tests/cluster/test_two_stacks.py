"""Several stacks side by side in one cluster: another controller, the same one twice, apps in one namespace.

Each answers for its own routes. One is removed under requests to the others: nothing of theirs is touched.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.cluster.double import ask, obj
from tests.cluster.load import Route, load
from tests.cluster.playbook import Project, Site, create, kubectl, proven

pytestmark = pytest.mark.timeout(600)
APPS = "ik-night-apps"  # a namespace that all of them have apps in
KINDS = {"north": "nginx", "south": "traefik", "east": "nginx"}  # stack -> its controller
OBJECTS = (
    "namespaces,deployments,services,configmaps,secrets,serviceaccounts,roles,rolebindings,clusterroles,"
    "clusterrolebindings,ingressclasses,ingresses,networkpolicies,poddisruptionbudgets"
)


class Stacks:
    """The sites by name, as they are installed."""

    def __init__(self, folder):
        self.sites = {name: Site(folder / name, name=f"ik-night-{name}") for name in KINDS}
        self.folder = folder

    def inventory(self, name, kind=None, **controller):
        """A stack of one app. Its host, its app and its workload are called after it."""
        app = {
            "namespace": APPS,
            "tls": {"self_signed": True},
            "hosts": {host(name): f"{name}-svc:80"},
            "workloads": {name: {}},
        }
        site = self.sites[name]
        return site.inventory(kind or KINDS[name], {name: app}, controller=controller)

    def bring(self, name):
        site = self.sites[name]
        site.folder.mkdir(exist_ok=True)
        site.write(self.inventory(name))
        return site.play().passed()

    def refused(self, inventory, *said):
        """A run with another inventory fails and says this."""
        elsewhere = Project(self.folder / uuid4().hex)
        elsewhere.folder.mkdir()
        elsewhere.write(inventory)
        return elsewhere.play().failed(*said)

    def clear(self):
        for site in self.sites.values():
            site.folder.mkdir(exist_ok=True)
        at_once(Site.clear, self.sites.values())
        kubectl("delete", "namespace", APPS, "--ignore-not-found")


def at_once(act, things):
    """The results, in the order of the things."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(act, things))


def host(name):
    return f"{name}.example.com"


def identities(name):
    """uid of every object of a stack and of every Pod of its controller and its app."""
    found = {}
    for kinds, label in ((OBJECTS, f"ingresskit.io/stack=ik-night-{name}"), ("pods", None)):
        listed = json.loads(kubectl("get", kinds, "-A", *(["-l", label] if label else []), "-o", "json"))["items"]
        for each in listed:
            meta = each["metadata"]
            place = f"{each['kind']} {meta.get('namespace', '')}/{meta['name']}"
            if label or meta["namespace"] == f"ik-night-{name}-controller" or f" {APPS}/{name}-" in place:
                found[place] = meta["uid"]
    return found


@pytest.fixture(scope="module")
def stacks(tmp_path_factory):
    made = Stacks(tmp_path_factory.mktemp("stacks"))
    made.clear()
    yield made
    made.clear()


@pytest.fixture(scope="module")
def runs(stacks):
    """The first run of each; they run at the same time."""
    return dict(zip(KINDS, at_once(stacks.bring, KINDS), strict=True))


def test_each_serves_its_own_routes(stacks, runs, node):
    for name in KINDS:
        assert proven(runs[name], f"https://{host(name)}")
        answers = {each: ask(node, stacks.sites[name].node_port("https"), host(each), tls=True) for each in KINDS}
        own = answers.pop(name)
        assert (own.status, own.json["service"]) == (200, f"{name}-svc")
        assert all(other.status in (0, 404) for other in answers.values()), answers  # F5 refuses unknown names


def test_a_second_run_of_each_writes_nothing(stacks, runs):
    for again in at_once(Site.play, stacks.sites.values()):
        assert proven(again.passed())
        assert not again.changed and not again.writes, again.output


def test_names_that_another_stack_has_are_refused_by_the_key(stacks, runs):
    before = identities("north")
    norths = stacks.inventory("north")["ingress_controller"]
    app = {"namespace": APPS, "hosts": {host("west"): "north-svc:80"}, "workloads": {"north": {}}}
    refusals = [
        (west(stacks, class_name=norths["class_name"]), "ingress_controller.class_name: IngressClass"),
        (west(stacks, namespace=norths["namespace"]), "ingress_controller.namespace: "),
        (west(stacks) | {"ingress_apps": {"north": app}}, "ingress_apps.north: Ingress"),
    ]
    at_once(lambda case: stacks.refused(*case, "exists and belongs to the stack ik-night-north"), refusals)
    assert identities("north") == before
    assert not identities("west")


def west(stacks, **controller):
    """A stack that is not there, without apps."""
    own = {"namespace": "ik-night-west-controller", "class_name": "ik-night-west"} | controller
    return stacks.inventory("east", **own) | {"ingress_stack_name": "ik-night-west", "ingress_apps": {}}


def test_a_second_default_class_is_refused(stacks, runs):
    theirs = obj("networking.k8s.io/v1", "IngressClass", "ik-night-theirs", spec={"controller": "example.com/theirs"})
    theirs["metadata"]["annotations"] = {"ingressclass.kubernetes.io/is-default-class": "true"}
    said = "ingress_controller.default_class: the cluster has a default already: IngressClass ik-night-theirs"
    create(theirs)
    try:
        stacks.refused(stacks.inventory("east", default_class=True), said)
    finally:
        kubectl("delete", "ingressclass", "ik-night-theirs")


def test_one_is_removed_and_the_others_do_not_notice(stacks, runs, node):
    others = [name for name in KINDS if name != "north"]
    before = {name: identities(name) for name in others}
    routes = [Route(host(name), stacks.sites[name].node_port("https"), "/", f"{name}-svc", tls=True) for name in others]
    with load(node, routes, 50) as running:
        removed = stacks.sites["north"].play("playbooks/teardown.yml").passed()
    seen = running.end()
    print(f"\n{seen}")
    assert removed.changed
    assert not seen.failures, seen.failures[:8]
    assert seen.idle_closed == 0
    assert seen.total > 100
    assert {name: identities(name) for name in others} == before
    assert set(identities("north")) <= {f"Namespace /{APPS}"}  # others live in that one
    for name in others:
        assert proven(stacks.sites[name].play("playbooks/smoke.yml").passed())
