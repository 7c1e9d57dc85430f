"""The collection's archive: the same bytes wherever it is built, with what a user needs and nothing else."""

import configparser
import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tools.collection import build, export, install

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return build(tmp_path_factory.mktemp("dist"))


def test_it_is_the_same_from_another_checkout_made_at_another_time(archive, tmp_path):
    tree = export(ROOT, tmp_path / "elsewhere")
    for number, path in enumerate(sorted(tree.rglob("*"))):
        os.utime(path, (1e9 + number, 1e9 + number), follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet"], cwd=tree, check=True)
    subprocess.run(["git", "add", "--all", "--force"], cwd=tree, check=True)
    made = subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=ROOT, text=True).strip()
    environment = os.environ | {"SOURCE_DATE_EPOCH": made}
    script = "import sys, pathlib, tools.collection as c; c.build(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))"
    command = [sys.executable, "-c", script, str(tmp_path / "dist"), str(tree)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    assert (tmp_path / "dist" / archive.name).read_bytes() == archive.read_bytes()


def test_it_holds_what_a_user_needs_and_nothing_of_the_workshop(archive):
    with tarfile.open(archive) as opened:
        names = set(opened.getnames())
    needed = ("playbooks/site.yml", "bin/ingresskit-render", "requirements.in", "docs/install.md", "CHANGELOG.md")
    assert names.issuperset(
        (*needed, "inventories/kind/hosts.yml", "meta/runtime.yml", "plugins/action/ingress_stack.py")
    )
    there = {name.partition("/")[0] for name in names}
    assert not there & {
        "tests",
        "testbed",
        "tools",
        "benchmarks",
        "molecule",
        "Makefile",
        "ansible.cfg",
        "pyproject.toml",
    }
    assert not [name for name in names if name.startswith(".") or "__pycache__" in name]


def test_the_installed_files_are_those_of_its_list(archive, tmp_path):
    folder = install(archive, tmp_path)
    listed = {each["name"]: each for each in json.loads((folder / "FILES.json").read_text())["files"]}
    assert list(listed) == sorted(listed)
    for name, each in listed.items():
        if each["ftype"] == "file":
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == each["chksum_sha256"], name
    assert (folder / "plugins/modules/ingress_stack.py").samefile(folder / "library/ingress_stack.py")
    assert os.access(folder / "bin/ingresskit-render", os.X_OK)


def test_the_roles_playbooks_are_found_by_their_names_and_by_nothing_of_the_checkout(archive, tmp_path):
    """Every playbook that a checkout has is there by its full name; none reaches for what is not in the archive."""
    install(archive, tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path), "ANSIBLE_HOME": str(tmp_path / ".ansible")}
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "hosts.yml").write_text("all: {hosts: {here: {ansible_connection: local}}}\n")
    playbook = Path(sys.executable).with_name("ansible-playbook")
    wanted = [f"ingresskit.ingresskit.{path.stem}" for path in sorted((ROOT / "playbooks").glob("*.yml"))]
    assert len(wanted) > 8
    ran = subprocess.run(
        [playbook, "-i", "hosts.yml", "--list-tasks", *wanted],
        cwd=empty, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("playbook: ") == len(wanted)


def test_the_settings_for_a_users_folder_are_those_of_the_checkout():
    """But for where things lie; those that read inventories are the same, and the report is switched on."""
    users, ours = (configparser.ConfigParser(interpolation=None) for _ in range(2))
    users.read(ROOT / "docs/examples/ansible.cfg", encoding="utf-8")
    ours.read(ROOT / "ansible.cfg", encoding="utf-8")
    places = {"library", "module_utils", "roles_path", "action_plugins", "callback_plugins"}
    own = {"inventory": "inventory", "callbacks_enabled": "ingresskit.ingresskit.ingresskit"}
    expected = {name: value for name, value in ours["defaults"].items() if name not in places} | own
    assert {name: value for name, value in users["defaults"].items() if name != "nocows"} == {
        name: value for name, value in expected.items() if name != "nocows"
    }
    assert dict(users["connection"]) == dict(ours["connection"])
