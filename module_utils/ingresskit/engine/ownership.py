"""Whose an object is: the labels that make a stack's objects an ApplySet. Pure.

Source: KEP-3659 (https://github.com/kubernetes/enhancements/tree/master/keps/sig-cli/3659-kubectl-apply-prune).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..api.resources import MANAGER, Object
from .normalise import normalise

PART_OF = "applyset.kubernetes.io/part-of"
APPLYSET_ID = "applyset.kubernetes.io/id"  # label of an ApplySet's parent
STACK = "ingresskit.io/stack"
PART = "ingresskit.io/part"
MANAGED_BY = "app.kubernetes.io/managed-by"
HISTORY_OF = "ingresskit.io/history-of"  # label of what a release record refers to
KEEP = "ingresskit.io/keep"  # annotation: "true" is never pruned nor removed
ADOPTED = "ingresskit.io/adopted"  # annotation: "true" was there before the stack took it over


@dataclass(frozen=True)
class Owner:
    """A stack as owner of objects; its parent object is the release record's Secret.

    ``part``: a set of objects that one of the single modules brings ("route.cafe"). It has a record of its own and
    shares the stack's CA. The dot, which no stack's name holds, keeps the record's name apart from those of stacks.
    """

    stack: str
    state_namespace: str = "ingresskit-system"
    part: str = ""

    @property
    def record_name(self) -> str:
        """Name of the Secret that holds the release record and is the ApplySet's parent."""
        return f"ingresskit-{self.stack}" + (f".{self.part}" if self.part else "")

    @property
    def ca_name(self) -> str:
        """Name of the Secret that holds the stack's own CA; the dot keeps it apart from those of stacks."""
        return f"ingresskit-{self.stack}.ca"

    @property
    def id(self) -> str:
        """The ApplySet's id: applyset-<base64url(sha256("<name>.<namespace>.<kind>.<group>"))>-v1."""
        parent = f"{self.record_name}.{self.state_namespace}.Secret."
        digest = base64.urlsafe_b64encode(hashlib.sha256(parent.encode()).digest()).rstrip(b"=").decode()
        return f"applyset-{digest}-v1"

    @property
    def selector(self) -> str:
        """The label selector that finds everything of the stack."""
        return f"{PART_OF}={self.id}"

    @property
    def state_labels(self) -> dict[str, str]:
        """What the stack's own notes in the state namespace carry."""
        return {MANAGED_BY: MANAGER, STACK: self.stack}

    @property
    def blob_labels(self) -> dict[str, str]:
        """What the blobs of the release record carry."""
        return {HISTORY_OF: self.id, **self.state_labels}

    @property
    def blob_selector(self) -> str:
        """The label selector that finds them."""
        return f"{HISTORY_OF}={self.id}"

    @property
    def labels(self) -> dict[str, str]:
        """What every object of the stack carries."""
        part = {PART: self.part} if self.part else {}
        return {PART_OF: self.id, STACK: self.stack, MANAGED_BY: MANAGER, **part}


def own(objects: Iterable[Object], stack_name: str, state_namespace: str, part: str = "") -> list[Object]:
    """The objects, normalised and with the stack's ownership labels; the input is not changed."""
    labels = Owner(stack_name, state_namespace, part).labels
    return [_labelled(normalise(obj), labels) for obj in objects]


def _labelled(obj: Object, labels: Mapping[str, str]) -> Object:
    meta = obj["metadata"]
    return obj | {"metadata": meta | {"labels": meta.get("labels", {}) | labels}}
