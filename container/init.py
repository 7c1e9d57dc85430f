#!/usr/bin/env python3
"""Process 1 of the container: runs a command, hands SIGTERM and SIGINT on to it, and outlives all it has started.

A Pod that is deleted gets SIGTERM, which the kernel keeps from a process 1 with no handler for it. Ansible dies of it
and leaves its worker to end by itself: that one puts on record how far it came and gives the lock back. As a container
ends with its process 1, this one waits until no other is left.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType


def main(command: list[str]) -> int:
    """Exit code of the command; of one that a signal ended, 128 and the signal's number, as a shell has it."""
    stopped: list[int] = []

    def hand_on(number: int, _frame: FrameType | None) -> None:
        stopped.append(number)
        with suppress(ProcessLookupError):  # it has ended, and what it started has not yet
            os.kill(child, number)

    os.environ["PWD"] = str(Path.cwd())  # which no shell has set: reports go below it
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # until there is a child to hand them on to
    child = os.posix_spawnp(command[0], command, os.environ, setsigmask=[], setsigdef=signals)
    for number in signals:
        signal.signal(number, hand_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    code = 0
    while True:
        try:
            ended, status = os.wait()
        except ChildProcessError:
            return code
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            code = code if code >= 0 else 128 - code
            if not stopped:
                return code


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("ingresskit-init: give a command")
    try:
        sys.exit(main(sys.argv[1:]))
    except FileNotFoundError:
        sys.exit(f"ingresskit-init: there is no program {sys.argv[1]}")
