"""What the module ingress_stack does, in a process of its own: python -m benchmarks.module ARGUMENTS_FILE

As ansible-playbook does it: the action plugin has loaded ingresskit when the play begins, and the clock runs from the
task's arguments to its result. Ansible's own start, its reading and templating are in ingresskit-playbook.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from benchmarks.own_time import timed

ROOT = Path(__file__).parents[1]
MODULE = "ingress_stack"


def main(arguments_file: Path) -> None:
    """Prints the result. Raises SystemExit with the message where the module fails."""
    shell, module = load()
    text = arguments_file.read_text(encoding="utf-8")
    with timed():
        result = shell.answer_here(
            MODULE, module.SPEC, module.work, json.loads(text), check_mode=False, diff=False, say=print
        )
        if result.get("failed"):
            raise SystemExit(result["msg"])
    print(result["summary"], result["api_calls"])


def load() -> tuple[Any, Any]:
    """``shell`` and the module, as the action plugin gets them; loading that loads what it shares with every task."""
    spec = spec_from_file_location(f"benchmarks.{MODULE}", ROOT / "plugins" / "action" / f"{MODULE}.py")
    assert spec and spec.loader
    plugin = module_from_spec(spec)
    spec.loader.exec_module(plugin)
    return plugin._core("shell"), import_module(f"{plugin._package()}.modules.{MODULE}")


def arguments(**parameters: object) -> str:
    """The text of a file with a task's arguments."""
    return json.dumps(parameters)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
