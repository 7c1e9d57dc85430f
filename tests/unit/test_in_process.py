"""The action plugins: a module's work done inside Ansible's process is the module's, and runs there only where it may."""

import json
import os
import re
import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from module_utils.ingresskit.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in (ROOT / "library").glob("*.py"))
CAFE = {"ingress_apps": {"cafe": {"tls": {"secret": "cafe-tls"}, "hosts": {"cafe.example.com": "tea-svc:80"}}}}
KEY = "-----BEGIN PRIVATE KEY-----\nMIIcanary\n-----END PRIVATE KEY-----"
ODD = CAFE | {"ingress_apps__odd": {"cafe": {"hosts": {"cafe.example.com": "tea-svc"}}}}


def play(folder, tasks, *options, config=ROOT / "ansible.cfg", **variables):
    """Runs tasks on this machine in an empty folder: the output, and each task's result."""
    results = folder / "results"
    host = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"} | variables
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {"here": host}}}))
    (folder / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    ours = {
        "ANSIBLE_CONFIG": str(config),
        "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests/cluster/callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "task_results",
        "ANSIBLE_HOME": str(folder / ".ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "TASK_RESULTS": str(results),
    }
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", "hosts.json", "play.yml", *options]
    ran = subprocess.run(
        command, cwd=folder, env=clean | ours, capture_output=True, text=True, timeout=100, check=False
    )
    assert results.exists(), ran.stdout + ran.stderr
    told = [json.loads(line) for line in results.read_text().splitlines()]
    return ran.stdout + ran.stderr, [each["result"] | {"outcome": each["outcome"]} for each in told]


def render(dest, inventory=CAFE, **keywords):
    return {"ingress_render": {"inventory": inventory, "dest": str(dest)}, "ignore_errors": True} | keywords


def plainly(result):
    """A result without what names the way it came."""
    text = json.dumps({key: value for key, value in result.items() if key not in ("exception", "_ansible_parsed")})
    return json.loads(re.sub(r"Task failed: (Module|Action) failed: ", "", text))


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_its_link(name):
    link = ROOT / "plugins/action" / f"{name}.py"
    assert str(link.readlink()) == "../plugin_utils/in_process.py"


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_takes_is_what_it_documents(name):
    module = import_module(f"plugins.modules.{name}")
    options = yaml.safe_load(module.DOCUMENTATION)["options"]
    told = {
        option: {key: about[key] for key in ("type", "required", "default", "choices", "elements") if key in about}
        for option, about in options.items()
    }
    assert told == module.SPEC["argument_spec"]


SAME = {
    "a render": {"inventory": CAFE, "dest": "out"},
    "a file name with a variable": {"inventory": CAFE, "dest": "$PLACE/out"},
    "no argument": {},
    "an unknown argument": {"inventory": CAFE, "dest": "out", "nonsense": 1},
    "an argument of another type": {"inventory": "text", "dest": "out"},
    "a mistake in the inventory": {"inventory": ODD, "dest": "out"},
    "a key as the name of a key": {"inventory": {"ingress_apps": {"cafe": {"hosts": {}, KEY: 1}}}, "dest": "out"},
}  # fmt: skip


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same tasks done here and by modules, two of them again in check mode: (folder, output, results) of each."""
    tasks = [
        {"ingress_render": arguments, "environment": {"PLACE": "folder"}, "ignore_errors": True}
        for arguments in SAME.values()
    ]
    tasks += [task | {"check_mode": True, "diff": True} for task in tasks[:2]]
    runs = []
    for here in (True, False):
        folder = tmp_path_factory.mktemp("here" if here else "module")
        runs.append((folder, *play(folder, tasks, "-vvv", ingresskit_in_process=here)))
    return runs


def test_results_are_those_of_the_module(both):
    (_, _, here), (_, _, module) = both
    assert len(here) == len(SAME) + 2
    assert [plainly(result) for result in here] == [plainly(result) for result in module]
    assert [result["outcome"] for result in here] == ["ok"] * 2 + ["failed"] * 5 + ["ok"] * 2


def test_files_are_those_of_the_module(both):
    found = [
        {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.yaml")} for folder, _, _ in both
    ]
    assert found[0] == found[1]
    assert {name.partition("/")[0] for name in found[0]} == {"out", "folder"}


def test_only_modules_are_executed(both):
    (_, here, _), (_, module, _) = both
    assert "EXEC /bin/sh" not in here and "EXEC /bin/sh" in module
    assert "ingress_render runs in a process of its own: ingresskit_in_process is false" in module


@pytest.mark.parametrize("index", [0, 1])
def test_no_key_and_no_traceback_is_shown(both, index):
    _, output, results = both[index]
    assert "(private key)" in output
    assert "canary" not in output + json.dumps(results)
    assert "Traceback" not in output


def test_what_only_a_module_can_do_is_left_to_it(tmp_path):
    other = {"ansible_python_interpreter": str(tmp_path / "no-such-python")}
    found = {"ansible_python_interpreter": "auto_silent"}
    output, results = play(
        tmp_path,
        [
            render("background", **{"async": 60, "poll": 1}),
            render("other", vars=other),
            render("found", vars=found),
            render("user", become=True, become_user="nobody", become_method="su", vars={"ansible_become_exe": "false"}),
            render("remote", delegate_to="elsewhere.invalid"),
        ],
        "-v",
    )
    reasons = re.findall(r"ingress_render runs in a process of its own: (.*)", output)
    assert [reason.split(" is ")[0] for reason in reasons] == [
        "the task", "its Python", "the task becomes another user", "the connection",
    ]  # fmt: skip
    assert [result["outcome"] for result in results] == ["ok", "failed", "ok", "failed", "unreachable"]
    assert (tmp_path / "background").is_dir() and (tmp_path / "found").is_dir()


def test_the_tasks_environment_counts_and_a_task_that_takes_too_long_is_ended(tmp_path):
    """The kubeconfig that KUBECONFIG names leads to a server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cluster = {"server": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        config = {
            "clusters": [{"name": "silent", "cluster": cluster}],
            "contexts": [{"name": "silent", "context": {"cluster": "silent", "user": "nobody"}}],
            "users": [{"name": "nobody", "user": {}}],
            "current-context": "silent",
        }
        (tmp_path / "config").write_text(json.dumps(config))
        silent.settimeout(5)
        task = {
            "ingress_info": {"inventory": {}},
            "environment": {"KUBECONFIG": str(tmp_path / "config")},
            "timeout": 6,
        }
        output, (result,) = play(tmp_path, [task])
        silent.accept()[0].close()
    assert "Timed out after 6 second(s)" in result["msg"]
    assert "Traceback" not in output


def test_links_of_this_python_are_this_python_and_links_elsewhere_are_not(tmp_path):
    is_this = import_module("plugins.plugin_utils.in_process")._is_this
    other = tmp_path / "python3"
    other.symlink_to(sys.executable)
    assert is_this(sys.executable)
    assert is_this(str(Path(sys.executable).parent / "." / "python3"))
    assert not is_this(str(other))
    assert not is_this(str(tmp_path / "missing"))


def test_an_installed_collection_runs_its_modules_here_too(tmp_path):
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    environment = os.environ | {"ANSIBLE_HOME": str(tmp_path / ".ansible")}
    for command in (
        ["build", "--output-path", tmp_path, ROOT],
        ["install", "--offline", "-p", tmp_path / "collections", tmp_path / f"ingresskit-ingresskit-{VERSION}.tar.gz"],
    ):
        subprocess.run([galaxy, "collection", *command], check=True, capture_output=True, env=environment, cwd=tmp_path)
    (tmp_path / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {tmp_path}/collections\n")
    task = {"ingresskit.ingresskit.ingress_render": {"inventory": CAFE, "dest": "out"}}
    role = {"import_role": {"name": "ingresskit.ingresskit.ingress", "tasks_from": "render"}}
    tasks = [task, role | {"vars": CAFE}]
    output, results = play(tmp_path, tasks, "-vvv", config=tmp_path / "ansible.cfg")
    direct, by_role = (each for each in results if "files" in each)
    assert (tmp_path / "out/apps/cafe/ingress-cafe.yaml").is_file()
    assert direct["files"] and direct["files"] == by_role["files"]
    assert "EXEC /bin/sh" not in output
