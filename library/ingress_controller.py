#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ingress_controller
short_description: Bring an Ingress controller to a cluster, without the Services that expose it
version_added: 0.1.0
description:
  - Brings the controller's workload, its accounts and rights, its configuration, IngressClass, NetworkPolicy, default
    certificate and the page for what no rule matches, and waits until it is ready.
  - The Services that let the traffic in are M(ingresskit.ingresskit.ingress_service)'s.
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
  controller:
    description:
      - The controller, as C(ingress_controller) of the inventory; all keys are in C(docs/reference/inventory.md).
      - Its C(expose) makes no Service here. The controller learns from it how it is reached, so give the one that
        M(ingresskit.ingresskit.ingress_service) gets, at least where it has a C(name), C(type=LoadBalancer) or
        C(type=HostPort).
      - It knows no routes, so what their options say in a controller's own configuration is not there.
        M(ingresskit.ingresskit.ingress_route) refuses such options; M(ingresskit.ingresskit.ingress_stack) brings
        routes and controller in one.
      - A backend of type C(ExternalName) behind C(kind=traefik) needs the key
        C(providers.kubernetesingress.allowexternalnameservices) in C(config), with the value C(true).
      - An app for every host (V(*)) or without hosts needs C(extra_args=[-allow-empty-ingress-host]) with
        C(kind=nginx).
    type: dict
  base_dir:
    description: Folder from which relative file names are meant.
    type: path
    default: .
  state:
    description: V(absent) removes what this task made, and nothing else. The stack's CA goes with its last part.
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
  - module: ingresskit.ingresskit.ingress_service
  - module: ingresskit.ingresskit.ingress_tls
  - module: ingresskit.ingresskit.ingress_route
  - module: ingresskit.ingresskit.ingress_stack
"""

EXAMPLES = r"""
- name: F5's controller with an IngressClass of its own
  ingress_controller:
    stack: edge
    controller:
      kind: nginx
      namespace: nginx-ingress
      class_name: nginx
      replicas: 2
      config: {proxy-body-size: 8m}

- name: Remove it
  ingress_controller:
    stack: edge
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
  sample: [{"object": "Deployment nginx-ingress/nginx-ingress", "action": "created", "reason": ""}]
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

SPEC: dict[str, Any] = {"argument_spec": {**PART_SPEC, "controller": {"type": "dict"}}}


def work(module: Call) -> dict[str, Any]:
    from ..module_utils.ingresskit.parts import controller

    return part_result(module, controller)


def main() -> None:
    run(IngressModule(**SPEC), work)


if __name__ == "__main__":
    main()
