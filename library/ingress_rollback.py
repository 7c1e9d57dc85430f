#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ingress_rollback
short_description: Return an Ingress stack to a revision of its history
version_added: 0.1.0
description:
  - Brings a revision to the cluster again exactly as it was, its Secrets included, and waits until it is ready. What
    was added since then is pruned.
  - A certificate that was renewed since then stays as long as it covers the names of the former one.
  - The inventory is not changed. The next run of M(ingresskit.ingresskit.ingress_stack) brings what the inventory says.
  - With O(release) it answers a failed smoke test. The history says that the release failed, and the last good revision
    comes back, unless C(ingress_smoke.on_failure) in O(inventory) is V(keep), there is none, or the stack has moved on.
options:
  inventory:
    description:
      - The variables of the stack. V(ingress_stack_name), V(ingress_cluster), V(ingress_apply) and V(ingress_smoke) are
        read.
    type: dict
    required: true
  base_dir:
    description: Folder from which relative file names of the inventory are meant.
    type: path
    default: .
  revision:
    description: Number of the revision to return to. The last good one before the present where absent.
    type: int
  release:
    description: The revision whose smoke test failed.
    type: int
  reason:
    description: Why it failed, for the history.
    type: str
    default: the smoke test failed
attributes:
  check_mode:
    support: full
    description: The API server's own dry run tells what would change. With O(release) nothing is done.
  diff_mode:
    support: full
    description: Object by object; Secret values are masked.
  idempotent:
    support: full
    description: Where the cluster is as the revision was, nothing is written.
requirements:
  - pydantic >= 2.11
  - kubernetes >= 32
  - cryptography >= 44
author:
  - The ingresskit authors (@ingresskit)
seealso:
  - module: ingresskit.ingresskit.ingress_stack
  - module: ingresskit.ingresskit.ingress_info
"""

EXAMPLES = r"""
- name: Back to the last good revision
  ingress_rollback:
    inventory: {ingress_stack_name: edge}

- name: Back to revision 3
  ingress_rollback:
    inventory: {ingress_stack_name: edge}
    revision: 3
"""

RETURN = r"""
summary:
  description: How many objects were (or in check mode would be) created, configured, deleted or left as they were.
  returned: success
  type: str
  sample: 1 configured, 20 unchanged
revision:
  description: Number of the release that the cluster holds now.
  returned: success
  type: int
said:
  description: What was done and why, in lines.
  returned: success
  type: list
  elements: str
  sample: ["returned to revision 3 (recorded as revision 6)"]
objects:
  description: Every object of the stack with what was done to it and why.
  returned: success
  type: list
  elements: dict
ingresskit_changes:
  description: One line for each object that is not simply unchanged.
  returned: success
  type: list
  elements: str
stack:
  description: Name of the stack.
  returned: success
  type: str
routes_failed_before:
  description: Always empty here.
  returned: success
  type: list
  elements: str
api_calls:
  description: Requests to the API server by verb.
  returned: success
  type: dict
"""

from typing import Any

from ..module_utils.ingresskit.shell import INVENTORY_SPEC, Call, IngressModule, outcome_result, run

SPEC: dict[str, Any] = {
    "argument_spec": {
        **INVENTORY_SPEC,
        "revision": {"type": "int"},
        "release": {"type": "int"},
        "reason": {"type": "str", "default": "the smoke test failed"},
    },
    "mutually_exclusive": [("revision", "release")],
}


def work(module: Call) -> dict[str, Any]:
    from ..module_utils.ingresskit.rollback import after_smoke, roll_back
    from ..module_utils.ingresskit.settings import Settings

    settings = Settings(module.base_dir, check=module.check_mode, diff=module.wants_diff, say=module.say)
    release = module.params["release"]
    if release is None:
        outcome = roll_back(module.inventory, settings, module.params["revision"])
    elif module.check_mode:
        return {"changed": False, "said": []}
    else:
        outcome = after_smoke(module.inventory, settings, release, module.params["reason"])
    return outcome_result(module, outcome) | {"said": list(outcome.notes)}


def main() -> None:
    run(IngressModule(**SPEC), work)


if __name__ == "__main__":
    main()
