"""Debian packages the test bed needs on the host."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

from testbed.cache import Cache
from testbed.commands import found, run
from testbed.console import step
from testbed.errors import TestbedError

_one_at_a_time = threading.Lock()


def command(packages: Sequence[str]) -> str:
    """What a person would type to install the packages."""
    return f"sudo apt-get update && sudo apt-get install --no-install-recommends {' '.join(packages)}"


def usable() -> bool:
    """Whether we may install packages: there is apt, and we are root."""
    return found("apt-get") is not None and os.geteuid() == 0


def ensure(program: str, packages: Sequence[str], cache: Cache) -> None:
    """Install the packages unless the program is there. Raises TestbedError where we may not."""
    with _one_at_a_time:
        if found(program):
            return
        if not usable():
            raise TestbedError(f"{program} is needed and not installed. Run: {command(packages)}")
        with step(f"installing {' '.join(packages)}"):
            log = cache.log(f"apt-{program}")
            quiet = {"DEBIAN_FRONTEND": "noninteractive"}
            # an installation that was killed half way is finished first, or apt refuses
            run(["dpkg", "--configure", "--pending"], log, env=quiet)
            run(["apt-get", "update"], log, env=quiet)
            run(["apt-get", "install", "--yes", "--no-install-recommends", *packages], log, env=quiet)
