"""Runs one command and writes its wall time, exit code and peak memory as JSON: python measured.py OUT LOG COMMAND...

A small process of its own, for two reasons. Only what it started counts as its children. And Linux lets a new process
begin with the peak memory of the one it was forked from: a driver that holds 20,000 objects would show up in kubectl's.

Peak memory is wait4's ru_maxrss: the resident set, at its highest, of the largest process among the command and all the
processes that it started and waited for. It is not the sum of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    out, log, *command = sys.argv[1:]
    with Path(log).open("wb") as sink:
        begun = time.perf_counter()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begun
    kib = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    result = {"seconds": seconds, "code": os.waitstatus_to_exitcode(status), "peak_mib": kib / 1024}
    Path(out).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
