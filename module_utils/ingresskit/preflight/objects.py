"""Extra objects: are they Kubernetes objects at all? Entries of the controller's configuration: are they text?"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from ..model.stack import Stack
from .finding import Finding, error


def check_objects(stack: Stack) -> Iterator[Finding]:
    """apiVersion, kind and metadata.name are needed to own and to prune an object."""
    for key, value in stack.controller.settings.items():
        if not isinstance(value, str | int | float):
            what = "mapping" if isinstance(value, dict) else "list"
            yield error(f'ingress_controller.config."{key}"', f"must be a text, a number, true or false, not a {what}")
    for index, item in enumerate(stack.ingress_extra_objects):
        at = f"ingress_extra_objects[{index}]"
        for key in ("apiVersion", "kind"):
            if not isinstance(item.get(key), str) or not item[key]:
                yield error(f"{at}.{key}", "is missing: every object has apiVersion, kind and metadata.name")
        if not _name(item):
            yield error(f"{at}.metadata.name", "is missing or no text (generateName cannot be applied twice)")
        if str(item.get("kind", "")).endswith("List") and "items" in item:
            yield error(at, "is a List: give its items one by one")
        if item.get("kind") == "Secret":
            yield from _check_secret(at, item)


def _check_secret(at: str, secret: dict[str, Any]) -> Iterator[Finding]:
    """The API server's refusal would repeat the value."""
    for field in ("data", "stringData"):
        values = secret.get(field) or {}
        if not isinstance(values, dict):
            yield error(f"{at}.{field}", "must be a mapping of names to texts")
            continue
        for name, value in values.items():
            if not isinstance(value, str):
                yield error(f'{at}.{field}."{name}"', "must be a text: put it in quotes")
            elif field == "data" and not _is_base64(value):
                yield error(f'{at}.{field}."{name}"', "is not base64: plain text goes to stringData")


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except ValueError:
        return False
    return True


def _name(item: dict[str, Any]) -> str | None:
    metadata = item.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else None
