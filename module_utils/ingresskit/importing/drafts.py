"""From Ingresses to drafts of apps: whose certificate a host has, which Ingresses are one app."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..model.base import check_path
from ..model.controller import Controller
from .dialects import labels_lost, translate
from .loss import Loss
from .manifest import Backend, Entry, Ingress, Rule

PART_OF = "app.kubernetes.io/part-of"
DEFAULT_CERTIFICATE = "the controller's default certificate serves it, which ingress_controller.default_tls sets"


@dataclass
class HostDraft:
    """What is known of a host: its entries, its certificate's Secret, its options (None: they make no difference)."""

    entries: list[Entry] = field(default_factory=list)
    secret: str | None = None
    options: dict[str, Any] | None = None


@dataclass
class Draft:
    """An app in the making; ``ingress`` is what names it, ``usual`` its options, ``secured`` whether it has a
    certificate."""

    ingress: Ingress
    hosts: dict[str, HostDraft]
    default: Backend | None
    annotations: dict[str, str]
    usual: dict[str, Any]
    secured: bool

    @property
    def name(self) -> str:
        return self.ingress.name

    def rendered_for(self, mains: Container[tuple[str, str]]) -> str | None:
        """The app that the Ingress was rendered for beside the main one (namespace, name), by its name and label."""
        app = self.ingress.labels.get(PART_OF, "")
        named = self.name == app or self.name.startswith(f"{app}-")
        return app if named and (self.ingress.namespace, app) in mains else None


def draft(ingress: Ingress, source: str, meant: Controller) -> tuple[Draft, list[Loss]]:
    """The app of one Ingress, and what of it has no equivalent."""
    losses = list(labels_lost(ingress))
    hosts: dict[str, HostDraft] = {}
    for rule in ingress.rules:
        host = hosts.setdefault(rule.host, HostDraft())
        losses += _take(ingress, host, rule)
    hosts = {name: host for name, host in hosts.items() if host.entries}
    losses += _certificates(ingress, hosts)
    tls = any(host.secret for host in hosts.values())
    said = translate(ingress, source, meant, tls=tls)
    for host in hosts.values():
        host.options = said.options if host.secret else None
    if ingress.default and ingress.default.backend is None:
        losses.append(_lost(ingress, ingress.default.at, "default backend", "it is a resource, and no Service"))
    default = ingress.default.backend if ingress.default else None
    if not hosts and not default:
        losses.append(_lost(ingress, ingress.at, "the whole Ingress", "nothing is left of it"))
    return Draft(ingress, hosts, default, said.raw, said.options, tls), losses + said.losses


def _take(ingress: Ingress, host: HostDraft, rule: Rule) -> Iterator[Loss]:
    """The entries of a rule that the contract can say, each once."""
    default = ingress.default
    if not rule.entries and default and default.backend:
        host.entries.append(default)
    elif not rule.entries:
        yield _lost(ingress, rule.at, f"host {rule.host}", "it has no paths")
    for entry in rule.entries:
        what = f"path {entry.path} of {rule.host}"
        if entry.backend is None:
            yield _lost(ingress, entry.at, what, "its backend is a resource, and no Service")
            continue
        try:
            check_path(entry.path)
        except ValueError as error:
            yield _lost(ingress, entry.at, what, str(error))
            continue
        twin = next((each for each in host.entries if same_rule(each, entry)), None)
        if twin is None:
            host.entries.append(entry)
        elif twin.backend != entry.backend:
            yield _lost(ingress, entry.at, what, f"the entry {twin.path} ({twin.at}) takes the same requests first")


def same_rule(one: Entry, other: Entry) -> bool:
    """Whether two entries match the same requests: ImplementationSpecific is Prefix to the controllers we drive."""
    kinds = {"Exact" if entry.type == "Exact" else "Prefix" for entry in (one, other)}
    if len(kinds) > 1:
        return False
    return one.path == other.path or ("Prefix" in kinds and one.path.rstrip("/") == other.path.rstrip("/"))


def _certificates(ingress: Ingress, hosts: dict[str, HostDraft]) -> Iterator[Loss]:
    """Gives each host its Secret: that of the entry that names it, else of one that names no host."""
    for entry in ingress.tls:
        names = entry.hosts or tuple(name for name in hosts if name != "*")
        if entry.secret is None:
            yield _lost(ingress, entry.at, f"tls of {', '.join(names) or 'every host'}", DEFAULT_CERTIFICATE)
            continue
        if not entry.hosts and ("*" in hosts or not hosts):
            yield _lost(ingress, entry.at, "tls of every host", DEFAULT_CERTIFICATE)
        for name in names:
            if name not in hosts:
                yield _lost(ingress, entry.at, f"tls of {name}", "no rule is for this host")
            elif hosts[name].secret is None or entry.hosts:
                hosts[name].secret = entry.secret


def _lost(ingress: Ingress, at: str, what: str, why: str) -> Loss:
    return Loss(str(ingress), at, what, why)


def join(drafts: Sequence[Draft]) -> list[Draft]:
    """Drafts that have to be one app made one: those that share a host, and what one app was rendered as."""
    mains = {(one.ingress.namespace, one.name) for one in drafts}
    joined: list[Draft] = []
    places: dict[tuple[str, str, str], list[int]] = {}  # what a draft could share with another -> who has it
    for one in drafts:
        app, ours = one.rendered_for(mains), one.ingress.namespace
        shares = [(ours, "host", host) for host in one.hosts] + ([(ours, "app", app)] if app else [])
        candidates = sorted({index for share in shares for index in places.get(share, ())})
        index = next((index for index in candidates if _fit(joined[index], one)), len(joined))
        if index < len(joined):
            joined[index] = _joined(joined[index], one, app)
        else:
            joined.append(one)
        for share in shares:
            places.setdefault(share, []).append(index)
    return joined


def _fit(one: Draft, other: Draft) -> bool:
    """Whether one app can say what both do."""
    shared = one.hosts.keys() & other.hosts.keys()
    return (
        one.annotations == other.annotations
        and one.default == other.default
        and all(
            one.hosts[name].secret == other.hosts[name].secret
            and one.hosts[name].options == other.hosts[name].options
            and not any(same_rule(a, b) for a in one.hosts[name].entries for b in other.hosts[name].entries)
            for name in shared
        )
    )


def _joined(one: Draft, other: Draft, app: str | None) -> Draft:
    """Both as one, under the name of the app they were rendered for, or of which the other's is a longer form, else the
    first one's."""
    main = other if other.name == app or one.name.startswith(f"{other.name}-") else one
    hosts = {name: replace(host, entries=list(host.entries)) for name, host in one.hosts.items()}
    for name, host in other.hosts.items():
        hosts.setdefault(name, replace(host, entries=[])).entries.extend(host.entries)
    return Draft(main.ingress, hosts, one.default, one.annotations, main.usual, main.secured)
