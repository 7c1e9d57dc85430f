"""Container images written without an engine: an archive in the OCI image layout that `ctr images import` reads.

Format: github.com/opencontainers/image-spec (image-layout.md, config.md, manifest.md).
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Image:
    """One program at /usr/local/bin under a reference, on a root file system (a tar file) where it needs one."""

    reference: str
    program: Path
    rootfs: Path | None = None


def write_archive(target: Path, images: Sequence[Image], scratch: Path) -> None:
    """Write the images into one archive, each with its full reference; ``scratch`` holds the layers meanwhile."""
    with tarfile.open(target, "w") as archive:
        manifests = [_add_image(archive, image, scratch) for image in images]
        index = {"schemaVersion": 2, "manifests": manifests}
        _add(archive, "index.json", json.dumps(index).encode())
        _add(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')


def _add_image(archive: tarfile.TarFile, image: Image, scratch: Path) -> dict[str, object]:
    layer = scratch / "layer.tar"
    _write_layer(layer, image.program)
    layers = [_add_file(archive, path) for path in (image.rootfs, layer) if path]
    config = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {
            "Entrypoint": [f"/usr/local/bin/{image.program.name}"],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        },
        # layers are not compressed, so a layer's digest is also that of its content
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _add_blob(archive, json.dumps(config).encode(), _CONFIG),
        "layers": layers,
    }
    # containerd takes the whole reference from this annotation
    named = {"annotations": {"io.containerd.image.name": image.reference}}
    return _add_blob(archive, json.dumps(manifest).encode(), _MANIFEST) | named


def _write_layer(target: Path, program: Path) -> None:
    with tarfile.open(target, "w") as layer:
        entry = tarfile.TarInfo(f"usr/local/bin/{program.name}")
        entry.size, entry.mode = program.stat().st_size, 0o755
        with program.open("rb") as content:
            layer.addfile(entry, content)


def _add_file(archive: tarfile.TarFile, path: Path) -> dict[str, object]:
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        entry = tarfile.TarInfo(f"blobs/sha256/{digest}")
        entry.size = path.stat().st_size
        content.seek(0)
        if entry.name not in archive.getnames():
            archive.addfile(entry, content)
    return {"mediaType": _LAYER, "digest": f"sha256:{digest}", "size": entry.size}


def _add_blob(archive: tarfile.TarFile, content: bytes, media_type: str) -> dict[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    _add(archive, f"blobs/sha256/{digest}", content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
