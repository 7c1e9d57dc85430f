#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ingress_tls
short_description: Bring one TLS Secret to a cluster
version_added: 0.1.0
description:
  - Brings a Secret of type C(kubernetes.io/tls), checked before it is sent (does the key match, does it cover the
    hosts, is it in date), or the request to cert-manager that makes it.
  - A certificate of the stack's own CA stays the same until the hosts change or a third of its life is left.
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
    description: Name of the Secret.
    type: str
    required: true
  namespace:
    description: Namespace of the Secret, the one of the Ingresses that use it.
    type: str
    required: true
  hosts:
    description:
      - DNS names that the certificate is for; a wildcard such as V(*.example.com) stands for one label.
      - Required where the certificate is issued. Where it is given, it is checked to cover them.
    type: list
    elements: str
    default: []
  source:
    description:
      - Where the certificate comes from, as C(tls) in the inventory, one of C(cert_file) with C(key_file), C(cert)
        with C(key), C(issuer) (a name, or a mapping of C(name), C(kind), C(group)), C(self_signed) (V(true), or a
        mapping with the C(algorithm) V(ecdsa) or V(rsa)).
      - Required with O(state=present).
    type: dict
  ca:
    description:
      - What the stack's CA is to be like, as C(ingress_ca) of the inventory (C(algorithm), C(days), C(overlap),
        C(rotate)), where O(source) is C(self_signed). The CA is shared by all parts of the stack.
    type: dict
    version_added: 0.1.0
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
  - module: ingresskit.ingresskit.ingress_route
  - module: ingresskit.ingresskit.ingress_stack
"""

EXAMPLES = r"""
- name: A certificate of the stack's own CA
  ingress_tls:
    stack: edge
    name: cafe-secret
    namespace: cafe
    hosts: [cafe.example.com]
    source: {self_signed: true}
  register: cafe_tls

- name: What clients verify it with
  ansible.builtin.copy:
    content: "{{ cafe_tls.ca_certificate }}"
    dest: ca.crt
    mode: "0644"

- name: An RSA key, for old clients, of a CA that is to be another one from this run on
  ingress_tls:
    stack: edge
    name: till-secret
    namespace: till
    hosts: [till.example.com]
    source: {self_signed: {algorithm: rsa}}
    ca: {rotate: "2026-11"}

- name: A certificate of a public CA, its key from a vault
  ingress_tls:
    name: shop-tls
    namespace: shop
    hosts: [shop.example.com]
    source: {cert: "{{ shop_certificate }}", key: "{{ shop_key }}"}

- name: Files beside the playbook
  ingress_tls:
    name: shop-tls
    namespace: shop
    source: {cert_file: files/shop.crt, key_file: files/shop.key}
    base_dir: "{{ playbook_dir }}"

- name: Remove it
  ingress_tls:
    name: cafe-secret
    namespace: cafe
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
  sample: [{"object": "Secret cafe/cafe-secret", "action": "created", "reason": ""}]
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
  description:
    - What clients of the stack's CA trust, as PEM text, where it has issued a certificate for this part. Around a
      rotation these are several certificates.
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
        "namespace": {"type": "str", "required": True},
        "hosts": {"type": "list", "elements": "str", "default": []},
        "source": {"type": "dict"},
        "ca": {"type": "dict"},
    },
    "required_if": [("state", "present", ["source"])],
}


def work(module: Call) -> dict[str, Any]:
    from ..module_utils.ingresskit.parts import tls

    return part_result(module, tls)


def main() -> None:
    run(IngressModule(**SPEC), work)


if __name__ == "__main__":
    main()
