"""The API server's refusals as exceptions whose text is ready for the user."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ClusterError


@dataclass(frozen=True)
class Cause:
    """One field another manager holds: from a 409's details.causes of reason FieldManagerConflict."""

    field: str  # as structured-merge-diff prints it: .spec.template.spec.containers[name="a"].image
    manager: str
    operation: str  # Update or Apply


class ApiError(ClusterError):
    """A refusal. ``status`` is the HTTP code, 0 where no answer came at all."""

    def __init__(self, message: str, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


class Unreachable(ApiError):
    """No answer, or none in time."""


class Unauthorized(ApiError):
    """401: the credentials are not accepted."""


class Forbidden(ApiError):
    """403: RBAC or admission (quota, Pod Security) refuses."""


class NotFound(ApiError):
    """404 on a write: the namespace or the kind is not there."""


class UnknownKind(ApiError):
    """Neither built in nor served by this cluster."""


class Conflict(ApiError):
    """409: the name is taken, or uid or resourceVersion moved on."""


class FieldConflict(Conflict):
    """409 of a server-side apply: fields belong to other managers."""

    def __init__(self, message: str, causes: tuple[Cause, ...]) -> None:
        super().__init__(message, 409, "Conflict")
        self.causes = causes


class Gone(ApiError):
    """410: the resourceVersion or continue token is too old."""


class Invalid(ApiError):
    """400 or 422: the object is refused by decoding, validation or a webhook. ``immutable``: because it exists with
    another value in a field that cannot change."""

    def __init__(self, message: str, status: int, reason: str = "", *, immutable: bool = False) -> None:
        super().__init__(message, status, reason)
        self.immutable = immutable
