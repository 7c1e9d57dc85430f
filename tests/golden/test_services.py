"""Services as they stand in published examples, out of ``ingress_service``, byte for byte.

Some of the examples leave out the ports' names, which the API server asks for where there are several: ours have them.
"""

from pathlib import Path

import pytest
import yaml

from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.parts import service
from module_utils.ingresskit.render.yaml_files import to_files

FOLDER = Path(__file__).parent / "services"
LABELS = {"app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/part-of": "ingress-nginx"}
NUMBERS = {"http": 80, "https": 443}
FIXED = {"type": "NodePort", "node_ports": {"http": 30080, "https": 30443}}
INGRESS_NGINX = {"name": "ingress-nginx", "namespace": "ingress-nginx", "selector": LABELS, "labels": LABELS}
MYAPP = {"namespace": "default", "selector": {"app": "myapp"}}
# file -> parameters of the module
EXAMPLES = {
    "ingress-nginx-nodeport": {**INGRESS_NGINX, "target_ports": NUMBERS},
    "ingress-nginx-loadbalancer": {
        **INGRESS_NGINX, "expose": {"type": "LoadBalancer", "external_traffic_policy": "Local"},
    },
    "nginx-ingress-nodeport": {
        "name": "nginx-ingress", "namespace": "nginx-ingress", "selector": {"app": "nginx-ingress"}, "expose": FIXED,
        "target_ports": NUMBERS,
    },
    "myapp-loadbalancer": {**MYAPP, "name": "myapp", "expose": {"type": "LoadBalancer"}},
    "myapp-nodeport": {**MYAPP, "name": "myapp-nodeport", "expose": FIXED},
}  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES)
def test_published_services(example, update_golden):
    made = [each for each in service.load(EXAMPLES[example]).render(Facts()) if each["kind"] == "Service"]
    (text,) = to_files(made).values()
    path = FOLDER / f"{example}.yaml"
    if update_golden:
        path.write_text(text)
    assert text == path.read_text()
    assert [yaml.safe_load(text)] == made


def test_no_file_without_an_example():
    assert {path.stem for path in FOLDER.iterdir()} == set(EXAMPLES)


def test_the_shortest_example_word_for_word():
    """As it is published, but for the ports' names and ``protocol``, which is TCP unless told otherwise."""
    published = yaml.safe_load("""
        apiVersion: v1
        kind: Service
        metadata: {name: myapp-nodeport}
        spec:
          type: NodePort
          ports:
            - {port: 80, nodePort: 30080, targetPort: http}
            - {port: 443, nodePort: 30443, targetPort: https}
          selector: {app: myapp}
    """)
    ours = yaml.safe_load((FOLDER / "myapp-nodeport.yaml").read_text())
    del ours["metadata"]["namespace"]
    for port, name in zip(ours["spec"]["ports"], ("http", "https"), strict=True):
        assert (port.pop("name"), port.pop("protocol")) == (name, "TCP")
    assert ours == published
