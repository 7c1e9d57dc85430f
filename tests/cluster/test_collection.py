"""A newcomer's way by docs/install.md alone: the archive, an environment, the cafe from an empty folder. Stack: ik-packaging.

The commands of the page are run as they stand there. Only the names of the stack are others, so that a demo on the same
cluster stays what it is.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cluster.playbook import CONTEXT, HOST, KEY_TEXT, ROOT, kubectl, namespaces
from tools.collection import build
from tools.sanity import pip_config

pytestmark = pytest.mark.timeout(600)
STACK = "ik-packaging"
PAGE = (ROOT / "docs/install.md").read_text()
BLOCK = re.compile(r"^(<!-- test: skip .*? -->\n)?```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEPS = [text for skipped, text in BLOCK.findall(PAGE) if not skipped]
CHANGED = re.compile(r"^kind +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=0", re.MULTILINE)
OWN = {
    "ingress_stack_name": STACK,
    "ingress_cluster": {"context": CONTEXT, "state_namespace": f"{STACK}-state"},
    "ingress_controller__own": {
        "namespace": f"{STACK}-controller",
        "class_name": STACK,
        "replicas": 1,
        "termination": {"drain": 0, "grace": 1},
        "expose": {"address": None, "node_ports": None},
    },
    "ingress_apps__own": {"cafe": {"namespace": f"{STACK}-cafe"}},
}
# no certificate of the stack's own CA: its key is in the cluster, and manifests for Git hold none
FOR_GIT = {
    "ingress_controller__z": {"default_tls": {"secret": "default", "self_signed": None}},
    "ingress_apps__z": {"cafe": {"tls": {"secret": "cafe-tls", "self_signed": None}}},
}


@pytest.fixture
def folder(tmp_path):
    """An empty folder with the archive; at the end nothing of the stack is in the cluster."""
    empty = tmp_path / "empty"
    build(empty)
    yield empty
    mine = [name for name in namespaces() if name.startswith(f"{STACK}-")]
    if mine:  # the page's own teardown did not come to it
        kubectl("delete", "namespaces", "--wait=false", *mine)
    kubectl("delete", "ingressclass,clusterrole,clusterrolebinding", "-l", f"ingresskit.io/stack={STACK}")


def written(name, variables):
    return f"cat > {name} <<'END'\n{yaml.safe_dump(variables)}END\n"


def typed(steps, folder):
    """What each block of commands prints, typed one after the other into one shell by a user with an empty home."""
    lines = ["set -eu -o pipefail"]
    for number, step in enumerate(steps):
        lines += [f"echo '=== {number}'", step]
    home = folder.with_name("home")
    home.mkdir(exist_ok=True)
    ran = subprocess.run(
        ["bash", "-c", "\n".join(lines)], cwd=folder, env=users(home), text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    return re.split(r"^=== \d+\n", ran.stdout, flags=re.MULTILINE)[1:]


def users(home):
    """Nothing of the environment that the tests run in, but for the cluster and what pip has to know of this machine."""
    tests = {str(Path(sys.executable).parent), str(Path(sys.prefix).resolve() / "bin")}
    path = [each for each in os.environ["PATH"].split(os.pathsep) if each not in tests]
    kept = {name: value for name, value in os.environ.items() if not re.match("ANSIBLE_|PYTHON|VIRTUAL_ENV", name)}
    config = kept.get("KUBECONFIG") or str(Path.home() / ".kube/config")
    cache = kept.get("PIP_CACHE_DIR") or str(Path.home() / ".cache/pip")
    own = {"HOME": str(home), "KUBECONFIG": config, "PIP_CACHE_DIR": cache, "ANSIBLE_NOCOLOR": "1", "COLUMNS": "200"}
    return kept | pip_config() | own | {"PATH": os.pathsep.join(path)}


def test_from_the_archive_to_proven_routes_by_the_page_alone(folder):
    copied = next(number for number, step in enumerate(STEPS) if "inventories/kind inventory" in step)
    steps = list(STEPS)
    steps[copied] += written("inventory/group_vars/all/zz.yml", OWN)
    render = f"$collection/bin/ingresskit-render -i inventory -e '{json.dumps(FOR_GIT)}'"
    steps[-1:] = [f"{render} > manifests.yaml", steps[-1].replace("rm -rf", "ls")]
    said = dict(zip(steps, typed(steps, folder), strict=True))

    def after(words):
        return next(output for step, output in said.items() if words in step)

    brought = after("site -i inventory --check")
    preflight, check, site = CHANGED.findall(brought)
    assert preflight == "0" and int(check) > 0 and int(site) > 0
    assert "7 of 7 routes proven" in brought
    assert re.search(rf"^curl --cacert \S+ --resolve {HOST}", brought, re.MULTILINE)
    again = after("again: changed=0")
    assert CHANGED.findall(again) == ["0", "0"]
    assert again.count("7 of 7 routes proven") == 2  # of the second run, and of the smoke test alone
    assert "ingresskit.ingresskit.ingress_stack" in after("ansible-doc -t module")
    assert not KEY_TEXT.search("".join(said.values()))
    assert not [name for name in namespaces() if name.startswith(f"{STACK}-")]

    manifests = (folder / "manifests.yaml").read_text()
    here = subprocess.run(
        [ROOT / "bin/ingresskit-render", "-i", folder / "inventory", "-e", json.dumps(FOR_GIT)], cwd=folder,
        env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"app: {HOST}" not in manifests and HOST in manifests
    assert manifests == here.stdout, "the collection renders what the checkout does"
