"""All that the pure steps need of the world: gathered before them, never asked for by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class KeyPair:
    """A certificate (with its chain, leaf first) and its private key, both PEM. The key stays out of every repr."""

    certificate: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class KnownCertificate:
    """A certificate we issued that is live and untouched: the hash of what it came from, and its end (RFC 3339)."""

    inputs: str
    not_after: str


@dataclass(frozen=True)
class ExistingSecret:
    """A Secret that the inventory refers to: its type, its certificate, and whether it has a key at all."""

    type: str
    certificate: str | None
    has_key: bool
    keys: tuple[str, ...] = ()  # of its data


@dataclass(frozen=True)
class Facts:
    """Without a cluster all of it is empty, and rendering still works as far as it honestly can."""

    now: datetime | None = None
    authority: KeyPair | None = None  # the stack's CA
    authority_certificate: str | None = None  # its certificate, known without reading the key
    known: Mapping[tuple[str, str], KnownCertificate] = field(
        default_factory=dict
    )  # (namespace, Secret): issued before
    secrets: Mapping[tuple[str, str], ExistingSecret | None] = field(
        default_factory=dict
    )  # None: looked for, not there
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # path as the inventory names it: content
    unreadable: Mapping[str, str] = field(default_factory=dict)  # path: why
    definitions: tuple[dict[str, Any], ...] = field(default=(), repr=False)  # CustomResourceDefinitions to bring
    served: Mapping[str, bool] = field(
        default_factory=dict
    )  # "plural.group" of custom resources looked for: is it there
    # names of the cluster's default IngressClasses and whose they are: a stack's name, or ""
    default_classes: Mapping[str, str] = field(default_factory=dict)
    htpasswd: Mapping[tuple[str, str], str] = field(
        default_factory=dict, repr=False
    )  # (namespace, Secret) of ``basic_auth.secret``: its lines of user:hash, for a controller that cannot read it
    rehearsal: bool = False  # check mode of one task: what is missing may be what a task before it would have made
