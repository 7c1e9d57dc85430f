"""From Ingresses to drafts of apps: whose certificate a host has, which Ingresses are one app."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..model.base import check_path
from ..model.controller import Controller
from ..model.routes import slug
from .dialects import labels_lost, translate
from .loss import Loss
from .manifest import Backend, Ingress, Rule
from .reading import Beside, Entry, Place

PART_OF = "app.kubernetes.io/part-of"
DEFAULT_CERTIFICATE = "the controller's default certificate serves it, which ingress_controller.default_tls sets"


@dataclass
class HostDraft:
    """What is known of a host: its entries, its certificate's Secret."""

    entries: list[Entry] = field(default_factory=list)
    secret: str | None = None


@dataclass
class Draft:
    """An app in the making; ``ingress`` is the first that it is made of, ``app`` what it was rendered for, if known."""

    ingress: Ingress
    hosts: dict[str, HostDraft]
    default: Backend | None
    annotations: dict[str, str]
    app: str | None = None
    first: str | None = None  # the host that gave it its name

    @property
    def name(self) -> str:
        return self.app or self.ingress.name


def draft(
    ingress: Ingress, source: str, meant: Controller, beside: Beside, secured: Container[str]
) -> tuple[Draft, list[Loss]]:
    """The app of one Ingress, and what of it has no equivalent. ``secured``: hosts to which any Ingress gives TLS."""
    losses = list(labels_lost(ingress))
    hosts: dict[str, HostDraft] = {}
    for rule in ingress.rules:
        losses += _take(ingress, hosts.setdefault(rule.host, HostDraft()), rule)
    hosts = {name: host for name, host in hosts.items() if host.entries}
    losses += _certificates(ingress, hosts)
    app = _rendered_for(ingress)
    for name, host in hosts.items():
        for entry in host.entries:
            entry.secured, entry.given = name in secured, (entry.path, entry.type)
            # F5's Ingresses are one for each host, whatever the options
            entry.level = "" if source == "nginx" else _level(ingress, app, name)
    entries = [entry for host in hosts.values() for entry in host.entries]
    said = translate(entries, source, meant, Place(ingress, beside))
    for name, host in hosts.items():
        host.entries = folded(host.entries)
        losses += _sift(ingress, name, host)
    hosts = {name: host for name, host in hosts.items() if host.entries}
    if ingress.default and ingress.default.backend is None:
        losses.append(_lost(ingress, ingress.default.at, "default backend", "it is a resource, and no Service"))
    default = ingress.default.backend if ingress.default else None
    if not hosts and not default:
        losses.append(_lost(ingress, ingress.at, "the whole Ingress", "nothing is left of it"))
    return Draft(ingress, hosts, default, said.raw, app or ingress.master, _first(ingress, app)), losses + said.losses


def _rendered_for(ingress: Ingress) -> str | None:
    """The app that an Ingress was rendered for: told by its label, and by a name that begins as rendering begins it."""
    app = ingress.labels.get(PART_OF, "")
    begins = tuple(f"{app}-{slug(rule.host)}" for rule in ingress.rules)
    named = ingress.name in (app, f"{app}-exact") or ingress.name.startswith(begins)
    return app if app and named else None


def _first(ingress: Ingress, app: str | None) -> str | None:
    """F5's rendering calls the Ingress of an app's first host by the app's name."""
    return ingress.rules[0].host if app is not None and app in (ingress.name, ingress.master) else None


def _level(ingress: Ingress, app: str | None, host: str) -> str:
    """Where rendering has found the options of an Ingress, by its name."""
    if app is None:
        return ""
    name = ingress.name.removesuffix("-exact")
    return "app" if name == app else "host" if name == f"{app}-{slug(host)}" else "path"


