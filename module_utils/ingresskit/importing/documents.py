"""YAML text as documents that know the line of everything in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..errors import Problem
from ..model.problems import show_path

Path = tuple[int | str, ...]
_Fast = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEP = 500  # brackets one in another, above which libyaml might exhaust the stack, where Python only raises


@dataclass(frozen=True)
class Document:
    """One document of a file. ``problems`` collects what is wrong with it, ``lines`` tells where each value begins.

    What is no file's, an object of a cluster, has no lines and is its own ``file``: its kind and name.
    """

    file: str
    value: Any
    lines: dict[Path, int]
    problems: list[Problem] = field(default_factory=list)

    def at(self, path: Path) -> str:
        """``file:line`` of a value, or of what it would stand in."""
        if not self.lines:
            return self.file
        while path not in self.lines and path:
            path = path[:-1]
        return f"{self.file}:{self.lines.get(path, 1)}"

    def fault(self, path: Path, message: str) -> None:
        """Notes that something is wrong with a value."""
        where = show_path(path)
        self.problems.append(Problem(self.at(path), f"{where}: {message}" if where else message))


def read_documents(file: str, text: str) -> tuple[list[Document], list[Problem]]:
    """The documents of a file in their order, and what keeps it from being YAML, with the line."""
    documents: list[Document] = []
    try:
        for document in _documents(file, text):
            documents.append(document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line, text.rstrip().count("\n")) if mark else 0  # the end is told as the line after it
        return documents, [Problem(f"{file}:{line + 1}", _said(error, "{{" in text))]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return documents, [Problem(f"{file}:{line}", f"is not YAML: U+{_code(error.character):04X} is not allowed")]
    except RecursionError:
        return documents, [Problem(f"{file}:1", "is nested too deeply")]
    return documents, []


def _code(character: int | str) -> int:
    return character if isinstance(character, int) else ord(character)  # libyaml gives the number, Python's the text


def _said(error: yaml.MarkedYAMLError, template: bool) -> str:
    problem = str(error.problem or "it cannot be read")
    if "'\\t'" in problem:
        problem += " (indent with spaces, not with tabs)"
    context = f", {error.context}" if error.context else ""
    hint = " (a template has to be rendered first: helm template)" if template else ""
    return f"is not YAML: {problem}{context}{hint}"


def _documents(file: str, text: str) -> Iterator[Document]:
    loader = (yaml.SafeLoader if _depth(text) > _DEEP else _Fast)(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                continue
            document = Document(file, loader.construct_document(node), {})
            _note_lines(document, node, (), set())
            yield document
    finally:
        loader.dispose()


def _depth(text: str) -> int:
    """How deeply brackets are nested at most, those in strings included."""
    depth = deepest = 0
    for bracket in re.findall(r"[\[{\]}]", text):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _note_lines(document: Document, node: yaml.Node, path: Path, seen: set[int]) -> None:
    document.lines.setdefault(path, node.start_mark.line + 1)
    if id(node) in seen:  # an alias: it is where its anchor is
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        _note_keys(document, node, path, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _note_lines(document, item, (*path, index), seen)


def _note_keys(document: Document, node: yaml.MappingNode, path: Path, seen: set[int]) -> None:
    for key, value in node.value:
        inner = (*path, str(key.value))
        line = key.start_mark.line + 1
        if document.lines.setdefault(inner, line) != line:
            document.lines[inner] = line
            document.fault(inner, "is given twice: the second would silently win; remove one")
        _note_lines(document, value, inner, seen)
