"""The toolkit's image as Docker has it: the same layers from the same checkout, and what a container may not do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from module_utils.ingresskit.images import TOOLKIT
from testbed import docker, images
from testbed.cache import Cache

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
RECIPE = images.RECIPE_OF["toolkit"]
AGAIN = "ingresskit-testbed/toolkit:again"


@pytest.fixture(scope="module")
def cache():
    """While nothing else works on the test bed: a build has images without a name, which others would sweep."""
    found = Cache.of_user()
    with found.lock():
        images.ensure(found, "toolkit")
        yield found
        docker.remove([AGAIN])
        docker.prune()


def layers(reference):
    found = subprocess.run(["docker", "image", "inspect", reference], check=True, capture_output=True, text=True)
    return json.loads(found.stdout)[0]["RootFS"]["Layers"]


def run(*command):
    """A container of the image as the Job runs it."""
    options = ["--rm", "--network=none", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--env=KUBECONFIG=/none"]
    options.append("--security-opt=no-new-privileges")
    ran = subprocess.run(
        ["docker", "run", *options, str(TOOLKIT), *command], capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_another_checkout_of_the_same_gives_the_same_layers(cache, tmp_path):
    """Files in another order, of another time, with the modes of another umask."""
    copies = {name: copied(path, tmp_path / name) for name, path in reversed(list(RECIPE.files.items()))}
    packages = RECIPE.extra(cache)
    arguments = {"BASE": images._ensure_base(cache, RECIPE.base)}
    docker.build(AGAIN, packages | copies, tmp_path / "log", docker.labels("again", "none"), arguments)
    assert layers(AGAIN) == layers(str(TOOLKIT))


def copied(path, place):
    place.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        place.symlink_to(path.readlink())
    else:
        shutil.copyfile(path, place)
        place.chmod(0o700 if os.access(path, os.X_OK) else 0o600)
        os.utime(place, (1e9, 1e9))
    return place


def test_it_has_no_root_and_needs_no_place_to_write(cache):
    assert run("id", "-u") == (0, "65532\n")
    code, said = run("sh", "-c", "touch /opt/ingresskit/x || ansible-playbook site.yml --syntax-check -i localhost,")
    assert code == 0 and "Read-only file system" in said and "playbook: site.yml" in said


def test_a_users_mistake_is_told_and_no_program_is_missing(cache):
    code, said = run("sh", "-c", "git --version && ingresskit-render --check")
    assert code == 1 and "git version" in said and "this prints manifests" in said


def test_everything_is_compiled_but_the_models_of_the_kubernetes_client(cache):
    """Nobody could later, and each start would pay for it."""
    look = """
import json, pathlib
every = [path for top in ("/opt/python", "/opt/ingresskit") for path in pathlib.Path(top).rglob("*.py")]
print(json.dumps([str(path) for path in every if not [*(path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")]]))
"""
    code, said = run("python3", "-c", look)
    assert code == 0, said
    not_so = ("/opt/python/kubernetes/client/", "/opt/python/ansible/galaxy/data/")
    assert not [path for path in json.loads(said) if not path.startswith(not_so)]
