"""Many calls at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..api.failures import Unauthorized, Unreachable
from ..errors import ClusterError

A = TypeVar("A")
B = TypeVar("B")


def stream(function: Callable[[A], B], items: Iterable[A], workers: int) -> Iterator[B]:
    """``function`` of every item, in the items' order, as they come. What has not begun when the caller stops (an
    error, Ctrl-C) is not begun."""
    todo = list(items)
    if not todo:
        return
    with ThreadPoolExecutor(min(workers, len(todo))) as pool:
        futures = [pool.submit(function, item) for item in todo]
        try:
            for future in futures:
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


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


def _caught(function: Callable[[A], B]) -> Callable[[A], tuple[list[B], list[ClusterError]]]:
    def call(item: A) -> tuple[list[B], list[ClusterError]]:
        try:
            return [function(item)], []
        except ClusterError as error:
            return [], [error]

    return call
