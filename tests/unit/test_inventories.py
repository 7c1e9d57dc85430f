"""Every inventory in the repository loads, passes preflight and renders, for every controller."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from module_utils.ingresskit import tls
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.converge import load
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.model.layers import deep_merge
from module_utils.ingresskit.preflight import check
from module_utils.ingresskit.render import render

INVENTORIES = Path(__file__).parents[2] / "inventories"
NOW = datetime(2026, 7, 1, tzinfo=UTC)
FACTS = Facts(now=NOW, authority=tls.new_authority("edge", NOW))
KINDS = {
    "nginx": {"kind": "nginx"},
    "traefik": {"kind": "traefik"},
    "traefik-compat": {"kind": "traefik", "compat": "ingress-nginx"},
    "ingress-nginx": {"kind": "ingress-nginx", "accept_retired": True},
}


def hosts():
    """(inventory, host) of every inventory."""
    for folder in sorted(INVENTORIES.iterdir()):
        for group, name in members(folder):
            yield pytest.param(folder, group, name, id=f"{folder.name}-{name}")


def members(folder, node=None, group=None):
    node = yaml.safe_load((folder / "hosts.yml").read_text())["all"] if node is None else node
    yield from ((group, name) for name in node.get("hosts", {}))
    for child, content in node.get("children", {}).items():
        yield from members(folder, content, child)


def variables(folder, group, host):
    """The host's variables as Ansible would have them: the nearer file replaces what the farther says."""
    files = [
        *sorted((folder / "group_vars/all").glob("*.yml")),
        *sorted((folder / f"group_vars/{group}").glob("*.yml")),
    ]
    files += [each for each in [folder / f"host_vars/{host}.yml"] if each.exists()]
    found = {}
    for each in files:
        text = each.read_text().replace("{{ inventory_hostname }}", host)
        found |= yaml.safe_load(text.replace("{{ ingress_stack_name }}", host))
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("folder", "group", "host"), list(hosts()))
def test_inventory(folder, group, host, kind):
    said = variables(folder, group, host)
    said["ingress_controller__zz"] = deep_merge(said.get("ingress_controller__zz"), {"compat": None} | KINDS[kind])
    stack = load(said, folder)
    findings = check(stack, controller_for(stack.controller), FACTS)
    assert [str(each) for each in findings] == []
    kinds = {each["kind"] for each in render(stack, FACTS)}
    assert {"Namespace", "Deployment", "Service", "Ingress", "IngressClass"} <= kinds
