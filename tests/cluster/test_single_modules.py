"""The single modules on a real cluster: the example play that builds the cafe step by step, and tasks of one's own.

Everything is called ik-parts, on node ports 30020 and 30021; nothing of it is left behind.
"""

import json
import ssl

import pytest
import yaml

from tests.cluster.double import ask, until
from tests.cluster.playbook import CONTEXT, HOST, HOSTS, Project, kubectl, namespaces

EXAMPLE = "docs/examples/cafe-step-by-step.yml"
PORTS = {"http": 30020, "https": 30021}
STATE, HOME, CAFE = "ik-parts-state", "ik-parts", "ik-parts-cafe"
CLUSTER = {"context": CONTEXT, "state_namespace": STATE}
CONTROLLER = {
    "kind": "nginx",
    "namespace": HOME,
    "class_name": "ik-parts",
    "replicas": 1,
    "termination": {"drain": 0, "grace": 1},
}
VARIABLES = {
    "stack": "ik-parts",
    "cluster": CLUSTER,
    "cafe_namespace": CAFE,
    "expose": {"node_ports": PORTS},
    "controller": CONTROLLER,
}
MODULES = ("ingress_controller", "ingress_service", "ingress_tls", "ingress_route")
BAKERY = {"namespace": CAFE, "hosts": {"bakery.example.com": {"paths": {"/": "tea-svc:80"}}}}


class Plays(Project):
    """The example play, and single tasks as a user writes them."""

    def example(self, *options, **variables):
        return self.play(EXAMPLE, *options, **VARIABLES, **variables)

    def task(self, module, *options, **parameters):
        """One task, its parameters in a playbook."""
        arguments = {"stack": "ik-parts", "cluster": CLUSTER, **parameters}
        if module == "ingress_route" and parameters.get("state") != "absent":
            arguments.setdefault("controller", CONTROLLER)
        play = {"hosts": "all", "gather_facts": False, "tasks": [{"name": "It", module: arguments}]}
        path = self.folder / "task.yml"
        path.write_text(yaml.safe_dump([play]))
        return self.play(str(path), *options)


@pytest.fixture(scope="module")
def plays(tmp_path_factory):
    plays = Plays(tmp_path_factory.mktemp("parts"))
    plays.dump("hosts.yml", {"all": {"hosts": {"kind": HOSTS}}})
    clear(plays)  # what a killed run left
    yield plays
    clear(plays)


@pytest.fixture
def cafe(plays):
    """The cafe as the example play builds it; what is there stays."""
    return plays.example().passed()


def clear(plays):
    """Leaves nothing behind: the modules remove what is their own, then the rest goes."""
    if not left():
        return
    plays.task("ingress_route", name="bakery", state="absent").passed()
    plays.task("ingress_tls", name="other", namespace=CAFE, state="absent").passed()
    plays.example(state="absent").passed()
    mine = [name for name in namespaces() if name.startswith("ik-parts")]
    if mine:
        kubectl("delete", "namespaces", "--ignore-not-found", "--wait=false", *mine)
    until(lambda: not left(), 60)


def left():
    kinds = "ingressclasses,clusterroles,clusterrolebindings"
    scoped = [name for name in kubectl("get", kinds, "-o", "name").split() if "/ik-parts" in name]
    return scoped + [name for name in namespaces() if name.startswith("ik-parts")]


def answer(node, path, host=HOST, context=None):
    found = ask(node, PORTS["https"], host, path, tls=True, context=context)
    return found.json["service"] if found.status == 200 else found.status or found.error


def result(run, module):
    """Of the example's tasks those that ran: the other half of the play was skipped."""
    (found,) = [task["result"] for task in run.tasks if task["action"] == module and task["outcome"] == "ok"]
    return found


def summaries(run):
    return {module: result(run, module)["summary"] for module in MODULES}


def test_the_cafe_step_by_step(plays, node):
    rehearsed = plays.example("--check", "--diff").passed()
    assert not left(), "check mode writes nothing"
    assert all(run.endswith(" created") for run in summaries(rehearsed).values()), summaries(rehearsed)
    assert f"app.tls.secret: there is no Secret cafe-secret in namespace {CAFE} yet" in rehearsed.output
    assert result(rehearsed, "ingress_tls")["ca_certificate"] is None, "the CA of check mode is nobody's"
    assert "BEGIN" not in rehearsed.output

    built = plays.example("--diff").passed()
    assert summaries(built)["ingress_service"] == "1 created, 1 skipped", "the controller's task made the Namespace"
    assert summaries(built)["ingress_route"] == "5 created, 1 skipped"
    assert "PRIVATE KEY" not in built.output + json.dumps(built.tasks)
    trust = ssl.create_default_context(cadata=result(built, "ingress_tls")["ca_certificate"])
    until(lambda: answer(node, "/tea", context=trust) == "tea-svc")
    until(lambda: answer(node, "/coffee", context=trust) == "coffee-svc")
    until(lambda: answer(node, "/cake", context=trust) == 404)
    until(lambda: ask(node, PORTS["http"], HOST, "/tea").status == 301)

    again = plays.example().passed()
    assert not again.changed, again.output
    calls = [result(again, module)["api_calls"] for module in MODULES]
    assert all(set(verbs) <= {"get", "list", "watch"} for verbs in calls), calls


