"""The playbooks on a real cluster, as users run them: from nothing to proven routes, day two, and the end."""

import json
import re
import shlex
import subprocess

import pytest

from tests.cluster.double import ask, until
from tests.cluster.playbook import (
    HOST,
    KEY_TEXT,
    config_map,
    create,
    kubectl,
    leaf,
    namespaces,
    proven,
    theirs,
)

pytestmark = pytest.mark.timeout(300)
PORTS = (30010, 30011)
PAGE = "<h1>not on the menu</h1>"


def unselect(site, service="tea-svc"):
    """What an operator's slip does: the Service selects no Pod any more."""
    patch = '{"spec": {"selector": {"no": "pod"}}}'
    kubectl("patch", "service", service, "-n", site.namespace("cafe"), "-p", patch)


def test_from_nothing_to_proven_routes_and_back(kind, fresh, node):
    first = fresh.site(kind, controller={"default_backend": {"page": PAGE}})
    assert first.changed
    assert proven(first, f"https://{HOST}:{fresh.ports[1]}/tea", f"https://{HOST}:{fresh.ports[1]}/coffee")
    assert first.smoke["ingresskit_report"]["target"]["address"] == node
    assert_header_tells_what_runs(kind, first)
    assert_curl_answers(first, fresh.namespace("cafe"))
    unknown = ask(node, fresh.ports[0], "nobody.example.org", "/")
    assert (unknown.status, unknown.body.decode().strip()) == (404, PAGE)
    certificate = leaf(node, fresh)

    second = fresh.play().passed()
    assert not second.changed, second.output
    assert not second.writes
    assert second.stack["revision"] == first.stack["revision"]
    assert leaf(node, fresh) == certificate

    create(config_map(fresh.namespace("cafe")))
    if kind == "traefik":  # its labels are enough to find everything by
        kubectl("delete", "secret", f"ingresskit-{fresh.name}", "-n", fresh.namespace("state"))
    assert_removed_but_for_theirs(fresh)


def assert_header_tells_what_runs(kind, run):
    """A double is called one wherever it stands in; Traefik's binary is the real one."""
    running = kubectl("get", "pods", "-A", "-l", f"app.kubernetes.io/instance={run.stack['stack']}", "-o", "json")
    doubles = [
        "ingresskit.io/test-double" in pod["metadata"].get("annotations", {}) for pod in json.loads(running)["items"]
    ]
    header = next(line for line in run.output.splitlines() if line.startswith("stack "))
    assert kind in header
    assert ("TEST DOUBLE" in header) == any(doubles) == any(run.smoke["ingresskit_report"]["notes"])
    assert kind == "nginx" or not any(doubles)


def assert_curl_answers(run, namespace):
    """The command stands on a line of its own, works as it is, and verifies the certificate."""
    command = run.output.rstrip().splitlines()[-1]
    assert command == run.smoke["ingresskit_try"]
    words = shlex.split(command)
    assert words[0] == "curl" and "--cacert" in words and "--insecure" not in words
    answer = json.loads(subprocess.run([*words, "--silent", "--fail"], capture_output=True, check=True).stdout)
    assert (answer["namespace"], answer["service"], answer["path"]) == (namespace, "tea-svc", "/tea")


def assert_removed_but_for_theirs(site):
    """Teardown spares what is not ours and the namespace around it; the rest is gone, CA and record too."""
    cafe = site.namespace("cafe")
    run = site.play("playbooks/teardown.yml").passed()
    assert f"Namespace {cafe} skipped (kept: ConfigMap {cafe}/theirs lives in it)" in run.output
    until(lambda: site.left() == [f"namespace/{cafe}"], 30)
    assert theirs(cafe) == "yes"
    kubectl("delete", "namespace", cafe, "--wait=false")


