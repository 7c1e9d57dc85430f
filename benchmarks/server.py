"""The cluster under measurement: a user whose requests the API server counts apart, and everything to be swept away."""

from __future__ import annotations

import base64
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.names import PREFIX, SHARED_NAMESPACE, STACK, STATE_NAMESPACE
from testbed.commands import output
from testbed.errors import TestbedError

WRITES, READS = f"{PREFIX}-writes", f"{PREFIX}-reads"
CLUSTER_KINDS = "clusterrole,clusterrolebinding,ingressclass"
SWEEP_TIMEOUT = 900
_COUNTERS = re.compile(
    r'^apiserver_flowcontrol_(?:dispatched|rejected)_requests_total\{.*?flow_schema="([^"]+)".*\} (\S+)$', re.MULTILINE
)


@dataclass(frozen=True)
class Count:
    """Requests of the benchmark's user since the API server was started."""

    calls: int
    writes: int

    def __sub__(self, before: Count) -> Count:
        return Count(self.calls - before.calls, self.writes - before.writes)


def counted(metrics: str) -> Count:
    """Requests that fell to our two flow schemas, refused ones included, from the text of /metrics.

    ``apiserver_request_total`` does not say whose a request was; API Priority and Fairness does: every request falls
    to one flow schema, and ours match one user.
    """
    found: Counter[str] = Counter()
    for schema, value in _COUNTERS.findall(metrics):
        found[schema] += int(float(value))
    return Count(found[WRITES] + found[READS], found[WRITES])


@dataclass(frozen=True)
class Server:
    """The API server as kubectl reaches it: as ``context`` says for what the benchmark does itself, and as its own
    user, with the kubeconfig in ``folder``, for what is measured."""

    kubectl: str
    context: str
    folder: Path

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def token_file(self) -> Path:
        return self.folder / "token"

    @property
    def url(self) -> str:
        return str(_cluster(self._admin())["server"])

    def call(self, *arguments: str, timeout: float = 60) -> str:
        """kubectl with the rights of the user's context. Raises CommandError."""
        return output([self.kubectl, f"--context={self.context}", *arguments], timeout)

    def count(self) -> Count:
        """How many requests the benchmark's user has sent so far."""
        return counted(self.call("get", "--raw", "/metrics"))

    @contextmanager
    def user(self) -> Iterator[None]:
        """The benchmark's user and flow schemas; afterwards nothing of the benchmark is left, whatever happened."""
        self.sweep()
        try:
            self._add_user()
            yield
        finally:
            self.sweep()

    def sweep(self) -> None:
        """Removes everything of the benchmark's, also what a killed run left."""
        self.clear(keep_state=False)
        self.call("delete", CLUSTER_KINDS, f"--selector=ingresskit.io/stack={STACK}", timeout=SWEEP_TIMEOUT)
        for kind, name in (("clusterrolebinding", PREFIX), ("flowschema", WRITES), ("flowschema", READS)):
            self.call("delete", kind, name, "--ignore-not-found", timeout=SWEEP_TIMEOUT)

    def clear(self, *, keep_state: bool = True) -> None:
        """Deletes the namespaces of the benchmark's, and waits until they are gone; helm's records with them."""
        mine = [name for name in self._namespaces() if not (keep_state and name == STATE_NAMESPACE)]
        if mine:
            self.call("delete", "namespace", "--ignore-not-found", *mine, timeout=SWEEP_TIMEOUT)
        if keep_state:
            self.call("delete", "secret", "--selector=owner=helm", f"--namespace={STATE_NAMESPACE}")

    def make_namespace(self) -> None:
        """The apps' shared namespace, for what brings no Namespace itself."""
        self.call("create", "namespace", SHARED_NAMESPACE)

    def _namespaces(self) -> list[str]:
        names = self.call("get", "namespaces", "--output=jsonpath={.items[*].metadata.name}").split()
        return [name for name in names if name.startswith(f"{PREFIX}-")]

    def _add_user(self) -> None:
        manifests = self.folder / "user.json"
        manifests.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": _user_objects()}))
        self.call("apply", f"--filename={manifests}")
        token = self.call("create", "token", PREFIX, f"--namespace={STATE_NAMESPACE}", "--duration=8h")
        cluster = _cluster(self._admin())
        self.ca_file.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.context,
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": PREFIX, "user": {"token": token}}],
            "contexts": [{"name": self.context, "context": {"cluster": "it", "user": PREFIX}}],
        }
        self.kubeconfig.touch(0o600)
        self.kubeconfig.write_text(json.dumps(config))
        self.token_file.touch(0o600)
        self.token_file.write_text(token)
        self._wait_until_counted()

    def _admin(self) -> dict[str, Any]:
        view = self.call("config", "view", "--raw", "--minify", "--flatten", "--output=json")
        return dict(json.loads(view))

    def _wait_until_counted(self) -> None:
        """The API server takes up a flow schema a moment after it was written."""
        before, deadline = self.count(), time.monotonic() + 30
        while (self.count() - before).calls == 0:
            if time.monotonic() > deadline:
                raise TestbedError("The API server does not count by flow schema: it needs API Priority and Fairness")
            output([self.kubectl, f"--kubeconfig={self.kubeconfig}", "get", "--raw", "/api"])


