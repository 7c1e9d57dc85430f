"""The few things asked of Docker, through its command line."""

from __future__ import annotations

import contextlib
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from testbed.commands import output, run
from testbed.errors import CommandError

LABEL = "io.ingresskit.testbed"
RECIPE_LABEL = "io.ingresskit.recipe"
DOUBLE_LABEL = "io.ingresskit.double"


@dataclass(frozen=True)
class Image:
    """An image as an engine or a node holds it. ``id`` is the digest of its configuration."""

    id: str
    labels: Mapping[str, str]

    @property
    def ours(self) -> bool:
        """Whether the test bed made it."""
        return LABEL in self.labels

    @property
    def double(self) -> bool:
        """Whether it stands in for a real controller."""
        return DOUBLE_LABEL in self.labels

    @property
    def recipe(self) -> str | None:
        """The key of what it was made from, where the test bed made it."""
        return self.labels.get(RECIPE_LABEL)


def image(reference: str) -> Image | None:
    """The image under this reference, or None."""
    try:
        found = json.loads(output(["docker", "image", "inspect", reference]))[0]
    except CommandError as error:
        if "no such image" in error.tail.lower():
            return None
        raise
    return Image(found["Id"], found["Config"].get("Labels") or {})


def labels(name: str, recipe: str, **more: str) -> dict[str, str]:
    """The labels of an image the test bed makes."""
    return {LABEL: name, RECIPE_LABEL: recipe} | more


def build(
    reference: str,
    files: Mapping[str, Path],
    log: Path,
    labels: Mapping[str, str],
    arguments: Mapping[str, str] | None = None,
) -> None:
    """Build an image. ``files`` is the context: names in it, to where each file is. Raises CommandError.

    The context is streamed, so that large files need not be copied next to the Dockerfile first.
    """
    options = [f"--label={name}={value}" for name, value in labels.items()]
    options += [f"--build-arg={name}={value}" for name, value in (arguments or {}).items()]

    def send(pipe: IO[bytes]) -> None:
        # GNU, not the default PAX: docker tells an archive from a Dockerfile by the first 512 bytes, and a PAX
        # header is longer than that
        with tarfile.open(fileobj=pipe, mode="w|", format=tarfile.GNU_FORMAT) as context:
            for name, path in files.items():
                context.add(path, name)

    command = ["docker", "build", "--tag", reference, *options, "-"]
    run(command, log, feed=send, env={} if _has_buildkit() else {"DOCKER_BUILDKIT": "0"})


def _has_buildkit() -> bool:
    """The client builds with BuildKit through its buildx plugin; without it only the classic builder is there."""
    try:
        output(["docker", "buildx", "version"])
    except CommandError:
        return False
    return True


def import_rootfs(reference: str, archive: Path, log: Path, labels: Mapping[str, str]) -> None:
    """Make an image of a root file system in a tar file. Raises CommandError."""
    changes = [option for name, value in labels.items() for option in ("--change", f"LABEL {name}={value}")]
    run(["docker", "import", *changes, str(archive), reference], log)


def pull(reference: str, log: Path) -> None:
    """Pull an image. Raises CommandError when it cannot be had."""
    run(["docker", "pull", reference], log)


def ours() -> list[str]:
    """The ids of every image the test bed made."""
    return output(["docker", "image", "ls", "--quiet", "--no-trunc", "--filter", f"label={LABEL}"]).split()


def prune() -> None:
    """Remove images of ours that lost their name, and the stages the classic builder leaves behind.

    Not while anything is being built: a build's intermediate images have no name either.
    """
    output(["docker", "image", "prune", "--force", "--filter", f"label={LABEL}"], timeout=300)


def drop_older(reference: str) -> None:
    """Remove what the same repository held under other tags: earlier keys of our own recipes. One in use stays."""
    listing = ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", reference.rpartition(":")[0]]
    for other in output(listing).split():
        if other != reference:
            with contextlib.suppress(CommandError):
                output(["docker", "image", "rm", other], timeout=120)


def remove(references: list[str]) -> None:
    """Remove images, all names of them; what is gone already or in use by somebody's container is passed over."""
    for reference in references:
        with contextlib.suppress(CommandError):
            output(["docker", "image", "rm", "--force", reference], timeout=120)


def has_network(name: str) -> bool:
    """Whether there is a network of this name."""
    return name in output(["docker", "network", "ls", "--format", "{{.Name}}"]).split()


def remove_network(name: str) -> bool:
    """Remove a network unless something is attached to it."""
    try:
        output(["docker", "network", "rm", name])
    except CommandError:
        return False
    return True
