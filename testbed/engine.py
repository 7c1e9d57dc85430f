"""Gets a Docker engine to answer: uses the one there is, else installs and starts one where it may."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from testbed import apt, daemon
from testbed.cache import Cache
from testbed.commands import found, output
from testbed.console import say
from testbed.errors import CommandError, TestbedError

PACKAGES = ["docker.io", "containerd", "runc", "iptables", "mmdebstrap"]


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


def require() -> None:
    """Raises TestbedError, naming the command to run, unless an engine answers."""
    reason = _why_silent()
    if reason is not None:
        raise TestbedError(remedy(_look(reason), reason))


def _look(reason: str | None) -> Host:
    return Host(
        answers=reason is None,
        daemon=found("dockerd") is not None,
        root=os.geteuid() == 0,
        apt=apt.usable(),
        systemd=Path("/run/systemd/system").is_dir(),
        elsewhere="DOCKER_HOST" in os.environ,
    )


def ensure(cache: Cache) -> None:
    """Return with an engine that answers; raises TestbedError naming the command to run where that cannot be."""
    reason = _why_silent()
    host = _look(reason)
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
        daemon.start(cache)


def engine_version() -> str:
    """The version of the engine, by its own word: a client alone has none. Raises CommandError where none answers."""
    return output(daemon.PROBE, timeout=20)


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
        start = "sudo systemctl start docker" if host.systemd else "sudo dockerd &"
        return f"The Docker engine is not running. Run: {start}"
    if found("apt-get"):
        return f"Docker is needed. Run: {apt.command(PACKAGES)}"
    return "Docker is needed: install it (https://docs.docker.com/engine/install/) and start it"
