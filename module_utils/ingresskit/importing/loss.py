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
    refused: bool = False  # it is in the inventory, at ``what``, but the checks of a run refuse it

    def __str__(self) -> str:
        place = "" if self.at == self.object else f"{self.at}: "  # in a cluster its name is where it is
        return f"{place}{self.object}, {self.what}: {self.why}"
