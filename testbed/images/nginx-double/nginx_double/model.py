"""The values the pure part works on: raw Kubernetes objects in, configuration and reports out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Obj = dict[str, Any]
Key = tuple[str, str]  # namespace, name

# A reason of the double's own: F5 has none like it. It says honestly what an answer of the double is not worth.
NOT_IMITATED = "NotImitatedByTestDouble"


CUSTOM = "k8s.nginx.org/"  # F5's own API group
VIRTUAL_SERVER = "VirtualServer"


def place_of(obj: Obj) -> Key:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def key_of(obj: Obj) -> Key:
    """Namespace and name; a custom resource's kind is part of it, for it may be named as an Ingress is."""
    custom = str(obj.get("apiVersion", "")).startswith(CUSTOM)
    return custom_key(obj["kind"], *place_of(obj)) if custom else place_of(obj)


def custom_key(kind: str, namespace: str, name: str) -> Key:
    return namespace, f"{kind}/{name}"


def label_of(obj: Obj) -> str:
    return "/".join(place_of(obj))


@dataclass
class Snapshot:
    """All objects of the moment, by namespace and name; `slices` are grouped by their Service."""

    ingresses: dict[Key, Obj] = field(default_factory=dict)
    services: dict[Key, Obj] = field(default_factory=dict)
    slices: dict[Key, list[Obj]] = field(default_factory=dict)
    secrets: dict[Key, Obj] = field(default_factory=dict)
    custom: dict[Key, Obj] = field(default_factory=dict)
    configmap: Obj | None = None


@dataclass(frozen=True)
class Report:
    """One event to be: about `obj`, with F5's reason and words."""

    obj: Obj
    reason: str
    message: str
    warning: bool = False


@dataclass(frozen=True)
class Chunk:
    """The configuration of one Ingress (a master with its minions): what F5 writes into one file of conf.d.

    A TransportServer's stands in the stream block: ``stream``, and where TLS passes, its ``host`` with the socket to
    hand it to.
    """

    key: Key
    text: str
    stream: str = ""
    host: str = ""
    hosts: frozenset[str] = frozenset()


@dataclass
class Plan:
    """What to do about a snapshot.

    `main` is the configuration without Ingresses, `chunks` theirs, `files` the secrets beside it (name -> content).
    `accepted` are the Ingresses with an active host: events once the configuration is applied, and the status;
    `owners` says in whose chunk each stands. `problems` are the refused, `notes` the double's own remarks.
    """

    main: str
    chunks: list[Chunk]
    files: dict[str, bytes]
    accepted: list[Report]
    owners: dict[Key, Key]
    problems: list[Report]
    notes: list[Report]
    configmap: list[Report]
    status_address: str
