"""Layers of variables: ``ingress_apps__prod`` is merged over ``ingress_apps``, ``null`` removes a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LAYERED = ("ingress_apps", "ingress_controller", "ingress_hosts")


def deep_merge(base: Any, over: Any) -> Any:
    """``over`` laid on ``base``: mappings merge key by key, ``None`` removes the key, anything else replaces."""
    if not isinstance(over, Mapping):
        return over
    merged = dict(base) if isinstance(base, Mapping) else {}
    for key, value in over.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = deep_merge(merged.get(key), value)
    return merged


def flatten(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables with every layer merged onto its base, in the order of the layers' names."""
    flat = {name: value for name, value in variables.items() if _base(name) is None}
    for name in sorted(variables):
        base = _base(name)
        if base is not None:
            flat[base] = deep_merge(flat.get(base, {}), variables[name])
    return flat


def _base(name: str) -> str | None:
    base, separator, layer = name.partition("__")
    return base if separator and layer and base in LAYERED else None


def inherit_options(apps: Any, owned: Any = None) -> Any:
    """Options of hosts and paths with those of the app (and host) merged beneath, where a level has its own.

    ``owned``: ``ingress_hosts``, whose options lie between those of the app and those that it gives the host.
    Only the shape is looked at; what does not fit is left for the validation to name.
    """
    if not isinstance(apps, Mapping):
        return apps
    owned = owned if isinstance(owned, Mapping) else {}
    return {name: _inherit_app(app, owned) for name, app in apps.items()}


def _inherit_app(app: Any, owned: Mapping[str, Any]) -> Any:
    if not isinstance(app, Mapping) or not isinstance(app.get("hosts"), Mapping):
        return app
    hosts = {
        name: _inherit_host(*_owned(host, app.get("options"), owned.get(name))) for name, host in app["hosts"].items()
    }
    return {**app, "hosts": hosts}


def _owned(host: Any, options: Any, owner: Any) -> tuple[Any, Any]:
    """A host and the options that it inherits: with its owner's over the app's, which then stand at the host itself."""
    theirs = owner.get("options") if isinstance(owner, Mapping) else None
    if not isinstance(theirs, Mapping):
        return host, options
    options = deep_merge(options, theirs)
    if isinstance(host, str):
        host = {"paths": {"/": host}}
    if isinstance(host, Mapping) and host.get("options") is None:
        host = {**host, "options": {}}
    return host, options


def _inherit_host(host: Any, options: Any) -> Any:
    if not isinstance(host, Mapping):
        return host
    host = _inherit(host, options)
    options = host.get("options", options)
    paths = host.get("paths")
    if isinstance(paths, Mapping):
        return {**host, "paths": {path: _inherit(entry, options) for path, entry in paths.items()}}
    if isinstance(paths, list):
        return {**host, "paths": [_inherit(entry, options) for entry in paths]}
    return host


def _inherit(level: Any, options: Any) -> Any:
    """``level`` with its own options merged over ``options``; unchanged where it has none."""
    if not isinstance(level, Mapping) or level.get("options") is None or not isinstance(options, Mapping):
        return level
    return {**level, "options": deep_merge(options, level["options"])}
