"""What of a manifest has no equivalent in an inventory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Loss:
    """``what`` of ``object`` (at ``file:line``) was not imported, and why."""

    object: str
    at: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.at}: {self.object}, {self.what}: {self.why}" if self.at else f"{self.object}: {self.why}"
