"""The dockerd of a host without systemd: started so that it outlives us, found again, stopped by ``clean``."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from testbed import capabilities
from testbed.cache import Cache
from testbed.commands import output, succeeds, tail, wait_until
from testbed.console import say, step
from testbed.errors import CommandError
from testbed.record import Record

START_TIMEOUT = 60
STOP_TIMEOUT = 30
PROBE = ["docker", "version", "--format", "{{.Server.Version}}"]


def start(cache: Cache) -> None:
    """Start dockerd on a host without systemd, so that it outlives us. Settings go by flags, not into a user's file."""
    flags = []
    lacking = capabilities.missing_here()
    if lacking:
        numbers = ", ".join(map(str, sorted(lacking)))
        say(f"docker: this host lacks capability {numbers} -> runc is asked only for what there is")
        flags = [f"--add-runtime=bounded={_install_wrapper(cache)}", "--default-runtime=bounded"]
    _forget_crashed_engine()
    log = cache.log("dockerd")
    with step("starting dockerd"), log.open("ab") as sink:
        daemon = subprocess.Popen(
            ["dockerd", *flags],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
        )
        record = Record.load(cache)
        record.daemon_pid = daemon.pid
        record.save()
        wait_until(lambda: succeeds(PROBE) or daemon.poll() is not None, START_TIMEOUT)
        if not succeeds(PROBE):
            said = tail(log.read_text(errors="replace"))
            raise CommandError(["dockerd", *flags], daemon.poll() or 124, said, log)


def _forget_crashed_engine() -> None:
    """Take away the pid file of an engine that was killed: dockerd refuses to start when its number is in use again."""
    pid_file = Path("/var/run/docker.pid")
    if pid_file.exists() and not _is_dockerd(int(pid_file.read_text().strip() or 0)):
        pid_file.unlink()


def _install_wrapper(cache: Cache) -> Path:
    """Put the runc wrapper where the engine finds it after the checkout and its virtual environment are gone."""
    wrapper = cache.root / "bin" / "runc-bounded"
    source = Path(__file__).parent / "host" / "runc-bounded"
    interpreter = Path(sys.base_prefix) / "bin" / "python3"
    # -I -S: no site packages; it runs for every process started in a container
    wrapper.write_text(f"#!{interpreter} -IS\n{source.read_text()}")
    wrapper.chmod(0o755)
    return wrapper


def is_running(cache: Cache) -> bool:
    """Whether the engine that the test bed started is at work."""
    pid = Record.load(cache).daemon_pid
    return pid is not None and _is_dockerd(pid)


def stop(cache: Cache) -> None:
    """Stop the engine if we started it and nobody else's container lives in it."""
    pid = Record.load(cache).daemon_pid
    if pid is None or not is_running(cache):
        return
    if output(["docker", "ps", "--quiet", "--all"]):
        say("docker: the engine this test bed started stays, other containers live in it")
        return
    with step("stopping the dockerd this test bed started"), contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_running(cache), STOP_TIMEOUT)


def _is_dockerd(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name.startswith("dockerd")
    except OSError:  # no such process, or a dead one not yet collected
        return False
