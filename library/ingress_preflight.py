#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ingress_preflight
short_description: Check a stack's inventory before anything is sent
version_added: 0.1.0
description:
  - Checks the inventory against the contract and against itself. Are the routes free of contradictions, do the
    certificates match their keys, cover their hosts and last, can the controller do what is asked?
  - With O(cluster=true) it also reads the Secrets that the inventory refers to.
  - Fails where there is an error, naming every key at fault; a warning does not fail.
options:
  inventory:
    description: The variables of the stack, every one whose name begins with V(ingress_).
    type: dict
    required: true
  base_dir:
    description: Folder from which relative file names of the inventory are meant.
    type: path
    default: .
  cluster:
    description: Whether to ask the cluster too. Without it no cluster is needed.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Changes nothing, so it runs as usual.
  diff_mode:
    support: none
    description: It changes nothing that could be shown.
requirements:
  - pydantic >= 2.11
  - cryptography >= 44
author:
  - The ingresskit authors (@ingresskit)
seealso:
  - module: ingresskit.ingresskit.ingress_stack
"""

EXAMPLES = r"""
- name: Check the inventory in CI, where no cluster is at hand
  ingress_preflight:
    inventory: "{{ dict(names | zip(query('ansible.builtin.vars', *names))) }}"
    base_dir: "{{ inventory_dir }}"
    cluster: false
  vars:
    names: "{{ query('ansible.builtin.varnames', '^ingress_') }}"
"""

RETURN = r"""
findings:
  description: What was found, each with level (error or warning), the path of the key, and what to do.
  returned: always
  type: list
  elements: dict
"""

from typing import Any

from ..module_utils.ingresskit.shell import INVENTORY_SPEC, Call, IngressModule, run

SPEC: dict[str, Any] = {"argument_spec": {**INVENTORY_SPEC, "cluster": {"type": "bool", "default": True}}}


def work(module: Call) -> dict[str, Any]:
    from ..module_utils.ingresskit.converge import check

    findings = check(module.inventory, module.base_dir, cluster=module.params["cluster"])
    errors = [finding for finding in findings if finding.level == "error"]
    for finding in findings:
        if finding.level == "warning":
            module.warn(f"{finding.path}: {finding.message}")
    shown = [{"level": each.level, "path": each.path, "message": each.message} for each in findings]
    text = "\n".join(f"{finding.path}: {finding.message}" for finding in errors)
    return {"changed": False, "failed": bool(errors), "findings": shown, "msg": text or "no error found"}


def main() -> None:
    run(IngressModule(**SPEC), work)


if __name__ == "__main__":
    main()
