"""The whole rendered stack, byte for byte; a change of it shows as a diff of these files."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from module_utils.ingresskit.render.yaml_files import present_files

from .stacks import CASES, EXPECTED, ROOT, generated


@pytest.fixture(params=CASES, ids=str)
def case(request):
    return request.param


def test_rendered_files_are_as_expected(case, update_golden):
    files = case.files()
    if update_golden:
        shutil.rmtree(case.folder, ignore_errors=True)
        for name, text in files.items():
            path = case.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    expected = present_files(case.folder)
    assert sorted(files) == sorted(expected)
    for name, text in files.items():
        assert text == expected[name], name


def test_files_hold_the_objects(case):
    """What a Git pipeline applies is what ``ingress_stack`` would have applied."""
    read = [yaml.safe_load(text) for text in case.files().values()]
    assert read == case.objects()


def test_no_expected_folder_without_a_case():
    assert {path.name for path in EXPECTED.iterdir()} == {str(case) for case in CASES}


def test_no_private_key_in_a_file():
    text = generated()
    assert "PRIVATE KEY" not in text
    assert not re.search(r"^kind: Secret$", text, re.MULTILINE)


def test_every_run_renders_the_same_bytes():
    """Neither the hash seed nor what was rendered before shows."""
    here = generated()
    for seed in ("1", "4711"):
        command = [sys.executable, "-m", "tests.golden.stacks"]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        other = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        assert other.stdout == here
