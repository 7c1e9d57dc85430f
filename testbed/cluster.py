"""The kind cluster: made, started again, waited for and deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import yaml

from testbed import docker, kind, kubeconfig, node, nodeimage, registry
from testbed.cache import Cache
from testbed.commands import output, run, succeeds, wait_until
from testbed.console import say, step
from testbed.errors import CommandError, TestbedError
from testbed.record import Record

NODE_PORTS = {"http": 30080, "https": 30443}
CREATE_TIMEOUT = 600  # where kind pulls its node image first
READY_TIMEOUT = 120
DNS_METRICS = "http://10.96.0.10:9153/metrics"  # where kubeadm puts the Service kube-dns; 9153 is one of its ports
_CLUSTER_LABEL = "io.x-k8s.kind.cluster"
# One control plane needs no election, and its controllers need not hold back: seconds off a start. Versions of
# Kubernetes that kubeadm configures by another apiVersion than this go without.
_QUICK_START = """
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
controllerManager: {extraArgs: {leader-elect: "false", kube-api-qps: "200", kube-api-burst: "400"}}
scheduler: {extraArgs: {leader-elect: "false"}}
"""
# Beside workers a control plane takes no Pods by default. In a test bed it is a node like the others. Of a node that is
# alone kind takes the taint away by itself, and fails where there is none.
_NO_TAINT = """
apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
nodeRegistration: {taints: []}
"""


@dataclass(frozen=True)
class Spec:
    """What the user asks for: a name, the host ports that lead to the two node ports, how many workers."""

    name: str = "ingresskit"
    http_port: int = NODE_PORTS["http"]
    https_port: int = NODE_PORTS["https"]
    workers: int = 0

    @property
    def context(self) -> str:
        """Its context in the kubeconfig."""
        return f"kind-{self.name}"

    @property
    def control_plane(self) -> str:
        """The container of its first node."""
        return f"{self.name}-control-plane"

    def config(self, image: str | None) -> dict[str, Any]:
        """The configuration for kind; without an image kind takes its own default."""
        chosen = {"image": image} if image else {}
        ports = [
            {"containerPort": NODE_PORTS[name], "hostPort": port, "listenAddress": "127.0.0.1"}
            for name, port in (("http", self.http_port), ("https", self.https_port))
        ]
        return {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "kubeadmConfigPatches": [_QUICK_START, *([_NO_TAINT] if self.workers else [])],
            "nodes": [
                {"role": "control-plane", "extraPortMappings": ports, **chosen},
                *({"role": "worker", **chosen} for _ in range(self.workers)),
            ],
        }


def nodes(name: str) -> dict[str, str]:
    """The node containers of a cluster and the state each is in; empty where there is no such cluster."""
    mine = f"label={_CLUSTER_LABEL}={name}"
    listing = output(["docker", "ps", "--all", "--filter", mine, "--format", "{{.Names}} {{.State}}"])
    return dict(line.split() for line in listing.splitlines())


def create(cache: Cache, spec: Spec, image: str | None) -> None:
    """Create the cluster; its nodes are up afterwards, not yet ready. Raises CommandError."""
    record = Record.load(cache)
    record.network = record.network or not docker.has_network("kind")
    record.clusters = sorted({*record.clusters, spec.name})
    record.unfinished = spec.name
    record.save()
    config = yaml.safe_dump(spec.config(image)).encode()
    command = [kind.program(cache), "create", "cluster", "--name", spec.name, "--config", "-"]
    try:
        with step(f"creating the cluster {spec.name}"):
            run(command, cache.log("kind-create"), feed=lambda pipe: _send(pipe, config))
    except CommandError as error:
        hint = "" if image else f"\nIf its node image cannot be pulled: {registry.SWITCH}=off makes one here"
        raise TestbedError(f"{error}{hint}") from None
    _take_kubectl(cache, spec)
    record = Record.load(cache)
    record.unfinished = None
    record.save()


def _take_kubectl(cache: Cache, spec: Spec) -> None:
    """Keep the cluster's own kubectl, for tests and for a user without one. Renamed in place: it may be running."""
    with cache.scratch() as folder:
        output(["docker", "cp", f"{spec.control_plane}:/usr/bin/kubectl", str(folder)])
        (folder / "kubectl").rename(cache.root / "bin" / "kubectl")


def is_there(cache: Cache, spec: Spec) -> bool:
    """Whether the cluster exists. What an interrupted creation left is deleted first: kind cannot go on from there."""
    if nodes(spec.name) and Record.load(cache).unfinished == spec.name:
        say(f"cluster {spec.name}: its creation was interrupted -> it is made anew")
        delete(cache, spec.name)
    return bool(nodes(spec.name))


