#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ingress_info
short_description: Tell what a stack holds in the cluster
version_added: 0.1.0
description:
  - Reads the release record of a stack, the address of its controller and its CA. Changes nothing.
options:
  inventory:
    description:
      - The variables of the stack. V(ingress_stack_name) and V(ingress_cluster) are enough for the record;
        V(ingress_controller) is needed to find its address.
    type: dict
    required: true
  base_dir:
    description: Folder from which relative file names of the inventory are meant.
    type: path
    default: .
attributes:
  check_mode:
    support: full
    description: Changes nothing, so it runs as usual.
  diff_mode:
    support: none
    description: It changes nothing that could be shown.
requirements:
  - pydantic >= 2.11
  - kubernetes >= 32
author:
  - The ingresskit authors (@ingresskit)
seealso:
  - module: ingresskit.ingresskit.ingress_stack
"""

EXAMPLES = r"""
- name: Where is the stack, and what does it hold?
  ingress_info:
    inventory: {ingress_stack_name: edge}
  register: edge

- name: Keep its CA for clients
  ansible.builtin.copy:
    content: "{{ edge.ca_certificate }}"
    dest: ca.crt
    mode: "0644"
"""

RETURN = r"""
installed:
  description: Whether the cluster has a release of the stack.
  returned: success
  type: bool
release:
  description: The last release; revision, time, who, result, and the objects it holds.
  returned: when installed
  type: dict
history:
  description:
    - The revisions that are kept, the newest first; number, time, who, result, summary, the hash of the inventory, why
      it failed, and which revision it returned to.
  returned: when installed
  type: list
  elements: dict
  sample: [{"number": 4, "time": "2026-11-21T12:00:00+00:00", "who": "ci@runner", "result": "deployed"}]
target:
  description: >-
    Address and ports of the controller, those that are passed on as C(streams), and how they were found; null where it
    is not exposed.
  returned: when installed
  type: dict
  sample:
    way: ""
    address: 127.0.0.1
    http_port: 30080
    https_port: 30443
    streams: {tcp-5432: 30082}
    note: NodePort
further_targets:
  description: The same for the other ways in, with the name of the Service as C(way).
  returned: when installed
  type: list
  elements: dict
ca_certificate:
  description:
    - What clients of the stack's CA trust, as PEM; null where it issues no certificate. Around a rotation these are
      several certificates.
  returned: when installed
  type: str
ca:
  description:
    - Each of these certificates, who signs first; role (V(signs), V(will sign), V(did sign)), fingerprint (sha256),
      not_after, and from when on the next one signs or until when something that a former one signed may be alive.
  returned: when installed
  type: list
  elements: dict
  sample: [{"role": "signs", "fingerprint": "5e0c…", "not_after": "2036-11-18T12:00:00+00:00"}]
"""

from typing import Any

from ..module_utils.ingresskit.shell import INVENTORY_SPEC, Call, IngressModule, run

SPEC: dict[str, Any] = {"argument_spec": INVENTORY_SPEC}


def work(module: Call) -> dict[str, Any]:
    from ..module_utils.ingresskit.info import info

    return {"changed": False, **info(module.inventory, module.base_dir)}


def main() -> None:
    run(IngressModule(**SPEC), work)


if __name__ == "__main__":
    main()
