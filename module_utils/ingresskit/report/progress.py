"""What a run says of itself while it is under way: which words, and when to say them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

FIRST, EVERY, AGAIN = 2.0, 3.0, 15.0  # seconds: until a first line, between two lines, until one is said again
_SHOWN, _LONGEST = 3, 100  # objects a line names, characters it gives to each


class Pace:
    """Says of a step how far it is: nothing where it is over at once or nothing is new, and never too often.

    ``say`` None: nothing is said at all."""

    def __init__(self, say: Callable[[str], None] | None, now: Callable[[], float] = time.monotonic) -> None:
        self._say, self._now = say, now
        self._begun = now()
        self._due = self._begun + FIRST
        self._last, self._last_at = "", self._begun

    def tell(self, text: str) -> None:
        """Says ``text`` with the seconds since the step began, if it is time for it; empty says nothing."""
        now = self._now()
        known = text == self._last and now < self._last_at + AGAIN
        if self._say and text and now >= self._due and not known:
            self._say(f"{text} ({now - self._begun:.0f} s)")
            self._last, self._last_at, self._due = text, now, now + EVERY


def waiting(missing: Sequence[str], total: int) -> str:
    """What of ``total`` objects is not ready: "Deployment cafe/tea: 1 of 3 ready" each."""
    return f"waiting for {len(missing)} of {total}: {_listed(missing)}" if missing else ""


def held_up(error: str) -> str:
    """By what a call to the API server is held up that is tried again."""
    return f"trying again: {_short(error, 2 * _LONGEST)}"


def applied(done: int, total: int) -> str:
    """How many objects were sent."""
    return f"applied {done} of {total} objects" if done < total else ""


def proving(failing: Sequence[str], total: int) -> str:
    """Which of ``total`` routes do not answer as promised yet: "https://…: reason" each."""
    return f"{total - len(failing)} of {total} routes proven, asking again: {_listed(failing)}" if failing else ""


def _listed(items: Sequence[str]) -> str:
    more = [f"and {len(items) - _SHOWN} more"] if len(items) > _SHOWN else []
    return "; ".join([*map(_short, items[:_SHOWN]), *more])


def _short(text: str, longest: int = _LONGEST) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