def resume(cache: Cache, spec: Spec) -> None:
    """Take up an existing cluster: start stopped nodes, restore its context. Raises TestbedError where it differs."""
    present = nodes(spec.name)
    _check_same(spec, present)
    stopped = [name for name, state in present.items() if state != "running"]
    if stopped:
        with step(f"starting {', '.join(stopped)}"):
            output(["docker", "start", *stopped])
            for name in stopped:
                node.wait_for_containerd(name)
    actual = output([kind.program(cache), "get", "kubeconfig", "--name", spec.name])
    if not kubeconfig.holds(kubeconfig.path(), actual):
        output([kind.program(cache), "export", "kubeconfig", "--name", spec.name])
        say(f"kubeconfig: context {spec.context} restored")


def wait_for_nodes(spec: Spec) -> None:
    """Return when every node container exists and takes images; for use while `create` is at work."""
    wait_until(lambda: len(nodes(spec.name)) > spec.workers, CREATE_TIMEOUT)
    for name in nodes(spec.name):
        node.wait_for_containerd(name)


def wait_ready(spec: Spec) -> None:
    """Wait for every node and for the cluster's DNS. Raises TestbedError that tells what is not ready.

    What the API tells is not enough: after a restart it is a while behind. So CoreDNS is asked, through its Service.
    """
    nodes_ready = kubectl(spec, "wait", "--for=condition=Ready", "node", "--all", "--timeout=1s")
    dns_answers = ["docker", "exec", spec.control_plane, "curl", "-sfm1", "-o/dev/null", DNS_METRICS]

    def ready() -> bool:
        return succeeds(nodes_ready) and succeeds(dns_answers)

    if ready():
        return
    with step("waiting for the nodes and the cluster's DNS"):
        if not wait_until(ready, READY_TIMEOUT):
            remedy = f"To make it anew: {_down(spec)}, then up again. What there is:"
            raise TestbedError(
                f"The cluster {spec.name} is not ready after {READY_TIMEOUT} s. {remedy}\n{_state(spec)}"
            )


def delete(cache: Cache, name: str) -> None:
    """Delete a cluster and its context."""
    with step(f"deleting the cluster {name}"):
        run([kind.program(cache), "delete", "cluster", "--name", name], cache.log("kind-delete"))
    record = Record.load(cache)
    record.clusters = [other for other in record.clusters if other != name]
    record.unfinished = None if record.unfinished == name else record.unfinished
    record.save()


def kubectl(spec: Spec, *arguments: str) -> list[str]:
    """The kubectl on the control-plane node: no other is needed, nor a kubeconfig."""
    admin = "--kubeconfig=/etc/kubernetes/admin.conf"
    return ["docker", "exec", "--interactive", spec.control_plane, "kubectl", admin, *arguments]


def apply(cache: Cache, spec: Spec, objects: Sequence[Mapping[str, Any]], log: str) -> None:
    """Apply manifests server-side, whoever changed them since. Raises CommandError."""
    content = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}).encode()
    options = ("--server-side", "--force-conflicts", "--field-manager=ingresskit-testbed", "--filename=-")
    run(kubectl(spec, "apply", *options), cache.log(log), feed=lambda pipe: _send(pipe, content))


def wait_for_rollout(spec: Spec, namespace: str, workload: str) -> None:
    """Return when a workload (``deployment/NAME``) runs as told. Raises TestbedError that says where to look."""
    where = f"--namespace={namespace}"
    roll = kubectl(spec, "rollout", "status", where, f"--timeout={READY_TIMEOUT}s", workload)
    try:
        output(roll, timeout=READY_TIMEOUT + 10)
    except CommandError as error:
        look = f"kubectl --context={spec.context} logs {where} {workload}"
        raise TestbedError(f"{error}\nWhat it says: {look}") from None


def _check_same(spec: Spec, present: dict[str, str]) -> None:
    container = json.loads(output(["docker", "inspect", spec.control_plane]))[0]
    image = container["Config"]["Image"]
    if image.startswith(f"{nodeimage.REPOSITORY}:") and image != nodeimage.current():
        say(f"cluster {spec.name}: it runs an older node image; {_down(spec)} and up again renew it")
    differs = difference(spec, container["HostConfig"]["PortBindings"], len(present) - 1)
    if differs:
        raise TestbedError(
            f"The cluster {spec.name} is there, but {differs}. To make it anew: {_down(spec)}, then up again"
        )


def _state(spec: Spec) -> str:
    """What a person would look at first; the reason where the cluster does not even tell."""
    try:
        return output(kubectl(spec, "get", "nodes,pods", "--all-namespaces"))
    except CommandError as error:
        return str(error)


def _down(spec: Spec) -> str:
    return f"`python -m testbed down --name {spec.name}`"


def difference(spec: Spec, published: Mapping[str, list[dict[str, str]]], workers: int) -> str | None:
    """What sets a cluster apart from ``spec``; ``published`` are the port bindings as Docker tells them."""
    for name, wanted in (("http", spec.http_port), ("https", spec.https_port)):
        actual = [binding["HostPort"] for binding in published.get(f"{NODE_PORTS[name]}/tcp", [])]
        if actual != [str(wanted)]:
            return f"its {name} port on this host is {', '.join(actual) or 'not published'}, not {wanted}"
    return None if workers == spec.workers else f"it has {workers} workers, not {spec.workers}"


def _send(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(content)
