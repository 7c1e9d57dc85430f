"""Is it ready? One pure function per kind, after kstatus (sigs.k8s.io/cli-utils/pkg/kstatus) and our own rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..api.resources import Object, Ref

State = Literal["ready", "progressing", "failed"]


@dataclass(frozen=True)
class Status:
    """One object's readiness; ``reason`` tells what is still missing or why it cannot become ready."""

    ref: Ref
    state: State
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.ref}: {self.reason or self.state}"


def compute(obj: Object, *, ingress_needs_address: bool = False) -> Status:
    """Readiness of a live object. Kinds without a rule are ready once they exist."""
    raise NotImplementedError


def endpoints(service: Ref, slices: Iterable[Object]) -> Status:
    """Readiness of a Service: at least one ready address in its EndpointSlices."""
    raise NotImplementedError
