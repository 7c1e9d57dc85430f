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


def inherit_options(apps: Any) -> Any:
    """Options of hosts and paths with those of the app (and host) merged beneath, where a level has its own.

    Only the shape is looked at; what does not fit is left for the validation to name.
    """
    if not isinstance(apps, Mapping):
        return apps
    return {name: _inherit_app(app) for name, app in apps.items()}


def _inherit_app(app: Any) -> Any:
    if not isinstance(app, Mapping) or not isinstance(app.get("hosts"), Mapping):
        return app
    options = app.get("options")
    return {**app, "hosts": {name: _inherit_host(host, options) for name, host in app["hosts"].items()}}


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
