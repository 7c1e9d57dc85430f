"""ansible-test's sanity tests on the collection as it is built and installed: ``make sanity``.

``python -m tools.sanity [--test NAME …]``: arguments are those of ``ansible-test sanity``; without any, all tests run,
and on every Python at hand those that depend on it. Three things differ from a plain call:

- ansible-test sees no files behind linked folders, so links are followed on the way to a copy.
- Its environments are kept in the cache of the test bed, and their pip comes from Python's own ensurepip: the script
  with which ansible-test brings pip along lies on a server that a machine may not reach.
- The test "import" runs in environments that have what ingresskit needs. What modules import before they have looked
  whether it is there is tested without (tests/unit/test_shell.py).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from testbed.cache import Cache
from tools import pythons
from tools.collection import INSTALLED, ROOT, build, install

ANSIBLE_TEST = Path(sys.executable).with_name("ansible-test")
BOOTSTRAP = "import ensurepip\n\nensurepip.bootstrap()\n"
OF_EACH = ("--test", "compile", "--test", "import")  # the other tests run on one Python
IMPORTERS = ("sanity", "sanity.import.plugin")  # environments of the test "import", as ansible-test calls them


def sanity(arguments: Sequence[str]) -> int:
    """Runs the tests and returns the exit code of the first run that failed."""
    home = Cache.of_user().root / "ansible-test"
    first, *others = pythons.at_hand().items()
    with tempfile.TemporaryDirectory(prefix="ingresskit-sanity-") as scratch:
        folder = laid_out(Path(scratch))

        def run(version: str, *wanted: str) -> int:
            command = [str(ANSIBLE_TEST), "sanity", "--color", "no", "--python", version, *wanted]
            environment = _environment(home, Path(scratch, "bin"), dict([first, *others]))
            return subprocess.run(
                command, cwd=folder, env=environment, check=False, stdin=subprocess.DEVNULL
            ).returncode

        if arguments:
            return run(first[0], *arguments)
        for version, __ in (first, *others):
            run(version, "--test", "import", "--prime-venvs")
        _equip(home)
        codes = [run(first[0]), *(run(version, *OF_EACH) for version, __ in others)]
    print(f"sanity tests: Python {', '.join(pythons.at_hand())}: {'failed' if any(codes) else 'passed'}")
    return next((code for code in codes if code), 0)


def laid_out(scratch: Path) -> Path:
    """The collection, built and installed, as ansible-test can see it: without links to folders, with its settings."""
    installed = install(build(scratch / "dist"), scratch / "installed")
    folder = scratch / "followed" / INSTALLED
    shutil.copytree(installed, folder)  # follows links
    for doubled in ("library", "module_utils"):  # plugins/ has them now
        shutil.rmtree(folder / doubled)
    for manifests in ("gitops", "docs/examples"):  # several to a file, of which Ansible's yamllint takes only one
        shutil.rmtree(folder / manifests)
    (folder / "tests").mkdir()
    shutil.copytree(ROOT / "tests/sanity", folder / "tests/sanity")
    shutil.copy(ROOT / "tests/config.yml", folder / "tests")
    return folder


def _environment(home: Path, commands: Path, found: Mapping[str, Path]) -> dict[str, str]:
    """A home of ansible-test's own, and every Python at hand under the name by which it looks for them."""
    cached = home / ".ansible/test/cache"
    for folder in (cached, commands):
        folder.mkdir(parents=True, exist_ok=True)
    for asked in _pip_versions():
        (cached / f"get_pip_{asked.replace('.', '_')}.py").write_text(BOOTSTRAP)
    for version, python in found.items():
        (commands / f"python{version}").unlink(missing_ok=True)
        (commands / f"python{version}").symlink_to(python)
    path = f"{commands}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return os.environ | pip_config() | {"HOME": str(home), "PATH": path, "LC_ALL": "C.UTF-8"}


def pip_config() -> dict[str, str]:
    """For another HOME: the user's pip.conf stays in force. https://pip.pypa.io/en/stable/topics/configuration/"""
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    places = (os.environ.get("PIP_CONFIG_FILE"), settings / "pip/pip.conf", Path.home() / ".pip/pip.conf")
    return next(({"PIP_CONFIG_FILE": str(place)} for place in places if place and Path(place).exists()), {})


def _pip_versions() -> set[str]:
    """Which versions ansible-test would bring."""
    import ansible_test

    source = Path(*ansible_test.__path__, "_internal", "python_requirements.py").read_text(encoding="utf-8")
    return set(re.findall(r"['\"](2\d\.\d(?:\.\d)?)['\"]", source))


def _equip(home: Path) -> None:
    """What ingresskit needs, but for Ansible, whose code a module may import only in part: the test sees to that."""
    wanted = re.sub(r"(?m)^ansible-core==.*\n(?: .*\n)*", "", pythons.REQUIREMENTS.read_text(encoding="utf-8"))
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(wanted)
        requirements.flush()
        for python in _found(home / ".ansible/test/venv" / name for name in IMPORTERS):
            pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "install", "--no-deps", "--require-hashes", "-r", requirements.name], check=True)


def _found(folders: Iterable[Path]) -> list[Path]:
    return [python for folder in folders for python in sorted(folder.glob("*/*/bin/python"))]


if __name__ == "__main__":
    sys.exit(sanity(sys.argv[1:]))
