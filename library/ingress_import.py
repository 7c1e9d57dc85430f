#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ingress_import
short_description: Make an inventory of Ingress manifests
version_added: 0.1.0
description:
  - Reads Ingress manifests, or the Ingresses of a live cluster, of every version the API has had
    (C(extensions/v1beta1), C(networking.k8s.io/v1beta1) and C(networking.k8s.io/v1)) and gives an C(ingress_apps)
    inventory that renders to the equivalent.
  - What has no equivalent is listed with the reason, in the result and at the head of the inventory.
  - Annotations of ingress-nginx, of F5's controller and of Traefik become options of the app, the host or the path,
    whichever takes the fewest words; what is said of one Service becomes an option of its paths. Others are carried as
    raw annotations where the same controller reads them or none in particular does, and are listed otherwise.
  - An option that O(controller) cannot do is kept and listed (C(refused)), so that a run stops there and no protection
    of an app is lost unseen.
  - Ingresses that share a host become one app where one app can say what they do; else the host gets an owner in
    C(ingress_hosts) where its certificate needs one. Masters and minions of F5's controller become plain apps, canaries
    of ingress-nginx an option of the path they are for.
  - A text that is not YAML, or an Ingress that the API server would refuse, is an error that names file and line.
options:
  src:
    description:
      - Files, globs, and folders of which all YAML and JSON files are read, those in folders below included.
      - Of other kinds what Ingresses refer to is read where it is there, Middlewares and the dynamic configuration of
        Traefik, ConfigMaps of headers, annotated Services, Policies of F5's controller. Secrets never are; other kinds
        that route, VirtualServers or HTTPRoutes for instance, are listed.
    type: list
    elements: path
  content:
    description: Manifests as text.
    type: str
  cluster:
    description:
      - Where to read the Ingresses of a live cluster, as C(ingress_cluster) of an inventory; V({}) is the cluster that
        kubectl would take.
      - That is one LIST of Ingresses, or one for each of O(namespaces). Nothing else is read, no Secret either.
    type: dict
  dest:
    description:
      - File that the inventory goes to, C(group_vars/all/apps.yml) for instance.
      - A file that is there and says something else is left alone and is an error, unless O(force) is set.
    type: path
  force:
    description: Overwrites O(dest) whatever stands in it.
    type: bool
    default: false
  controller:
    description: The controller that is to serve the apps, as C(ingress_controller) of the inventory they are meant for.
    type: dict
  served_by:
    description:
      - The kind of controller that has served the Ingresses. Redirects to HTTPS differ where nothing is said of them.
      - Where it is absent it is told from the annotations and the class of each, else it is O(controller)'s.
    type: str
    choices: [nginx, ingress-nginx, traefik]
  class_name:
    description: Only Ingresses of this class are imported, the others are listed.
    type: str
  namespaces:
    description: Only Ingresses of these namespaces are imported; of O(cluster) only these are read.
    type: list
    elements: str
    default: []
  namespace:
    description: Namespace of Ingresses that name none.
    type: str
    default: default
  path_type:
    description:
      - Type of paths for which the manifest has none, which only former versions of the API allow.
      - V(ImplementationSpecific) is what they have meant, V(Prefix) is shorter and says it more clearly.
    type: str
    choices: [ImplementationSpecific, Prefix, Exact]
    default: ImplementationSpecific
  base_dir:
    description: Folder from which relative file names are meant.
    type: path
    default: .
attributes:
  check_mode:
    support: full
    description: Writes nothing and tells whether O(dest) would change.
  diff_mode:
    support: full
    description: Of O(dest).
  idempotent:
    support: full
    description: The same manifests give the same inventory.
notes:
  - An Ingress that is in the cluster is taken over by the stack that has one of its name where C(ingress_apply.adopt)
    says so; else that stops the run.
  - Standard input is for a command of its own, as Ansible passes none on. It prints the inventory and is called
    C(python -m module_utils.ingresskit.importer) in a checkout, with the collection
    C(python -m ansible_collections.ingresskit.ingresskit.plugins.module_utils.ingresskit.importer).
requirements:
  - pydantic >= 2.11
author:
  - The ingresskit authors (@ingresskit)
