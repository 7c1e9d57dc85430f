"""The namespaces a stack's objects live in."""

from __future__ import annotations

from collections.abc import Iterable

from ..controllers import IngressController
from ..manifests import OUR_NAMESPACES_NEVER, Object, manifest
from ..model.stack import Stack


def namespaces(stack: Stack, dialect: IngressController, objects: Iterable[Object]) -> list[Object]:
    """One for each that an object of ours names; the cluster's own and those of extra objects are others' business.

    One that an extra object describes, with labels of the user's, is that and not ours.
    """
    extra = {id(each) for each in stack.ingress_extra_objects}
    given = {each["metadata"]["name"] for each in stack.ingress_extra_objects if each["kind"] == "Namespace"}
    names = {each["metadata"].get("namespace"): None for each in objects if id(each) not in extra}
    home = dialect.namespace(stack.controller)
    hardened = all(expose.type != "HostPort" for expose in stack.controller.exposes)  # host ports are not "restricted"
    return [
        manifest("Namespace", name, labels=_pod_security() if name == home and hardened else None)
        for name in names
        if name is not None and name not in OUR_NAMESPACES_NEVER and name not in given
    ]


def _pod_security() -> dict[str, str]:
    """https://kubernetes.io/docs/concepts/security/pod-security-admission/"""
    return {"pod-security.kubernetes.io/enforce": "restricted"}
