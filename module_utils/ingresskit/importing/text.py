"""An imported inventory as YAML for people: short forms on one line, what is missing as comments above."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import yaml

from .loss import Loss

HEADER = "# Imported by ingresskit"
WIDTH = 118
_SHOWN = 3  # of many losses of one kind
# mappings of these alone stand on one line
_INLINE = {
    *("path", "service", "port", "type", "secret", "namespace", "tls"),
    *("code", "max_age", "include_subdomains", "preload", "prefix", "cookie", "rps", "burst", "status"),
    *("connect", "read", "send", "to", "backend", "weight", "header", "name", "value"),
}


def to_text(inventory: dict[str, Any], losses: Sequence[Loss], about: Sequence[str]) -> str:
    """The inventory as YAML; what it is and what it lacks stands above it as comments."""
    refused = [loss for loss in losses if loss.refused]
    lost = [loss for loss in losses if not loss.refused]
    lines = [HEADER, *about]
    if lost:
        lines += ["", "Not imported, for want of an equivalent:", *_lost(lost)]
    if refused:
        lines += ["", "Imported, but a run will refuse it until it is changed:", *_refused(refused)]
    comments = [row for line in lines for row in _comment(line)]
    body = "".join(chunk for name, entries in inventory.items() for chunk in _variable(name, entries))
    return "\n".join(comments) + f"\n---\n{body}"


def _lost(losses: Iterable[Loss]) -> Iterator[str]:
    """One line for each; what befell many Ingresses alike is told once."""
    kinds: dict[tuple[str, str], list[Loss]] = {}
    for loss in losses:
        kinds.setdefault((loss.what, loss.why), []).append(loss)
    for (what, why), alike in kinds.items():
        if len(alike) == 1:
            yield f"- {alike[0]}"
        else:
            places = [f"{loss.object} ({loss.at})" if loss.at != loss.object else loss.object for loss in alike]
            yield f"- {what}: {why}. So with {_some(places)}"


def _refused(losses: Iterable[Loss]) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for loss in losses:
        reasons.setdefault(loss.why, []).append(loss.what)
    for why, places in reasons.items():
        yield f"- {_some(places)}: {why}"


def _some(places: Sequence[str]) -> str:
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return ", ".join(islice(places, _SHOWN)) + more


def _comment(line: str) -> list[str]:
    bare = line.removeprefix("# ")
    indent = "  " if bare.startswith("- ") else ""
    rows = textwrap.wrap(bare, WIDTH - 2, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return [f"# {row}" for row in rows] or ["#"]


def _variable(name: str, entries: dict[str, Any]) -> Iterator[str]:
    """A variable, its entries one by one: libyaml is many times faster, but does not indent lists of several lines."""
    yield f"{name}:\n" if entries else f"{name}: {{}}\n"
    for key, value in entries.items():
        dumper = _Slow if _has_long_list(value) else _Quick
        text = yaml.dump({key: value}, Dumper=dumper, sort_keys=False, allow_unicode=True, width=WIDTH - 2)
        yield textwrap.indent(text, "  ")


def _has_long_list(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_long_list(each) for each in value.values())
    return isinstance(value, list) and not _scalars(value)


def _scalars(values: Iterable[Any]) -> bool:
    return not any(isinstance(each, dict | list) for each in values)


class _Style:
    """What is short stands on one line, text of several lines as lines, and nothing is abbreviated by an anchor."""

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        flow = flow_style or set(mapping) <= _INLINE
        return super().represent_mapping(tag, mapping, flow)  # type: ignore[misc, no-any-return]

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        return super().represent_sequence(tag, sequence, flow_style or _scalars(sequence))  # type: ignore[misc, no-any-return]

    def ignore_aliases(self, data: object) -> bool:
        return True


class _Slow(_Style, yaml.SafeDumper):
    """Entries of a list stand below their key, indented."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


class _Quick(_Style, getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Where there is no such list."""


def _lines(dumper: Any, text: str) -> yaml.ScalarNode:
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)
    return node


for _dumper in (_Slow, _Quick):
    _dumper.add_representer(str, _lines)
