"""library/ingress_stack.py in a process of its own: python -m benchmarks.module ARGUMENTS_FILE

The module's main() with the arguments that the role would hand it, from the start of the interpreter to the result.
What Ansible adds around a module (packing it, templating its arguments) is in ingresskit-playbook.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import ansible.module_utils
import ansible.modules
from ansible.module_utils import basic

ROOT = Path(__file__).parents[1]


def main(arguments: bytes) -> None:
    """Ends with the module's exit code, its result on standard output."""
    ansible.modules.__path__.append(str(ROOT / "library"))
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))
    basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = arguments, "legacy"
    import_module("ansible.modules.ingress_stack").main()


def arguments(**parameters: object) -> str:
    """A module's arguments as Ansible writes them."""
    return json.dumps({"ANSIBLE_MODULE_ARGS": parameters})


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_bytes())
