# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shows after the play recap what ingresskit proved. Prints only what the modules rendered, so it needs no library."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ingresskit
type: aggregate
short_description: Show the changes and the proven routes of an ingress stack
version_added: 0.1.0
description:
  - Lists right after a task what it changed in the cluster.
  - Prints after the play recap the table of the smoke test and, on a line of its own, a C(curl) command to try.
  - With several clusters it prints one line for each (what was changed, whether it is proven, which ones were not
    reached as another one had failed), and the tables of those that failed.
requirements:
  - enabled by C(callbacks_enabled = ingresskit) in ansible.cfg
author:
  - The ingresskit authors (@ingresskit)
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible.utils.color import stringc

MOST_CHANGES = 40
_COLOURS = {
    "proven": constants.COLOR_OK,
    "FAILED": constants.COLOR_ERROR,
    "NOT TRUSTED": constants.COLOR_ERROR,
    "DIFFERS": constants.COLOR_ERROR,
    "DIFFER": constants.COLOR_ERROR,
    "not reached": constants.COLOR_WARN,
    "TEST DOUBLE": constants.COLOR_WARN,
}
_ACTION_COLOURS = {
    "created": constants.COLOR_DIFF_ADD,
    "deleted": constants.COLOR_DIFF_REMOVE,
    "conflicted": constants.COLOR_ERROR,
    "not": constants.COLOR_ERROR,  # "Service cafe/tea-svc not created: …"
}
_WORDS = re.compile("|".join(map(re.escape, _COLOURS)))
_RETURNED = re.compile(r"returned to revision \d+")
# a task's action: what brings or proves a stack
_MODULE = re.compile(r"(?:^|\.)ingress_(?:stack|rollback|smoke|drift|controller|service|tls|route)$")
_HEAD = ("CLUSTER", "STACK", "REVISION", "CHANGES", "RESULT", "VERDICT")
_WIDEST = 60


@dataclass
class _Stack:
    """What is known of a stack on a host."""

    name: str = ""
    revision: str = ""
    changes: str = ""
    changed: bool = False
    report: Mapping[str, Any] | None = None


@dataclass
class _Cluster:
    """What is known of a host; ``failures``: the messages of its failed tasks."""

    stacks: dict[str, _Stack] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    touched: bool = False  # a task of ours has run there


