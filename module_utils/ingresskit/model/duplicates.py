"""Keys that a YAML file gives twice. A YAML loader lets the second win without a word, so the text itself is asked."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from ..errors import Problem
from .problems import show_path

PREFIX = "ingress_"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Mapping:
    """A mapping that is being read: the line of each key so far, and the key whose value comes next."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self.key: str | None = None


def duplicate_keys(text: str, name: str) -> list[Problem]:
    """A problem for each key below an ``ingress_`` variable that stands twice in one mapping of the file ``name``.

    Text that is no YAML gives none: Ansible itself has refused it.
    """
    try:
        return list(_duplicates(text, name))
    except yaml.YAMLError:
        return []


def _duplicates(text: str, name: str) -> Iterator[Problem]:
    open_nodes: list[_Mapping | int] = []  # an int counts the items of a sequence
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            open_nodes.append(_Mapping() if isinstance(event, yaml.MappingStartEvent) else 0)
        elif isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            yield from _scalar(event, open_nodes, name)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            open_nodes.pop()
            _value_done(open_nodes)


def _scalar(event: yaml.Event, open_nodes: list[_Mapping | int], name: str) -> Iterator[Problem]:
    here = open_nodes[-1] if open_nodes else 0
    if not isinstance(here, _Mapping) or here.key is not None:
        _value_done(open_nodes)
        return
    here.key, line = str(getattr(event, "value", "")), event.start_mark.line + 1 if event.start_mark else 0
    if here.key in here.lines:
        parts = [node.key if isinstance(node, _Mapping) else node for node in open_nodes]
        path = _ours([part for part in parts if part is not None])
        if path:
            where = f"{name}, lines {here.lines[here.key]} and {line}"
            yield Problem(show_path(path), f"is given twice ({where}): the second would silently win; remove one")
    here.lines.setdefault(here.key, line)


def _value_done(open_nodes: list[_Mapping | int]) -> None:
    if not open_nodes:
        return
    here = open_nodes[-1]
    if isinstance(here, _Mapping):
        here.key = None
    else:
        open_nodes[-1] = here + 1


def _ours(path: list[str | int]) -> list[str | int]:
    """The path from the variable on, wherever the file has it (``all.vars`` of an inventory, for instance)."""
    starts = [index for index, part in enumerate(path) if isinstance(part, str) and part.startswith(PREFIX)]
    return path[starts[0] :] if starts else []
