"""Extra objects: are they Kubernetes objects at all?"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from ..model.stack import Stack
from .finding import Finding, error, warning


def extra_places(stack: Stack) -> set[tuple[str, str]]:
    """(namespace, name) of every extra object, whatever its kind."""
    metadata = [each["metadata"] for each in stack.ingress_extra_objects if isinstance(each.get("metadata"), dict)]
    return {(str(each.get("namespace")), str(each.get("name"))) for each in metadata}


def check_objects(stack: Stack) -> Iterator[Finding]:
    """apiVersion, kind and metadata.name are needed to own and to prune an object."""
    for index, item in enumerate(stack.ingress_extra_objects):
        at = f"ingress_extra_objects[{index}]"
        for key in ("apiVersion", "kind"):
            if not isinstance(item.get(key), str) or not item[key]:
                yield error(f"{at}.{key}", "is missing: every object has apiVersion, kind and metadata.name")
        if not _name(item):
            yield error(f"{at}.metadata.name", "is missing or no text (generateName cannot be applied twice)")
        yield from _check_names(at, item)
        if str(item.get("kind", "")).endswith("List") and "items" in item:
            yield error(at, "is a List: give its items one by one")
        if item.get("kind") == "Secret":
            yield from _check_secret(at, item)
        if item.get("kind") == "Ingress" and isinstance(item.get("spec"), dict):
            yield from _check_ingress(stack, at, item["spec"])


def _check_names(at: str, item: dict[str, Any]) -> Iterator[Finding]:
    """They are parts of URLs, and of the names of rendered files, which are to stay in their folder.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#path-segment-names
    """
    metadata = item["metadata"] if isinstance(item.get("metadata"), dict) else {}
    named = (("metadata.name", metadata.get("name")), ("metadata.namespace", metadata.get("namespace")))
    for key, value in (("kind", item.get("kind")), *named):
        if isinstance(value, str) and (value in (".", "..") or "/" in value or "%" in value):
            yield error(f"{at}.{key}", "is no name: it holds / or %, or is . or ..")
    if str(item.get("apiVersion")).count("/") > 1:
        yield error(f"{at}.apiVersion", "is a version (v1), or a group and a version (apps/v1)")


def _check_ingress(stack: Stack, at: str, spec: dict[str, Any]) -> Iterator[Finding]:
    """An Ingress of the user's own: controllers choose certificates by ``tls.hosts``, and hosts by age."""
    rules, tls = spec.get("rules") or [], spec.get("tls") or []
    for key, value in (("rules", rules), ("tls", tls)):
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            yield error(f"{at}.spec.{key}", "must be a list of mappings: each entry begins with '- '")
            return
    hosts = {str(rule["host"]) for rule in rules if rule.get("host")}
    for index, entry in enumerate(tls):
        for host in entry.get("hosts") or ():
            if host not in hosts:
                yield warning(f"{at}.spec.tls[{index}]", f"is for {host}, which has no rule here")
    for host in sorted(hosts & set(stack.sites)):
        first = stack.sites[host].entries
        whose = first[0].at.partition(".paths")[0] if first else f'ingress_hosts."{host}"'
        yield warning(f"{at}.spec.rules", f"{host} belongs to {whose}: some controllers give a host to one Ingress")


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
