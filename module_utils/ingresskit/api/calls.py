"""One request to the API server as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WORKERS = 32  # calls at once; the API server's own fairness holds back what would be too much


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``subject`` says in messages what it is about."""

    verb: str  # as RBAC and the counter name it; "dryrun" for any dry run
    method: str
    path: str
    subject: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = "application/json"
    accept: str = "application/json"

    @property
    def hasty(self) -> bool:
        """Whether an answer that takes long is of no use: a lock has ended by then."""
        return self.path.startswith("/apis/coordination.k8s.io/")
