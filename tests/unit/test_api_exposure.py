"""Where the controller is reached: by kind of exposure, over a cluster that is a dictionary (a test double of Api)."""

import pytest

from module_utils.ingresskit.api.client import Listing
from module_utils.ingresskit.api.exposure import find_target
from module_utils.ingresskit.api.facts import test_doubles as doubles_of
from module_utils.ingresskit.api.failures import Forbidden
from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.errors import ClusterError
from module_utils.ingresskit.oracle.types import Target


class DictionaryApi:
    """Test double: objects by kind; a LIST filters by namespace and equality of labels."""

    def __init__(self, *objects):
        self.objects = {Ref.of(obj): obj for obj in objects}

    def get(self, ref):
        return self.objects.get(ref)

    def list_objects(self, resource, namespace=None, selector=None):
        wanted = dict(pair.split("=", 1) for pair in selector.split(",")) if selector else {}
        items = [
            obj
            for ref, obj in self.objects.items()
            if ref.kind == resource.kind
            and namespace in (None, ref.namespace)
            and wanted.items() <= (obj["metadata"].get("labels") or {}).items()
        ]
        return Listing(items, "1")

    list_metadata = list_objects


def service(spec=None, ingress=(), **more):
    ports = [
        {"name": "http", "port": 80, "nodePort": 30080, "targetPort": "http"},
        {"name": "https", "port": 443, "nodePort": 30443, "targetPort": "https"},
    ]
    spec = {"ports": ports, "selector": {"app": "c"}, "clusterIP": "10.96.0.9"} | (spec or {})
    status = {"loadBalancer": {"ingress": list(ingress)} if ingress else {}}
    meta = {"name": "edge", "namespace": "ingress"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec, "status": status} | more


def node(name, ready="True", **addresses):
    found = [{"type": kind, "address": address} for kind, address in addresses.items()]
    status = {"conditions": [{"type": "Ready", "status": ready}], "addresses": found}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status}


def slices(*endpoints):
    rows = [{"addresses": ["10.0.0.1"], "nodeName": name, "conditions": {"ready": ready}} for name, ready in endpoints]
    labels = {"kubernetes.io/service-name": "edge"}
    meta = {"name": "edge-1", "namespace": "ingress", "labels": labels}
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta, "endpoints": rows}


