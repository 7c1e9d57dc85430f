"""While a run waits it shows for what; stopped in the middle it puts that on record; nothing of it where a module runs."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from tests.cluster.conftest import standing
from tests.cluster.double import until
from tests.cluster.playbook import HOST, ROOT, tool

pytestmark = pytest.mark.timeout(300)
LINE = re.compile(r"^  kind: (.*) \(\d+ s\)$", re.MULTILINE)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    yield from standing(tmp_path_factory.mktemp("progress"), "ik-progress", (30012, 30013))


def slow(site, seconds):
    """A Deployment that is not ready for a while."""
    name = f"slow-{seconds}"
    container = {
        "name": "c",
        "image": "docker.io/ingresskit/echo:0.1.0",
        "readinessProbe": {"tcpSocket": {"port": 8080}, "initialDelaySeconds": seconds, "periodSeconds": 1},
    }
    pod = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }
    spec = {"selector": {"matchLabels": {"app": name}}, "template": pod}
    metadata = {"name": name, "namespace": site.namespace("cafe")}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def test_what_is_missing_is_shown_while_it_is_waited_for(site):
    lost = site.cafe()
    lost["hosts"] = {HOST: {"paths": {"/tea": "tea-svc:80", "/lost": "lost-svc:80"}}}
    smoke = {"wait": 5, "on_failure": "keep"}
    site.write(site.inventory(apps={"cafe": lost}, ingress_extra_objects=[slow(site, 10)], ingress_smoke=smoke))
    run = site.play().failed("routes FAILED")
    before, _, after = run.output.partition("TASK [ingress : Prove every route]")
    waited, asked = LINE.findall(before), LINE.findall(after)
    slow_one = f"Deployment {site.namespace('cafe')}/slow-10: 0 of 1 ready"
    assert waited[0].startswith("waiting for ") and any(slow_one in line for line in waited)
    assert before.index("TASK [ingress : Bring the stack") < before.index("  kind: waiting for")
    lost_one = f"https://{HOST}:{site.ports[1]}/lost: expected backend {site.namespace('cafe')}/lost-svc"
    assert asked and all(line.startswith("8 of 9 routes proven") or lost_one in line for line in asked)


def test_nothing_is_shown_where_nothing_is_waited_for_and_a_module_does_the_same(site):
    site.site()
    here, module = site.play().passed(), site.play(ingresskit_in_process=False).passed()
    for run in (here, module):
        assert not run.changed and not run.writes
        assert not LINE.findall(run.output)
    assert here.stack == module.stack
    assert [route["verdict"] for route in here.smoke["routes"]] == [
        route["verdict"] for route in module.smoke["routes"]
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_is_on_record(site, number, tmp_path):
    site.stand()
    site.write(site.inventory(ingress_extra_objects=[slow(site, 120)]))
    command = [tool("ansible-playbook"), ROOT / "site.yml", "-i", site.folder / "inventory"]
    with (tmp_path / "said").open("w+") as said:
        environment = site._environment(tmp_path / "results")
        running = subprocess.Popen(
            command, cwd=site.folder, env=environment, stdout=said, stderr=said, stdin=subprocess.DEVNULL, start_new_session=True
        )  # fmt: skip
        until(lambda: "waiting for 1 of" in (tmp_path / "said").read_text(), 60)
        (worker,) = workers(running.pid)
        begun = time.monotonic()
        running.send_signal(number)
        running.wait(30)
        until(lambda: not alive(worker), 15)
    assert time.monotonic() - begun < 20
    text = (tmp_path / "said").read_text()
    assert "Traceback" not in text
    assert released(site)["result"] == "failed"
    site.write(site.inventory())
    assert f"Deployment {site.namespace('cafe')}/slow-120 deleted" in site.play().passed().output


def released(site):
    """The release record as ``ingress_info`` tells it."""
    task = {"ingress_info": {"inventory": site.inventory()}}
    play = site.folder / "info.yml"
    play.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    return site.play(play).passed().of("ingress_info")["release"]


def workers(pid):
    """Processes that Ansible has made for tasks."""
    ran = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(each) for each in ran.stdout.split()]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
