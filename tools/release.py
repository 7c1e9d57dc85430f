"""Sets the version of a release wherever it stands: ``python -m tools.release 0.2.0`` (``make release VERSION=0.2.0``).

galaxy.yml has the version. Code gets it from there by ``make generate``; what names an image of ours or the
archive of the collection (manifests, the expected ones of the tests among them, and pages) and the changelog are
rewritten here.
"""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

VERSION = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?")  # https://semver.org, which Galaxy asks for
IMAGE = re.compile(rf"(\bingresskit/[a-z-]+:)({VERSION.pattern})")  # in whichever registry
ARCHIVE = re.compile(r"(\bingresskit-ingresskit-)(\d\S*?)(?=\.tar\.gz)")
HEADING = "## [Unreleased]\n"


def named(root: Path) -> dict[Path, list[str]]:
    """The versions with which the files that Git knows name images of ours, or the archive of the collection."""
    search = ["git", "grep", "-lIE", r"ingresskit/[a-z-]+:[0-9]|ingresskit-ingresskit-[0-9]"]
    listed = subprocess.run(search, cwd=root, check=True, capture_output=True, text=True).stdout.split()
    texts = {root / name: (root / name).read_text(encoding="utf-8") for name in listed}
    return {path: [found for _, found in IMAGE.findall(text) + ARCHIVE.findall(text)] for path, text in texts.items()}


def release(root: Path, version: str, day: str) -> None:
    """Rewrites the files. Raises ValueError where the version or the changelog is not fit for it."""
    if not VERSION.fullmatch(version):
        raise ValueError(f"{version!r} is no version: three numbers, as 0.2.0")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if changelog.count(HEADING) != 1:
        raise ValueError("CHANGELOG.md: needs one section Unreleased, which becomes that of the release")
    (root / "CHANGELOG.md").write_text(
        changelog.replace(HEADING, f"{HEADING}\n## [{version}] - {day}\n"), encoding="utf-8"
    )
    galaxy = root / "galaxy.yml"
    galaxy.write_text(re.sub(r"(?m)^version: .*$", f"version: {version}", galaxy.read_text(encoding="utf-8")))
    for path in named(root):
        text = IMAGE.sub(rf"\g<1>{version}", path.read_text(encoding="utf-8"))
        path.write_text(ARCHIVE.sub(rf"\g<1>{version}", text), encoding="utf-8")


if __name__ == "__main__":
    try:
        release(Path(__file__).resolve().parent.parent, *sys.argv[1:2], day=datetime.now(UTC).date().isoformat())
    except ValueError as error:
        sys.exit(str(error))
