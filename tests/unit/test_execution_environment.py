"""The execution environment for AWX, as ansible-builder itself reads it. Building its image wants a registry."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import yaml

from testbed.cache import Cache, key
from testbed.toolkit import ROOT
from tools.collection import build

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
BUILDER = "ansible-builder==3.2.0"


@pytest.fixture(scope="module")
def builder():
    """Runs ansible-builder, from a folder beside the environment of the tests."""

    def install(folder):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--target", folder, BUILDER]
        subprocess.run(pip, check=True)

    folder = Cache.of_user().ensure("ansible-builder", key(BUILDER), install)

    def run(*arguments, at):
        command = [sys.executable, "-m", "ansible_builder", *arguments]
        environment = os.environ | {"PYTHONPATH": str(folder)}
        ran = subprocess.run(command, cwd=at, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    return run


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """The folder with the definition and the built collection, as the definition's head says."""
    folder = tmp_path_factory.mktemp("ee")
    (folder / "execution-environment.yml").write_text((ROOT / "container/execution-environment.yml").read_text())
    build(folder)
    return folder


def galaxy(*arguments, at):
    command = [sys.executable, "-m", "ansible", "galaxy", "collection", *arguments]
    subprocess.run(command, cwd=at, check=True, capture_output=True)


def test_ansible_builder_takes_the_definition_and_the_collection(builder, collection):
    builder("create", "--file", "execution-environment.yml", "--context", "context", at=collection)
    (wanted,) = yaml.safe_load((collection / "context/_build/requirements.yml").read_text())["collections"]
    assert (collection / "context/_build" / wanted["name"]).is_file()
    assert "ansible-core>=2.19,<2.20" in (collection / "context/Dockerfile").read_text()


def test_the_collection_tells_what_it_needs(builder, collection):
    (archive,) = collection.glob("*.tar.gz")
    galaxy("install", "--force", "--no-deps", "--collections-path", collection / "there", archive, at=collection)
    told = yaml.safe_load(builder("introspect", str(collection / "there"), at=collection))
    asked = {line.split("#")[0].strip() for line in (ROOT / "requirements.in").read_text().splitlines()} - {""}
    core = {line for line in asked if line.startswith(("ansible-core", "pyyaml"))}  # an environment has these anyway
    assert {line.split("#")[0].strip() for line in told["python"]} == asked - core
    assert any(line.startswith("git ") for line in told["system"])
