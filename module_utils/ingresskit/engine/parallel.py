"""Many calls at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..api.failures import Unauthorized, Unreachable
from ..errors import ClusterError

A = TypeVar("A")
B = TypeVar("B")


def each(function: Callable[[A], B], items: Iterable[A], workers: int) -> list[B]:
    """``function`` of every item, in the items' order. All are tried; the ClusterErrors of those that fail are raised
    as one, a line each, so that a user sees every missing right at once."""
    todo = list(items)
    if not todo:
        return []
    results: list[B] = []
    errors: list[ClusterError] = []
    with ThreadPoolExecutor(min(workers, len(todo))) as pool:
        for future in [pool.submit(function, item) for item in todo]:
            try:
                results.append(future.result())
            except ClusterError as error:
                errors.append(error)
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
