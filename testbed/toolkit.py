"""The build context of the toolkit's own container: what `docker build -f container/Dockerfile .` sends, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from testbed.cache import IGNORED

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "container"
REQUIREMENTS = FOLDER / "requirements.txt"
PYTHON = "3.11"  # of the Debian suite below the image
_LIST = FOLDER / "Dockerfile.dockerignore"


def context() -> dict[str, Path]:
    """Names in the build context, to where each file or link is."""
    listed = sorted(line[1:] for line in _LIST.read_text().splitlines() if line.startswith("!"))
    found = {path.relative_to(ROOT).as_posix(): path for name in listed for path in _below(ROOT / name)}
    return found | {"Dockerfile": FOLDER / "Dockerfile"}


def _below(path: Path) -> Iterator[Path]:
    """Files and links; a link to a folder is one thing, as it is in an image."""
    if path.is_symlink() or path.is_file():
        yield path
    elif path.name not in IGNORED:
        for entry in sorted(path.iterdir()):
            yield from _below(entry)
