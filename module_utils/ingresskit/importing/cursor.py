"""A place in a document: reads what should stand there and notes, with the line, where something else does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..model.problems import nearest
from .documents import Document, Path


@dataclass(frozen=True)
class Cursor:
    """A value and the way to it. Every reader gives None (or nothing) where it has noted a fault."""

    document: Document
    value: Any
    path: Path = ()

    @property
    def at(self) -> str:
        return self.document.at(self.path)

    def __bool__(self) -> bool:
        """Whether something is there: Kubernetes takes null for absent."""
        return self.value is not None

    def __getitem__(self, key: str) -> Cursor:
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return Cursor(self.document, value, (*self.path, key))

    def fault(self, message: str) -> None:
        self.document.fault(self.path, message)

    def mapping(self, known: Iterable[str] = ()) -> bool:
        """Whether a mapping stands here; of its keys those that are not ``known`` are faults, where any are given."""
        if not isinstance(self.value, dict):
            self.fault(f"must be a mapping, not {_kind(self.value)}")
            return False
        keys = list(known)
        for key in self.value:
            if keys and key not in keys:
                guess = nearest(str(key), keys)
                hint = f"did you mean {guess!r}?" if guess else f"valid here: {', '.join(keys)}"
                Cursor(self.document, None, (*self.path, str(key))).fault(f"unknown key; {hint}")
        return True

    def items(self) -> list[Cursor]:
        """The entries of a list; nothing there is an empty list."""
        if self.value is None:
            return []
        if isinstance(self.value, list):
            return [Cursor(self.document, each, (*self.path, index)) for index, each in enumerate(self.value)]
        hint = ""
        if isinstance(self.value, dict) and self.value:
            first = next(iter(self.value))
            hint = f": begin each entry with '- ', here '- {first}:'"
        self.fault(f"must be a list, not {_kind(self.value)}{hint}")
        return []

    def text(self, check: Callable[[str], Any] | None = None) -> str | None:
        """A string, which ``check`` may refuse by a ValueError."""
        if not isinstance(self.value, str):
            wrong = f"must be a string, not {_kind(self.value)}: put it in quotes"
            self.fault("is missing" if self.value is None else wrong)
            return None
        try:
            if check is not None:
                check(self.value)
        except ValueError as error:
            self.fault(str(error))
            return None
        return self.value

    def texts(self) -> dict[str, str]:
        """A mapping of strings to strings, as labels and annotations are."""
        if not self or not self.mapping():
            return {}
        found = {key: self[key].text() for key in self.value}
        return {key: value for key, value in found.items() if value is not None}


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "a string" if isinstance(value, str) else f"the number {value}"
