"""Reaching a ClusterIP: which Pods a port-forward goes to, and when none is needed. What is carried, is shown by
tests/cluster/test_expose.py."""

import ssl
from types import SimpleNamespace

import pytest

from module_utils.ingresskit.api import within as module
from module_utils.ingresskit.api.failures import Forbidden
from module_utils.ingresskit.api.forward import End, ends, forwarded
from module_utils.ingresskit.api.within import within
from module_utils.ingresskit.errors import ClusterError
from module_utils.ingresskit.oracle.types import Target
from tests.unit.test_api_exposure import DictionaryApi
from tests.unit.test_probe_run import Ca, Web, server


def piece(name, ports, *endpoints):
    rows = [
        {"addresses": ["10.0.0.1"], "conditions": {} if ready is None else {"ready": ready}, "targetRef": {"kind": kind, "name": pod}}
        for kind, pod, ready in endpoints
    ]  # fmt: skip
    meta = {"name": name, "namespace": "ingress", "labels": {"kubernetes.io/service-name": "edge"}}
    shown = [{"name": key, "port": number} for key, number in ports.items()]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": meta,
        "endpoints": rows,
        "ports": shown,
    }


PORTS = {"http": 8000, "https": 8443}
READY = [
    piece("a", PORTS, ("Pod", "p2", None), ("Pod", "p1", True), ("Pod", "p3", False), ("Node", "n", True)),
    piece("b", PORTS, ("Pod", "p2", True)),  # in a slice of each address family
]


def test_every_ready_pod_is_an_end():
    assert ends(DictionaryApi(*READY), "ingress", "edge") == [End("p1", PORTS), End("p2", PORTS)]


def test_without_a_ready_pod_there_is_nothing_to_forward_to():
    api = DictionaryApi(piece("a", PORTS, ("Pod", "p", False)))
    with (
        pytest.raises(
            ClusterError, match=r"^ingress_controller\.expose: ClusterIP: no Pod behind the Service ingress/edge"
        ),
        forwarded(api, "ingress", "edge", Target("10.96.0.9", 80, 443)),
    ):
        pass


class Api:
    """Test double: an API server's own Service at ``address``, and the CA that is trusted."""

    in_pod = False

    def __init__(self, pem, address="127.0.0.1", problem=None):
        self.context = ssl.create_default_context(cadata=pem) if pem else None
        self.address, self.problem = address, problem

    def get(self, ref):
        if self.problem:
            raise self.problem
        assert str(ref) == "Service default/kubernetes"
        return {"spec": {"clusterIP": self.address}}

    def upgrade(self, path):
        return SimpleNamespace(context=self.context)


@pytest.fixture
def networks(tmp_path, monkeypatch):
    """A server with the API server's name, signed by the cluster's CA, and the CA of somebody else."""
    ours, theirs = Ca(tmp_path), Ca(tmp_path, "Another CA")

    async def nobody(request):
        raise AssertionError("no request is sent")

    names = ("kubernetes", "kubernetes.default.svc")
    with server(Web(nobody, ours.context(*names)).start) as served:
        monkeypatch.setattr(module, "_PORT", served.port)
        yield ours.pem, theirs.pem


def test_who_meets_the_api_server_at_its_service_is_within(networks):
    ours, theirs = networks
    assert within(Api(ours))
    assert not within(Api(theirs)), "whoever answers there is not the cluster's API server"
    assert not within(Api(ours, "127.0.0.9")), "nobody answers"
    assert not within(Api(None)), "nothing to verify with"
    assert not within(Api(ours, problem=Forbidden("no", 403)))


def test_a_pod_with_its_own_credentials_is_within_and_need_not_ask():
    api = Api(None, problem=Forbidden("no", 403))
    api.in_pod = True
    assert within(api)


def test_an_api_server_that_is_not_verified_proves_nothing(networks):
    api = Api(networks[0])
    api.context.check_hostname, api.context.verify_mode = False, ssl.CERT_NONE
    assert not within(api)
