"""Image references pinned by this release, as (registry, repository, tag).

Both the renderer and the test bed read them here, so that what the test bed loads into a node is what a Pod asks for.
"""

from __future__ import annotations

from dataclasses import dataclass

from .version import VERSION


@dataclass(frozen=True)
class ImageRef:
    """A container image: ``registry/repository:tag`` or, where a digest is given, ``registry/repository@digest``."""

    registry: str
    repository: str
    tag: str
    digest: str | None = None

    def __str__(self) -> str:
        name = f"{self.registry}/{self.repository}".removeprefix("/")
        return f"{name}@{self.digest}" if self.digest else f"{name}:{self.tag}"


NGINX = ImageRef("docker.io", "nginx/nginx-ingress", "5.5.4")
TRAEFIK = ImageRef("docker.io", "library/traefik", "v3.7.15")
INGRESS_NGINX = ImageRef("registry.k8s.io", "ingress-nginx/controller", "v1.15.1")
ECHO = ImageRef("docker.io", "ingresskit/echo", VERSION)
# the toolkit itself, for Jobs (container/Dockerfile)
TOOLKIT = ImageRef("docker.io", "ingresskit/toolkit", VERSION)
# serves the custom 404 page; any image with nginx does, this one runs without root
PAGE = ImageRef("docker.io", "nginxinc/nginx-unprivileged", "1.28.0-alpine")