class CallbackModule(CallbackBase):
    """Keeps what is known of each stack on each host, and shows it when the play is over."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "ingresskit"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._clusters: dict[str, _Cluster] = {}
        self._hosts: list[str] = []  # of the play that is running, all its batches

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._guard(lambda: self._enter(play))

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Progress goes to stderr: in a pipe, too, it has to come after its task's heading."""
        sys.stdout.flush()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._guard(lambda: self._take(result))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._guard(lambda: self._note(result))
        self._guard(lambda: self._take(result))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._guard(lambda: self._show(stats))

    def _guard(self, work: Callable[[], None]) -> None:
        """What is only shown must never break a run."""
        try:
            work()
        except Exception as exc:
            self._display.warning(f"ingresskit's report cannot be shown: {type(exc).__name__}: {exc}")

    def _enter(self, play: Any) -> None:
        """The hosts of a play, also those of batches to come."""
        inventory = play.get_variable_manager()._inventory
        self._hosts = [str(host) for host in inventory.get_hosts(play.hosts, ignore_restrictions=True)]

    def _note(self, result: Any) -> None:
        """What a failed task says, whosever it is."""
        cluster = self._clusters.setdefault(result._host.get_name(), _Cluster())
        cluster.failures.append(str(result._result.get("msg", "")))

    def _touch(self, host: str) -> _Cluster:
        """A host on which there is something of ours: from then on its play is one of ours."""
        for each in self._hosts:
            self._clusters.setdefault(each, _Cluster())
        cluster = self._clusters.setdefault(host, _Cluster())
        cluster.touched = True
        return cluster

    def _take(self, result: Any) -> None:
        if _MODULE.search(str(result._task.action)):
            self._touch(result._host.get_name())
        for said in _results(result._result):
            report, changes = said.get("ingresskit_report"), said.get("ingresskit_changes")
            if isinstance(report, Mapping) or isinstance(changes, list):
                cluster = self._touch(result._host.get_name())
                name = str(said.get("stack") or (report or {}).get("stack") or "")
                if name:
                    self._keep(cluster.stacks.setdefault(name, _Stack(name)), said)
            if isinstance(changes, list):
                self._show_changes([str(change) for change in changes])

    def _keep(self, stack: _Stack, said: Mapping[str, Any]) -> None:
        """The last report counts, and the last revision; of changes the first run's: a rollback is told as such."""
        if isinstance(said.get("ingresskit_report"), Mapping):
            stack.report = {**said["ingresskit_report"], "try": said.get("ingresskit_try")}
        stack.revision = str(said.get("revision") or stack.revision)
        stack.changes = stack.changes or str(said.get("summary") or "")
        stack.changed = stack.changed or bool(said.get("changed"))

    def _show_changes(self, changes: list[str]) -> None:
        """The stdout callback has just named the host: these lines belong to it."""
        real = [(change, action) for change in changes if (action := _action(change)) != "unchanged"]
        for change, action in real[:MOST_CHANGES]:
            self._display.display(f"  {change}", color=_ACTION_COLOURS.get(action, constants.COLOR_CHANGED))
        if len(real) > MOST_CHANGES:
            self._display.display(f"  … and {len(real) - MOST_CHANGES} more")

    def _show(self, stats: Any) -> None:
        """One stack on one cluster has its table; of several there is a line for each, and the tables that matter."""
        if not any(cluster.touched for cluster in self._clusters.values()):
            return
        known = [(host, stack) for host, cluster in self._clusters.items() for stack in cluster.stacks.values()]
        alone = len(self._clusters) == 1 and len(known) <= 1
        if not alone:
            self._guard(lambda: self._table(stats))
        for host, stack in known:
            if stack.report and (alone or not stack.report.get("ok")):
                self._guard(partial(self._print, "" if alone else f"\n{host}\n", stack.report))

    def _table(self, stats: Any) -> None:
        failed = {host for host in self._clusters if _failures(stats.summarize(host))}
        lines = [
            _cells(host, cluster, stack, host in failed)
            for host, cluster in self._clusters.items()
            for stack in cluster.stacks.values() or [_Stack()]
        ]
        used = [index for index, column in enumerate(zip(*lines, strict=True)) if any(column)]
        shown = [[line[index] for index in used] for line in (_HEAD, *lines)]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        for line in shown:
            text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            self._display.display(_coloured(text))
        for host, cluster in self._clusters.items():  # of a failure that has no table
            untold = host in failed and cluster.touched and not any(each.report for each in cluster.stacks.values())
            if untold and cluster.failures:
                self._display.display(f"\n{host}\n{cluster.failures[-1]}")

    def _print(self, heading: str, report: Mapping[str, Any]) -> None:
        self._display.display(heading + _coloured(report["text"]))
        if report.get("try"):
            self._display.display(f"\n{report['try']}")


def _results(result: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A task's result, and in a loop those of its items."""
    yield result
    items = result.get("results")
    yield from (item for item in items if isinstance(item, Mapping)) if isinstance(items, list) else ()


def _failures(summary: Mapping[str, int]) -> int:
    return summary.get("failures", 0) + summary.get("unreachable", 0)


def _cells(host: str, cluster: _Cluster, stack: _Stack, failed: bool) -> tuple[str, ...]:
    """A line of the table."""
    result = str((stack.report or {}).get("summary", ""))
    if not result and failed and cluster.failures:
        result = cluster.failures[-1].partition("\n")[0]
    short = (text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…" for text in (stack.changes, result))
    return (host, stack.name, stack.revision, *short, _verdict(cluster, stack, failed))


def _verdict(cluster: _Cluster, stack: _Stack, failed: bool) -> str:
    """In a word or two how a cluster stands."""
    if not cluster.touched:
        return "not reached"
    if stack.report and (not failed or not stack.report.get("ok")):
        word = str(stack.report.get("verdict") or ("ok" if stack.report.get("ok") else "FAILED"))
    else:
        word = "FAILED" if failed else "changed" if stack.changed else "unchanged"
    returned = _RETURNED.search("\n".join(cluster.failures)) if failed else None
    return f"{word}, {returned.group()}" if returned else word


def _action(change: str) -> str:
    """What a line such as "Ingress cafe/cafe configured (…)" says was done: the word after kind and name."""
    words = change.split(maxsplit=3)
    return words[2] if len(words) > 2 else ""


def _coloured(text: str) -> str:
    """``text`` with its verdicts in colour, where Ansible writes in colour."""
    return _WORDS.sub(lambda word: stringc(word.group(), _COLOURS[word.group()]), text)
