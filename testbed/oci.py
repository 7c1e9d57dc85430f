"""Container images written without an engine: an archive in the OCI image layout that `ctr images import` reads.

Format: github.com/opencontainers/image-spec (image-layout.md, config.md, manifest.md).
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


Blob = dict[str, object]


@dataclass(frozen=True)
class Image:
    """A program at /usr/local/bin, called ``name`` there, on a root file system (a tar file) where it needs one."""

    reference: str
    program: Path
    name: str
    rootfs: Path | None = None


def write_archive(target: Path, images: Sequence[Image], scratch: Path) -> None:
    """Write the images into one archive, each under its full reference; ``scratch`` holds the layers meanwhile.

    Images of one program share its layer, and those on one root file system share that.
    """
    with tarfile.open(target, "w") as archive:
        layers = {image.rootfs: _add_layer(archive, image.rootfs) for image in images if image.rootfs}
        for program in {image.program for image in images}:
            names = sorted(image.name for image in images if image.program == program)
            layers[program] = _add_layer(archive, _write_layer(scratch / "layer.tar", program, names))
        index = {"schemaVersion": 2, "manifests": [_add_image(archive, image, layers) for image in images]}
        _add(archive, "index.json", json.dumps(index).encode())
        _add(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')


def _add_image(archive: tarfile.TarFile, image: Image, layers: Mapping[Path, Blob]) -> Blob:
    own = [layers[path] for path in (image.rootfs, image.program) if path]
    config = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {
            "Entrypoint": [f"/usr/local/bin/{image.name}"],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        },
        # layers are not compressed, so a layer's digest is also that of its content
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in own]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _add_blob(archive, json.dumps(config).encode(), _CONFIG),
        "layers": own,
    }
    # containerd takes the whole reference from this annotation
    named = {"annotations": {"io.containerd.image.name": image.reference}}
    return _add_blob(archive, json.dumps(manifest).encode(), _MANIFEST) | named


def _write_layer(target: Path, program: Path, names: Sequence[str]) -> Path:
    """A layer with the program, and a link to it for every other name it is called by."""
    with tarfile.open(target, "w") as layer, program.open("rb") as content:
        entry = tarfile.TarInfo(f"usr/local/bin/{program.name}")
        entry.size, entry.mode = program.stat().st_size, 0o755
        layer.addfile(entry, content)
        for name in names:
            if name != program.name:
                link = tarfile.TarInfo(f"usr/local/bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, program.name
                layer.addfile(link)
    return target


def _add_layer(archive: tarfile.TarFile, path: Path) -> Blob:
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        entry = tarfile.TarInfo(f"blobs/sha256/{digest}")
        entry.size = path.stat().st_size
        content.seek(0)
        archive.addfile(entry, content)
    return {"mediaType": _LAYER, "digest": f"sha256:{digest}", "size": entry.size}


def _add_blob(archive: tarfile.TarFile, content: bytes, media_type: str) -> Blob:
    digest = hashlib.sha256(content).hexdigest()
    _add(archive, f"blobs/sha256/{digest}", content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
