"""The files to import: as they are named, all manifests of a folder, or what a glob matches."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import InventoryError, Problem

SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "-"


def read_sources(names: Iterable[str], base_dir: Path) -> list[tuple[str, str]]:
    """(name, text) of every file; of a folder all YAML and JSON files below it, in the order of their names. What is no
    file is a glob, in which ``**`` stands for any folders below.

    Raises InventoryError naming each file that is missing or is no text.
    """
    found: dict[str, str] = {}
    problems = []
    for name in names:
        files = list(_files(name, base_dir))
        if not files:
            problems.append(Problem(name, f"holds no {', '.join(SUFFIXES)} file, and matches none"))
        for label, path in files:
            try:
                found.setdefault(label, path.read_bytes().decode("utf-8-sig"))
            except OSError as error:
                problems.append(Problem(label, f"cannot be read: {error.strerror}"))
            except UnicodeDecodeError as error:
                line = error.object.count(b"\n", 0, error.start) + 1
                problems.append(Problem(f"{label}:{line}", "is not UTF-8 text"))
    if problems:
        raise InventoryError(problems)
    return list(found.items())


def _files(name: str, base_dir: Path) -> Iterator[tuple[str, Path]]:
    """(what to call it, where it is) of every file that a name means."""
    path = base_dir / Path(name).expanduser()
    if path.is_dir():
        yield from _below(name, path)
    elif path.exists() or not glob.has_magic(name):
        yield name, path
    else:
        pattern = str(Path(name).expanduser())
        # pathlib's takes no absolute pattern
        for match in sorted(glob.glob(pattern, root_dir=base_dir, recursive=True)):  # noqa: PTH207
            if not (base_dir / match).is_dir():
                yield match, base_dir / match


def _below(name: str, folder: Path) -> Iterator[tuple[str, Path]]:
    for each in sorted(folder.rglob("*")):
        inside = each.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if each.suffix in SUFFIXES and each.is_file() and not hidden:
            yield str(Path(name) / inside), each
