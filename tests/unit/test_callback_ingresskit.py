"""The callback in real runs of ansible-playbook, with a module that gives back what ours do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
MODULE = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({"result": {"type": "dict"}})
module.exit_json(**module.params["result"])
"""
TABLE = "URL  VERDICT\nhttps://cafe.example.com:30443  proven"
COMMAND = "curl --cacert ca.crt https://cafe.example.com:30443/tea"
CHANGES = [
    "Ingress cafe/cafe configured (kubectl-edit took .spec.rules)",
    "Service cafe/tea-svc unchanged",
    *(f"Secret cafe/s{index} created" for index in range(60)),
]


def report(stack="edge", ok=True, summary="2 of 2 routes proven in 0.1 s", text=TABLE):
    return {"stack": stack, "ok": ok, "summary": summary, "text": text}


BAD = report(ok=False, summary="1 of 2 routes FAILED after 60.0 s", text="/tea  FAILED")


def says(result, **keywords):
    """A task whose module returns ``result``."""
    return {"says": {"result": result}, **keywords}


def ansible(folder, command, **settings):
    """Run one of ansible's commands with the callback and nothing of this machine's settings."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    ours = {
        "ANSIBLE_LIBRARY": "library",
        "ANSIBLE_CALLBACK_PLUGINS": str(REPO / "plugins" / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "ingresskit",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_HOME": str(folder / ".ansible"),
    }
    command[0] = str(Path(sys.executable).with_name(command[0]))
    environment = plain | ours | settings
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def play(folder, *tasks, hosts=("kind",), **settings):
    """Run ``tasks`` on ``hosts``; gives the finished process, its output before the recap and after."""
    (folder / "library").mkdir()
    (folder / "library" / "says.py").write_text(MODULE)
    (folder / "hosts").write_text("\n".join(f"{host} ansible_connection=local" for host in hosts))
    (folder / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    done = ansible(folder, ["ansible-playbook", "-i", "hosts", "play.yml"], **settings)
    return done, *done.stdout.split("PLAY RECAP")


@pytest.fixture(scope="module")
def one_cluster(tmp_path_factory):
    return play(
        tmp_path_factory.mktemp("one"),
        says({"ingresskit_report": report(text="an earlier table"), "ingresskit_try": "an earlier command"}),
        says({"changed": True, "ingresskit_changes": CHANGES}),
        {"debug": {"msg": "nothing of ours"}},
        says({"ingresskit_report": report(), "ingresskit_try": COMMAND}),
        ANSIBLE_NOCOLOR="1",
    )


@pytest.fixture(scope="module")
def two_clusters(tmp_path_factory):
    inner = report(stack="inner", summary="5 of 5 routes proven in 0.2 s")
    return play(
        tmp_path_factory.mktemp("two"),
        says({"ingresskit_report": "{{ item }}"}, loop=[report(), inner], when="inventory_hostname == 'tokyo'"),
        says({"ingresskit_report": BAD, "ingresskit_try": COMMAND}, when="inventory_hostname == 'berlin'"),
        hosts=("berlin", "tokyo"),
        ANSIBLE_NOCOLOR="1",
    )


@pytest.fixture(scope="module")
def a_failed_run(tmp_path_factory):
    odd = {
        "ingresskit_report": {"stack": "odd", "summary": "odd", "text": ["no", "text"]},
        "ingresskit_changes": "none",
    }
    return play(
        tmp_path_factory.mktemp("failed"),
        says(odd),
        says({"failed": True, "msg": BAD["summary"], "ingresskit_report": BAD}),
        ANSIBLE_FORCE_COLOR="1",
    )


def test_the_last_table_follows_the_recap_and_the_command_stands_alone(one_cluster):
    done, _, after = one_cluster
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"\n\n{TABLE}\n\n{COMMAND}\n" in after
    assert "earlier" not in done.stdout


def test_changes_are_listed_right_after_their_task(one_cluster):
    _, before, _ = one_cluster
    listed = before.split("changed: [kind]\n")[1].split("\n\n")[0]
    assert listed.startswith(
        "  Ingress cafe/cafe configured (kubectl-edit took .spec.rules)\n  Secret cafe/s0 created\n"
    )
    assert listed.endswith("  Secret cafe/s38 created\n  … and 21 more")
    assert "unchanged" not in listed


def table(after):
    """The lines of the table after the recap, cells by column."""
    lines = after[after.index("CLUSTER") :].split("\n\n")[0].splitlines()
    return [re.split(r"  +", line.strip()) for line in lines]


def test_several_clusters_have_a_line_for_each_stack_and_the_failed_their_tables(two_clusters):
    done, _, after = two_clusters
    assert done.returncode == 0, done.stdout + done.stderr
    assert table(after) == [
        ["CLUSTER", "STACK", "RESULT", "VERDICT"],
        ["berlin", "edge", "1 of 2 routes FAILED after 60.0 s", "FAILED"],
        ["tokyo", "edge", "2 of 2 routes proven in 0.1 s", "ok"],
        ["tokyo", "inner", "5 of 5 routes proven in 0.2 s", "ok"],
    ]
    assert f"\nberlin\n/tea  FAILED\n\n{COMMAND}\n" in after
    assert TABLE not in after


def test_a_fleet_of_which_the_first_fails(tmp_path):
    """Its modules' names are those of tasks of ours; what comes after the first batch is not reached."""
    brought = {"stack": "edge", "summary": "2 created", "ingresskit_changes": [], "changed": True, "revision": 7}
    (tmp_path / "library").mkdir()
    for name in ("ingress_stack", "ingress_smoke"):
        (tmp_path / "library" / f"{name}.py").write_text(MODULE)
    (tmp_path / "hosts").write_text("\n".join(f"{host} ansible_connection=local" for host in ("b", "a", "d", "c")))
    said = "bad\nreturned to revision 6 (recorded as revision 8)"
    proven = report() | {"verdict": "proven"}
    tasks = [
        {"ingress_stack": {"result": brought}},
        {"ingress_smoke": {"result": {"ingresskit_report": proven}}, "when": "inventory_hostname == 'b'"},
        {"ingress_smoke": {"result": {"failed": True, "msg": said}}, "when": "inventory_hostname == 'a'"},
    ]
    stop = {"fail": {"msg": "a failed"}, "when": "ansible_play_hosts_all | difference(ansible_play_hosts) | length > 0"}
    play = {"hosts": "all", "gather_facts": False, "serial": 2, "pre_tasks": [stop], "tasks": tasks}
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    done = ansible(tmp_path, ["ansible-playbook", "-i", "hosts", "play.yml"], ANSIBLE_NOCOLOR="1")
    after = done.stdout.split("PLAY RECAP")[1]
    assert done.returncode == 2
    assert table(after) == [
        ["CLUSTER", "STACK", "REVISION", "CHANGES", "RESULT", "VERDICT"],
        ["b", "edge", "7", "2 created", "2 of 2 routes proven in 0.1 s", "proven"],
        ["a", "edge", "7", "2 created", "bad", "FAILED, returned to revision 6"],
        ["d", "a failed", "not reached"],
        ["c", "a failed", "not reached"],
    ]
    assert f"\na\n{said}\n" in after


def test_a_failed_run_shows_its_table_too_in_colour(a_failed_run):
    done, _, after = a_failed_run
    assert done.returncode == 2
    assert "/tea  \x1b[0;31mFAILED\x1b[0m" in after


def test_a_report_of_another_shape_breaks_nothing(a_failed_run):
    done, _, _ = a_failed_run
    assert "ingresskit's report cannot be shown: " in done.stderr.replace("\n", " ")


def test_its_documentation_can_be_read(tmp_path):
    done = ansible(tmp_path, ["ansible-doc", "-t", "callback", "ingresskit"])
    assert done.returncode == 0, done.stderr
    assert "on a line of its own" in " ".join(done.stdout.split())
