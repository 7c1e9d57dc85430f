#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ingress_stack
short_description: Bring a whole Ingress stack to a cluster in one transaction
version_added: 0.1.0
description:
  - Takes the inventory of one stack (the controller, how it is exposed, the apps with their routes, certificates and
    workloads) and brings the cluster to exactly that by server-side apply.
  - Everything is checked before anything is sent; what the inventory no longer holds is pruned; what this stack did not
    create is never touched.
  - Waits until everything is ready, and tells early and plainly why something cannot become ready. A release that fails
    then returns to the last good revision, unless C(ingress_smoke.on_failure) is V(keep).
  - One run at a time changes a stack. Another waits for C(ingress_apply.lock_wait) seconds, or says who is at it.
  - A second run of an unchanged inventory sends no write.
options:
  inventory:
    description:
      - The variables of the stack, every one whose name begins with V(ingress_), layers such as
        V(ingress_apps__prod) included.
      - All keys are described in C(docs/reference/inventory.md); their JSON Schema is C(docs/schema/inventory.json).
    type: dict
    required: true
  base_dir:
    description: Folder from which relative file names of the inventory (certificates, the 404 page) are meant.
    type: path
    default: .
  state:
    description: V(absent) removes everything that this stack created, its CA and its release record included.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
    description: The API server's own dry run tells what would change.
  diff_mode:
    support: full
    description: Object by object; Secret values are masked.
  idempotent:
    support: full
    description: An unchanged inventory sends no write.
requirements:
  - pydantic >= 2.11
  - kubernetes >= 32
  - cryptography >= 44
author:
  - The ingresskit authors (@ingresskit)
seealso:
  - module: ingresskit.ingresskit.ingress_smoke
  - module: ingresskit.ingresskit.ingress_rollback
  - module: ingresskit.ingresskit.ingress_render
"""

EXAMPLES = r"""
- name: The cafe behind F5's controller, on node ports
  ingress_stack:
    inventory:
      ingress_stack_name: edge
      ingress_controller:
        kind: nginx
        expose: {type: NodePort, node_ports: {http: 30080, https: 30443}}
      ingress_apps:
        cafe:
          tls: {self_signed: true}
          hosts:
            cafe.example.com:
              paths: {/tea: tea-svc:80, /coffee: coffee-svc:80}
          workloads: {tea: {}, coffee: {}}

- name: Every ingress_ variable of the host, as the role does it
  ingress_stack:
    inventory: "{{ dict(names | zip(query('ansible.builtin.vars', *names))) }}"
    base_dir: "{{ inventory_dir }}"
  vars:
    names: "{{ query('ansible.builtin.varnames', '^ingress_') }}"

- name: Remove the stack
  ingress_stack:
    inventory: {ingress_stack_name: edge}
    state: absent
"""

RETURN = r"""
summary:
  description: How many objects were (or in check mode would be) created, configured, deleted or left as they were.
  returned: success
  type: str
  sample: 3 created, 1 configured, 20 unchanged
objects:
  description: Every object of the stack with what was done to it and why.
  returned: success
  type: list
  elements: dict
  sample: [{"object": "Ingress cafe/cafe", "action": "configured", "reason": "kubectl-edit took .spec.rules"}]
ingresskit_changes:
  description: One line for each object that is not simply unchanged.
  returned: success
  type: list
  elements: str
revision:
  description: Number of the release that the cluster holds now.
  returned: success
  type: int
stack:
  description: Name of the stack.
  returned: success
  type: str
routes_failed_before:
  description: Routes of the release before that did not answer as promised even before this run wrote anything.
  returned: success
  type: list
  elements: str
api_calls:
  description: Requests to the API server by verb.
  returned: success
  type: dict
  sample: {"get": 2, "list": 14}
problems:
  description: Every fault of the inventory, each with the path of the key and what to do.
  returned: when the inventory does not hold to the contract
  type: list
  elements: dict
"""

from typing import Any

from ..module_utils.ingresskit.shell import INVENTORY_SPEC, STATE_SPEC, Call, IngressModule, outcome_result, run

SPEC: dict[str, Any] = {"argument_spec": {**INVENTORY_SPEC, "state": STATE_SPEC}}


def work(module: Call) -> dict[str, Any]:
    from ..module_utils.ingresskit.converge import converge, remove
    from ..module_utils.ingresskit.settings import Settings

    settings = Settings(module.base_dir, check=module.check_mode, diff=module.wants_diff, say=module.say)
    act = converge if module.params["state"] == "present" else remove
    return outcome_result(module, act(module.inventory, settings))


def main() -> None:
    run(IngressModule(**SPEC), work)


if __name__ == "__main__":
    main()
