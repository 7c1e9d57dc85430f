"""How to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Check mode writes nothing, a diff reads before and after, file names start at ``base_dir``."""

    base_dir: Path = Path()
    check: bool = False
    diff: bool = False
    say: Callable[[str], None] | None = None  # hears how far the run is, and what is waited for
