"""A release that fails goes back to the one before, by itself or on request; what it did not break stays."""

import threading
from contextlib import contextmanager

import pytest

from module_utils.ingresskit.images import ECHO
from tests.cluster.conftest import standing
from tests.cluster.double import ask, obj, until
from tests.cluster.playbook import HOST, create, kubectl, leaf, proven, secret

pytestmark = pytest.mark.timeout(300)
PORTS = (30016, 30017)
FIRST_PORTS = (30018, 30019)
SMOKE = {"wait": 4, "timeout": 2}


def ghost(site):
    """An inventory whose /coffee leads to a Service that nobody has: ready, but wrong."""
    return {"cafe": site.cafe(hosts={HOST: {"paths": {"/tea": "tea-svc:80", "/coffee": "ghost-svc:80"}}})}


def answer(node, site, path):
    return ask(node, site.ports[1], HOST, path, tls=True)


def history(site):
    """(number, result, restored) of every revision, oldest first."""
    play = site.text("../info.yml", PLAY_INFO)
    info = site.play(play).passed().of("ingress_info")
    return [(line["number"], line["result"], line.get("restored", 0)) for line in reversed(info["history"])], info


PLAY_INFO = """
- hosts: all
  gather_facts: false
  tasks:
    - ingress_info:
        inventory: "{{ dict(names | zip(query('ansible.builtin.vars', *names))) }}"
      vars:
        names: "{{ query('ansible.builtin.varnames', '^ingress_') }}"
"""


def test_a_failed_smoke_test_returns_to_the_revision_before(shared, node):
    shared.site(ingress_smoke=SMOKE)
    start, _ = history(shared)
    certificate = leaf(node, shared)

    shared.write(shared.inventory(apps=ghost(shared), ingress_smoke=SMOKE))
    run = shared.play().failed(f"returned to revision {start[-1][0]}", f"https://{HOST}:{shared.ports[1]}/coffee")
    assert run.code == 2
    until(lambda: answer(node, shared, "/coffee").status == 200)  # the route of the revision before serves again
    assert leaf(node, shared) == certificate
    after, info = history(shared)
    number = start[-1][0]
    assert after[len(start) :] == [(number + 1, "failed", 0), (number + 2, "deployed", number)]
    assert "/coffee" in next(line for line in info["history"] if line["result"] == "failed")["reason"]

    shared.write(shared.inventory(ingress_smoke=SMOKE))
    assert not shared.play().passed().changed, "the cluster is as the former inventory says"


def test_told_to_keep_it_keeps_it(shared, node):
    shared.site(ingress_smoke=SMOKE)
    shared.write(shared.inventory(apps=ghost(shared), ingress_smoke=SMOKE | {"on_failure": "keep"}))
    shared.play().failed("ingress_smoke.on_failure is keep")
    assert answer(node, shared, "/coffee").status != 200
    lines, _ = history(shared)
    assert lines[-1][1] == "failed", "a later return does not take it for a good one"
    again = shared.play().failed("/coffee")
    assert not again.stack["changed"] and not again.writes, (
        "the second run has nothing to write, and nothing to put back"
    )


def theirs(namespace):
    """A backend that somebody else runs: its Deployment and its Service."""
    env = [{"name": "SERVICE", "value": "theirs"}, {"name": "POD_NAMESPACE", "value": namespace}]
    container = {"name": "theirs", "image": str(ECHO), "env": env, "imagePullPolicy": "Never"}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    template = {"metadata": {"labels": {"app": "theirs"}}, "spec": spec}
    selector = {"matchLabels": {"app": "theirs"}}
    ports = [{"port": 80, "targetPort": 8080}]
    return (
        obj("apps/v1", "Deployment", "theirs", namespace, spec={"selector": selector, "template": template}),
        obj("v1", "Service", "theirs", namespace, spec={"selector": {"app": "theirs"}, "ports": ports}),
    )


