"""Two stacks in one cluster, as far as that is decided without one: whose a name is, which class is the default one."""

import pytest
import yaml

from module_utils.ingresskit import model
from module_utils.ingresskit.api.client import Listing
from module_utils.ingresskit.api.failures import Forbidden
from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.controllers import CONTROLLERS, controller_for
from module_utils.ingresskit.engine.changes import Change, ChangeSet
from module_utils.ingresskit.errors import ConflictError
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.observe import default_classes
from module_utils.ingresskit.preflight.classes import check_default_class
from module_utils.ingresskit.render import render
from module_utils.ingresskit.render.naming import naming_key

from .certificates import NOW

TEXT = """
ingress_stack_name: north
ingress_controller: {namespace: edge, class_name: north, default_class: true, replicas: 1, pdb: {max_unavailable: 1}}
ingress_apps:
  tea: {namespace: apps, hosts: {tea.example: leaf-svc:80}, workloads: {leaf: {}}}
  tea-shop: {namespace: apps, hosts: {shop.example: till-svc:80}, workloads: {till: {}}}
  door: {namespace: edge, hosts: {door.example: door-svc:80}, workloads: {door: {}}}
ingress_extra_objects:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: tea, namespace: apps}}
"""
STACK = model.load(yaml.safe_load(TEXT))
NGINX = controller_for(STACK.controller)
KEYS = {
    ("IngressClass", "", "north"): "ingress_controller.class_name",
    ("ClusterRole", "", "north-nginx-ingress"): "ingress_stack_name",
    ("CustomResourceDefinition", "", "policies.k8s.nginx.org"): "ingress_controller.crds.source",
    ("Deployment", "edge", "nginx-ingress"): "ingress_controller.namespace",
    ("Ingress", "edge", "door"): "ingress_apps.door",
    ("Service", "edge", "door-svc"): "ingress_apps.door.workloads",
    ("Ingress", "apps", "tea"): "ingress_apps.tea",
    ("Ingress", "apps", "tea-shop"): "ingress_apps.tea-shop",
    ("Deployment", "apps", "leaf"): "ingress_apps.tea.workloads",
    ("Deployment", "apps", "leaflet"): "",
    ("ConfigMap", "apps", "tea"): "ingress_extra_objects[0].metadata.name",
}


@pytest.mark.parametrize(("place", "key"), KEYS.items(), ids=str)
def test_which_key_names_an_object(place, key):
    assert naming_key(STACK, NGINX, *place) == key


@pytest.mark.parametrize("kind", sorted(CONTROLLERS))
def test_every_object_of_a_stack_has_its_name_from_some_key(kind):
    """But Namespaces: those that are there are used."""
    accepted = {"ingress_controller__kind": {"kind": kind, "accept_retired": kind == "ingress-nginx"}}
    stack = model.load(yaml.safe_load(TEXT) | accepted)
    dialect = controller_for(stack.controller)
    for each in render(stack, Facts(now=NOW)):
        meta = each["metadata"]
        if each["kind"] != "Namespace":
            assert naming_key(stack, dialect, each["kind"], meta.get("namespace", ""), meta["name"]), each


def test_conflicts_of_one_key_share_a_line():
    refs = [Ref("apps", "Deployment", "edge", name) for name in "abcde"] + [Ref("", "Secret", "apps", "s")]
    changes = ChangeSet(tuple(Change(ref, "conflicted", reason="is another's") for ref in refs))
    with pytest.raises(ConflictError) as caught:
        changes.raise_conflicts(lambda ref: "a.key" if ref.namespace == "edge" else "")
    assert str(caught.value).splitlines() == [
        "a.key: Deployment edge/a, Deployment edge/b, Deployment edge/c and 2 more: is another's",
        "Secret apps/s: is another's",
    ]


class Classes:
    """A test double of the API server's client: IngressClasses alone."""

    def __init__(self, *found):
        self.found = found

    def list_metadata(self, resource):
        assert resource.kind == "IngressClass"
        if not self.found:
            raise Forbidden("may not", 403, "Forbidden")
        return Listing([{"metadata": each} for each in self.found], "1")


def ingress_class(name, default="true", stack=None):
    labels = {"labels": {"ingresskit.io/stack": stack}} if stack else {}
    return {"name": name, "annotations": {"ingressclass.kubernetes.io/is-default-class": default}, **labels}


SEEN = [
    ([ingress_class("other", stack="south")], ["error: ingress_controller.default_class: the cluster has a default "
     "already: IngressClass other, of the stack south; set default_class: false there first, or here"]),
    ([ingress_class("other")], ["error: ingress_controller.default_class: the cluster has a default already: "
     "IngressClass other, not of a stack of ours; set default_class: false there first, or here"]),
    ([ingress_class("other"), ingress_class("north", stack="north")], ["warning: ingress_controller.default_class: the "
     "cluster has a default already: IngressClass other, not of a stack of ours; set default_class: false there first, "
     "or here"]),
    ([ingress_class("other", "false"), {"name": "plain"}, ingress_class("north", stack="north")], []),
    ([], []),
]  # fmt: skip


@pytest.mark.parametrize(("classes", "told"), SEEN)
def test_two_default_classes(classes, told):
    facts = default_classes(Classes(*classes), STACK.controller, Facts())
    assert list(map(str, check_default_class(STACK, NGINX, facts))) == told


def test_default_classes_are_asked_for_only_where_the_stack_wants_one():
    assert default_classes(None, model.load({}).controller, Facts()) == Facts()
