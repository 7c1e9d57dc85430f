#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ingress_smoke
short_description: Prove on the wire that every route does what the inventory says
version_added: 0.1.0
description:
  - Derives its requests from the inventory alone. Every host and path is asked over HTTPS with its server name, the
    certificate chain is verified, and the answer has to come from the right backend.
  - HTTP has to redirect where TLS is set; an unknown path and an unknown host have to meet the 404.
  - Finds the address and ports of the controller in the cluster, unless O(inventory) gives them.
  - All requests run at once and are repeated until C(ingress_smoke.wait) seconds have passed; nothing is changed.
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
      - Folder for C(ca.crt) (what clients verify with), C(smoke.xml) (JUnit) and C(smoke.html).
      - Nothing is written where it is absent.
    type: path
  failed_before:
    description:
      - Routes that failed before the release to be judged, as
        RV(ingresskit.ingresskit.ingress_stack#module:routes_failed_before) tells them.
      - They fail the task all the same, but do not count as RV(regressions).
    type: list
    elements: str
    default: []
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
  - aiohttp >= 3.11
  - cryptography >= 44
author:
  - The ingresskit authors (@ingresskit)
seealso:
  - module: ingresskit.ingresskit.ingress_stack
"""

EXAMPLES = r"""
- name: Prove the cafe
  ingress_smoke:
    inventory:
      ingress_apps:
        cafe:
          tls: {self_signed: true}
          hosts:
            cafe.example.com:
              paths: {/tea: tea-svc:80, /coffee: coffee-svc:80}
      ingress_smoke: {timeout: 5, wait: 30}
    report_dir: artifacts
"""

RETURN = r"""
ingresskit_report:
  description: The outcome in words; C(summary) is one line, C(text) the table, C(ok) whether every route is proven.
  returned: when the routes could be asked
  type: dict
routes:
  description: Every request with what was expected, what came, the verdict, and the inventory key it proves.
  returned: when every route is proven
  type: list
  elements: dict
  sample:
    - url: https://cafe.example.com/tea
      expected: cafe/tea-svc
      answer: 200 cafe/tea-svc
      tls: verified, 364 d
      verdict: proven
      source: ingress_apps.cafe.hosts."cafe.example.com".paths."/tea"
ingresskit_try:
  description: A curl command for the first route, to try by hand.
  returned: when there is a route
  type: str
  sample: curl --cacert ca.crt --resolve cafe.example.com:30443:127.0.0.1 https://cafe.example.com:30443/tea
proven:
  description: Number of requests answered as promised.
  returned: when the routes could be asked
  type: int
regressions:
  description: Those of the failed routes that are not among O(failed_before).
  returned: when the routes could be asked
  type: list
  elements: str
failed_routes:
  description: Those that were not, each with the inventory key and the reason.
  returned: when the routes could be asked
  type: list
  elements: dict
"""

from typing import Any

from ..module_utils.ingresskit.shell import INVENTORY_SPEC, Call, IngressModule, run

SPEC: dict[str, Any] = {
    "argument_spec": {
        **INVENTORY_SPEC,
        "report_dir": {"type": "path"},
        "failed_before": {"type": "list", "elements": "str", "default": []},
    }
}


def work(module: Call) -> dict[str, Any]:
    from ..module_utils.ingresskit.report import expiring, result_of
    from ..module_utils.ingresskit.smoke import smoke

    report, authority = smoke(module.inventory, module.base_dir, module.say)
    for line in expiring(report):
        module.warn(line)
    return result_of(report, authority, module.params["report_dir"], module.params["failed_before"])


def main() -> None:
    run(IngressModule(**SPEC), work)


if __name__ == "__main__":
    main()
