"""Short waits for one object in the middle of a run: polls with a growing pause."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..api.resources import Object, Ref
from ..errors import ClusterError
from .status import compute

if TYPE_CHECKING:
    from ..api.client import Api


Tell = Callable[[str], None]  # hears what is waited for, again and again


def gone(api: Api, live: Object, timeout: float, tell: Tell | None = None) -> None:
    """Returns once the object is deleted (or another one has its name). Raises ClusterError where it is not in time,
    naming the finalizers it waits for."""
    ref, last = Ref.of(live), live
    for __ in _tries(timeout):
        if tell:
            tell(f"waiting for {ref} to be gone")
        now = api.get(ref, metadata_only=True)
        if now is None or now["metadata"]["uid"] != live["metadata"]["uid"]:
            return
        last = now
    held = ", ".join(last["metadata"].get("finalizers") or ()) or "its contents"
    raise ClusterError(f"{ref}: still being deleted after {timeout:.0f} s, held by {held}: see to that and run again")


def established(api: Api, ref: Ref, timeout: float) -> str:
    """Returns "" once the CustomResourceDefinition is served, else why it is not."""
    reason = "not established yet"
    for __ in _tries(timeout):
        live = api.get(ref)
        status = compute(live) if live else None
        if status and status.state == "ready":
            return ""
        if status:
            reason = status.reason
        if status and status.state == "failed":
            break
    return f"{ref}: {reason}"


def until(condition: Callable[[], bool], timeout: float) -> bool:
    """Whether the condition came true in time."""
    return any(condition() for __ in _tries(timeout))


def _tries(timeout: float) -> Iterator[None]:
    end, pause = time.monotonic() + timeout, 0.05
    while True:
        yield
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(pause, left))
        pause = min(1.0, pause * 1.5)
