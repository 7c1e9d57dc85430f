"""App files: ``ingress_apps`` as ingresskit reads it itself, where Ansible's reading and templating would take long.

One pass over the parser's events gives the values, as Ansible would hand them over, and every fault: keys given twice,
and what only Ansible could make a value of. (PyYAML's own loading builds a tree of nodes first: three times as long.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import yaml

from ..errors import InventoryError, Problem
from .problems import nearest, show_path, unknown_key

APPS = "ingress_apps"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML = "tag:yaml.org,2002:"
_SCALARS = tuple(_YAML + kind for kind in ("bool", "float", "int", "null", "timestamp"))
_STRING = _YAML + "str"
_ALSO_TEXT = ("!unsafe", _YAML + "merge", _YAML + "value")  # a text that is no template; "<<"; "="
_NO_TAG = (None, "!")
_VAULT = "$ANSIBLE_VAULT"
_TEMPLATE = re.compile(r"\{[{%#]")  # what Ansible takes for the begin of a template
_TO_GROUP_VARS = "move this key into a layer (ingress_apps__<layer>) or the app into ingress_apps, in group_vars"

# where a value stands: (where its parent stands, its key or index)
_At = tuple[Any, str | int] | None


@dataclass(frozen=True)
class AppFile:
    """The apps of one file; ``name`` is how the file is called in messages."""

    name: str
    apps: Mapping[str, Any]


def read_app_file(text: bytes, name: str) -> AppFile:
    """The apps below ``ingress_apps`` of a file's text. Raises InventoryError naming every fault by file and key."""
    if text.startswith(_VAULT.encode()):
        message = "Ansible does not decrypt app files: move what is secret into a layer, ingress_apps__<layer>"
        raise InventoryError([Problem(name, message)])
    try:
        reader = _Reader(text, name)
        content = reader.document()
    except yaml.YAMLError as error:
        raise InventoryError([Problem(name, f"is not YAML: {_reason(error)}")]) from None
    except RecursionError:
        raise InventoryError([Problem(name, "is nested too deeply")]) from None
    problems = reader.problems or list(_misshapen(content, name))
    if problems:
        raise InventoryError(problems)
    return AppFile(name, content[APPS] or {})


def add_app_files(inventory: Mapping[str, Any], files: Iterable[AppFile]) -> tuple[dict[str, Any], dict[str, str]]:
    """The inventory with the files' apps in ``ingress_apps``, and in which file each one stands.

    Layers are still to be merged over them. Raises InventoryError for an app that stands in two places.
    """
    given = {} if inventory.get(APPS) is None else inventory[APPS]
    if not isinstance(given, Mapping):  # left for the validation to name
        return dict(inventory), {}
    apps, places, problems = dict(given), dict.fromkeys(given, APPS), []
    for file in files:
        for name, app in file.apps.items():
            if name in apps:
                where = f"{file.name}: {show_path((APPS, name))}"
                problems.append(Problem(where, f"is in {places[name]}, too: an app stands in one place; {_REMOVE}"))
            else:
                apps[name], places[name] = app, file.name
    if problems:
        raise InventoryError(problems)
    layers = {name: inventory[name] for name in sorted(inventory) if name.startswith(f"{APPS}__")}
    return {**inventory, APPS: apps}, {
        name: _origin(name, place, layers) for name, place in places.items() if place != APPS
    }


_REMOVE = "remove one, or say what differs in a layer (ingress_apps__<layer>)"


def _origin(app: str, file: str, layers: Mapping[str, Any]) -> str:
    """Where an app comes from: a fault in it may be in its file, or in a layer that says something of it."""
    having = [name for name, layer in layers.items() if isinstance(layer, Mapping) and app in layer]
    return " and ".join((file, *having))


def _misshapen(content: Any, name: str) -> Iterator[Problem]:
    wanted = "an app file holds its apps below the key ingress_apps, as a file of group_vars does"
    if not isinstance(content, dict) or not (APPS in content or nearest(APPS, list(content))):
        yield Problem(name, f"{wanted}, and this one has no such key")
        return
    for key in content:
        if key != APPS:
            yield Problem(f"{name}: {show_path((key,))}", f"{unknown_key(key, (APPS,))}; {wanted}, and nothing else")
    if not isinstance(content.get(APPS), dict | None):
        yield Problem(f"{name}: {APPS}", "must be a mapping of apps by name")


