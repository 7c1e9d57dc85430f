"""Many calls at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

from ..api.calling_off import called_off
from ..api.failures import Unauthorized, Unreachable
from ..errors import ClusterError

A = TypeVar("A")
B = TypeVar("B")
_IN_FLIGHT = 2.0  # seconds that calls under way get to end once the caller stops


def stream(function: Callable[[A], B], items: Iterable[A], workers: int) -> Iterator[B]:
    """``function`` of every item, in the items' order, as they come. What has not begun when the caller stops (an
    error, Ctrl-C) is not begun, what waits to be tried again is not tried again.

    Not a ThreadPoolExecutor: the interpreter joins its threads before it ends, so that one call that hangs or waits for
    its next try would hold up Ctrl-C for as long."""
    todo = list(items)
    cells: list[Future[B]] = [Future() for __ in todo]
    queue: SimpleQueue[tuple[Future[B], A]] = SimpleQueue()
    for pair in zip(cells, todo, strict=True):
        queue.put(pair)
    stop = threading.Event()

    def work() -> None:
        called_off.set(stop)
        with suppress(Empty):
            while not stop.is_set():
                _fill(*queue.get_nowait(), function)

    threads = [threading.Thread(target=work, daemon=True) for __ in range(min(workers, len(todo)))]
    try:
        for thread in threads:
            thread.start()
        for cell in cells:
            yield cell.result()
    finally:
        stop.set()
        _join(threads, _IN_FLIGHT)


def each(function: Callable[[A], B], items: Iterable[A], workers: int) -> list[B]:
    """``function`` of every item, in the items' order. All are tried; the ClusterErrors of those that fail are raised
    as one, a line each, so that a user sees every missing right at once."""
    results: list[B] = []
    errors: list[ClusterError] = []
    for result, error in stream(_caught(function), items, workers):
        results += result
        errors += error
    if errors:
        raise joined(errors)
    return results


def together(jobs: Iterable[Callable[[], B]], workers: int) -> list[B]:
    """Every job's result, in the jobs' order; raises as ``each``."""
    return each(lambda job: job(), jobs, workers)


def joined(errors: list[ClusterError]) -> ClusterError:
    """One error that says it all; a cluster that is out of reach says it once."""
    for error in errors:
        if len(errors) == 1 or isinstance(error, Unreachable | Unauthorized):
            return error
    return ClusterError("\n".join(dict.fromkeys(map(str, errors))))


def _fill(cell: Future[B], item: A, function: Callable[[A], B]) -> None:
    try:
        cell.set_result(function(item))
    except BaseException as error:  # told by the thread that waits for the cell
        cell.set_exception(error)


def _join(threads: Sequence[threading.Thread], seconds: float) -> None:
    end = time.monotonic() + seconds
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(0.0, end - time.monotonic()))


def _caught(function: Callable[[A], B]) -> Callable[[A], tuple[list[B], list[ClusterError]]]:
    def call(item: A) -> tuple[list[B], list[ClusterError]]:
        try:
            return [function(item)], []
        except ClusterError as error:
            return [], [error]

    return call
