"""The Pythons at hand: what a test of all versions runs on depends on the machine, so it is found, and named."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from testbed.cache import Cache, key
from testbed.commands import run
from testbed.console import step

REQUIREMENTS = Path(__file__).resolve().parent.parent / "container" / "requirements.txt"  # run-time ones, with hashes
OLDEST, NEWEST = (3, 11), (3, 13)  # requires-python; what ansible-test of our ansible-core knows
NAME = re.compile(r"python3\.\d+")


def at_hand(path: str | None = None, roots: Iterable[Path] | None = None) -> dict[str, Path]:
    """Minor version -> interpreter, oldest first: this one, those on PATH, those that pyenv and uv have installed."""
    found: dict[str, Path] = {}
    folders = (path if path is not None else os.environ.get("PATH", os.defpath)).split(os.pathsep)
    for candidate in (Path(sys.executable), *_named(map(Path, folders)), *_named(_installed(roots))):
        version = _version(candidate)
        if version and OLDEST <= tuple(map(int, version.split("."))) <= NEWEST:
            found.setdefault(version, candidate)
    return dict(sorted(found.items(), key=lambda each: int(each[0].split(".")[1])))


def _installed(roots: Iterable[Path] | None) -> Iterator[Path]:
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    for root in roots if roots is not None else (pyenv / "versions", data / "uv/python"):
        yield from sorted(root.glob("*/bin"))


def _named(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from (each for each in sorted(folder.glob("python3.*")) if NAME.fullmatch(each.name))


def _version(python: Path) -> str:
    """``3.12``; empty for what does not run, as pyenv's shims of other versions, or cannot make an environment."""
    if not shutil.which(python):
        return ""
    script = "import ensurepip, venv, sys; print('%d.%d' % sys.version_info[:2])"
    ran = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    return ran.stdout.strip() if ran.returncode == 0 else ""


def environment(cache: Cache, version: str, python: Path) -> Path:
    """The interpreter of an environment with what ingresskit needs at run time, kept outside the checkout."""

    def install(folder: Path) -> None:
        with step(f"installing the run-time requirements for Python {version}"):
            log = cache.log(f"run-time-python{version}")
            run([str(python), "-m", "venv", str(folder)], log)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            run([*pip, "--require-hashes", "--requirement", str(REQUIREMENTS)], log)

    name, made_of = f"run-time-python{version}", key(REQUIREMENTS, str(python.resolve()))
    if not cache.path(name, made_of).is_dir():
        with cache.lock():  # whoever has it sweeps unfinished folders
            cache.ensure(name, made_of, install)
    # a virtual environment may be moved as long as none of its scripts is called, only its python
    return cache.path(name, made_of) / "bin" / "python"


if __name__ == "__main__":
    for each, where in at_hand().items():
        print(each, where)
