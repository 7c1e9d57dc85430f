"""Gets a Docker engine to answer: uses the one there is, else installs and starts one where it may."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from testbed import apt, capabilities
from testbed.cache import Cache
from testbed.commands import found, output, tail
from testbed.console import say, step
from testbed.errors import CommandError, TestbedError
from testbed.record import Record

PACKAGES = ["docker.io", "containerd", "runc", "iptables", "mmdebstrap"]
START_TIMEOUT = 60


class Way(Enum):
    """How an engine is to be had."""

    USE = "use"
    INSTALL = "install"
    START = "start"
    SYSTEMD = "systemd"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Host:
    """What decides the way. ``elsewhere``: DOCKER_HOST names an engine that is not this host's own."""

    answers: bool
    daemon: bool
    root: bool
    apt: bool
    systemd: bool
    elsewhere: bool = False


def choose(host: Host) -> Way:
    """The first way that is open: use, else start what is installed, else install. Nothing is touched without root."""
    if host.answers:
        return Way.USE
    if host.elsewhere or not host.root:
        return Way.REFUSE
    if host.daemon:
        return Way.SYSTEMD if host.systemd else Way.START
    return Way.INSTALL if host.apt else Way.REFUSE


def ensure(cache: Cache) -> None:
    """Return with an engine that answers; raises TestbedError naming the command to run where that cannot be."""
    reason = _why_silent()
    host = Host(
        answers=reason is None,
        daemon=found("dockerd") is not None,
        root=os.geteuid() == 0,
        apt=apt.usable(),
        systemd=Path("/run/systemd/system").is_dir(),
        elsewhere="DOCKER_HOST" in os.environ,
    )
    way = choose(host)
    if way is Way.USE:
        say(f"docker: engine {engine_version()} answers")
        return
    if way is Way.REFUSE:
        raise TestbedError(remedy(host, reason or ""))
    if way is Way.INSTALL:
        say("docker: no engine here -> installing Debian's")
        apt.ensure("dockerd", PACKAGES, cache)
        way = Way.SYSTEMD if host.systemd else Way.START
    if way is Way.SYSTEMD:
        say("docker: the engine is not running -> systemctl start docker")
        output(["systemctl", "start", "docker"])
    else:
        _start(cache)


def engine_version() -> str:
    """The version of the engine, by its own word: a client alone has none. Raises CommandError where none answers."""
    return output(["docker", "version", "--format", "{{.Server.Version}}"], timeout=20)


def answers() -> bool:
    """Whether there is an engine to talk to."""
    return _why_silent() is None


def _why_silent() -> str | None:
    """None when the engine answers (a client alone does not count), else what the client says."""
    if not found("docker"):
        return "no docker command"
    try:
        engine_version()
    except CommandError as error:
        return error.tail
    return None


def remedy(host: Host, reason: str) -> str:
    if host.elsewhere:
        return f"The Docker engine at DOCKER_HOST={os.environ['DOCKER_HOST']} does not answer: {reason}"
    if "permission denied" in reason.lower():
        return "You may not use the Docker engine. Run: sudo usermod -aG docker $USER, then log in again"
    if host.daemon:
        return "The Docker engine is not running. Run: sudo systemctl start docker"
    if found("apt-get"):
        return f"Docker is needed. Run: {apt.command(PACKAGES)}"
    return "Docker is needed: install it (https://docs.docker.com/engine/install/) and start it"


def _start(cache: Cache) -> None:
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
        deadline = time.monotonic() + START_TIMEOUT
        while _why_silent():
            if daemon.poll() is not None or time.monotonic() > deadline:
                said = tail(log.read_text(errors="replace"))
                raise CommandError(["dockerd", *flags], daemon.poll() or 124, said, log)
            time.sleep(0.3)


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


def stop(cache: Cache) -> bool:
    """Stop the engine if we started it and nobody else's container lives in it. True when it was stopped."""
    record = Record.load(cache)
    if record.daemon_pid is None or not _is_dockerd(record.daemon_pid):
        return False
    if output(["docker", "ps", "--quiet", "--all"]):
        say("docker: the engine this test bed started stays, other containers live in it")
        return False
    with step("stopping the dockerd this test bed started"), contextlib.suppress(ProcessLookupError):
        os.kill(record.daemon_pid, signal.SIGTERM)
        deadline = time.monotonic() + 30
        while _is_dockerd(record.daemon_pid) and time.monotonic() < deadline:
            time.sleep(0.2)
    record.daemon_pid = None
    record.save()
    return True


def _is_dockerd(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "dockerd"
    except OSError:
        return False
