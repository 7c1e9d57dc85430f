"""What can go wrong, in words for the user. Caught once, in the command line."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path


class TestbedError(Exception):
    """An expected failure: its text alone says what is wrong and what to do."""

    __test__ = False  # pytest: not a test class


class CommandError(TestbedError):
    """A command failed. ``tail`` is the end of what it said, ``log`` the file that holds all of it."""

    def __init__(self, command: Sequence[str], code: int, tail: str, log: Path | None = None) -> None:
        self.code = code
        self.tail = tail
        lines = [f"`{shlex.join(command)}` failed (exit code {code})"]
        lines += [f"  | {line}" for line in tail.splitlines()]
        lines += [f"  whole log: {log}"] if log else []
        super().__init__("\n".join(lines))
