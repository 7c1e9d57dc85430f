"""From stack, controller and request to the expected answer. Pure."""

from __future__ import annotations

from .probes import identity, probes

__all__ = ["identity", "probes"]
