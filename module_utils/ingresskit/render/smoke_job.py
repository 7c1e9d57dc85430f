"""The smoke test as a Job, for stacks that Argo CD or Flux applies: nobody else can say that a release is good.

It proves the routes from inside the cluster, with rights to read what leads to the controller and the certificates it
is to meet, by their names. It needs no release record and no rights beyond the stack's own namespaces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from ..controllers import IngressController
from ..controllers.pages import stack_name
from ..controllers.workload import rule
from ..errors import InventoryError, Problem
from ..images import TOOLKIT, ImageRef
from ..manifests import RESTRICTED_CONTAINER, RESTRICTED_POD, Object, content_hash, manifest, plain_env, present
from ..model.git import SmokeJob
from ..model.stack import Stack
from .secrets import uses_of

RELEASE = "ingresskit.io/release"
# https://argo-cd.readthedocs.io/en/stable/user-guide/resource_hooks/
HOOK = {"argocd.argoproj.io/hook": "PostSync", "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation"}
# else a copy of it is put into an annotation, which holds 256 KiB
WHOLE = {"argocd.argoproj.io/sync-options": "ServerSideApply=true"}
FOLDER = "/etc/ingresskit/inventory"
COMMAND = ["ansible-playbook", "playbooks/smoke.yml", "-i", f"{FOLDER}/hosts.yml"]
TREE = "/opt/ingresskit"  # of the toolkit's image: where it works
USER = 65532  # of the toolkit's image
_LARGEST = 1024 * 1024  # bytes that a ConfigMap holds (https://kubernetes.io/docs/concepts/configuration/configmap/)


def smoke_objects(
    stack: Stack, job: SmokeJob, dialect: IngressController, inventory: str, others: Iterable[Object]
) -> list[Object]:
    """The Job and what it needs, in the namespace of the controller; the Job comes last.

    ``inventory``: the text of its inventory file. ``others``: every other object that is rendered, as it is written;
    where any of it changes, the Job and its ConfigMap do. Raises InventoryError where a ConfigMap cannot hold it.
    """
    if len(inventory.encode()) > _LARGEST:
        why = f"the inventory for the Job has {len(inventory.encode())} bytes, and a ConfigMap holds 1 MiB"
        raise InventoryError([Problem("ingress_git.smoke", f"{why}: prove this stack by playbooks/smoke.yml instead")])
    name, home, labels = smoke_name(stack), dialect.namespace(stack.controller), _labels(stack)
    account = manifest("ServiceAccount", name, home, labels=labels, automountServiceAccountToken=False)
    config = manifest("ConfigMap", name, home, labels=labels, data={"hosts.yml": inventory})
    proof = manifest("Job", name, home, labels=labels, spec=_job(stack, job, name, labels))
    found = [account, *_rights(stack, dialect, name, labels), config, proof]
    release = {RELEASE: content_hash([*others, *found])}
    config["metadata"]["annotations"] = release  # an ordinary object: Argo CD starts nothing for a hook that differs
    proof["spec"]["template"]["metadata"]["annotations"] = release
    if stack.ingress_git.tool == "argocd":
        config["metadata"]["annotations"] = {**release, **WHOLE}
        proof["metadata"]["annotations"] = HOOK
    return found


def smoke_name(stack: Stack) -> str:
    """Of the Job and all that belongs to it."""
    return stack_name(stack, "smoke")


def _labels(stack: Stack) -> dict[str, str]:
    return {"app.kubernetes.io/name": "ingresskit-smoke", "app.kubernetes.io/instance": stack.name}


def _job(stack: Stack, job: SmokeJob, name: str, labels: Mapping[str, str]) -> Object:
    """Run once: a second attempt would only hide that the first one failed, and ``ingress_smoke.wait`` is its
    patience. Its end is its answer, so it stays until the next one."""
    return {
        "backoffLimit": 0,
        "activeDeadlineSeconds": round(stack.ingress_smoke.wait) + job.timeout,
        "template": {"metadata": {"labels": dict(labels)}, "spec": _pod(job, name)},
    }


def _pod(job: SmokeJob, name: str) -> Object:
    container = present(
        name="smoke",
        image=_image(job),
        imagePullPolicy=job.image.pull_policy or "IfNotPresent",
        args=COMMAND,  # what comes before it is the image's business
        workingDir=TREE,
        env=plain_env({"HOME": "/tmp", "PWD": TREE}),  # noqa: S108 (its own) - a shell would set the second one
        resources=job.resources.model_dump(exclude_defaults=True),
        securityContext=RESTRICTED_CONTAINER,
        terminationMessagePolicy="FallbackToLogsOnError",
        volumeMounts=[
            {"name": "inventory", "mountPath": FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (its own)
            {"name": "reports", "mountPath": f"{TREE}/artifacts"},
        ],
    )
    return present(
        restartPolicy="Never",
        serviceAccountName=name,
        automountServiceAccountToken=True,
        securityContext={**RESTRICTED_POD, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER},
        imagePullSecrets=[{"name": each} for each in job.image.pull_secrets],
        containers=[container],
        volumes=[
            {"name": "inventory", "configMap": {"name": name}},
            {"name": "tmp", "emptyDir": {}},
            {"name": "reports", "emptyDir": {}},
        ],
    )


def _image(job: SmokeJob) -> str:
    given = job.image
    registry = TOOLKIT.registry if given.registry is None else given.registry
    return str(ImageRef(registry, given.repository or TOOLKIT.repository, given.tag or TOOLKIT.tag, given.digest))


def _rights(stack: Stack, dialect: IngressController, name: str, labels: Mapping[str, str]) -> Iterator[Object]:
    """Reading, by name where RBAC knows names: the Services and Pods that lead to the controller, and the Secrets with
    the certificates that the routes are verified with."""
    home, certificates = dialect.namespace(stack.controller), defaultdict[str, set[str]](set)
    for use in uses_of(stack, dialect):
        certificates[use.namespace].add(use.secret)
    services = sorted({expose.name or dialect.default_namespace for expose in stack.controller.exposes})
    for namespace in (home, *sorted(certificates.keys() - {home})):
        rules = [_named("secrets", sorted(certificates[namespace]))] if certificates[namespace] else []
        if namespace == home:
            rules = [_named("services", services), rule("", "pods", "list"), *rules]
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        subject = {"kind": "ServiceAccount", "name": name, "namespace": home}
        yield manifest("Role", name, namespace, labels=labels, rules=rules)
        yield manifest("RoleBinding", name, namespace, labels=labels, roleRef=ref, subjects=[subject])


def _named(resources: str, names: list[str]) -> Object:
    return {**rule("", resources, "get"), "resourceNames": names}
