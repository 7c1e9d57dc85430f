"""The kind cluster: made, started again, waited for and deleted."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from testbed import kind
from testbed.cache import Cache
from testbed.commands import output, run
from testbed.console import say, step
from testbed.errors import CommandError, TestbedError
from testbed.record import Record

NODE_PORTS = {"http": 30080, "https": 30443}
READY_TIMEOUT = 120
_CLUSTER_LABEL = "io.x-k8s.kind.cluster"


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
            "nodes": [
                {"role": "control-plane", "extraPortMappings": ports, **chosen},
                *({"role": "worker", **chosen} for _ in range(self.workers)),
            ],
        }


def nodes(name: str) -> dict[str, str]:
    """The node containers of a cluster and the state each is in; empty where there is no such cluster."""
    listing = ["docker", "ps", "--all", "--filter", f"label={_CLUSTER_LABEL}={name}", "--format", "{{.Names}} {{.State}}"]
    return dict(line.split() for line in output(listing).splitlines())


def create(cache: Cache, spec: Spec, image: str | None) -> None:
    """Create the cluster; its nodes are up afterwards, not yet ready. Raises CommandError."""
    record = Record.load(cache)
    record.network = record.network or "kind" not in output(["docker", "network", "ls", "--format", "{{.Name}}"]).split()
    record.clusters = sorted({*record.clusters, spec.name})
    record.save()
    config = yaml.safe_dump(spec.config(image)).encode()
    command = [kind.program(cache), "create", "cluster", "--name", spec.name, "--config", "-"]
    with step(f"creating the cluster {spec.name}"):
        run(command, cache.log("kind-create"), feed=lambda pipe: _send(pipe, config))
    # the same kubectl as the cluster's, for tests and for a user without one
    output(["docker", "cp", f"{spec.control_plane}:/usr/bin/kubectl", str(cache.root / "bin" / "kubectl")])


def resume(cache: Cache, spec: Spec) -> None:
    """Take up an existing cluster: start stopped nodes, restore its context. Raises TestbedError if it differs from ``spec``."""
    present = nodes(spec.name)
    _check_same(spec, present)
    stopped = [name for name, state in present.items() if state != "running"]
    if stopped:
        with step(f"starting {', '.join(stopped)}"):
            output(["docker", "start", *stopped])
    if not _context_is_current(cache, spec):
        output([kind.program(cache), "export", "kubeconfig", "--name", spec.name])
        say(f"kubeconfig: context {spec.context} restored")


def wait_ready(spec: Spec) -> None:
    """Wait for every node and for the cluster's DNS. Raises TestbedError that tells what is not ready."""
    deadline = time.monotonic() + READY_TIMEOUT
    checks = (
        ["wait", "--for=condition=Ready", "node", "--all", "--timeout=5s"],
        ["--namespace=kube-system", "rollout", "status", "deployment/coredns", "--timeout=5s"],
    )
    for check in checks:
        while not _passes(spec, check):
            if time.monotonic() > deadline:
                pods = kubectl(spec, "get", "nodes,pods", "--all-namespaces")
                raise TestbedError(f"The cluster {spec.name} is not ready after {READY_TIMEOUT} s:\n{pods}")
            time.sleep(0.3)


def delete(cache: Cache, name: str) -> None:
    """Delete a cluster and its context."""
    with step(f"deleting the cluster {name}"):
        run([kind.program(cache), "delete", "cluster", "--name", name], cache.log("kind-delete"))
    record = Record.load(cache)
    record.clusters = [other for other in record.clusters if other != name]
    record.save()


def kubectl(spec: Spec, *arguments: str) -> str:
    """Output of the kubectl on the control-plane node: needs none here, and no kubeconfig. Raises CommandError."""
    admin = "--kubeconfig=/etc/kubernetes/admin.conf"
    return output(["docker", "exec", spec.control_plane, "kubectl", admin, *arguments])


def _passes(spec: Spec, check: list[str]) -> bool:
    try:
        kubectl(spec, *check)
    except CommandError:
        return False
    return True


def _check_same(spec: Spec, present: dict[str, str]) -> None:
    template = "{{range $port, $hosts := .HostConfig.PortBindings}}{{range $hosts}}{{$port}}={{.HostPort}} {{end}}{{end}}"
    published = output(["docker", "inspect", "--format", template, spec.control_plane]).split()
    wanted = {f"{NODE_PORTS['http']}/tcp={spec.http_port}", f"{NODE_PORTS['https']}/tcp={spec.https_port}"}
    differs = wanted - set(published) and f"its host ports are {', '.join(published)}"
    if len(present) != spec.workers + 1:
        differs = f"it has {len(present) - 1} workers, not {spec.workers}"
    if differs:
        remedy = f"python -m testbed down --name {spec.name}"
        raise TestbedError(f"The cluster {spec.name} is there, but {differs}. To make it anew, run first: {remedy}")


def _context_is_current(cache: Cache, spec: Spec) -> bool:
    """Whether the user's kubeconfig has the context with this very cluster's address and certificates."""
    path = Path(os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or Path.home() / ".kube" / "config")
    if not path.exists():
        return False
    actual = yaml.safe_load(output([kind.program(cache), "get", "kubeconfig", "--name", spec.name]))
    known = yaml.safe_load(path.read_text()) or {}
    return all(
        entry in (known.get(section) or []) for section in ("clusters", "users", "contexts") for entry in actual[section]
    )


def _send(pipe: Any, content: bytes) -> None:
    pipe.write(content)
