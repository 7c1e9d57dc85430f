"""Finds and reads the files that ``ingress_app_files`` names."""

from __future__ import annotations

from collections.abc import Iterator
from glob import escape, glob
from pathlib import Path
from typing import Any

from .errors import InventoryError, Problem
from .model.app_files import AppFile, read_app_file

SUFFIXES = (".yml", ".yaml", ".json")


def read_app_files(entries: Any, base_dir: Path) -> list[AppFile]:
    """Every file once, in the order of the entries (files, folders, globs), of one entry in the order of the names.

    Relative names start at ``base_dir``. What is no list of texts is left for the validation to name.
    Raises InventoryError naming every fault of every file.
    """
    files: dict[str, AppFile] = {}
    problems: list[Problem] = []
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        return []
    for index, entry in enumerate(entries):
        at, names = f"ingress_app_files[{index}]", list(_names(entry, base_dir))
        if not names:
            problems.append(Problem(at, _nothing(entry, base_dir)))
        for name in names:
            if name in files:
                continue
            try:
                files[name] = read_app_file((base_dir / name).read_bytes(), name)
            except OSError as error:
                problems.append(Problem(at, f"{name} cannot be read: {error.strerror}"))
            except InventoryError as error:
                problems += error.problems
    if problems:
        raise InventoryError(problems)
    return list(files.values())


def _names(entry: str, base_dir: Path) -> Iterator[str]:
    """The files of an entry: a folder stands for all YAML and JSON files below it, hidden ones excepted."""
    for name in _matches(_absolute(entry), base_dir):
        if (base_dir / name).is_dir():
            below = [each for suffix in SUFFIXES for each in _matches(f"{escape(name)}/**/*{suffix}", base_dir)]
            yield from sorted(below)
        else:
            yield name


def _matches(pattern: str, base_dir: Path) -> list[str]:
    # pathlib's own glob finds hidden files, too, and takes no absolute pattern
    return sorted(str(Path(each)) for each in glob(pattern, root_dir=base_dir, recursive=True))  # noqa: PTH207


def _absolute(entry: str) -> str:
    """``~`` as the user's home, where there is such a user."""
    try:
        return str(Path(entry).expanduser())
    except RuntimeError:
        return entry


def _nothing(entry: str, base_dir: Path) -> str:
    if (base_dir / _absolute(entry)).is_dir():
        return f"there is no YAML or JSON file in {entry}"
    relative = "" if entry.startswith(("/", "~")) else " (relative names are meant from the inventory's folder)"
    return f"there is no file {base_dir / _absolute(entry)}{relative}"
