"""Before and after of one object for a reader: noise stripped, Secret values masked. Pure."""

from __future__ import annotations

from ..api.resources import Object, Ref
from .changes import Diff


def diff(ref: Ref, before: Object | None, after: Object | None) -> Diff:
    """The entry Ansible prints: YAML texts with headers. None stands for "does not exist".

    managedFields, uid, resourceVersion, generation, creationTimestamp and status are stripped. A Secret's values are
    shown as ``***`` where equal and ``*** (before)`` / ``*** (after)`` where not; so is its last-applied annotation.
    """
    raise NotImplementedError