def test_absent_for_one_leaves_the_others(plays, cafe, node):
    plays.task("ingress_route", name="bakery", app=BAKERY).passed()
    plays.task("ingress_tls", name="other", namespace=CAFE, hosts=["a.example"], source={"self_signed": True}).passed()
    until(lambda: ask(node, PORTS["http"], "bakery.example.com").status == 200)

    gone = plays.task("ingress_route", name="bakery", state="absent").passed().of("ingress_route")
    assert (gone["summary"], gone["changed"]) == ("1 deleted", True)
    assert plays.task("ingress_tls", name="other", namespace=CAFE, state="absent").passed().changed
    assert kubectl("get", "ingress", "-n", CAFE, "-o", "name").split() == ["ingress.networking.k8s.io/cafe"]
    until(lambda: ask(node, PORTS["http"], "bakery.example.com").status == 404)
    until(lambda: answer(node, "/tea") == "tea-svc")
    assert not plays.task("ingress_route", name="bakery", state="absent").passed().changed
    assert not plays.example().passed().changed, "nothing of the cafe was touched"

    plays.task("ingress_service", state="absent").passed()
    until(lambda: "refused" in ask(node, PORTS["https"], HOST, "/tea", tls=True).error.lower())
    back = plays.example().passed()
    assert summaries(back)["ingress_service"] == "1 created, 1 skipped"
    assert not any(result(back, module)["changed"] for module in MODULES if module != "ingress_service")
    until(lambda: answer(node, "/tea") == "tea-svc")


def test_all_parts_of_a_stack_share_its_ca(plays, cafe):
    other = {"name": "other", "namespace": CAFE, "hosts": ["other.example.com"], "source": {"self_signed": True}}
    made = plays.task("ingress_tls", **other).passed().of("ingress_tls")
    assert made["ca_certificate"] == result(cafe, "ingress_tls")["ca_certificate"]
    assert not plays.task("ingress_tls", **other).passed().changed
    renamed = plays.task(
        "ingress_tls", "--diff", **other | {"hosts": ["other.example.com", "new.example.com"]}
    ).passed()
    assert renamed.of("ingress_tls")["summary"] == "1 configured, 1 skipped"
    assert "tls.key: '*** (after)'" in renamed.output
    plays.task("ingress_tls", name="other", namespace=CAFE, state="absent").passed()


def test_what_another_task_made_is_never_taken(plays, cafe):
    taken = plays.task("ingress_service", name="nginx-ingress", controller=CONTROLLER).failed()
    assert "Service ik-parts/nginx-ingress: exists and belongs to the stack ik-parts (its part service)" in taken.output
    wrong = {"hosts": {"bakery.example.com": {"paths": {"tea": "tea-svc"}}}}
    plays.task("ingress_route", name="bakery", app=wrong).failed('app.hosts."bakery.example.com".paths."tea"')
    missing = BAKERY | {"tls": {"secret": "no-such-secret"}}
    plays.task("ingress_route", name="bakery", app=missing).failed(
        f"app.tls.secret: there is no Secret no-such-secret in namespace {CAFE}: create it there"
    )
    plays.task("ingress_tls", name="a", namespace=CAFE, source={"cert_file": "a.crt", "key_file": "a.key"}).failed(
        "source.cert_file: there is no file", "(relative names are meant from base_dir)"
    )
    unknown = plays.task("ingress_route", name="a", app=BAKERY, cluster={"context": "ik-parts-nowhere"})
    unknown.failed("cluster.context: ")
    assert "ingress_cluster" not in unknown.output


@pytest.mark.parametrize("expose", [{"type": "LoadBalancer"}, {"node_ports": {"http": 30022, "https": 30023}}])
def test_a_service_for_pods_of_any_kind(plays, expose):
    """The API server's own dry run takes it, and it is left as it is."""
    given = {"name": "ik-parts-myapp", "namespace": "default", "selector": {"app": "myapp"}, "expose": expose}
    run = plays.task("ingress_service", "--check", **given).passed().of("ingress_service")
    assert run["objects"] == [{"object": "Service default/ik-parts-myapp", "action": "created", "reason": ""}]
