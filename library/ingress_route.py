#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ingress_route
short_description: Bring one app to a cluster, its routes with their certificates and workloads
version_added: 0.1.0
description:
  - Brings the Ingresses of an app in the dialect of its controller, its TLS Secrets and the backends deployed with
    it, and waits until they are ready.
  - It is for people who compose their own plays. M(ingresskit.ingresskit.ingress_stack) brings a whole stack in one
    transaction.
options:
  stack:
    description:
      - Name of the stack that this belongs to. Its parts share one CA.
      - What a task makes is its own inside the stack; no task prunes or removes what another one made.
    type: str
    default: edge
  cluster:
    description: Which cluster, as C(ingress_cluster) of the inventory; resolved as kubectl does where it is absent.
    type: dict
  apply:
    description: C(ingress_apply) of the inventory (C(verify), C(adopt), C(force_conflicts), C(recreate)).
    type: dict
  name:
    description: Name of the app; its Ingress is named after it.
    type: str
    required: true
  app:
    description:
      - The app, as one of C(ingress_apps) in the inventory, with C(hosts), C(tls), C(options), C(workloads) and so
        on.
      - Options are said in the route where the controller reads them there. What stands in its own file or flags
        (most of them behind C(kind=traefik), by its middlewares; C(ssl_passthrough) and a
        few others elsewhere) is refused by name, since no single route can bring it.
        M(ingresskit.ingresskit.ingress_stack) brings both.
      - Required with O(state=present).
    type: dict
  controller:
    description:
      - The controller that serves it, as M(ingresskit.ingresskit.ingress_controller) gets it. Its C(kind) decides on
        the dialect, its C(class_name) on the IngressClass. Of the rest only C(compat), C(custom_resources),
        C(namespace), C(expose) and C(workload) matter.
      - The controller's page for what no rule matches answers unknown hosts. For the unknown paths of this app set
        C(default_backend) in O(app), where the controller has no page for all hosts of its own (C(kind=nginx)).
    type: dict
  base_dir:
    description: Folder from which relative file names are meant.
    type: path
    default: .
  state:
    description: V(absent) removes what this task made, and nothing else.
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
    description: The second run sends no write.
notes:
  - A Namespace that is missing is made and owned by the task that needs it first. One that is there is used and left
    alone, so remove the parts in the reverse order of their making.
requirements:
  - pydantic >= 2.11
  - kubernetes >= 32
  - cryptography >= 44
author:
  - The ingresskit authors (@ingresskit)
seealso:
  - module: ingresskit.ingresskit.ingress_controller
  - module: ingresskit.ingresskit.ingress_service
  - module: ingresskit.ingresskit.ingress_tls
  - module: ingresskit.ingresskit.ingress_stack
"""

EXAMPLES = r"""
- name: The cafe
  ingress_route:
    stack: edge
    name: cafe
    controller: {kind: nginx, class_name: nginx}
    app:
      tls: {secret: cafe-secret}
      hosts:
        cafe.example.com:
          paths: {/tea: tea-svc:80, /coffee: coffee-svc:80}
      workloads: {tea: {replicas: 3}, coffee: {}}

- name: Remove it, and nothing of other apps
  ingress_route:
    stack: edge
    name: cafe
    state: absent
"""

RETURN = r"""
summary:
  description: How many objects were (or in check mode would be) created, configured, deleted or left as they were.
  returned: success
  type: str
  sample: 3 created, 1 configured, 20 unchanged
objects:
  description: Every object with what was done to it and why.
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
  description: Number of this part's release that the cluster holds now.
  returned: success
  type: int
stack:
  description: Name of the stack.
  returned: success
  type: str
ca_certificate:
  description: Certificate of the stack's CA as PEM text, where it has issued a certificate for this part.
  returned: success
  type: str
api_calls:
  description: Requests to the API server by verb.
  returned: success
  type: dict
  sample: {"get": 3, "list": 12, "patch": 1}
problems:
  description: Every fault of the parameters, each with the path of the key and what to do.
  returned: when a parameter is not valid
  type: list
  elements: dict
"""

from typing import Any

from ..module_utils.ingresskit.shell import PART_SPEC, Call, IngressModule, part_result, run

SPEC: dict[str, Any] = {
    "argument_spec": {
        **PART_SPEC,
        "name": {"type": "str", "required": True},
        "app": {"type": "dict"},
        "controller": {"type": "dict"},
    },
    "required_if": [("state", "present", ["app"])],
}


def work(module: Call) -> dict[str, Any]:
    from ..module_utils.ingresskit.parts import route

    return part_result(module, route)


def main() -> None:
    run(IngressModule(**SPEC), work)


if __name__ == "__main__":
    main()