class _Reader:
    """Makes one document's events into a value, noting faults on the way."""

    def __init__(self, text: bytes, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self._loader = _Loader(text)
        self._next = self._loader.get_event
        self._anchors: dict[str, Any] = {}
        # the same few keys come again and again
        self._tag_of_plain = cache(lambda text: self._loader.resolve(yaml.ScalarNode, text, (True, False)))

    def document(self) -> Any:
        """The value of the only document, None where there is none. Raises yaml.YAMLError."""
        self._next()  # the begin of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        value = self._value(self._next(), None)
        self._next()  # the end of the document
        if not isinstance(self._next(), yaml.StreamEndEvent):
            raise yaml.YAMLError("there is more than one document (---) in it")
        return value

    def _value(self, event: Any, at: _At) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, at)
        elif isinstance(event, yaml.AliasEvent):
            return self._alias(event, at)
        elif isinstance(event, yaml.MappingStartEvent):
            self._check_tag(event.tag, "map", at)
            value = self._mapping(at)
        else:
            self._check_tag(event.tag, "seq", at)
            value = []
            while not isinstance(each := self._next(), yaml.SequenceEndEvent):
                value.append(self._value(each, (at, len(value))))
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _mapping(self, at: _At) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            key = self._key(event, at)
            here = (at, key)
            value = self._value(self._next(), here)
            if key in lines:
                self._fault(here, f"is given twice (lines {lines[key]} and {line}): remove one")
            elif key == "<<":
                merged = self._merge(value, here)
            else:
                own[key] = value
            lines.setdefault(key, line)
        return {**merged, **own} if merged else own

    def _key(self, event: Any, at: _At) -> str:
        """A key as it comes out of Ansible, whose modules get their arguments as JSON."""
        key = self._value(event, at)
        if isinstance(key, dict | list):
            self._fault(at, "has a mapping or a list for a key; braces that are meant as text go into quotes")
        return key if isinstance(key, str) else json.dumps(key)

    def _merge(self, value: Any, at: _At) -> dict[str, Any]:
        """What ``<<`` brings: of several mappings the first wins (https://yaml.org/type/merge.html)."""
        merged: dict[str, Any] = {}
        for each in reversed(value if isinstance(value, list) else [value]):
            if isinstance(each, dict):
                merged |= each
            else:
                self._fault(at, "merges a mapping, or a list of mappings")
        return merged

    def _alias(self, event: Any, at: _At) -> Any:
        if event.anchor not in self._anchors:
            self._fault(at, f"*{event.anchor} stands for nothing: there is no &{event.anchor} that ends before it")
        return self._anchors.get(event.anchor)

    def _scalar(self, event: Any, at: _At) -> Any:
        text, tag = event.value, event.tag
        if tag in _NO_TAG:
            tag = self._tag_of_plain(text) if event.implicit[0] else _STRING
        if tag in _SCALARS:
            return self._typed(text, tag, at)
        if tag == "!vault" or text.startswith(_VAULT):
            self._fault(at, f"Ansible does not decrypt app files: {_TO_GROUP_VARS}")
        elif tag == _STRING:
            if _TEMPLATE.search(text):
                remedy = f"write the value itself, {_TO_GROUP_VARS}, or tag it !unsafe where braces are meant"
                self._fault(at, f"Ansible does not template app files: {remedy}")
        elif tag not in _ALSO_TEXT:
            self._check_tag(tag, "str", at)
        return text

    def _typed(self, text: str, tag: str, at: _At) -> Any:
        try:
            value = self._loader.construct_object(yaml.ScalarNode(tag, text))
        except (ValueError, LookupError):
            self._fault(at, f"is no {tag.removeprefix(_YAML)} of YAML: put it in quotes if it is meant as text")
            return None
        return value.isoformat() if isinstance(value, date) else value  # as Ansible hands it on

    def _check_tag(self, tag: str | None, wanted: str, at: _At) -> None:
        if tag not in (*_NO_TAG, _YAML + wanted):
            shown = str(tag).replace(_YAML, "!!")
            self._fault(at, f"has the tag {shown}, which means nothing in an app file: remove it")

    def _fault(self, at: _At, message: str) -> None:
        parts: list[str | int] = []
        while at is not None:
            at, part = at
            parts.append(part)
        self.problems.append(Problem(": ".join(filter(None, (self.name, show_path(parts[::-1])))), message))


def _reason(error: yaml.YAMLError) -> str:
    """What is wrong and where, without the text around it: that may hold a key."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem} in line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
    return str(getattr(error, "reason", error))
