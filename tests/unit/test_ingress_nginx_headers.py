"""Request headers behind ingress-nginx: a map by Ingress in its ConfigMap, and nothing where none are asked for."""

import pytest
import yaml

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.preflight import check
from module_utils.ingresskit.render import render

CONTROLLER = {"kind": "ingress-nginx", "accept_retired": True}
APPS = """
cafe:
  hosts:
    a.example:
      paths:
        /tea: {service: tea, port: 80, options: {headers: {request: {X-Menu: 'green; tea', X-Gone: ''}}}}
        /coffee: {service: coffee, port: 80, options: {headers: {request: {X-Menu: arabica, Host: in.example}}}}
        /: rest:80
"""
SNIPPET = """\
map "$namespace/$ingress_name" $ingresskit_request_x_gone {
  default $http_x_gone;
  "cafe/cafe-a-example-tea" "";
}
map "$namespace/$ingress_name" $ingresskit_request_x_menu {
  default $http_x_menu;
  "cafe/cafe-a-example-coffee" "arabica";
  "cafe/cafe-a-example-tea" "green; tea";
}
"""


def stack_of(apps, **controller):
    return model.load({"ingress_apps": yaml.safe_load(apps), "ingress_controller": CONTROLLER | controller})


def config_maps(stack):
    return {each["metadata"]["name"]: each["data"] for each in render(stack, Facts()) if each["kind"] == "ConfigMap"}


def test_each_ingress_has_its_values_and_others_what_the_client_sent():
    found = config_maps(stack_of(APPS, config={"http-snippet": "# mine"}))
    assert found["proxy-headers"] == {"X-Gone": "$ingresskit_request_x_gone", "X-Menu": "$ingresskit_request_x_menu"}
    main = found["ingress-nginx-controller"]
    assert main["proxy-set-headers"] == "ingress-nginx/proxy-headers"
    assert main["http-snippet"] == SNIPPET + "# mine\n"


def test_without_them_nothing_is_said():
    found = config_maps(stack_of("cafe: {hosts: {a.example: x:80}}"))
    assert "proxy-headers" not in found
    assert not {"proxy-set-headers", "http-snippet"} & found["ingress-nginx-controller"].keys()


@pytest.mark.parametrize("value", ['"', "$host", "a\\b", "a\nb"])
def test_what_nginx_would_read_as_more_than_a_value_is_refused(value):
    stack = stack_of("cafe: {hosts: {a.example: x:80}}")
    app = {"hosts": {"a.example": "x:80"}, "options": {"headers": {"request": {"X-A": value}}}}
    stack = model.load({"ingress_apps": {"cafe": app}, "ingress_controller": CONTROLLER})
    (finding,) = [each for each in check(stack, controller_for(stack.controller), Facts()) if each.level == "error"]
    assert finding.path == "ingress_apps.cafe.options.headers.request.X-A"
    assert "means more to nginx" in finding.message


def test_the_key_in_the_configuration_is_ours_then():
    stack = stack_of(APPS, config={"proxy-set-headers": "a/b"})
    paths = [each.path for each in check(stack, controller_for(stack.controller), Facts()) if each.level == "error"]
    assert paths == ['ingress_controller.config."proxy-set-headers"']
