"""What the user sees: one line per finding, and what is being done for how long."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from testbed import commands

_lock = threading.Lock()
_running: dict[str, float] = {}
_live = sys.stdout.isatty()


def say(text: str) -> None:
    """Print a line of its own, above the live line."""
    with _lock:
        _erase()
        print(text, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show that ``title`` is under way, and how long it took.

    On a terminal a live line counts the seconds of all steps under way; elsewhere a line marks the start and the end.
    """
    begun = time.monotonic()
    if not _live:
        say(f"  ...  {title}")
    with _lock:
        _running[title] = begun
    _start_ticking()
    verdict = " ok "
    try:
        yield
    except BaseException:
        verdict = "stop" if commands.stopped() else "FAIL"
        raise
    finally:
        with _lock:
            _running.pop(title, None)
        say(f"  {verdict} {title} ({duration(time.monotonic() - begun)})")


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``0.4 s``, ``42 s``, ``6 min 05 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _start_ticking() -> None:
    if _live and not any(thread.name == "live-line" for thread in threading.enumerate()):
        threading.Thread(target=_tick, name="live-line", daemon=True).start()


def _tick() -> None:
    while True:
        with _lock:
            if not _running:
                return
            now = time.monotonic()
            text = " · ".join(f"{title} {duration(now - begun)}" for title, begun in _running.items())
            _erase()
            print(f"  ...  {text}"[: shutil.get_terminal_size().columns - 1], end="", flush=True)
        time.sleep(0.5)


def _erase() -> None:
    if _live:
        print("\r\x1b[K", end="")
