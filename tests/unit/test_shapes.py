"""Short and long forms of a shape are the same objects; what stands behind the Services that extra objects bring."""

import json

import pytest

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import CONTROLLERS, controller_for
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.model.services import echo_services
from module_utils.ingresskit.preflight import check
from module_utils.ingresskit.render import render
from tests.cluster.shapes import SHAPES

# forms that say different things: one certificate or two, an option more
SAME = [name for name, shape in SHAPES.items() if shape.short and name not in ("wildcard hosts", "several hosts in one TLS entry")]  # fmt: skip


def routes(kind, apps):
    text = json.dumps(apps).replace("HOME", "home").replace("OTHER", "other").replace("self_signed", "secret")
    stack = model.load({"ingress_controller": {"kind": kind}, "ingress_apps": json.loads(text.replace("true", '"s"'))})
    return [each for each in render(stack, Facts()) if each["kind"] == "Ingress"]


@pytest.mark.parametrize("kind", ["nginx", "traefik"])
@pytest.mark.parametrize("name", SAME)
def test_both_forms_are_the_same(name, kind):
    short, long = (json.dumps(routes(kind, SHAPES[name].apps(form))) for form in ("short", "long"))
    if name == "headless backend":  # one by its number, the other by its name
        short = short.replace('"number": 80', '"name": "http"')
    assert short.replace("short", "FORM") == long.replace("long", "FORM")


def service(name, namespace="home", **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


BY_NAME = {"selector": {"app.kubernetes.io/name": "tea"}}
BEHIND = {
    "a selector": (service("x", **BY_NAME), "home/tea-svc"),
    "a selector of another namespace": (service("x", "away", **BY_NAME), None),
    "a selector of nobody": (service("x", selector={"app.kubernetes.io/name": "milk"}), None),
    "a selector of two": (service("x", selector={"app.kubernetes.io/instance": "cafe"}), None),
    "a workload with an image": (service("x", selector={"app.kubernetes.io/name": "cake"}), None),
    "no selector": (service("x"), None),
    "a name in the cluster": (
        service("x", type="ExternalName", externalName="tea-svc.home.svc.cluster.local"), "home/tea-svc",
    ),
    "a name outside": (service("x", type="ExternalName", externalName="tea-svc.home.example.com"), None),
    "no Service": ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "home"}, "spec": BY_NAME}, None),
    "nothing at all": ({"kind": "Service", "metadata": None, "spec": []}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", BEHIND)
def test_what_stands_behind_an_extra_service(case):
    extra, behind = BEHIND[case]
    workloads = {"tea": {}, "coffee": {}, "cake": {"image": "registry.example.com/cake:1"}}
    apps = {"cafe": {"namespace": "home", "workloads": workloads}}
    stack = model.load({"ingress_apps": apps, "ingress_extra_objects": [extra]})
    said = echo_services(stack)
    assert {place: name for place, name in said.items() if place != name} == ({"home/x": behind} if behind else {})
    assert {"home/tea-svc", "home/coffee-svc"} <= set(said)


@pytest.mark.parametrize("kind", CONTROLLERS)
@pytest.mark.parametrize("way", ["hosts", "default_backend"])
def test_an_external_name_needs_a_controller_that_resolves_it(kind, way):
    app = {"hosts": {"a.example": "x:80"}} if way == "hosts" else {"default_backend": "x:80"}
    outside = service("x", type="ExternalName", externalName="example.com", ports=[{"port": 80}])
    dialect, apps = CONTROLLERS[kind], {"shop": {"namespace": "home", **app}}
    controller = {"kind": kind} | ({"accept_retired": True} if kind == "ingress-nginx" else {})
    stack = model.load({"ingress_controller": controller, "ingress_apps": apps, "ingress_extra_objects": [outside]})
    said = [
        str(each) for each in check(stack, controller_for(stack.controller), Facts()) if "ExternalName" in each.message
    ]
    if dialect.external_names:
        assert said == []
    else:
        where = 'hosts."a.example".paths."/"' if way == "hosts" else "default_backend"
        (message,) = said
        assert message.startswith(f"error: ingress_apps.shop.{where}: the Service x is an ExternalName")
        assert "traefik" in message
