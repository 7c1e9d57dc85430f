"""A report's files in the user's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import IngresskitError


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Writes each text under its name; the folder is made where it is missing. Raises IngresskitError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as exc:
        raise IngresskitError(f"report_dir: {exc.filename or folder} cannot be written: {exc.strerror}") from exc
