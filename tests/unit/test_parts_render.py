"""What the single modules bring: the same objects as a whole stack, and what their parameters say."""

from datetime import UTC, datetime

import pytest

from module_utils.ingresskit import model, tls
from module_utils.ingresskit.engine.ownership import Owner
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.parts import controller, route, service
from module_utils.ingresskit.parts import tls as tls_part
from module_utils.ingresskit.parts.subject import whole

NOW = datetime(2026, 7, 1, tzinfo=UTC)
FACTS = Facts(now=NOW, authority=tls.new_authority("edge", NOW))
EXPOSE = {"type": "NodePort", "node_ports": {"http": 30080, "https": 30443}}
APP = {
    "options": {"ssl_redirect": {"code": 302}},
    "hosts": {
        "cafe.example.com": {"paths": {"/tea": "tea-svc:80", "/coffee": "coffee-svc:80"}},
        "plain.example.com": {"paths": {"/": "tea-svc:80"}, "options": {"ssl_redirect": {"enabled": False}}},
    },
    "tls": {"self_signed": True},
    "workloads": {"tea": {}, "coffee": {"replicas": 2}},
}


def objects(subject):
    """The objects by what they are; Namespaces that several parts bring are one."""
    return {
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]): each
        for each in subject.render(FACTS)
    }


def without_values(found):
    """A certificate is another one each time it is made."""
    return {key: {**each, "data": None} if each["kind"] == "Secret" else each for key, each in found.items()}


WAYS = {
    "node ports": EXPOSE,
    "ports of the nodes, and a load balancer": [
        {"type": "HostPort", "ports": {"http": 8180, "https": 8480}},
        {"name": "public", "type": "LoadBalancer", "load_balancer": {"class": "a/b", "ip": "192.0.2.7"}},
    ],
}


@pytest.mark.parametrize("expose", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("kind", ["nginx", "traefik"])
def test_the_parts_together_are_the_whole(kind, expose):
    behind = {"kind": kind, "expose": expose, "default_tls": {"self_signed": True}, "autoscaling": {"max": 3}}
    behind |= {"tcp_services": {"5432": "db/pg:5432"}, "udp_services": {"53": "dns/dns:53"}}
    inventory = {"ingress_controller": behind, "ingress_apps": {"cafe": APP}}
    parts = [
        controller.load({"controller": behind}),
        service.load({"controller": behind, "expose": expose}),
        route.load({"name": "cafe", "controller": behind, "app": APP}),
    ]
    together = {key: each for part in parts for key, each in objects(part).items()}
    assert without_values(together) == without_values(objects(whole(model.load(inventory))))
    brought = [key for part in parts for key in objects(part) if key[0] != "Namespace"]
    assert len(brought) == len(set(brought)), "no object has two owners"
    assert len({Owner("edge", part=part.part).id for part in parts}) == len(parts)


def test_options_of_an_app_reach_its_hosts_as_in_an_inventory():
    app = {**APP, "options": {"ssl_redirect": {"enabled": True, "code": 302}}}
    app["hosts"] = {"a.example.com": {"paths": {"/": "a:80"}, "options": {"hsts": None}}}
    (ingress,) = [each for each in route.load({"name": "a", "app": app}).render(FACTS) if each["kind"] == "Ingress"]
    assert ingress["metadata"]["annotations"] == {"nginx.org/http-redirect-code": "302"}


def test_a_certificate_under_the_name_and_for_the_hosts_given():
    given = {"name": "cafe-secret", "namespace": "cafe", "hosts": ["cafe.example.com", "*.example.com"]}
    subject = tls_part.load({**given, "source": {"self_signed": True}})
    namespace, secret = subject.render(FACTS)
    assert namespace["metadata"]["name"] == "cafe"
    assert (secret["metadata"]["namespace"], secret["metadata"]["name"]) == ("cafe", "cafe-secret")
    assert secret["type"] == "kubernetes.io/tls"
    issued = tls_part.load({**given, "source": {"issuer": "letsencrypt"}}).render(FACTS)[1]
    assert issued["spec"]["secretName"] == "cafe-secret"
    assert issued["spec"]["dnsNames"] == ["cafe.example.com", "*.example.com"]


def test_several_ways_in_are_one_set():
    several = [{"node_ports": {"http": 30080}}, {"name": "inside", "type": "ClusterIP", "ports": {"http": 8080}}]
    subject = service.load({"name": "edge-out", "expose": several, "controller": {"kind": "traefik"}})
    names = [(each["kind"], each["metadata"]["name"]) for each in subject.render(Facts())]
    assert names == [("Namespace", "traefik"), ("Service", "edge-out"), ("Service", "inside")]
    assert subject.part == "service.edge-out"
