"""What is expensive to make is made once, and kept outside the checkout under a key of all it was made from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.console import say

# two threads may want the same artefact: the second waits for the first
_making: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
IGNORED = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


def key(*inputs: str | Path) -> str:
    """Twelve hex digits that change whenever one of the inputs does.

    A string counts with its text; a file with its name, content and whether it can be executed; a folder with all
    files below it. Where the checkout lies and when a file was written does not count.
    """
    digest = hashlib.sha256()
    for entry in inputs:
        if isinstance(entry, str):
            _add(digest, "text", entry.encode())
        else:
            for name, path in files_below(entry).items():
                _add(digest, f"file {name} {os.access(path, os.X_OK)}", path.read_bytes())
    return digest.hexdigest()[:12]


def files_below(path: Path) -> dict[str, Path]:
    """The files of a folder by their relative names, sorted, caches left out; a file stands for itself."""
    if path.is_file():
        return {path.name: path}
    every = {entry.relative_to(path): entry for entry in sorted(path.rglob("*")) if entry.is_file()}
    return {name.as_posix(): entry for name, entry in every.items() if not IGNORED & set(name.parts)}


def _add(digest: hashlib._Hash, label: str, content: bytes) -> None:
    # with lengths, so that no two lists of inputs run together to the same bytes
    digest.update(f"{len(label)}:{label}:{len(content)}:".encode() + content)


@dataclass(frozen=True)
class Cache:
    """The folder of everything kept: artefacts ``<name>-<key>``, logs, our record of what was created."""

    root: Path

    @classmethod
    def of_user(cls) -> Cache:
        """$INGRESSKIT_CACHE, else ``ingresskit`` in the user's cache folder (XDG base directories)."""
        own = os.environ.get("INGRESSKIT_CACHE")
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        cache = cls((Path(own).expanduser() if own else base / "ingresskit").absolute())
        for folder in (cache.root, cache.root / "log", cache.root / "bin"):
            folder.mkdir(parents=True, exist_ok=True)
        return cache

    def log(self, name: str) -> Path:
        """A fresh log file for one step."""
        path = self.root / "log" / f"{name}.log"
        path.write_text("")
        return path

    def path(self, name: str, artefact_key: str) -> Path:
        """Where an artefact is, or will be."""
        return self.root / f"{name}-{artefact_key}"

    def ensure(self, name: str, artefact_key: str, build: Callable[[Path], None]) -> Path:
        """The folder of an artefact; where it is missing ``build`` fills an empty folder, which is then moved in place.

        So a run killed half way leaves nothing that looks finished.
        """
        final = self.path(name, artefact_key)
        with _making[final]:
            if not final.is_dir():
                with self.scratch() as folder:
                    result = folder / name
                    result.mkdir()
                    build(result)
                    result.rename(final)
        return final

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A temporary folder on the cache's file system."""
        folder = Path(tempfile.mkdtemp(prefix="tmp-", dir=self.root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One run at a time changes the test bed; a second one says so and waits. Sweeps what killed runs left."""
        with (self.root / "lock").open("a+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another run is working on the test bed: waiting for it")
                fcntl.flock(handle, fcntl.LOCK_EX)
            for leftover in self.root.glob("tmp-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            yield
