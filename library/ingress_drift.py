#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ingress_drift
short_description: Tell what differs between a cluster and its inventory, and who changed it
version_added: 0.1.0
description:
  - Compares every object of a stack with what the inventory says, field by field, and names the field manager that
    holds what differs, how it wrote and when. Changes nothing, and fails where anything differs.
  - Whoever brought the stack may have done so, M(ingresskit.ingresskit.ingress_stack) as well as Argo CD, Flux or
    kubectl from the files that M(ingresskit.ingresskit.ingress_render) writes.
  - The API server tells by its own dry run what an apply would change; for that the user needs the right to patch.
    Where it is missing the objects are compared by reading alone.
  - The values of Secrets are never shown, nor those of container variables whose names speak of a credential.
options:
  inventory:
    description: The variables of the stack, every one whose name begins with V(ingress_).
    type: dict
    required: true
  base_dir:
    description: Folder from which relative file names of the inventory are meant.
    type: path
    default: .
  report_dir:
    description:
      - Folder for C(drift.json) and C(drift.xml) (JUnit).
      - Nothing is written where it is absent. Where the objects cannot be compared, none of an earlier run is left.
    type: path
attributes:
  check_mode:
    support: full
    description: Changes nothing, so it runs as usual.
  diff_mode:
    support: none
    description: What differs is its result.
requirements:
  - pydantic >= 2.11
  - kubernetes >= 32
  - cryptography >= 44
author:
  - The ingresskit authors (@ingresskit)
seealso:
  - module: ingresskit.ingresskit.ingress_stack
"""

EXAMPLES = r"""
- name: Is the cafe as the inventory says?
  ingress_drift:
    inventory:
      ingress_apps:
        cafe:
          hosts:
            cafe.example.com:
              paths: {/tea: tea-svc:80, /coffee: coffee-svc:80}
    report_dir: artifacts
  register: drift
  failed_when: false
"""

RETURN = r"""
drifted:
  description:
    - Every object that differs. C(state) is V(changed), V(missing), V(extra) (of the stack, and not in the inventory),
      V(foreign) (somebody else's under a name of the inventory) or V(unknown) (the API server refuses to compare it).
    - C(fields) holds for each field what inventory and cluster say, and who holds it; C(authors) who wrote to an object
      that is not compared field by field.
  returned: when the objects could be compared
  type: list
  elements: dict
  sample:
    - object: Service cafe/tea-svc
      kind: Service
      namespace: cafe
      name: tea-svc
      state: changed
      reason: ""
      fields:
        - path: .spec.selector.app
          inventory: tea
          cluster: coffee
          author: {manager: kubectl-edit, operation: Update, subresource: "", time: "2026-11-21T20:15:00Z"}
      authors: []
compared:
  description: Number of objects that the inventory names.
  returned: when the objects could be compared
  type: int
brought_by:
  description: Who brought the stack. The last release, and the Application or Kustomization that looks after objects.
  returned: when the objects could be compared
  type: list
  elements: str
notes:
  description: What to bear in mind, as that objects were compared by reading alone.
  returned: when the objects could be compared
  type: list
  elements: str
stack:
  description: Name of the stack.
  returned: when the objects could be compared
  type: str
ingresskit_report:
  description: The outcome in words; C(summary) is one line, C(text) all of it, C(ok) whether nothing differs.
  returned: when the objects could be compared
  type: dict
"""

from typing import Any

from ..module_utils.ingresskit.shell import INVENTORY_SPEC, Call, IngressModule, run

SPEC: dict[str, Any] = {"argument_spec": {**INVENTORY_SPEC, "report_dir": {"type": "path"}}}


def work(module: Call) -> dict[str, Any]:
    from ..module_utils.ingresskit.drift import drift
    from ..module_utils.ingresskit.report import drift_result, drop_reports

    folder = module.params["report_dir"]
    if folder is not None:
        drop_reports(folder)
    return drift_result(drift(module.inventory, module.base_dir), folder)


def main() -> None:
    run(IngressModule(**SPEC), work)


if __name__ == "__main__":
    main()
