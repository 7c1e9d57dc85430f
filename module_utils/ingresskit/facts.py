"""All that the pure steps need of the world: gathered before them, never asked for by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .errors import InventoryError, Problem


@dataclass(frozen=True)
class KeyPair:
    """A certificate (with its chain, leaf first) and its private key, both PEM. The key stays out of every repr."""

    certificate: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class Former:
    """A CA certificate that signs no more; ``until`` then something that it has signed may be alive."""

    certificate: str
    until: datetime


@dataclass(frozen=True)
class Authority:
    """The stack's CA: who signs, who will from when on, and who did. Without its keys, where nothing is to be signed.
    They stay out of every repr."""

    certificate: str
    key: str | None = field(default=None, repr=False)
    successor: str | None = None  # a certificate, trusted already
    successor_key: str | None = field(default=None, repr=False)
    signs_from: datetime | None = None
    former: tuple[Former, ...] = ()
    rotate: str = ""  # the ``ingress_ca.rotate`` that was last done

    @property
    def public(self) -> Authority:
        """The same without its keys."""
        return replace(self, key=None, successor_key=None)

    def bundle(self, now: datetime) -> str:
        """What clients trust: PEM, who signs first."""
        former = [each.certificate for each in self.former if each.until > now]
        return "".join([self.certificate, *([self.successor] if self.successor else []), *former])


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
    authority: Authority | None = None  # the stack's CA; without its keys, where nothing is to be issued
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


def text_of(name: str, facts: Facts) -> str:
    """A file's content as text. Raises InventoryError where it was not read or is not UTF-8."""
    try:
        return facts.files[name].decode()
    except KeyError:
        raise InventoryError([Problem("", f"the file {name} was not read")]) from None
    except UnicodeDecodeError:
        raise InventoryError([Problem("", f"the file {name} is not UTF-8 text")]) from None
