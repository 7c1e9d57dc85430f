#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ingress_service
short_description: Bring the Services that let traffic in to an Ingress controller
version_added: 0.1.0
description:
  - Brings one Service for each way in, for a controller of M(ingresskit.ingresskit.ingress_controller) or for any Pods
    that O(selector) names, and waits for the address of a load balancer.
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
    description:
      - Name of the Service, and of what this task owns.
      - Where it is absent the Service is named after the controller, and this task owns the stack's unnamed Services.
    type: str
  namespace:
    description: Namespace of the Pods. Default is the controller's.
    type: str
  expose:
    description:
      - The way in, or a list of several, as C(expose) of C(ingress_controller) in the inventory. Default is
        C(type=NodePort) with ports that the cluster picks.
      - In a list every entry but the first has a C(name).
    type: raw
  controller:
    description:
      - The controller that is exposed, as M(ingresskit.ingresskit.ingress_controller) gets it. Its C(kind) and
        C(namespace) matter here, for the defaults of the other parameters, and C(tcp_services) and C(udp_services),
        which are ports of the Service.
    type: dict
  selector:
    description: Labels of the Pods that get the traffic. Default are those of the controller's Pods.
    type: dict
  labels:
    description: Labels of the Service. Default are the controller's, and none where O(selector) is given.
    type: dict
  target_ports:
    description: Ports of the Pods, numbers or names, under V(http) and V(https). Default are the ports of these names.
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
  - module: ingresskit.ingresskit.ingress_route
  - module: ingresskit.ingresskit.ingress_stack
"""

EXAMPLES = r"""
- name: Node ports that everybody knows
  ingress_service:
    stack: edge
    controller: {kind: nginx}
    expose: {type: NodePort, node_ports: {http: 30080, https: 30443}}

- name: A load balancer for Pods of any kind
  ingress_service:
    name: myapp
    namespace: default
    selector: {app: myapp}
    expose: {type: LoadBalancer}

- name: Another controller's Pods, by port numbers
  ingress_service:
    name: ingress-nginx
    namespace: ingress-nginx
    selector: &ingress_nginx
      app.kubernetes.io/name: ingress-nginx
      app.kubernetes.io/part-of: ingress-nginx
    labels: *ingress_nginx
    target_ports: {http: 80, https: 443}

- name: Remove it
  ingress_service:
    name: myapp
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
  sample: [{"object": "Service nginx-ingress/nginx-ingress", "action": "created", "reason": ""}]
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
        "name": {"type": "str"},
        "namespace": {"type": "str"},
        "expose": {"type": "raw"},
        "controller": {"type": "dict"},
        "selector": {"type": "dict"},
        "labels": {"type": "dict"},
        "target_ports": {"type": "dict"},
    },
}


def work(module: Call) -> dict[str, Any]:
    from ..module_utils.ingresskit.parts import service

    return part_result(module, service)


def main() -> None:
    run(IngressModule(**SPEC), work)


if __name__ == "__main__":
    main()
