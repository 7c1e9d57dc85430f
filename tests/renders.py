"""Renders every inventory of the repository for Git: ``python -m tests.renders FOLDER``, on whichever Python.

A file is written for each host of an inventory and each kind of controller, with all rendered files in it; so two folders
show whether two Pythons render the same bytes. No key is in them: a certificate that an inventory has from elsewhere is
that of a Secret here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from module_utils.ingresskit.model.layers import deep_merge
from module_utils.ingresskit.rendering import render_for_git
from tests.inventories import Case, cases

NO_KEYS = {"default_tls": {"secret": "elsewhere"}}
TOOLS: dict[str, dict[str, Any]] = {
    "flux": {"tool": "flux", "smoke": True},
    "argocd": {"tool": "argocd", "smoke": True},
    "stream": {"layout": "stream"},
}


def rendered(case: Case, tool: str) -> dict[str, str]:
    """The files for one of the tools."""
    said = _without_keys(case.variables)
    said["ingress_controller__zz"] = deep_merge(said["ingress_controller__zz"], NO_KEYS)
    return render_for_git(said | {"ingress_git": TOOLS[tool]}, case.folder)[1]


def _without_keys(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_keys(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: {"secret": "elsewhere"} if key in ("tls", "default_tls") else _without_keys(each)
        for key, each in value.items()
    }


def write(folder: Path) -> None:
    """All of them."""
    folder.mkdir(parents=True)
    for case in cases():
        for tool in TOOLS:
            files = rendered(case, tool)
            text = "".join(f"#### {name}\n{content}" for name, content in files.items())
            (folder / f"{case}-{tool}.yaml").write_bytes(text.encode())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
