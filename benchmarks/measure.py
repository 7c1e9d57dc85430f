"""One engine measured: made ready, cold, no-op, cleared away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import own_time
from benchmarks.engines import Command, Engine
from benchmarks.results import PHASES, Phase, Row, extrapolated
from benchmarks.server import Server
from testbed.commands import tail
from testbed.errors import CommandError

PROGRAM = Path(__file__).parent / "measured.py"


@dataclass(frozen=True)
class Taken:
    """What a command took; ``own``: the part of it that the program says was its work, see own_time.py."""

    seconds: float
    peak_mib: float
    own: float | None


SETTLED = 8.0  # seconds after which the cluster is done with the objects that the engine before left it to delete


@dataclass(frozen=True)
class Bench:
    """Where things are measured: the cluster, a folder for files, and the seconds after which a command is given up."""

    server: Server
    folder: Path
    timeout: float

    def measure(self, engine: Engine, objects: int) -> list[Row]:
        """Rows of one cold and one no-op run. Raises CommandError where a command fails or takes too long; what was
        brought is cleared away all the same."""
        try:
            if engine.before:
                self.run(engine.before)
            if engine.sample is not None:
                self.server.make_namespace()
            time.sleep(SETTLED)
            empty = self.run(engine.empty).seconds if engine.empty else 0.0
            return [self._row(engine, phase, objects, empty) for phase in PHASES]
        finally:
            with suppress(CommandError):  # what it leaves is swept away by name
                if engine.after:
                    self.run(engine.after)
            self.server.clear()

    def _row(self, engine: Engine, phase: Phase, objects: int, empty: float) -> Row:
        before = self.server.count()
        taken = self.run(engine.cold if phase == "cold" else engine.noop)
        count = self.server.count() - before
        sent = objects if engine.sample is None else engine.sample
        row = Row(engine.name, sent, phase, taken.seconds, count.calls, count.writes, taken.peak_mib)
        if taken.own is not None:
            row = replace(row, seconds=taken.own, process=taken.seconds)
        return row if engine.sample is None else extrapolated(row, empty, objects)

    def run(self, command: Command) -> Taken:
        """Runs a command through measured.py. Raises CommandError with the end of what it said."""
        out, log, own = (self.folder / f"measured.{suffix}" for suffix in ("json", "log", "seconds"))
        for path in (out, own):
            path.unlink(missing_ok=True)
        wrapped = [sys.executable, "-I", "-S", str(PROGRAM), str(out), str(log), *command.line]
        env = {**os.environ, own_time.FILE: str(own), **command.env}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # else everything in Python is compiled anew for every run
        with subprocess.Popen(wrapped, env=env, cwd=self.folder, stdin=subprocess.DEVNULL, process_group=0) as child:
            try:
                child.wait(self.timeout)
            except subprocess.TimeoutExpired:
                _end(child)
                raise CommandError(command.line, 124, f"not done within {self.timeout:.0f} s") from None
            except BaseException:
                _end(child)
                raise
        if child.returncode or not out.exists():
            raise CommandError(command.line, child.returncode, "it was ended from outside")
        result = json.loads(out.read_text())
        if result["code"]:
            raise CommandError(command.line, result["code"], tail(log.read_text(errors="replace")))
        return Taken(result["seconds"], result["peak_mib"], float(own.read_text()) if own.exists() else None)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ends a command and what it started: asks first, so that it can stop cleanly."""
    for number, patience in ((signal.SIGINT, 10), (signal.SIGKILL, 5)):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(patience)
            return
