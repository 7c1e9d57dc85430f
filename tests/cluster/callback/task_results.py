"""Writes every task's result to the file that TASK_RESULTS names, a JSON document a line: for tests alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: task_results
type: aggregate
short_description: Task results as JSON lines, for tests
description:
  - The json callback of ansible-core went to a collection, which a run of the toolkit does not need.
"""


class CallbackModule(CallbackBase):
    """One line a host and task, whatever its outcome."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_results"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, result, outcome):
        said = {"host": result._host.get_name(), "action": result._task.action, "outcome": outcome}
        line = json.dumps(said | {"result": result._result}, default=str)
        with Path(os.environ["TASK_RESULTS"]).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def v2_runner_on_ok(self, result):
        self._write(result, "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._write(result, "failed")

    def v2_runner_on_unreachable(self, result):
        self._write(result, "unreachable")

    def v2_runner_on_skipped(self, result):
        self._write(result, "skipped")
