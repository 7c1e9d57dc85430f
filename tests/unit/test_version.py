"""The version stands in galaxy.yml; everything else that names it has it from there, and a release sets them all."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from module_utils.ingresskit.images import ECHO
from module_utils.ingresskit.version import VERSION
from tools import generate
from tools.collection import export
from tools.release import named, release

ROOT = Path(__file__).parents[2]
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())
ADDED = re.compile(r"^\s*version_added: (\S+)$", re.MULTILINE)


def numbers(version):
    return tuple(int(part) for part in version.partition("-")[0].split("."))


def test_the_code_and_its_images_are_of_the_version_of_the_collection():
    assert VERSION == ECHO.tag == generate.version() == GALAXY["version"]
    found = {path.relative_to(ROOT).as_posix(): set(versions) for path, versions in named(ROOT).items()}
    expected = "tests/golden/expected/demo-nginx/cafe/deployment-tea.yaml"
    assert {expected, "container/execution-environment.yml", "docs/gitops/job.md"} < found.keys()
    other = {name: versions for name, versions in found.items() if versions - {VERSION}}
    assert not other, "make release sets them"


def test_nothing_is_documented_as_added_later_than_now():
    for path in [*(ROOT / "library").glob("*.py"), *(ROOT / "plugins/callback").glob("*.py")]:
        said = ADDED.findall(path.read_text())
        assert said and max(map(numbers, said)) <= numbers(VERSION), path


def test_a_release_sets_the_version_everywhere(tmp_path):
    tree = export(ROOT, tmp_path / "tree")
    subprocess.run(["git", "init", "--quiet"], cwd=tree, check=True)
    subprocess.run(["git", "add", "--all"], cwd=tree, check=True)
    release(tree, "7.8.8-rc.1", "2031-02-01")
    release(tree, "7.8.9", "2031-02-03")
    assert yaml.safe_load((tree / "galaxy.yml").read_text()) == GALAXY | {"version": "7.8.9"}
    tags = named(tree)
    assert len(tags) == len(named(ROOT)) and set().union(*tags.values()) == {"7.8.9"}
    assert (
        "## [Unreleased]\n\n## [7.8.9] - 2031-02-03\n\n## [7.8.8-rc.1] - 2031-02-01\n\n### Added"
        in (tree / "CHANGELOG.md").read_text()
    )


@pytest.mark.parametrize(("version", "changelog", "said"), [("v1", None, "no version"), ("1.0.0", "", "Unreleased")])
def test_what_is_no_release_is_refused_and_nothing_is_written(tmp_path, version, changelog, said):
    for name in ("galaxy.yml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    if changelog is not None:
        (tmp_path / "CHANGELOG.md").write_text(changelog)
    with pytest.raises(ValueError, match=said):
        release(tmp_path, version, "2031-02-03")
    assert (tmp_path / "galaxy.yml").read_text() == (ROOT / "galaxy.yml").read_text()
