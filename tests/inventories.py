"""The inventories in the repository as tests use them: their variables, and facts that stand for files not in Git."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from module_utils.ingresskit import tls
from module_utils.ingresskit.converge import load
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.model.layers import deep_merge
from module_utils.ingresskit.model.stack import Stack
from module_utils.ingresskit.render.files import file_names
from tests.unit.certificates import NOW, certificate, key_pem

INVENTORIES = Path(__file__).parents[1] / "inventories"
KINDS: dict[str, dict[str, Any]] = {
    "nginx": {"kind": "nginx"},
    "traefik": {"kind": "traefik"},
    "traefik-compat": {"kind": "traefik", "compat": "ingress-nginx"},
    "ingress-nginx": {"kind": "ingress-nginx", "accept_retired": True},
}
# inventories that are for one kind, with settings or labels of its own; the others are for all
OWN = {
    "bare-metal": ("nginx",),
    "cloud": ("traefik", "traefik-compat"),
    "edge": ("traefik", "traefik-compat", "ingress-nginx"),  # F5's controller needs custom resources for TCP
}
# keys stay out of Git, so their files and those of the certificates are not there
CERTIFICATES = {".crt": certificate("shop.example.com", "*.branch.example.com"), ".key": key_pem()}
AUTHORITY = tls.new_authority("edge", NOW)


class Case(NamedTuple):
    """A host of an inventory, with one kind of controller."""

    folder: Path
    groups: tuple[str, ...]
    host: str
    kind: str

    def __str__(self) -> str:
        return f"{self.folder.name}-{self.host}-{self.kind}"

    @property
    def variables(self) -> dict[str, Any]:
        said = _variables(self.folder, self.groups, self.host)
        said["ingress_controller__zz"] = deep_merge(
            said.get("ingress_controller__zz"), {"compat": None} | KINDS[self.kind]
        )
        return said

    @property
    def stack(self) -> Stack:
        return load(self.variables, self.folder)

    @property
    def facts(self) -> Facts:
        files = {name: self._content(name) for _, name in file_names(self.stack)}
        return Facts(now=NOW, authority=AUTHORITY, files=files)

    def _content(self, name: str) -> bytes:
        path = self.folder / name
        return CERTIFICATES[path.suffix] if path.suffix in CERTIFICATES else path.read_bytes()


def cases() -> list[Case]:
    """Every host of every inventory, with each kind that it is for."""
    return [
        Case(folder, tuple(sorted(groups)), name, kind)
        for folder in sorted(INVENTORIES.iterdir())
        for name, groups in _hosts(yaml.safe_load((folder / "hosts.yml").read_text(encoding="utf-8"))["all"]).items()
        for kind in OWN.get(folder.name, KINDS)
    ]


def _hosts(node: dict[str, Any], group: str | None = None) -> dict[str, set[str]]:
    """Name -> the groups that a host is in."""
    found: dict[str, set[str]] = {name: {group} if group else set() for name in node.get("hosts", {})}
    for child, content in node.get("children", {}).items():
        for name, groups in _hosts(content, child).items():
            found[name] = found.get(name, set()) | groups
    return found


def _variables(folder: Path, groups: tuple[str, ...], host: str) -> dict[str, Any]:
    """The host's variables as Ansible would have them: the nearer file replaces what the farther says."""
    files = [each for group in ("all", *groups) for each in sorted((folder / "group_vars" / group).glob("*.yml"))]
    files += [each for each in [folder / f"host_vars/{host}.yml"] if each.exists()]
    found: dict[str, Any] = {}
    for each in files:
        text = each.read_text(encoding="utf-8").replace("{{ inventory_hostname }}", host)
        found |= yaml.safe_load(text.replace("{{ ingress_stack_name }}", host))
    return found
