"""The namespaces a stack's objects live in."""

from __future__ import annotations

from collections.abc import Iterable

from ..controllers import IngressController
from ..controllers.ports import on_host_ports
from ..manifests import OUR_NAMESPACES_NEVER, Object, manifest
from ..model.controller import Controller
from ..model.stack import Stack


def namespaces(stack: Stack, dialect: IngressController, objects: Iterable[Object]) -> list[Object]:
    """One for each that an object of ours names; the cluster's own and those of extra objects are others' business.

    One that an extra object describes, with labels of the user's, is that and not ours.
    """
    extra = {id(each) for each in stack.ingress_extra_objects}
    given = {each["metadata"]["name"] for each in stack.ingress_extra_objects if each["kind"] == "Namespace"}
    names = {each["metadata"].get("namespace"): None for each in objects if id(each) not in extra}
    home = dialect.namespace(stack.controller)
    labels = _pod_security(stack.controller)
    return [
        manifest("Namespace", name, labels=labels if name == home else None)
        for name in names
        if name is not None and name not in OUR_NAMESPACES_NEVER and name not in given
    ]


def _pod_security(controller: Controller) -> dict[str, str]:
    """What Pods the controller's namespace takes: those of the profile "restricted".

    Of the three profiles only "privileged" takes Pods with host ports, so that is enforced where they have such; the
    Pods are as they are otherwise, and who brings others is warned.
    https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline ("Host Ports"), and
    https://kubernetes.io/docs/concepts/security/pod-security-admission/
    """
    mode = "pod-security.kubernetes.io"
    if on_host_ports(controller):
        return {f"{mode}/enforce": "privileged", f"{mode}/audit": "restricted", f"{mode}/warn": "restricted"}
    return {f"{mode}/enforce": "restricted"}
