"""How the manifests for a Git repository are written."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

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
