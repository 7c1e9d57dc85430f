"""The commands of the documentation, run as they stand there: page by page, from top to bottom, in a copy of the checkout.

Only names are others, so that a demo on the same cluster stays what it is: see ``dressed``.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks.peers import find
from testbed.cache import Cache
from tests.cluster.playbook import CONTEXT, ROOT, Project, kubectl, namespaces
from tests.docs import PAGES, RUN, SLOW, blocks

PREFIX = "ik-docs-"
NAMES = ("edge", "cafe", "shop", "shop-ingress", "shop-nginx", "shop-traefik")  # of stacks, namespaces and classes
PORTS = {"30080": "30046", "30443": "30047"}
STACKS = [f"{PREFIX}{name}" for name in NAMES]
NAME = re.compile(rf"(?<!inventories/)(?<!examples/)(?<![\w-])({'|'.join(NAMES)})(?![\w-]|\.example\b|\.ya?ml\b)")
IGNORED = shutil.ignore_patterns(
    ".git", ".venv", ".cache", ".*_cache", ".ansible", "artifacts", "rendered", "__pycache__"
)
# what is the controller's own by default, for the inventories that are copies of the demo's
OWN = f"""\
ingress_controller__zz:
  namespace: {PREFIX}controller
  class_name: {PREFIX}nginx
  termination: {{drain: 0, grace: 1}}
"""


def dressed(text, node):
    """A text with the names, ports and address that nobody else has on the cluster of the tests."""
    for word, own in {"kind-ingresskit": CONTEXT, "127.0.0.1": node, **PORTS}.items():
        text = text.replace(word, own)
    state = f"state_namespace: {PREFIX}state"
    text = text.replace(f"ingress_cluster: {{context: {CONTEXT}}}", f"ingress_cluster: {{context: {CONTEXT}, {state}}}")
    text = text.replace(
        f"ingress_cluster:\n  context: {CONTEXT}\n", f"ingress_cluster:\n  context: {CONTEXT}\n  {state}\n"
    )
    return NAME.sub(rf"{PREFIX}\1", text)


@pytest.fixture
def checkout(tmp_path, node):
    """A copy of the checkout with an environment, as a user has it."""
    folder = tmp_path / "ingresskit"
    shutil.copytree(ROOT, folder, symlinks=True, ignore=IGNORED)
    (folder / ".venv").symlink_to(sys.prefix)
    os.utime(folder / "requirements.lock", (0, 0))  # for make: the environment is up to date
    for path in [*folder.glob("inventories/kind/**/*.yml"), *folder.glob("docs/examples/**/*.y*ml")]:
        path.write_text(dressed(path.read_text(), node))
    (folder / "inventories/kind/group_vars/all/zz.yml").write_text(OWN)
    clear(tmp_path)  # what a killed run left
    yield folder
    clear(tmp_path)


def clear(folder):
    """Nothing of the documentation's stacks and namespaces is left."""
    project = Project(folder / "teardown")
    listed = "namespaces,ingressclasses,clusterroles,clusterrolebindings,secrets"
    left = kubectl("get", listed, "-A", "-l", "ingresskit.io/stack", "-o", "jsonpath={.items[*].metadata.labels}")
    for stack in STACKS:
        if f'"{stack}"' in left:
            project.folder.mkdir(exist_ok=True)
            project.write(
                {
                    "ingress_cluster": {"context": CONTEXT, "state_namespace": f"{PREFIX}state"},
                    "ingress_stack_name": stack,
                }
            )
            project.play("playbooks/teardown.yml").passed()
    mine = [name for name in namespaces() if name.startswith(PREFIX)]
    if mine:
        kubectl("delete", "namespaces", "--ignore-not-found", *mine)  # waits: the next page has the same ones


def script(page, node):
    """The commands of a page as one script, which says where it is."""
    lines = ["set -eu -o pipefail"]
    for block in blocks(page):
        text = dressed(block.text, node)
        if block.verb == "file":
            name = shlex.quote(block.words)
            lines += [f"mkdir -p $(dirname {name})", f"cat > {name} <<'END-OF-FILE'\n{text}END-OF-FILE"]
        elif block.language == "sh" and block.verb != "skip":
            lines.append(f"echo '=== {block}'")
            lines.append(failing(text, block.words) if block.verb == "fails" else text)
    return "\n".join(lines)


def failing(text, words):
    """Commands that have to fail with these words."""
    said = f"grep -F -- {shlex.quote(words)} failed.out" if words else "true"
    return f"if (set -e\n{text}) > failed.out 2>&1; then cat failed.out; echo 'it did not fail'; exit 1; fi; cat failed.out; {said}"


def environment(peers):
    """The environment of a shell; ``peers``: with helm and the collection kubernetes.core, which pages on migration use."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    path = [str(Path(sys.executable).parent), kept["PATH"]]
    if peers:
        programs = find(Cache.of_user())
        assert not programs.missing, programs.missing
        path.insert(0, str(Path(programs.helm).parent))
        (packages,) = Path(programs.python).parents[1].glob("lib/python*/site-packages")
        kept["ANSIBLE_COLLECTIONS_PATH"] = str(packages)
    return kept | {"PATH": ":".join(path), "ANSIBLE_NOCOLOR": "1"}


@pytest.mark.parametrize("page", [pytest.param(page, marks=[pytest.mark.slow] * (page in SLOW)) for page in RUN])
@pytest.mark.timeout(900)
def test_the_commands_of(page, checkout, node):
    done = subprocess.run(
        ["bash", "-c", script(page, node)], cwd=checkout, env=environment(page in SLOW),
        text=True, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout


FOREIGN = ("argoproj.io", "toolkit.fluxcd.io")  # their tests apply what is in gitops/
MANIFESTS = [
    pytest.param(document, id=f"{place}:{document['kind']}")
    for place, text in [
        *((block, block.text) for page in PAGES for block in blocks(page, "yaml")),
        *((path.relative_to(ROOT), path.read_text()) for path in (ROOT / "docs/examples").glob("*/*.yaml")),
    ]
    if "apiVersion:" in text and "{{" not in text
    for document in yaml.safe_load_all(text)
    if isinstance(document, dict) and {"apiVersion", "kind", "metadata"} <= document.keys()
    if not document["apiVersion"].partition("/")[0].endswith(FOREIGN)
]


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_the_api_server_takes_the_manifest(manifest):
    manifest["metadata"].pop("namespace", None)
    manifest["metadata"]["name"] = f"{PREFIX}{manifest['metadata']['name']}"
    command = ["create", "--dry-run=server", "--validate=strict", "-n", "default", "-f", "-"]
    kubectl(*command, stdin=json.dumps(manifest))
