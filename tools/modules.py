"""docs/reference/modules.md: what the modules take and return, from their own documentation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

PAGE = "docs/reference/modules.md"
NOTE = "Generated from the documentation in library/*.py by `make generate`: change it there."
HEAD = f"""\
# Modules

<!-- {NOTE} -->

The role and the playbooks call these, and so can [plays of your own](../guide/plays.md). With the collection their
names begin with `ingresskit.ingresskit.`. The same in the terminal: `ansible-doc -t module ingress_stack`.
"""
# docs.ansible.com, "Ansible markup"; the page tells the collection's name once
MARKUP = re.compile(r"\b(?:V|O|RV|C|M|I|B|E)\((?:ingresskit\.ingresskit\.)?([^)]*)\)")


def page(root: Path) -> str:
    """The page, of all modules below ``root``."""
    lines = [HEAD]
    for path in sorted((root / "library").glob("*.py")):
        lines += _module(path.stem, _texts(path))
    return "\n".join(lines).rstrip("\n") + "\n"


def _texts(path: Path) -> dict[str, str]:
    """The texts that Ansible itself reads of a module, without importing it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        name.id: str(node.value.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for name in node.targets
        if isinstance(name, ast.Name)
    }


def _module(name: str, texts: dict[str, str]) -> Iterator[str]:
    about, results = yaml.safe_load(texts["DOCUMENTATION"]), yaml.safe_load(texts["RETURN"])
    yield from (f"## {name}", "", f"{about['short_description']}.", "")
    yield from (f"- {_text(each)}" for each in _sentences(about["description"]))
    yield from ("", "| parameter | type | default | meaning |", "|---|---|---|---|")
    for key, option in about["options"].items():
        default = "required" if option.get("required") else _code(option["default"]) if "default" in option else ""
        kinds = " or ".join(map(_code, option["choices"])) if "choices" in option else option["type"]
        yield f"| `{key}` | {kinds} | {default} | {_text(option['description'])} |"
    yield from ("", "```yaml", texts["EXAMPLES"].strip("\n"), "```", "")
    yield from ("| returns | type | when | meaning |", "|---|---|---|---|")
    for key, result in results.items():
        yield f"| `{key}` | {result['type']} | {_text(result['returned'])} | {_text(result['description'])} |"
    yield ""


def _sentences(text: str | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else text


def _text(text: str | list[str]) -> str:
    joined = " ".join(" ".join(_sentences(text)).split())
    return MARKUP.sub(lambda found: f"`{found[1]}`", joined).replace("|", "\\|")


def _code(value: Any) -> str:
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
