"""The ways in of a stack, over a cluster that is a dictionary (a test double of Api)."""

import pytest

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.reach import find_targets, reached

from .test_api_exposure import DictionaryApi, node


def cluster(type, *, in_pod):
    ports = [{"name": "http", "port": 80, "nodePort": 30080}, {"name": "https", "port": 443, "nodePort": 30443}]
    meta = {"name": "traefik", "namespace": "traefik"}
    spec = {"type": type, "ports": ports, "clusterIP": "10.96.0.9", "selector": {"app": "c"}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}
    api = DictionaryApi(service, node("n1", InternalIP="172.18.0.2"))
    api.in_pod = in_pod
    return api


def stack(**expose):
    return model.load({"ingress_controller": {"kind": "traefik", "expose": expose}})


FOUND = {
    "from the user's machine": ("NodePort", "127.0.0.1", False, "127.0.0.1"),
    "in a Pod": ("NodePort", "127.0.0.1", True, "172.18.0.2"),
    "in a Pod, of IPv6": ("NodePort", "::1", True, "172.18.0.2"),
    "in a Pod, by name": ("NodePort", "localhost", True, "172.18.0.2"),
    "another address": ("NodePort", "198.51.100.7", True, "198.51.100.7"),
    "an address that only begins alike": ("NodePort", "localhost.example", True, "localhost.example"),
    "a Service's own": ("ClusterIP", "127.0.0.1", True, "10.96.0.9"),
}


@pytest.mark.parametrize(("type", "address", "in_pod", "expected"), FOUND.values(), ids=FOUND)
def test_a_loopback_address_is_the_users_machine_and_no_pod(type, address, in_pod, expected):
    api, wanted = cluster(type, in_pod=in_pod), stack(type=type, address=address)
    dialect = controller_for(wanted.controller)
    assert [target.address for target in find_targets(api, wanted, dialect)] == [expected]
    with reached(api, wanted, dialect) as targets:
        assert [target.address for target in targets] == [expected]