def test_what_failed_before_is_not_the_releases_doing(shared, node):
    paths = {"/tea": "tea-svc:80", "/coffee": "coffee-svc:80", "/theirs": "theirs:80"}
    apps = {"cafe": shared.cafe(hosts={HOST: {"paths": paths}})}
    namespace = shared.namespace("cafe")
    shared.site(ingress_smoke=SMOKE)
    create(*theirs(namespace))
    shared.site(apps=apps, ingress_smoke=SMOKE | {"wait": 20})

    kubectl("scale", "deployment", "theirs", "-n", namespace, "--replicas=0")
    until(lambda: answer(node, shared, "/theirs").status != 200, 20)
    paths["/more"] = "coffee-svc:80"
    shared.write(shared.inventory(apps=apps, ingress_smoke=SMOKE))
    run = shared.play().failed("(as before this release)")
    assert run.stack["changed"] and len(run.stack["routes_failed_before"]) == 1
    assert "returned to" not in run.output
    until(lambda: answer(node, shared, "/more").status == 200)  # the release stays
    kubectl("delete", "service,deployment", "theirs", "-n", namespace)


@contextmanager
def asked_all_the_time(ask_once):
    """Collects what is answered, twenty times a second at most, for as long as the block lasts."""
    answers, over = [], threading.Event()

    def ask_on():
        while not over.wait(0.05):
            answers.append(ask_once())

    asking = threading.Thread(target=ask_on)
    asking.start()
    try:
        yield answers
    finally:
        over.set()
        asking.join()


def test_a_pod_that_cannot_start_fails_early_and_the_former_one_serves_throughout(shared, node):
    shared.site(ingress_smoke=SMOKE)
    apps = {"cafe": shared.cafe(workloads={"tea": {"image": "registry.invalid/no/such:1"}, "coffee": {}})}
    shared.write(shared.inventory(apps=apps, ingress_smoke=SMOKE))
    with asked_all_the_time(lambda: answer(node, shared, "/tea").status) as statuses:
        run = shared.play().failed("cannot become ready", "registry.invalid/no/such:1", "returned to revision")
    assert run.seconds < 60
    assert len(statuses) > 20 and set(statuses) == {200}
    assert not any(task["action"] == "ingress_smoke" for task in run.tasks)


@pytest.fixture
def nothing_yet(tmp_path):
    yield from standing(tmp_path, "ik-first", FIRST_PORTS)


def test_the_first_revision_is_left_for_inspection(nothing_yet):
    site = nothing_yet
    site.write(site.inventory(apps=ghost(site), ingress_smoke=SMOKE))
    site.play().failed("there is no revision to return to")
    assert kubectl("get", "ingress", "-n", site.namespace("cafe"), "-o", "name").strip()


def test_back_on_request_and_forth_with_the_inventory(shared, node):
    shared.site(ingress_smoke=SMOKE)
    _, info = history(shared)
    first = info["release"]["revision"]
    old = secret(shared.namespace("cafe"), "cafe-tls")["data"]["tls.crt"]
    second = {"cafe": shared.cafe(hosts={HOST: {"paths": {"/": "coffee-svc:80"}}, "bar.example.com": "tea-svc:80"})}
    shared.site(apps=second, ingress_smoke=SMOKE)

    check = shared.play("playbooks/rollback.yml", "--check", "--diff", rollback_to=first).passed()
    assert check.changed and "bar.example.com" in check.output
    back = shared.play("playbooks/rollback.yml", rollback_to=first).passed()
    assert back.of("ingress_rollback")["said"][0].startswith(f"returned to revision {first} (recorded as revision")
    assert "PRIVATE KEY" not in back.output and "LS0tLS1" not in back.output
    shared.write(shared.inventory(ingress_smoke=SMOKE))
    assert proven(shared.play("playbooks/smoke.yml").passed())
    assert secret(shared.namespace("cafe"), "cafe-tls")["data"]["tls.crt"] != "", old
    assert not shared.play("playbooks/rollback.yml", rollback_to=first).passed().changed
    assert not shared.play().passed().changed

    shared.play("playbooks/rollback.yml", rollback_to=77).failed("revision 77 is not one to return to: good ones are")
