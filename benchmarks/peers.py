"""The programs that ingresskit is measured against: where they are, or why there are none."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from testbed import golang
from testbed.cache import Cache, key
from testbed.commands import output, run
from testbed.console import step
from testbed.errors import TestbedError

REQUIREMENTS = Path(__file__).parent / "requirements.lock"


@dataclass(frozen=True)
class Programs:
    """Paths of programs; ``missing``: engine -> why it cannot be run here."""

    kubectl: str
    helm: str
    python: str  # of the environment with kubernetes.core and matplotlib
    missing: dict[str, str]


def find(cache: Cache) -> Programs:
    """Builds or installs once what is missing. Raises TestbedError where there is no kubectl: nothing goes without."""
    missing: dict[str, str] = {}
    kubectl = shutil.which("kubectl", path=f"{cache.root / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}")
    if not kubectl:
        raise TestbedError("kubectl is missing: run `make cluster` first")
    helm, python = "", ""
    try:
        helm = str(golang.build(cache, golang.HELM) / "helm")
        golang.drop_build_cache(cache)
    except TestbedError as error:
        missing["helm"] = _first_line(error)
    try:
        python = str(_environment(cache))
    except TestbedError as error:
        missing |= dict.fromkeys(("kubernetes.core-loop", "kubernetes.core-task"), _first_line(error))
    return Programs(kubectl, helm, python, missing)


def versions(programs: Programs) -> dict[str, str]:
    """What is compared with what, for the head of the report."""
    told = {"kubectl": output([programs.kubectl, "version", "--client"]).splitlines()[0].rpartition(" ")[2]}
    if programs.helm:
        told["helm"] = output([programs.helm, "version", "--short"])
    if programs.python:
        script = (
            "import json, pathlib, ansible_collections as a;"
            "m = pathlib.Path(list(a.__path__)[0], 'kubernetes/core/MANIFEST.json');"
            "print(json.loads(m.read_text())['collection_info']['version'])"
        )
        told["kubernetes.core"] = output([programs.python, "-c", script])
    return told


def _environment(cache: Cache) -> Path:
    """The interpreter of an environment of the peers' own, outside the checkout and apart from ingresskit's."""

    def install(folder: Path) -> None:
        with step("installing kubernetes.core (PyPI's ansible) and matplotlib"):
            log = cache.log("benchmark-peers")
            run([sys.executable, "-m", "venv", str(folder)], log)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            run([*pip, "--require-hashes", "--requirement", str(REQUIREMENTS)], log)

    # a virtual environment may be moved as long as none of its scripts is called, only its python
    name = f"benchmark-peers-python{sys.version_info.major}.{sys.version_info.minor}"
    return cache.ensure(name, key(REQUIREMENTS), install) / "bin" / "python"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def playbook() -> str:
    """ansible-playbook of ingresskit's own environment. Raises TestbedError where there is none."""
    beside = Path(sys.executable).parent / "ansible-playbook"
    program = str(beside) if beside.exists() else shutil.which("ansible-playbook")
    if not program:
        raise TestbedError("ansible-playbook is missing: run `make setup`")
    return program
