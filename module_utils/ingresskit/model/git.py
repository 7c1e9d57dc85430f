"""How the manifests for a Git repository are written."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from .apps import Resources
from .base import Model
from .controller import Image


class SmokeJob(Model):
    """A Job that proves every route from inside the cluster. ``true`` is the short form."""

    image: Annotated[Image, Field(description="Overrides of the toolkit's image, part by part.")] = Image()
    timeout: Annotated[
        int,
        Field(ge=1, le=86400, description="Seconds it may take beside ingress_smoke.wait, the image's pull included."),
    ] = 300
    resources: Annotated[Resources, Field(description="Requests and limits of its container.")] = Resources(
        requests={"cpu": "100m", "memory": "256Mi"}
    )


_RECIPIENT = re.compile(r"age1[a-z0-9]+|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+")


def _recipient(value: str) -> str:
    if value.upper().startswith("AGE-SECRET-KEY-"):
        raise ValueError(
            "is a private key: a recipient is the public one, which begins with age1; change this key pair"
        )
    if not _RECIPIENT.fullmatch(value):
        raise ValueError("is no recipient of age: it begins with age1, or is the public key of an SSH pair")
    return value


class Sops(Model):
    """Secrets as ciphertext that Flux or ``sops`` decrypts (https://getsops.io, https://age-encryption.org)."""

    age: Annotated[
        list[Annotated[str, AfterValidator(_recipient)]],
        Field(min_length=1, description="Recipients: the public keys of who may decrypt it."),
    ]


def _smoke(value: Any) -> Any:
    if value is False:
        return None
    return {} if value is True else value


class Git(Model):
    """How ``playbooks/render.yml`` writes the manifests."""

    layout: Annotated[
        Literal["files", "stream"], Field(description="A file for each object, or one file with all of them.")
    ] = "files"
    tool: Annotated[
        Literal["kubectl", "flux", "argocd"],
        Field(description="What will apply them; argocd adds the order as sync waves."),
    ] = "kubectl"
    smoke: Annotated[
        SmokeJob | None,
        BeforeValidator(_smoke, json_schema_input_type=bool | SmokeJob | None),
        Field(description="A Job that proves every route after they are applied: true, or a mapping."),
    ] = None
    sops: Annotated[
        Sops | None,
        Field(description="Encrypt Secrets by the program sops; without it, what would hold a key is refused."),
    ] = None
