# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a module of ingresskit inside the process that Ansible has made for the task, where that is the same.

The action plugins are links to this file: the link's name is the module's. So nothing is packed, no second Python is
started, arguments with private keys go through no pipe or file, and progress is shown while it happens.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from ansible import constants
from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action.normal import ActionModule as RunsModule

MODULE = Path(__file__).stem
SWITCH = "ingresskit_in_process"  # a variable; false: every module in a process of its own, as Ansible does it
# imported before Ansible forks, so that the workers of all tasks and hosts share it
_SHARED = (
    *("converge", "transaction", "api.client", "api.kubeconfig", "api.transport", "engine.apply", "engine.rights"),
    *("engine.verify", "engine.wait", "state.lease", "smoke", "report", "tls"),
)


def _package() -> str:
    """Name of the package that holds ``modules`` and ``module_utils``: the collection's. Where the plugin comes from a
    project's folder there is none, and one is made of the folder that ``plugins`` is."""
    if __name__.startswith("ansible_collections."):
        return __name__.partition(".plugins.")[0] + ".plugins"
    package = ModuleType("ingresskit_plugins")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    return sys.modules.setdefault(package.__name__, package).__name__


def _core(name: str) -> ModuleType:
    return import_module(f"{_package()}.module_utils.ingresskit.{name}")


with suppress(ImportError):  # told by the module, which is run then
    for _name in _SHARED:
        _core(_name)
    gc.freeze()  # what is loaded by now stays loaded: workers need neither walk through it nor copy its pages


class ActionModule(RunsModule):  # type: ignore[misc]
    """Does the module's work here, or runs the module where the task asks for what only a module can do."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        host, hindrance = str((task_vars or {}).get("inventory_hostname")), self._hindrance(task_vars or {})
        if hindrance:
            self._display.v(f"{MODULE} runs in a process of its own: {hindrance}", host=host)
            return dict(super().run(tmp, task_vars))
        with self._environment(), _stoppable():
            module = import_module(f"{_package()}.modules.{MODULE}")
            return dict(
                _core("shell").answer_here(
                    self._task.action,
                    module.SPEC,
                    module.work,
                    self._arguments(),
                    check_mode=self._task.check_mode,
                    diff=self._task.diff,
                    say=lambda text: self._show(host, text),
                )
            )

    def _hindrance(self, task_vars: dict[str, Any]) -> str:
        """Why the module has to be run, empty where its work can be done here."""
        if not boolean(self._templar.template(task_vars.get(SWITCH, True)), strict=False):
            return f"{SWITCH} is false"
        if self._task.async_val:
            return "the task is asynchronous"
        if self._connection.transport != "local":
            return f"the connection is {self._connection.transport}, not local"
        if self._connection.become:
            return "the task becomes another user"
        python = self._python(task_vars)
        if not _is_this(python):
            return f"its Python is {python}, Ansible's {sys.executable}"
        missing = [name for name in _core("shell").LIBRARIES if find_spec(name) is None]
        return f"Ansible's Python lacks {', '.join(missing)}" if missing else ""

    def _python(self, task_vars: dict[str, Any]) -> str:
        """The interpreter that the inventory or the configuration names; one that Ansible would search for is this."""
        delegated = task_vars.get("ansible_delegated_vars", {}).get(self._task.delegate_to)
        named = constants.config.get_config_value("INTERPRETER_PYTHON", variables=delegated or task_vars)
        python = str(self._templar.template(named) or "auto").strip()
        return sys.executable if python.startswith("auto") else python

    def _arguments(self) -> dict[str, Any]:
        """The arguments as a module gets them: without Ansible's tags, vaulted texts in plain."""
        encoder = get_module_encoder("legacy", Direction.CONTROLLER_TO_MODULE)
        return dict(json.loads(json.dumps(self._task.args, cls=encoder)))

    @contextmanager
    def _environment(self) -> Iterator[None]:
        """The task's ``environment``; a loop does all its items in this one process."""
        wanted: dict[str, Any] = {}
        self._compute_environment_string(wanted)
        before = dict(os.environ)
        os.environ.update({str(name): str(value) for name, value in wanted.items()})
        try:
            with warnings.catch_warnings():  # of libraries, to a stderr that a module's caller does not show either
                warnings.simplefilter("ignore")
                yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def _show(self, host: str, text: str) -> None:
        """On stderr, so that what a program reads of a run stays what it was."""
        if not self._task.no_log:
            self._display.display(f"  {host}: {text}", color=constants.COLOR_VERBOSE, stderr=True)


def _is_this(python: str) -> bool:
    """Whether a command is the Python that runs this. A virtual environment's is a link to one that is not."""
    path = Path(shutil.which(python) or python)
    mine = Path(sys.executable)
    return path.parent.resolve() == mine.parent.resolve() and path.resolve() == mine.resolve()


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C, and Ansible that ends its workers, let a run put on record what it did before the process ends.

    Ansible's own handlers would end the process at once; it sends both signals, one after the other.
    """
    got: list[int] = []

    def stop(number: int, _frame: object) -> None:
        got.append(number)
        if len(got) == 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if got:
            os.kill(os.getpid(), got[0])
