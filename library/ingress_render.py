#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ingress_render
short_description: Render a stack to YAML files, without a cluster
version_added: 0.1.0
description:
  - Writes the objects that M(ingresskit.ingresskit.ingress_stack) would apply, byte-identical from run to run.
  - A folder C(stack) holds what the controller consists of, a folder C(apps) the rest, one file for each object, and
    a C(kustomization.yaml). V(ingress_git) has other layouts.
  - No file holds a private key. A certificate whose key would stand there is refused; use C(secret) or C(issuer), or
    have Secrets encrypted by the program C(sops) (V(ingress_git.sops)). Ciphertext that is still right stays as it is.
  - Files that an earlier render left and that are no longer part of the stack are deleted; other files stay.
options:
  inventory:
    description: The variables of the stack, every one whose name begins with V(ingress_).
    type: dict
    required: true
  base_dir:
    description: Folder from which relative file names of the inventory are meant.
    type: path
    default: .
  dest:
    description: Folder that the files go to; it is made where it is missing.
    type: path
    required: true
  layout:
    description: A file for each object, or one file with all of them. What V(ingress_git) says, unless given.
    type: str
    choices: [files, stream]
attributes:
  check_mode:
    support: full
    description: Writes nothing and tells what would change.
  diff_mode:
    support: full
    description: File by file.
requirements:
  - pydantic >= 2.11
author:
  - The ingresskit authors (@ingresskit)
seealso:
  - module: ingresskit.ingresskit.ingress_stack
"""

EXAMPLES = r"""
- name: Render the cafe for a Git repository
  ingress_render:
    inventory:
      ingress_apps:
        cafe:
          tls: {secret: cafe-tls}
          hosts:
            cafe.example.com:
              paths: {/tea: tea-svc:80, /coffee: coffee-svc:80}
    dest: rendered/prod/edge
"""

RETURN = r"""
files:
  description: Names of the files of the stack, below O(dest).
  returned: success
  type: list
  elements: str
  sample: [apps/cafe/ingress-cafe.yaml, apps/kustomization.yaml, kustomization.yaml]
dest:
  description: The folder.
  returned: success
  type: str
"""

from pathlib import Path
from typing import Any

from ..module_utils.ingresskit.shell import INVENTORY_SPEC, Call, IngressModule, run

OWN_SPEC = {"dest": {"type": "path", "required": True}, "layout": {"type": "str", "choices": ["files", "stream"]}}
SPEC: dict[str, Any] = {"argument_spec": {**INVENTORY_SPEC, **OWN_SPEC}}


def work(module: Call) -> dict[str, Any]:
    from ..module_utils.ingresskit.render.tree import PLACES
    from ..module_utils.ingresskit.render.yaml_files import present_files, write_files
    from ..module_utils.ingresskit.rendering import render_for_git

    folder = Path(module.params["dest"])
    before = present_files(folder, PLACES)
    prepared, files = render_for_git(module.inventory, module.base_dir, module.params["layout"], before)
    for finding in prepared.findings:
        module.warn(f"{finding.path}: {finding.message}")
    if not module.check_mode:
        write_files(folder, files, before)
    result = {"changed": files != before, "files": sorted(files), "dest": str(folder)}
    if module.wants_diff:
        names = sorted(name for name in {*files, *before} if files.get(name) != before.get(name))
        result["diff"] = [
            {"before": before.get(name, ""), "after": files.get(name, ""), "before_header": name, "after_header": name}
            for name in names
        ]
    return result


def main() -> None:
    run(IngressModule(**SPEC), work)


if __name__ == "__main__":
    main()
