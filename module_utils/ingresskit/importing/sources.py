"""The files to import: as they are named, or all manifests of a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import InventoryError, Problem

SUFFIXES = (".yaml", ".yml", ".json")


def read_sources(names: Iterable[str], base_dir: Path) -> list[tuple[str, str]]:
    """(name, text) of every file; of a folder all YAML and JSON files below it, in the order of their names.

    Raises InventoryError naming each file that is missing or is no text.
    """
    found: dict[str, str] = {}
    problems = []
    for name in names:
        for label, path in _files(name, base_dir / Path(name).expanduser()):
            try:
                found.setdefault(label, path.read_bytes().decode("utf-8-sig"))
            except OSError as error:
                problems.append(Problem(label, f"cannot be read: {error.strerror}"))
            except UnicodeDecodeError:
                problems.append(Problem(label, "is not UTF-8 text"))
    if problems:
        raise InventoryError(problems)
    return list(found.items())


def _files(name: str, path: Path) -> Iterator[tuple[str, Path]]:
    if not path.is_dir():
        yield name, path
        return
    for each in sorted(path.rglob("*")):
        inside = each.relative_to(path)
        hidden = any(part.startswith(".") for part in inside.parts)
        if each.suffix in SUFFIXES and each.is_file() and not hidden:
            yield str(Path(name) / inside), each
