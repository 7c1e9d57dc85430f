"""Whether this host may hold every capability its kernel knows (a container or a sandbox often may not)."""

from __future__ import annotations

import re
from pathlib import Path


def missing(status: str, last: int) -> set[int]:
    """The capabilities outside the bounding set, by number.

    ``status`` is the text of /proc/self/status (its CapBnd is a hexadecimal mask), ``last`` the number of the last
    capability the kernel knows, from /proc/sys/kernel/cap_last_cap. See capabilities(7).
    """
    match = re.search(r"^CapBnd:\s*([0-9a-f]+)$", status, re.MULTILINE)
    mask = int(match.group(1), 16) if match else 0
    return {number for number in range(last + 1) if not mask >> number & 1}


def missing_here() -> set[int]:
    """The capabilities this process cannot grant; none where the host does not say."""
    status, last = Path("/proc/self/status"), Path("/proc/sys/kernel/cap_last_cap")
    return missing(status.read_text(), int(last.read_text())) if last.exists() else set()
