"""Masters and minions of F5's controller: one host in several Ingresses there, plain Ingresses that share a host here.

https://docs.nginx.com/nginx-ingress-controller/configuration/ingress-resources/cross-namespace-configuration/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from .from_f5 import OF_MINIONS, SERVER_WIDE
from .loss import Loss
from .manifest import Entry, Ingress

TYPE = "nginx.org/mergeable-ingress-type"


@dataclass
class Merged:
    """Ingresses none of which is a master or a minion. ``owners``: host -> its master, where a minion is in another
    namespace."""

    ingresses: list[Ingress] = field(default_factory=list)
    owners: dict[str, Ingress] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)


def merge(ingresses: Iterable[Ingress]) -> Merged:
    """Every minion with what its master says: certificate, what is for the whole host, what minions take over."""
    done = Merged()
    kinds: dict[str, list[Ingress]] = {"master": [], "minion": []}
    for ingress in ingresses:
        kinds.get(ingress.annotations.get(TYPE, ""), done.ingresses).append(ingress)
    masters = {rule.host: master for master in reversed(kinds["master"]) for rule in master.rules}
    served = set()
    for minion in _unshadowed(kinds["minion"]):
        hosts = [rule.host for rule in minion.rules]
        master = masters.get(hosts[0]) if hosts else None
        if master is None:
            why = "its master is not among the manifests: without one it was never served"
            done.losses.append(Loss(str(minion), minion.at, "the whole Ingress", why))
            continue
        served.add(master.at)
        done.ingresses.append(_with(master, minion, done.losses))
        if master.namespace != minion.namespace:
            done.owners[hosts[0]] = master
    done.losses += _idle([master for master in kinds["master"] if master.at not in served])
    return done


def _unshadowed(minions: Sequence[Ingress]) -> Iterator[Ingress]:
    """A path counts once there: where an Exact entry has /tea, a Prefix entry for it says /tea/. Here it says /tea."""
    exact: dict[tuple[str, str], str] = {}
    for minion in minions:
        for rule in minion.rules:
            exact |= {(rule.host, each.path): minion.at for each in rule.entries if each.type == "Exact"}

    def plain(host: str, entry: Entry, at: str) -> Entry:
        path = entry.path.removesuffix("/")
        twin = exact.get((host, path))
        return entry if entry.type == "Exact" or twin in (None, at) else replace(entry, path=path)

    for minion in minions:
        rules = (
            replace(rule, entries=tuple(plain(rule.host, each, minion.at) for each in rule.entries))
            for rule in minion.rules
        )
        yield replace(minion, rules=tuple(rules))


def _with(master: Ingress, minion: Ingress, losses: list[Loss]) -> Ingress:
    """The minion as an Ingress of its own."""
    without = {f"nginx.org/{name}" for name in SERVER_WIDE}
    idle = sorted(without & minion.annotations.keys())
    if idle:
        why = "a minion may not say this: it had no effect"
        losses.append(Loss(str(minion), minion.at, f"annotation {', '.join(idle)}", why))
    masters = {f"nginx.org/{name}" for name in OF_MINIONS} | {f"nginx.com/{name}" for name in OF_MINIONS}
    said = {name: value for name, value in master.annotations.items() if name not in masters}
    said |= {name: value for name, value in minion.annotations.items() if name not in without}
    said.pop(TYPE, None)
    same = master.namespace == minion.namespace
    return replace(minion, annotations=said, tls=master.tls if same else (), master=master.name if same else None)


def _idle(masters: Sequence[Ingress]) -> list[Loss]:
    why = "it is a master without minions: it served nothing"
    return [Loss(str(master), master.at, "the whole Ingress", why) for master in masters]
