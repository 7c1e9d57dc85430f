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
  - With several clusters it prints one line for each, and the tables of those that failed.
requirements:
  - enabled by C(callbacks_enabled = ingresskit) in ansible.cfg
author:
  - The ingresskit authors (@ingresskit)
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
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
    "DIFFER": constants.COLOR_ERROR,
    "TEST DOUBLE": constants.COLOR_WARN,
}
_ACTION_COLOURS = {
    "created": constants.COLOR_DIFF_ADD,
    "deleted": constants.COLOR_DIFF_REMOVE,
    "conflicted": constants.COLOR_ERROR,
    "not": constants.COLOR_ERROR,  # "Service cafe/tea-svc not created: …"
}
_WORDS = re.compile("|".join(map(re.escape, _COLOURS)))


class CallbackModule(CallbackBase):
    """Keeps the last report of each stack on each host and shows them when the play is over."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "ingresskit"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._reports: dict[tuple[str, str], dict[str, Any]] = {}

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Progress goes to stderr: in a pipe, too, it has to come after its task's heading."""
        sys.stdout.flush()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._guard(lambda: self._take(result))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._guard(lambda: self._take(result))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._guard(self._show)

    def _guard(self, work: Callable[[], None]) -> None:
        """What is only shown must never break a run."""
        try:
            work()
        except Exception as exc:
            self._display.warning(f"ingresskit's report cannot be shown: {type(exc).__name__}: {exc}")

    def _take(self, result: Any) -> None:
        host = result._host.get_name()
        for said in _results(result._result):
            report = said.get("ingresskit_report")
            if isinstance(report, Mapping):
                key = host, str(report.get("stack", ""))
                self._reports.pop(key, None)  # the last one counts, and shows last
                self._reports[key] = {**report, "try": said.get("ingresskit_try")}
            changes = said.get("ingresskit_changes")
            if isinstance(changes, list):
                self._show_changes([str(change) for change in changes])

    def _show_changes(self, changes: list[str]) -> None:
        """The stdout callback has just named the host: these lines belong to it."""
        real = [(change, action) for change in changes if (action := _action(change)) != "unchanged"]
        for change, action in real[:MOST_CHANGES]:
            self._display.display(f"  {change}", color=_ACTION_COLOURS.get(action, constants.COLOR_CHANGED))
        if len(real) > MOST_CHANGES:
            self._display.display(f"  … and {len(real) - MOST_CHANGES} more")

    def _show(self) -> None:
        alone = len(self._reports) == 1
        for (host, stack), report in self._reports.items():
            if not alone:
                self._display.display(_coloured(f"{host}: stack {stack}: {report.get('summary', '')}"))
        for (host, __), report in self._reports.items():
            if alone or not report.get("ok"):
                self._guard(partial(self._print, "" if alone else f"\n{host}\n", report))

    def _print(self, heading: str, report: Mapping[str, Any]) -> None:
        self._display.display(heading + _coloured(report["text"]))
        if report.get("try"):
            self._display.display(f"\n{report['try']}")


def _results(result: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A task's result, and in a loop those of its items."""
    yield result
    items = result.get("results")
    yield from (item for item in items if isinstance(item, Mapping)) if isinstance(items, list) else ()


def _action(change: str) -> str:
    """What a line such as "Ingress cafe/cafe configured (…)" says was done: the word after kind and name."""
    words = change.split(maxsplit=3)
    return words[2] if len(words) > 2 else ""


def _coloured(text: str) -> str:
    """``text`` with its verdicts in colour, where Ansible writes in colour."""
    return _WORDS.sub(lambda word: stringc(word.group(), _COLOURS[word.group()]), text)
