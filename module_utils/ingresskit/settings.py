"""How to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .engine.status import Status


@dataclass(frozen=True)
class Settings:
    """Check mode writes nothing, a diff reads before and after, file names start at ``base_dir``."""

    base_dir: Path = Path()
    check: bool = False
    diff: bool = False
    progress: Callable[[list[Status]], None] | None = None
    say: Callable[[str], None] | None = None  # hears what is waited for