seealso:
  - module: ingresskit.ingresskit.ingress_stack
  - module: ingresskit.ingresskit.ingress_preflight
"""

EXAMPLES = r"""
- name: What is in Git, for F5's controller
  ingress_import:
    src: [manifests/]
    controller: {kind: nginx}
    dest: inventories/prod/group_vars/all/apps.yml
  register: imported

- name: What has no equivalent
  ansible.builtin.debug:
    var: imported.not_imported

- name: What a cluster holds, from ingress-nginx to Traefik
  ingress_import:
    cluster: {context: prod}
    served_by: ingress-nginx
    class_name: nginx
    controller: {kind: traefik}
    dest: apps.yml
"""

RETURN = r"""
inventory:
  description: Variables of the inventory.
  returned: success
  type: dict
  sample: {"ingress_apps": {"cafe": {"hosts": {"cafe.example.com": {"paths": {"/tea": "tea-svc:80"}}}}}}
text:
  description: The same as YAML, with what is missing as comments.
  returned: success
  type: str
not_imported:
  description:
    - What has no equivalent, where it stands and why.
    - Where C(refused) is true it is in the inventory, at C(what), but the checks of a run refuse it.
  returned: success
  type: list
  elements: dict
  sample:
    - object: Ingress default/cafe
      at: manifests/cafe.yaml:1
      what: annotation nginx.ingress.kubernetes.io/auth-url
      why: no option asks another service whether a request is allowed
      refused: false
classes:
  description: The classes of the Ingresses imported.
  returned: success
  type: list
  elements: str
ignored:
  description: How many objects of which other kinds were passed over.
  returned: success
  type: dict
  sample: {"Service": 2}
dest:
  description: The file.
  returned: when O(dest) is given
  type: str
problems:
  description: Every fault of the manifests, each with file and line.
  returned: when a manifest is not valid
  type: list
  elements: dict
"""

from pathlib import Path
from typing import Any

from ..module_utils.ingresskit.shell import Call, IngressModule, run

SPEC: dict[str, Any] = {
    "argument_spec": {
        "src": {"type": "list", "elements": "path"},
        "content": {"type": "str"},
        "cluster": {"type": "dict"},
        "dest": {"type": "path"},
        "force": {"type": "bool", "default": False},
        "controller": {"type": "dict"},
        "served_by": {"type": "str", "choices": ["nginx", "ingress-nginx", "traefik"]},
        "class_name": {"type": "str"},
        "namespaces": {"type": "list", "elements": "str", "default": []},
        "namespace": {"type": "str", "default": "default"},
        "path_type": {
            "type": "str",
            "choices": ["ImplementationSpecific", "Prefix", "Exact"],
            "default": "ImplementationSpecific",
        },
        "base_dir": {"type": "path", "default": "."},
    },
    "required_one_of": [("src", "content", "cluster")],
}


def work(module: Call) -> dict[str, Any]:
    from ..module_utils.ingresskit.importer import import_from
    from ..module_utils.ingresskit.parts.params import faults_in_parameters

    given = module.params
    with faults_in_parameters():
        imported = import_from(given, module.base_dir)
    result: dict[str, Any] = {
        "changed": False,
        "inventory": imported.inventory,
        "text": imported.text,
        "not_imported": [vars(loss) for loss in imported.losses],
        "classes": list(imported.classes),
        "ignored": imported.ignored,
    }
    return result | (_write(module, module.base_dir / given["dest"], imported.text) if given["dest"] else {})


def _write(module: IngressModule, path: Path, text: str) -> dict[str, Any]:
    from ..module_utils.ingresskit.errors import IngresskitError

    try:
        before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
        if before not in (None, text) and not module.params["force"]:
            raise IngresskitError(
                f"dest: {path} is there and says something else: look at the difference (--check --diff "
                "with force: true), then remove it, or set force: true"
            )
        if before != text and not module.check_mode:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise IngresskitError(f"dest: {path}: {error.strerror}") from error
    result: dict[str, Any] = {"changed": before != text, "dest": str(path)}
    if module.wants_diff:
        header = {"before_header": str(path), "after_header": str(path)}
        result["diff"] = {"before": before or "", "after": text, **header}
    return result


def main() -> None:
    run(IngressModule(**SPEC), work)


if __name__ == "__main__":
    main()
