"""Before and after of one object for a reader: noise stripped, Secret values masked. Pure."""

from __future__ import annotations

import json
from typing import Any, TypedDict

import yaml

from ..api.resources import Object, Ref

_NOISE = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Diff(TypedDict):
    """One object's difference in the form ansible-playbook --diff prints."""

    before: str
    after: str
    before_header: str
    after_header: str


def diff(ref: Ref, before: Object | None, after: Object | None) -> Diff:
    """The entry Ansible prints: YAML texts with headers. None stands for "does not exist".

    managedFields, uid, resourceVersion, generation, creationTimestamp and status are stripped. A Secret's values are
    shown as ``***`` where equal and ``*** (before)`` / ``*** (after)`` where not; so is its last-applied annotation.
    """
    old, new = stripped(before), stripped(after)
    if ref.kind == "Secret":
        old, new = masked(old, new, "before"), masked(new, old, "after")
    return Diff(
        before=_yaml(old),
        after=_yaml(new),
        before_header=f"{ref} (before)" if before else f"{ref} (absent)",
        after_header=f"{ref} (after)" if after else f"{ref} (absent)",
    )


def same(before: Object | None, after: Object | None) -> bool:
    """Whether nothing but noise differs."""
    return stripped(before) == stripped(after)


def stripped(obj: Object | None) -> Object | None:
    """The object without what only the server sets."""
    if obj is None:
        return None
    meta = {key: value for key, value in obj["metadata"].items() if key not in _NOISE}
    return {key: value for key, value in obj.items() if key != "status"} | {"metadata": meta}


def masked(secret: Object | None, other: Object | None, side: str) -> Object | None:
    """The Secret with every value hidden; ``other`` tells which of them are equal on both sides."""
    if secret is None:
        return None
    hidden = dict(secret)
    for key in ("data", "stringData"):
        if secret.get(key):
            theirs = (other or {}).get(key) or {}
            hidden[key] = {name: _mask(value, theirs.get(name), side) for name, value in secret[key].items()}
    annotations = secret["metadata"].get("annotations") or {}
    if LAST_APPLIED in annotations:
        theirs = ((other or {}).get("metadata") or {}).get("annotations") or {}
        mask = _mask(annotations[LAST_APPLIED], theirs.get(LAST_APPLIED), side)
        hidden["metadata"] = secret["metadata"] | {"annotations": annotations | {LAST_APPLIED: mask}}
    return hidden


def _mask(value: Any, other: Any, side: str) -> str:
    return "***" if value == other else f"*** ({side})"


def _yaml(obj: Object | None) -> str:
    if obj is None:
        return ""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    # through JSON, so that no value is printed as a YAML alias of another
    return yaml.dump(json.loads(json.dumps(obj)), Dumper=dumper, sort_keys=True, default_flow_style=False, width=1000)
