"""Many calls at once: order, errors, and that nothing is begun or held up once the caller stops."""

import subprocess
import sys
import textwrap
import threading
import time

import pytest

from module_utils.ingresskit.api.calling_off import called_off
from module_utils.ingresskit.api.failures import Forbidden, Unreachable
from module_utils.ingresskit.engine import parallel
from module_utils.ingresskit.engine.parallel import each, stream, together
from module_utils.ingresskit.errors import ClusterError


def test_results_come_in_the_order_of_the_items():
    def slower_first(number):
        time.sleep(0.02 if number == 0 else 0)
        return number

    assert list(stream(slower_first, range(20), 4)) == list(range(20))
    assert list(stream(slower_first, [], 4)) == []
    assert together([lambda: 1, lambda: 2], 2) == [1, 2]


def test_so_many_at_once_and_no_more():
    barrier = threading.Barrier(3)
    each(lambda _: barrier.wait(2), range(3), 8)  # fewer threads would break the barrier
    running = []

    def count(_):
        running.append(1)
        found = len(running)
        time.sleep(0.01)
        running.pop()
        return found

    assert max(each(count, range(12), 2)) <= 2


def test_all_errors_are_one_and_an_unreachable_cluster_is_told_alone():
    def fail(error):
        raise error

    with pytest.raises(ClusterError, match=r"^a\nb$"):
        each(fail, [Forbidden("a"), Forbidden("b"), Forbidden("a")], 2)
    with pytest.raises(Unreachable, match=r"^gone$"):
        each(fail, [Forbidden("a"), Unreachable("gone"), Unreachable("gone too")], 2)


def test_what_waits_for_another_try_is_called_off_where_the_caller_stops(monkeypatch):
    monkeypatch.setattr(parallel, "_IN_FLIGHT", 5.0)
    begun, woken = [], []

    def call(number):
        begun.append(number)
        if number == 0:
            raise KeyboardInterrupt  # as the caller's Ctrl-C
        woken.append(called_off.get().wait(60))

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(stream(call, range(100), 4))
    assert time.monotonic() - started < 3
    assert all(woken)
    assert len(begun) <= 100 - 50, "what had not begun is not begun"


def test_a_call_that_hangs_does_not_hold_the_process():
    """Ctrl-C while a worker is blocked for good: the process ends by itself."""
    script = """
        import os, signal, threading, time
        from module_utils.ingresskit.engine import parallel
        parallel._IN_FLIGHT = 0.2
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in a shell's background is told to ignore it
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        parallel.each(lambda _: time.sleep(600), range(3), 3)
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, timeout=20, check=False)
    assert ran.returncode != 0
    assert b"KeyboardInterrupt" in ran.stderr
