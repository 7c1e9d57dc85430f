"""The kind program: the user's own where it is new enough, else built from its Go module."""

from __future__ import annotations

from functools import cache as once
from pathlib import Path

from testbed import golang
from testbed.cache import Cache
from testbed.commands import found, output
from testbed.console import say

# the first release made for Kubernetes 1.34
OLDEST = (0, 30)


@once
def program(cache: Cache) -> str:
    """The kind to call."""
    own = found("kind")
    if own:
        version = golang.parse_version(output([str(own), "version"]))
        if version >= OLDEST:
            return str(own)
        say(f"kind: {own} is older than {'.'.join(map(str, OLDEST))} -> a newer one is built")
    return _link(cache, golang.build(cache, golang.KIND) / "kind")


def _link(cache: Cache, built: Path) -> str:
    """A stable name for it, for people to call."""
    link = cache.root / "bin" / "kind"
    if link.resolve() != built.resolve():
        link.unlink(missing_ok=True)
        link.symlink_to(built)
        golang.drop_build_cache(cache)
    return str(link)
