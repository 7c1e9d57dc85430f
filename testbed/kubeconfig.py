"""The user's kubeconfig, where kind writes the cluster's context."""

from __future__ import annotations

import os
from pathlib import Path

import yaml


def path() -> Path:
    """The file kind writes to: the first of $KUBECONFIG, else the default."""
    first = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(first or Path.home() / ".kube" / "config")


def holds(file: Path, wanted: str) -> bool:
    """Whether a kubeconfig file has the context, cluster and user of ``wanted`` (YAML), to the letter.

    A cluster that was made anew has another address and other certificates under the same name.
    """
    if not file.exists():
        return False
    actual = yaml.safe_load(file.read_text()) or {}
    entries = yaml.safe_load(wanted)
    sections = ("clusters", "users", "contexts")
    return all(entry in (actual.get(section) or []) for section in sections for entry in entries[section])
