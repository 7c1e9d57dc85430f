"""What is rendered for Git is the same, byte for byte, on every Python at hand, whatever its hash seed and locale.

The first run makes an environment for each Python but this one and keeps it in the cache of the test bed.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.cache import Cache
from tests.inventories import cases
from tests.renders import TOOLS
from tools import pythons

ROOT = Path(__file__).parents[2]
HERE = "{}.{}".format(*sys.version_info)
FOUND = pythons.at_hand()
INVENTORY = """\
all:
  hosts:
    one: {ingress_controller: {kind: traefik}}
    two: {ingress_controller: {kind: nginx, default_tls: {secret: default}, default_backend: {page: "<h1>nicht auf der Karte: Grüße</h1>"}}}
  vars:
    ansible_connection: local
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    ingress_git: {tool: argocd, smoke: true}
    ingress_apps:
      cafe:
        tls: {secret: cafe-tls}
        hosts: "{{ {'cafe-' ~ inventory_hostname ~ '.example.com': {'paths': {'/tea': 'tea-svc:80'}}} }}"
        workloads: {tea: {}}
"""


@pytest.fixture(scope="module")
def interpreters():
    """What to run on: (name, interpreter); this Python comes once more at the end."""
    cache = Cache.of_user()
    others = [name for name in FOUND if name != HERE]
    ready = {name: pythons.environment(cache, name, FOUND[name]) for name in others}
    return [(HERE, Path(sys.executable)), *ready.items(), (HERE, Path(sys.executable))]


def renders(interpreters, folder, command):
    """File name -> bytes, for each interpreter, each with a hash seed and a locale of its own."""
    for number, (name, python) in enumerate(interpreters):
        there = folder / f"{number}-{name}"
        own = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_HOME": str(folder / ".ansible"),
            "LC_ALL": ("C.UTF-8", "C", "POSIX")[number % 3] if "ansible" not in command else "C.UTF-8",
            "PYTHONHASHSEED": str(4711 * number),
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "0",
            "TZ": ("UTC", "Asia/Tokyo")[number % 2],
        }
        there.mkdir()
        ran = subprocess.run(
            [python, "-m", *command], cwd=there, env=os.environ | own | {"PWD": str(there)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, f"Python {name}: {ran.stdout}{ran.stderr}"
        yield {path.relative_to(there).as_posix(): path.read_bytes() for path in there.rglob("*") if path.is_file()}


def assert_same(interpreters, all_files):
    first, *others = all_files
    for (name, _), files in zip(interpreters[1:], others, strict=True):
        assert sorted(files) == sorted(first)
        differing = [each for each in first if files[each] != first[each]]
        assert not differing, f"Python {name} renders other bytes than {HERE}"
    return first


@pytest.mark.timeout(600)
def test_every_inventory_renders_the_same_bytes(interpreters, tmp_path, capsys):
    first = assert_same(interpreters, renders(interpreters, tmp_path, ["tests.renders", "out"]))
    assert len(first) == len(cases()) * len(TOOLS)
    alone = "" if len(FOUND) > 1 else ": the only Python at hand, so two runs of it"
    with capsys.disabled():
        print(f"\nrenders compared: {len(first)}, on Python {', '.join(FOUND)}{alone}")


@pytest.mark.timeout(600)
def test_so_does_the_playbook(interpreters, tmp_path):
    """With Ansible's own reading and templates in between."""
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    command = ["ansible", "playbook", f"{ROOT}/playbooks/render.yml", "-i", str(tmp_path / "hosts.yml")]
    first = assert_same(interpreters, renders(interpreters, tmp_path, command))
    assert b"cafe-one.example.com" in first["rendered/one/edge/apps/cafe/ingress-cafe.yaml"]
    assert b"cafe-two.example.com" in first["rendered/two/edge/apps/cafe/ingress-cafe.yaml"]


def test_pythons_are_found_by_name_and_those_that_do_not_run_are_passed_over(tmp_path):
    other = "3.12" if HERE != "3.12" else "3.13"
    folder = tmp_path / f"{other}.1" / "bin"
    folder.mkdir(parents=True)
    for name, script in {
        f"python{other}": f"echo {other}",
        "python3.99": "echo 3.99",  # which ansible-test does not know
        "python3.98": "exit 127",  # as pyenv's shims of versions that are not chosen
        "python3.7": "echo 3.7",
        "python3.97-config": "echo 3.97",
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    assert pythons.at_hand(path="", roots=[tmp_path]) == {HERE: Path(sys.executable), other: folder / f"python{other}"}
    assert pythons.at_hand(path=str(folder), roots=[]) == {HERE: Path(sys.executable), other: folder / f"python{other}"}
