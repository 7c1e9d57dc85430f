"""Where an option stands in the inventory: at the app, a host or a path, whichever takes the fewest words."""

from __future__ import annotations

import json
from collections.abc import Collection, Container, Mapping
from typing import Any

from ..model.options import Options
from .drafts import HostDraft

ORDER = tuple(Options.model_fields)
OF_PATHS = ("canary",)  # what the contract takes at paths only
WITH_TLS = ("ssl_redirect",)  # what makes no difference where there is no certificate
_UNSET = 1.5  # what it costs to unset an option that a farther level has, where to set one costs 1
Values = dict[str, Any]


class Placed:
    """The options of an app: ``app``, by host, and by host and index of the entry; None unsets what is farther.

    ``shared``: hosts that other apps use as well: what such a host itself is given would have to be the same in each.
    """

    def __init__(self, hosts: Mapping[str, HostDraft], shared: Container[str] = ()) -> None:
        self.app: Values = {}
        self.hosts: dict[str, Values] = {name: {} for name in hosts}
        self.entries: dict[tuple[str, int], Values] = {}
        used = {option for host in hosts.values() for entry in host.entries for option in entry.options}
        for option in sorted(used, key=ORDER.index):
            wanted = {name: _Wanted(option, host, name in shared) for name, host in hosts.items()}
            self._place(option, wanted)

    def _place(self, option: str, wanted: Mapping[str, _Wanted]) -> None:
        best = _at_app(wanted.values())
        if best is not None:
            self.app[option] = best
        for name, host in wanted.items():
            at_host = host.best(best)[1]
            if at_host != best:
                self.hosts[name][option] = _over(best, at_host)
            for index, value in host.values.items():
                if value != at_host:
                    self.entries.setdefault((name, index), {})[option] = _over(at_host, value)


class _Wanted:
    """What each entry of a host wants of an option; those to which it makes no difference are left out."""

    def __init__(self, option: str, host: HostDraft, shared: bool) -> None:
        entries = [
            (index, entry.level, entry.options.get(option))
            for index, entry in enumerate(host.entries)
            if entry.secured or option not in WITH_TLS or option in entry.options
        ]
        self.values = {index: value for index, __, value in entries}
        self.wide = option not in OF_PATHS
        self.levels = {level: value for __, level, value in reversed(entries)} if self.wide else {}
        self.movable = self.wide and not shared

    def best(self, app: Any) -> tuple[float, Any]:
        """What it costs at the least, given the app's value, and the host's value then: where rendering has found it,
        if that is known, else the cheapest."""

        def cost(host: Any) -> float:
            return _cost(app, host) + sum(_cost(host, each) for each in self.values.values())

        if "host" in self.levels:
            return 0, self.levels["host"]
        if any(self.levels) or not self.movable:
            return cost(app), app
        best = min([*(each for each in self.values.values() if each is not None), app, None], key=cost)
        return cost(best), best


def _at_app(hosts: Collection[_Wanted]) -> Any:
    """The app's value: where rendering has found it, if that is known, else the one that leaves least to be said."""
    levels = [level for host in hosts for level in host.levels]
    if any(levels):
        return next((host.levels["app"] for host in hosts if "app" in host.levels), None)
    given = {_key(value): value for host in hosts for value in host.values.values() if host.wide and value is not None}
    return min([*given.values(), None], key=lambda app: _cost(None, app) + sum(host.best(app)[0] for host in hosts))


def _cost(farther: Any, value: Any) -> float:
    if value == farther:
        return 0
    return _UNSET if value is None else 1


def _over(farther: Any, value: Any) -> Any:
    """What has to be written at a level, that merged over the farther one it comes to ``value``."""
    if isinstance(farther, dict) and isinstance(value, dict):
        written = {name: _over(farther.get(name), each) for name, each in value.items()}
        return written | {name: None for name in farther if name not in value}
    return value


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
