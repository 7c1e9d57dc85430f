"""Running other programs, so that a failure is told in full and an interrupt leaves none of them behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import IO, Any

from testbed.errors import CommandError, TestbedError

TAIL_LINES = 20
_children: set[subprocess.Popen[bytes]] = set()
_stopped = threading.Event()


def output(command: Sequence[str], timeout: float = 60) -> str:
    """Standard output of a short command, stripped. Raises CommandError with its standard error."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False)
    except FileNotFoundError:
        raise TestbedError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise CommandError(command, 124, f"no answer within {timeout:.0f} s") from None
    if done.returncode:
        raise CommandError(command, done.returncode, tail(done.stderr.decode(errors="replace")))
    return done.stdout.decode(errors="replace").strip()


def run(
    command: Sequence[str],
    log: Path,
    feed: Callable[[IO[bytes]], None] | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a long command with its output in ``log``; ``feed`` writes its standard input, ``env`` adds to ours.

    Raises CommandError with the end of the log.
    """
    with log.open("ab") as sink, _child(command, sink, feed is not None, cwd, env) as child:
        if feed is not None and child.stdin is not None:
            # a command that stops reading says why by itself
            with contextlib.suppress(BrokenPipeError), child.stdin as pipe:
                feed(pipe)
        code = child.wait()
    if code:
        raise CommandError(command, code, tail(log.read_text(errors="replace")), log)


@contextlib.contextmanager
def _child(
    command: Sequence[str], sink: IO[bytes], fed: bool, cwd: Path | None, env: Mapping[str, str] | None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a process group of its own: Ctrl-C reaches only us, and stop_all() ends it with all it started."""
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
        stdout=sink,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        process_group=0,
    )
    _children.add(child)
    try:
        yield child
    except BaseException:
        stop_all()
        raise
    finally:
        child.wait()
        _children.discard(child)


def stop_all() -> None:
    """End every command under way, and kill what has not ended ten seconds later."""
    _stopped.set()
    for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        for child in [child for child in _children if child.poll() is None]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)
        for child in list(_children):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(patience)


def stopped() -> bool:
    """Whether commands were made to end before their time: then what failed is no news."""
    return _stopped.is_set()


def wait_until(ready: Callable[[], bool], timeout: float, pause: float = 0.3) -> bool:
    """Ask again and again. False when the time is up, or when the commands have been stopped meanwhile."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline or _stopped.wait(pause):
            return False
    return True


def succeeds(command: Sequence[str]) -> bool:
    """Whether a short command ends well."""
    try:
        output(command)
    except CommandError:
        return False
    return True


def parallel(*tasks: Callable[[], Any]) -> list[Any]:
    """Results of tasks run at the same time. The first failure stops the commands of the others and is raised."""
    with ThreadPoolExecutor(len(tasks)) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            done, pending = wait(futures, return_when=FIRST_EXCEPTION)
        except BaseException:
            stop_all()
            raise
        failed = next((future for future in futures if future in done and future.exception()), None)
        if failed and pending:
            stop_all()
    if failed:
        failed.result()
    return [future.result() for future in futures]


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """The last lines of a text, blank ones left out."""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def found(program: str) -> Path | None:
    """Where a program is on the PATH, or None."""
    path = shutil.which(program)
    return Path(path) if path else None
