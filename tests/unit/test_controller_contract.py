"""What every controller has to answer: adding one is adding its file, and a line in controllers/__init__."""

import inspect

import pytest
import yaml

from module_utils.ingresskit import model, preflight
from module_utils.ingresskit.controllers import COMPATIBLE, CONTROLLERS, IngressController, controller_for
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.model.controller import Controller
from module_utils.ingresskit.model.options import Options
from module_utils.ingresskit.oracle.probes import probes
from module_utils.ingresskit.render import render
from tests.golden.validity import faults, pod_of, restricted

KEYS = {kind: {"kind": kind, "accept_retired": True} for kind in CONTROLLERS}
KEYS |= {f"{kind} {compat}": {"kind": kind, "compat": compat} for kind, compat in COMPATIBLE}
EVERY = pytest.mark.parametrize("name", KEYS)
APPS = """
cafe:
  tls: {secret: cafe-tls}
  workloads: {tea: {}, coffee: {}}
  hosts:
    cafe.example.com:
      paths:
        - {path: /tea, service: tea-svc, port: 80}
        - {path: /tea, type: Exact, service: coffee-svc, port: 80}
    plain.example.com: {tls: {secret: other}, paths: {/: "tea-svc:80"}, options: {ssl_redirect: false}}
any: {namespace: cafe, hosts: {"*": {paths: {/x: "tea-svc:80"}}}}
"""
OUTSIDE = {"secret cafe/cafe-tls", "secret cafe/other"}


def stack_of(name: str, **controller) -> model.Stack:
    variables = {"ingress_controller": KEYS[name] | controller, "ingress_apps": yaml.safe_load(APPS)}
    return model.load(variables)


def dialect_of(name: str) -> IngressController:
    return controller_for(Controller.model_validate(KEYS[name]))


@EVERY
def test_every_member_is_there(name):
    dialect = dialect_of(name)
    assert not inspect.isabstract(type(dialect))
    declared = inspect.get_annotations(IngressController)
    missing = [member for member in declared if not hasattr(dialect, member)]
    assert not missing
    assert dialect.kind == KEYS[name]["kind"] and dialect.title and "/" in dialect.class_controller
    assert dialect.redirect_codes and set(dialect.redirect_codes) <= {301, 302, 307, 308}
    assert dialect.options <= Options.model_fields.keys()
    kind, keys = dialect.password_secret
    assert keys and (kind is None or kind)


@EVERY
def test_the_version_that_is_pinned_is_new_enough(name):
    dialect = dialect_of(name)
    number = dialect.default_image.tag.removeprefix("v").split(".")
    assert tuple(map(int, number[:2])) >= dialect.oldest


@EVERY
@pytest.mark.parametrize("option", Options.model_fields)
def test_each_option_is_done_or_refused(name, option):
    why = dialect_of(name).cannot(option, Controller.model_validate(KEYS[name]))
    assert why is None or isinstance(why, str)


@EVERY
@pytest.mark.parametrize("page", [{}, {"default_backend": {"page": "<h1>none</h1>"}}], ids=["plain", "page"])
def test_a_stack_is_whole(name, page):
    """Objects that the API takes and that refer to what is there, Pods that are restricted, a probe for every entry."""
    stack = stack_of(name, **page)
    dialect = controller_for(stack.controller)
    if dialect.implied_default_tls(stack.controller) is not None:
        stack = stack_of(name, **page, default_tls={"secret": "default"})
    assert not [each for each in preflight.check(stack, dialect, Facts()) if each.level == "error"]
    objects = render(stack, Facts())
    home = dialect.namespace(stack.controller)
    assert faults(objects, OUTSIDE | {f"secret {home}/default"}) == []
    (deployment,) = (each for each in objects if each["kind"] == "Deployment" and each["metadata"]["namespace"] == home
                     and each["metadata"]["name"] != "edge-default-backend")  # fmt: skip
    assert list(restricted(pod_of(deployment))) == []
    assert deployment["spec"]["template"]["metadata"]["labels"].items() >= dialect.pod_labels(stack).items()
    (made,) = (each for each in objects if each["kind"] == "IngressClass")
    assert made["spec"]["controller"] == dialect.controller_name(stack.controller)
    assert {each["spec"]["ingressClassName"] for each in objects if each["kind"] == "Ingress"} == {
        dialect.class_name(stack.controller)
    }
    (way_in,) = (each for each in objects if each["metadata"]["name"] == dialect.service_name(stack.controller)
                 and each["kind"] == "Service")  # fmt: skip
    assert way_in["spec"]["selector"] == dialect.pod_labels(stack)
    asked = {(probe.request.host, probe.request.scheme) for probe in probes(stack, dialect, None)}
    assert {("cafe.example.com", "https"), ("cafe.example.com", "http"), ("plain.example.com", "https")} <= asked


@EVERY
def test_the_same_twice(name):
    assert render(stack_of(name), Facts()) == render(stack_of(name), Facts())


@EVERY
def test_another_class_and_namespace(name):
    stack = stack_of(name, class_name="own", namespace="elsewhere")
    objects = render(stack, Facts())
    dialect = controller_for(stack.controller)
    assert (dialect.class_name(stack.controller), dialect.namespace(stack.controller)) == ("own", "elsewhere")
    (made,) = (each for each in objects if each["kind"] == "IngressClass")
    assert made["metadata"]["name"] == "own"
    assert "own" in str([pod_of(each) for each in objects if each["metadata"].get("namespace") == "elsewhere"])
