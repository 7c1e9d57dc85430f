"""Builds the collection's archive: the same bytes from the same commit, whichever machine does it.

``python -m tools.collection [FOLDER]`` (``make collection``) writes it to dist/. ``ansible-galaxy collection build``
does the work, on the files that Git knows. It packs them in the order in which the file system names them and with the
times of this checkout; both are set right afterwards.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GALAXY = Path(sys.executable).with_name("ansible-galaxy")
INSTALLED = Path("ansible_collections", "ingresskit", "ingresskit")  # below a collections path


def build(folder: Path, root: Path = ROOT) -> Path:
    """The archive in ``folder``, of the files of ``root`` that Git knows, as they are now."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ingresskit-collection-") as scratch:
        tree = export(root, Path(scratch, "tree"))
        galaxy("build", "--output-path", scratch, str(tree), home=Path(scratch))
        (packed,) = Path(scratch).glob("*.tar.gz")
        return _settled(packed, folder / packed.name, _time(root))


def install(archive: Path, collections: Path) -> Path:
    """Installs an archive below a collections path, asking no server. Returns the collection's folder."""
    with tempfile.TemporaryDirectory(prefix="ingresskit-collection-") as scratch:
        wanted = ["--offline", "--force", "-p", str(collections.absolute()), str(archive.absolute())]
        galaxy("install", *wanted, home=Path(scratch), ANSIBLE_COLLECTIONS_PATH=str(collections.absolute()))
    return collections / INSTALLED


def galaxy(*arguments: str, home: Path, **environment: str) -> None:
    """ansible-galaxy collection, with nothing of the user's own configuration."""
    (home / "ansible.cfg").touch()
    own = {"ANSIBLE_HOME": str(home / ".ansible"), "ANSIBLE_CONFIG": str(home / "ansible.cfg")}
    subprocess.run(
        [str(GALAXY), "collection", *arguments],
        check=True, env=os.environ | own | environment, cwd=home, stdout=subprocess.DEVNULL, stderr=sys.stderr,
    )  # fmt: skip


def export(root: Path, tree: Path) -> Path:
    """Copies the files that Git knows, links as links."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        source = root / name
        if source.is_symlink() or source.exists():  # else it is about to be removed
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, tree / name, follow_symlinks=False)
    return tree


def _time(root: Path) -> int:
    """$SOURCE_DATE_EPOCH, else when the commit was made. https://reproducible-builds.org/docs/source-date-epoch/"""
    made = ["git", "log", "-1", "--format=%ct"]
    return int(os.environ.get("SOURCE_DATE_EPOCH") or subprocess.check_output(made, cwd=root))


def _settled(packed: Path, final: Path, time: int) -> Path:
    """The archive with one time and in the order of its names, as is its list of files, whose hash the manifest has."""
    with tarfile.open(packed) as archive:
        members = {member.name: member for member in archive.getmembers()}
        contents = {name: _content(archive, member) for name, member in members.items() if member.isreg()}
    files = json.loads(contents["FILES.json"])
    files["files"].sort(key=lambda each: each["name"])
    contents["FILES.json"] = _json(files)
    manifest = json.loads(contents["MANIFEST.json"])
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(contents["FILES.json"]).hexdigest()
    contents["MANIFEST.json"] = _json(manifest)
    names = ["MANIFEST.json", "FILES.json", *sorted(members.keys() - {"MANIFEST.json", "FILES.json"})]
    with (
        final.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=time) as pressed,
        tarfile.open(fileobj=pressed, mode="w") as archive,
    ):
        for name in names:
            content = contents.get(name, b"")
            member = members[name]
            member.mtime, member.size, member.pax_headers = time, len(content), {}
            archive.addfile(member, io.BytesIO(content))
    return final


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    handle = archive.extractfile(member)
    return handle.read() if handle else b""


def _json(content: object) -> bytes:
    return json.dumps(content, indent=1).encode()


if __name__ == "__main__":
    print(build(Path(*sys.argv[1:2] or ["dist"])))