def _cluster(view: dict[str, Any]) -> dict[str, Any]:
    return dict(view["clusters"][0]["cluster"])


def check_context(context: str, *, any_context: bool) -> None:
    """Raises TestbedError for a cluster that is not one of kind's, unless that is wanted."""
    if not context.startswith("kind-") and not any_context:
        raise TestbedError(
            f"{context} is not a context of kind's: the benchmark loads a cluster heavily and creates and deletes "
            "namespaces in it. Add --any-context if that is what you want"
        )


def _user_objects() -> list[dict[str, Any]]:
    """A ServiceAccount that may do everything, and two flow schemas that tell its writes from its reads. They put it at
    the priority level that people have (global-default), not at that of service accounts."""
    me = {"kind": "ServiceAccount", "name": PREFIX, "namespace": STATE_NAMESPACE}
    admin = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    labels = {"app.kubernetes.io/managed-by": PREFIX}
    flow = "flowcontrol.apiserver.k8s.io/v1"
    changing = ["create", "update", "patch", "delete", "deletecollection"]
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": STATE_NAMESPACE, "labels": labels}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": PREFIX, "namespace": STATE_NAMESPACE}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": PREFIX, "labels": labels},
            "roleRef": admin,
            "subjects": [me],
        },
        {
            "apiVersion": flow,
            "kind": "FlowSchema",
            "metadata": {"name": WRITES, "labels": labels},
            "spec": _flow(301, me, [_resources(changing)], []),
        },
        {
            "apiVersion": flow,
            "kind": "FlowSchema",
            "metadata": {"name": READS, "labels": labels},
            "spec": _flow(302, me, [_resources(["*"])], [{"verbs": ["*"], "nonResourceURLs": ["*"]}]),
        },
    ]


def _flow(
    precedence: int, subject: dict[str, str], resources: list[dict[str, Any]], others: list[dict[str, Any]]
) -> dict[str, Any]:
    account = {"kind": "ServiceAccount", "serviceAccount": {key: subject[key] for key in ("name", "namespace")}}
    rule = {"subjects": [account], "resourceRules": resources, "nonResourceRules": others}
    return {
        "priorityLevelConfiguration": {"name": "global-default"},
        "matchingPrecedence": precedence,
        "distinguisherMethod": {"type": "ByUser"},
        "rules": [rule],
    }


def _resources(verbs: list[str]) -> dict[str, Any]:
    return {"verbs": verbs, "apiGroups": ["*"], "resources": ["*"], "clusterScope": True, "namespaces": ["*"]}