def _take(ingress: Ingress, host: HostDraft, rule: Rule) -> Iterator[Loss]:
    """The entries of a rule that have a Service."""
    default = ingress.default
    if not rule.entries and default and default.backend:
        host.entries.append(Entry(default.path, default.type, default.backend, default.at))
    elif not rule.entries:
        yield _lost(ingress, rule.at, f"host {rule.host}", "it has no paths")
    for entry in rule.entries:
        if entry.backend is None:
            what = f"path {entry.path} of {rule.host}"
            yield _lost(ingress, entry.at, what, "its backend is a resource, and no Service")
        else:
            host.entries.append(Entry(entry.path, entry.type, entry.backend, entry.at))


def _sift(ingress: Ingress, name: str, host: HostDraft) -> Iterator[Loss]:
    """Leaves the entries that the contract can say, each once."""
    given, host.entries = host.entries, []
    for entry in given:
        what = f"path {entry.path} of {name}"
        try:
            check_path(entry.path)
        except ValueError as error:
            yield _lost(ingress, entry.at, what, str(error))
            continue
        twin = next((each for each in host.entries if same_rule(each, entry)), None)
        if twin is None:
            host.entries.append(entry)
        elif (twin.backend, twin.options) != (entry.backend, entry.options):
            yield _lost(ingress, entry.at, what, f"the entry {twin.path} ({twin.at}) takes the same requests first")


def folded(entries: list[Entry]) -> list[Entry]:
    """Entries of F5 that say one thing in two: a prefix is cut off by /tea, which becomes /, and by what is below
    /tea/."""
    below = {(entry.path, entry.backend): entry for entry in entries if entry.type != "Exact" and _cut(entry)}
    left = []
    for entry in entries:
        other = below.get((f"{entry.path}/", entry.backend))
        if other and entry.type == "Exact" and entry.options == {**other.options, "rewrite": {"path": "/"}}:
            other.path = entry.path
        else:
            left.append(entry)
    return left


def _cut(entry: Entry) -> bool:
    return entry.options.get("rewrite") == {"prefix": "/"} and entry.path.endswith("/")


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
    joined: list[Draft] = []
    places: dict[tuple[str, str, str], list[int]] = {}  # what a draft could share with another -> who has it
    for one in drafts:
        ours = one.ingress.namespace
        shares = [(ours, "host", host) for host in one.hosts] + ([(ours, "app", one.app)] if one.app else [])
        candidates = sorted({index for share in shares for index in places.get(share, ())})
        index = next((index for index in candidates if _fit(joined[index], one)), len(joined))
        if index < len(joined):
            joined[index] = _joined(joined[index], one)
        else:
            joined.append(one)
        for share in shares:
            places.setdefault(share, []).append(index)
    for host in (host for one in joined for host in one.hosts.values()):
        host.entries.sort(key=lambda entry: entry.level == "path")  # rendering goes by the first
    return joined


def _fit(one: Draft, other: Draft) -> bool:
    """Whether one app can say what both do."""
    shared = one.hosts.keys() & other.hosts.keys()
    return (
        one.annotations == other.annotations
        and one.default == other.default
        and (one.app is None or other.app is None or one.app == other.app)
        and all(
            None in (one.hosts[name].secret, other.hosts[name].secret)
            or one.hosts[name].secret == other.hosts[name].secret
            for name in shared
        )
        and all(
            not any(same_rule(a, b) for a in one.hosts[name].entries for b in other.hosts[name].entries)
            for name in shared
        )
    )


def _joined(one: Draft, other: Draft) -> Draft:
    """Both as one, under the name of the app they were rendered for, or of which the other's is a longer form, else the
    first one's."""
    main = other if other.name == one.app or one.name.startswith(f"{other.name}-") else one
    hosts = {name: replace(host, entries=list(host.entries)) for name, host in one.hosts.items()}
    for name, host in other.hosts.items():
        mine = hosts.setdefault(name, replace(host, entries=[]))
        mine.entries.extend(host.entries)
        mine.secret = mine.secret or host.secret
    return Draft(main.ingress, hosts, one.default, one.annotations, one.app or other.app, one.first or other.first)