def test_check_mode_before_anything_exists(fresh):
    fresh.write(fresh.inventory())
    run = fresh.play("site.yml", "--check", "--diff").passed()
    assert run.changed
    assert "+  tls.key: '*** (after)'" in run.output
    assert not KEY_TEXT.search(run.output)
    assert not fresh.left()
    assert not fresh.play("playbooks/teardown.yml").passed().changed


def test_a_lost_selector_is_found_and_repaired(kind, shared, node):
    shared.stand(kind)
    unselect(shared)
    until(lambda: ask(node, shared.ports[1], HOST, "/tea", tls=True).status in (502, 503))
    route = f'ingress_apps.cafe.hosts."{HOST}".paths."/tea"'
    lost = shared.play("playbooks/smoke.yml", ingress_smoke={"wait": 2}).failed(route)
    assert {each["source"] for each in lost.smoke["failed_routes"]} == {route}
    repaired = shared.site(kind)
    service = f"Service {shared.namespace('cafe')}/tea-svc"
    assert f"{service} configured (kubectl-patch took .spec.selector)" in repaired.output
    assert proven(repaired)
    assert not shared.site(kind).changed


def test_drift_is_told_and_repaired(shared):
    shared.stand()
    kubectl("scale", "deployment", "coffee", "-n", shared.namespace("cafe"), "--replicas=2")
    told = shared.play("playbooks/drift.yml").failed("The cluster differs from the inventory")
    assert f"Deployment {shared.namespace('cafe')}/coffee" in told.tasks[-1]["result"]["msg"]
    assert shared.site().changed
    shared.play("playbooks/drift.yml").passed()


def test_apps_come_and_go(shared, node):
    """The CA outlives them; a namespace goes with its app unless somebody else lives in it."""
    shared.stand()
    served, authority = leaf(node, shared), authority_of(shared)
    more = {name: guest(shared, name) for name in ("bakery", "kiosk")}
    grown = shared.site(apps={"cafe": shared.cafe(), **more})
    assert proven(grown, "https://bakery.example.com", "https://kiosk.example.com")
    assert authority_of(shared) == authority
    assert leaf(node, shared) == served

    kiosk = shared.namespace("kiosk")
    create(config_map(kiosk))
    pruned = shared.site()
    assert f"Namespace {kiosk} skipped (kept: ConfigMap {kiosk}/theirs lives in it)" in pruned.output
    assert f"Namespace {shared.namespace('bakery')} deleted" in pruned.output
    assert theirs(kiosk) == "yes"
    assert not kubectl("get", "ingress,service,deployment,secret", "-n", kiosk, "-o", "name")
    assert shared.namespace("bakery") not in namespaces()
    kubectl("delete", "namespace", kiosk, "--wait=false")


def authority_of(site):
    """The CA that clients are told to verify with."""
    return (site.folder / "artifacts" / "kind" / site.name / "ca.crt").read_text()


def guest(site, name):
    return {
        "namespace": site.namespace(name),
        "tls": {"self_signed": True},
        "hosts": {f"{name}.example.com": "bun-svc:80"},
        "workloads": {"bun": {}},
    }


def test_controllers_take_turns_on_the_same_ports(shared):
    for kind, other in (("nginx", "traefik"), ("traefik", "nginx"), ("nginx", "traefik")):
        run = shared.site(kind)
        assert proven(run)
        assert run.smoke["ingresskit_report"]["controller"].startswith(kind)
        assert not [name for name in shared.left() if other in name]


def test_an_image_that_cannot_be_pulled_fails_early_with_the_reason(shared):
    broken = shared.cafe(workloads={"tea": {"image": "localhost:9/no/such:image"}, "coffee": {}})
    shared.write(shared.inventory(apps={"cafe": broken}))
    run = shared.play().failed(f"Deployment {shared.namespace('cafe')}/tea cannot become ready")
    assert re.search("ErrImagePull|ImagePullBackOff", run.output), run.output
    assert run.seconds < 40
    assert proven(shared.site())