def pod(name, ready="True", ports=(), annotations=None):
    meta = {"name": name, "namespace": "ingress", "labels": {"app": "c"}, "annotations": annotations or {}}
    spec = {"nodeName": "n2", "containers": [{"name": "c", "ports": list(ports)}]}
    status = {"hostIP": "172.18.0.3", "conditions": [{"type": "Ready", "status": ready}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": status}


HOST_PORTS = [
    {"name": "http", "containerPort": 8080, "hostPort": 80},
    {"name": "https", "containerPort": 8443, "hostPort": 443},
]
NODES = [node("n2", InternalIP="172.18.0.3"), node("n1", InternalIP="172.18.0.2")]
LOCAL = {"externalTrafficPolicy": "Local"}
FOUND = {
    "node port": ("NodePort", None, [service(), *NODES], Target("172.18.0.2", 30080, 30443, "NodePort on node n1")),
    "node port, address given": (
        "NodePort", "127.0.0.1", [service(), *NODES], Target("127.0.0.1", 30080, 30443, "NodePort, address as given")
    ),
    "node port, address given, no node to be seen": (
        "NodePort", "127.0.0.1", [service()], Target("127.0.0.1", 30080, 30443, "NodePort, address as given")
    ),
    "external address first": (
        "NodePort", None, [service(), node("n1", InternalIP="172.18.0.2", ExternalIP="203.0.113.1")],
        Target("203.0.113.1", 30080, 30443, "NodePort on node n1"),
    ),
    "ready node only": (
        "NodePort", None, [service(), node("n1", "False", InternalIP="172.18.0.2"), NODES[0]],
        Target("172.18.0.3", 30080, 30443, "NodePort on node n2"),
    ),
    "local traffic policy": (
        "NodePort", None, [service(LOCAL), *NODES, slices(("n1", False), ("n2", True))],
        Target("172.18.0.3", 30080, 30443, "NodePort on node n2"),
    ),
    "http only": (
        "NodePort", None, [service({"ports": [{"port": 80, "nodePort": 31000}]}), *NODES],
        Target("172.18.0.2", 31000, None, "NodePort on node n1"),
    ),
    "load balancer": (
        "LoadBalancer", None, [service(ingress=[{"ip": "198.51.100.7"}])],
        Target("198.51.100.7", 80, 443, "LoadBalancer"),
    ),
    "load balancer by name": (
        "LoadBalancer", None, [service(ingress=[{"hostname": "lb.example"}])],
        Target("lb.example", 80, 443, "LoadBalancer"),
    ),
    "cluster ip": ("ClusterIP", None, [service()], Target("10.96.0.9", 80, 443, "ClusterIP")),
    "load balancer of IPv6": (
        "LoadBalancer", None, [service(ingress=[{"ip": "2001:db8::7"}])],
        Target("2001:db8::7", 80, 443, "LoadBalancer"),
    ),
    "host port at the node's external address": (
        "HostPort", None, [service(), pod("b", "True", HOST_PORTS), node("n2", InternalIP="172.18.0.3", ExternalIP="203.0.113.2")],
        Target("203.0.113.2", 80, 443, "HostPort of Pod b on node n2"),
    ),
    "streams are told apart from http and https": (
        "NodePort", None, [service({"ports": [
            {"name": "https", "port": 8443, "nodePort": 30443}, {"name": "tcp-80", "port": 80, "nodePort": 30001},
            {"name": "udp-443", "port": 443, "nodePort": 30002, "protocol": "UDP"},
        ]}), *NODES],
        Target("172.18.0.2", None, 30443, "NodePort on node n1", streams=(("tcp-80", 30001), ("udp-443", 30002))),
    ),
    "host port": (
        "HostPort", None, [service(), pod("a", "False", HOST_PORTS), pod("b", "True", HOST_PORTS)],
        Target("172.18.0.3", 80, 443, "HostPort of Pod b on node n2"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "address", "objects", "target"), FOUND.values(), ids=FOUND)
def test_find_target(kind, address, objects, target):
    assert (
        find_target(DictionaryApi(*objects), type=kind, namespace="ingress", service="edge", address=address) == target
    )


class InNamespaces(DictionaryApi):
    """The same for somebody with rights in namespaces alone."""

    def list_objects(self, resource, namespace=None, selector=None):
        if namespace is None:
            raise Forbidden("no")
        return super().list_objects(resource, namespace, selector)

    def get(self, ref):
        if not ref.namespace:
            raise Forbidden("no")
        return super().get(ref)


@pytest.mark.parametrize("spec", [{}, LOCAL], ids=["Cluster", "Local"])
def test_without_a_right_to_nodes_a_ready_pod_tells_of_its_own(spec):
    api = InNamespaces(service(spec), *NODES, pod("a", "False"), pod("b"))
    found = find_target(api, type="NodePort", namespace="ingress", service="edge")
    assert found == Target("172.18.0.3", 30080, 30443, "NodePort on node n2, of Pod b")
    with pytest.raises(ClusterError, match="nodes may not be read, and no Pod behind the Service is ready: set its"):
        find_target(InNamespaces(service(spec)), type="NodePort", namespace="ingress", service="edge")


LOST = {
    "no service": ("NodePort", [], "the Service ingress/edge does not exist: deploy the controller first"),
    "no ready node": ("NodePort", [service(), node("n1", "False")], "NodePort: no node is Ready: set its address"),
    "no serving node": (
        "NodePort", [service(LOCAL), *NODES, slices(("n1", False))],
        r"NodePort: no node runs a ready endpoint \(externalTrafficPolicy Local\)",
    ),
    "no load balancer": (
        "LoadBalancer", [service()], "LoadBalancer: no load balancer has given the Service ingress/edge an address yet"
    ),
    "headless": ("ClusterIP", [service({"clusterIP": "None"})], "ClusterIP: the Service is headless"),
    "no host ports": ("HostPort", [service(), pod("a")], "HostPort: no Pod with host ports is ready"),
    "no node ports": (
        "NodePort", [service({"ports": [{"name": "metrics", "port": 9113, "nodePort": 31000}]}), *NODES],
        "no port named http or https: see ports and node_ports",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "objects", "message"), LOST.values(), ids=LOST)
def test_no_target_names_the_key(kind, objects, message):
    with pytest.raises(ClusterError, match=rf"^ingress_controller\.expose: .*{message}"):
        find_target(DictionaryApi(*objects), type=kind, namespace="ingress", service="edge")


def test_doubles_are_told():
    banner = {"ingresskit.io/test-double": "nginx: test double"}
    pods = [pod("a", annotations=banner), pod("b", annotations=banner), pod("c")]
    assert doubles_of(DictionaryApi(*pods), "ingress", "app=c") == ["nginx: test double"]
    assert doubles_of(DictionaryApi(pod("c")), "ingress", "app=c") == []
