"""Secrets in a render by the real sops: what goes in comes out again, and what has not changed stays.

sops is built out of its Go module, which takes minutes where the cache lacks it.
"""

import base64
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from testbed import golang
from testbed.cache import Cache
from tests.cluster.agekeys import age_pair
from tests.cluster.certificates import issued
from tests.cluster.playbook import KEY_TEXT, tool

pytestmark = pytest.mark.slow
PASSWORD = "c4nary-pass"
EXTRA = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token", "namespace": "cafe"}, "immutable": True}
TREE = "rendered/kind/edge"


@pytest.fixture(scope="module")
def sops():
    return golang.build(Cache.of_user(), golang.SOPS) / "sops"


@pytest.fixture
def rendering(project, sops):
    """A user's folder with sops on the PATH. A .sops.yaml in it, which is for other files, has no say."""
    project.env["PATH"] = f"{sops.parent}:{os.environ['PATH']}"
    project.env["KUBECONFIG"] = "/none"
    (project.folder / ".sops.yaml").write_text("creation_rules: [{path_regex: never, age: age1none}]\n")
    return project


def inventory(recipients, pair, password=PASSWORD):
    options = {"basic_auth": {"users": {"jo": password}}}
    cafe = {"tls": {"cert": pair[0], "key": pair[1]}, "hosts": {"a.example": "tea:80"}, "options": options}
    return {
        "ingress_controller": {"kind": "nginx", "default_tls": {"secret": "mine"}},
        "ingress_apps": {"cafe": cafe},
        "ingress_extra_objects": [EXTRA | {"stringData": {"token": PASSWORD}}],
        "ingress_git": {"tool": "flux", "smoke": True, "sops": {"age": recipients}},
    }


def test_the_round_trip(rendering, sops):
    (key, ours), (their_key, theirs), pair = age_pair(), age_pair(), issued("a.example")
    rendering.write(inventory([ours, theirs], pair))
    first = rendering.play("playbooks/render.yml", "--diff").passed()
    secrets = encrypted(rendering.folder / TREE)
    assert set(secrets) == {"secret-cafe-tls.yaml", "secret-cafe-users.yaml", "secret-token.yaml"}
    for path in secrets.values():
        for each in (key, their_key):
            opened = decrypted(sops, path, each)
            assert "sops" not in opened
        assert path.read_text().startswith("# Rendered by ingresskit")
    tls = decrypted(sops, secrets["secret-cafe-tls.yaml"], key)
    assert [base64.b64decode(tls["data"][name]).decode() for name in ("tls.crt", "tls.key")] == list(pair)
    assert decrypted(sops, secrets["secret-token.yaml"], key)["stringData"] == {"token": PASSWORD}
    users = base64.b64decode(decrypted(sops, secrets["secret-cafe-users.yaml"], key)["data"]["htpasswd"]).decode()
    assert users.startswith("jo:$2y$")
    assert_hidden(rendering, first.output, pair[1], users)


def test_what_has_not_changed_stays_and_a_check_is_the_gate(rendering):
    (key, ours), pair = age_pair(), issued("a.example")
    rendering.write(inventory([ours], pair))
    rendering.play("playbooks/render.yml").passed()
    before = texts(rendering)
    rendering.play("playbooks/render.yml", "--check").failed(
        "ingress_git.sops: cannot decrypt Secret cafe/", "KEY_FILE"
    )
    rendering.env["SOPS_AGE_KEY"] = key
    assert not rendering.play("playbooks/render.yml", "--check").passed().changed
    rendering.play("playbooks/render.yml").passed()
    assert texts(rendering) == before
    rendering.write(inventory([ours], pair, "another"))
    run = rendering.play("playbooks/render.yml", "--check", "--diff").failed("is not what the inventory says")
    assert "secret-cafe-users.yaml" in run.output and "secret-cafe-tls.yaml" not in run.output
    rendering.play("playbooks/render.yml").passed()
    after = texts(rendering)
    changed = {name.rpartition("/")[2] for name in after if after[name] != before[name]}
    assert changed == {"secret-cafe-users.yaml", "configmap-edge-smoke.yaml", "job-edge-smoke.yaml"}


def test_kustomize_takes_the_tree(rendering):
    (_, ours), pair = age_pair(), issued("a.example")
    rendering.write(inventory([ours], pair))
    rendering.play("playbooks/render.yml").passed()
    built = subprocess.run(
        ["kubectl", "kustomize", str(rendering.folder / TREE)], capture_output=True, text=True, check=True
    )
    found = [each for each in yaml.safe_load_all(built.stdout) if each["kind"] == "Secret"]
    assert len(found) == 3 and all(each["sops"]["age"][0]["recipient"] == ours for each in found)


def encrypted(folder):
    return {path.name: path for path in folder.glob("apps/*/secret-*.yaml")}


def decrypted(sops, path, key):
    """As sops itself opens the file, which also proves that nothing of it was changed since (its MAC)."""
    environment = {"PATH": os.environ["PATH"], "SOPS_AGE_KEY": key, "HOME": "/nonexistent"}
    ran = subprocess.run(
        [sops, "--decrypt", str(path)], capture_output=True, text=True, check=False, env=environment, cwd="/"
    )
    assert ran.returncode == 0, ran.stderr
    return yaml.safe_load(ran.stdout)


def texts(project):
    folder = project.folder / TREE
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.yaml")}


def assert_hidden(project, output, key, users):
    """No canary in the tree, in what was printed, or in the results that Ansible keeps."""
    hidden = [PASSWORD, users.strip(), key.splitlines()[1], base64.b64encode(key.encode()).decode()[:60]]
    results = (project.folder / "results").read_text()
    for text in (*texts(project).values(), output, results):
        assert not any(each in text for each in hidden) and not KEY_TEXT.search(text)


def test_no_program_is_told_with_its_remedy(rendering):
    rendering.env["PATH"] = f"{Path(tool('ansible-playbook')).parent}:/usr/bin:/bin"
    rendering.write(inventory([age_pair()[1]], issued("a.example")))
    rendering.play("playbooks/render.yml").failed("ingress_git.sops: the program sops is not on PATH")
