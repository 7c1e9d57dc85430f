"""The API server's refusals as exceptions whose text is ready for the user."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ClusterError


@dataclass(frozen=True)
class Cause:
    """One field another manager holds: from a 409's details.causes of reason FieldManagerConflict."""

    field: str  # as structured-merge-diff prints it: .spec.template.spec.containers[name="a"].image
    manager: str
    operation: str  # Update or Apply
    subresource: str = ""  # through which it was set: "scale"

    def __str__(self) -> str:
        return f"{self.field} ({self.manager}, {self.operation})"


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
    """403: RBAC or admission (quota, Pod Security) refuses. ``user``: whom RBAC refused, "" where it was another."""

    def __init__(self, message: str, status: int = 403, reason: str = "", *, user: str = "") -> None:
        super().__init__(message, status, reason)
        self.user = user


class NotFound(ApiError):
    """404: the object, its namespace or its kind is not there."""


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


class WebhookDown(ApiError):
    """500: an admission webhook that has to be asked does not answer, maybe because its Pods are only just starting."""


GRANT = ": grant that by RBAC"  # the end of what is said of a missing right
_UNAUTHORIZED = "ingress_cluster.context: the API server refuses its credentials: log in again or name another context"
# How a server-side apply names the object before it says what is wrong, and how it prints the value it met.
_TYPED = re.compile(r"failed to create typed (patch|live) object \([^)]*\): ")
_VALUE = re.compile(r"&value\.valueUnstructured\{Value:(.*?)\}")
# The same, and what validation prints, in a Secret: not to be repeated.
_SECRET_VALUE = re.compile(r"(?<=, got ).*|(?<=Invalid value: ).*?(?=: )", re.DOTALL)
# What validation says of fields that cannot change (k8s.io/apimachinery/pkg/api/validation and the kinds' own words).
_IMMUTABLE = re.compile(
    r"immutable|may not change once set|cannot change roleRef|may not be changed in an update|"
    r"updates to .*are forbidden|updates may not change fields"
)
# A whole template printed as a value, and what validation prints below its message: more than a reader can use.
_LONG_VALUE = re.compile(r"Invalid value: \{.{200,}?\}: (?=[a-z])|\n(?:@@ |\s+core\.\w+\{).*", re.DOTALL)
# k8s.io/apiserver: pkg/util/webhook/error.go; k8s.io/apiextensions-apiserver: pkg/apiserver/conversion
_UNCALLED = re.compile(
    r'failed calling (?P<name>webhook "[^"]*"): (?:failed to call webhook: )?(?P<why>.*)|'
    r"(?P<converter>conversion webhook for .*?) failed: (?P<cause>.*)",
    re.DOTALL,
)
# k8s.io/apiserver: responsewriters/errors.go, forbiddenMessage
_DENIED = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)
# k8s.io/apimachinery: util/managedfields/internal/conflict.go; only Update entries are printed with their version
_CONFLICT = re.compile(
    r'conflict with "(?P<manager>[^"]*)"(?: with subresource "(?P<subresource>[^"]*)")?(?P<update> using )?'
)


def failure(status: int, body: Mapping[str, Any], subject: str) -> ApiError:
    """The exception for an answer that is not a success. ``body`` is the Status object (or what stands in for it),
    ``subject`` what the call was about: "Ingress cafe/cafe"."""
    reason, text = str(body.get("reason") or ""), str(body.get("message") or "").strip()
    said = f"{subject}: {text or reason or f'the API server answered {status}'}"
    if status == 409:
        return _conflict(said, body, reason)
    if status in (400, 413, 415, 422) or _TYPED.search(text):
        said = _LONG_VALUE.sub("", _VALUE.sub(r"\1", _TYPED.sub("", said)))
        said = _SECRET_VALUE.sub("***", said) if subject.startswith("Secret ") else said
        exists = not _TYPED.search(text)  # the object as such was not even read: a field may be called immutable
        return Invalid(said, status, reason, immutable=exists and bool(_IMMUTABLE.search(text)))
    uncalled = _UNCALLED.search(text) if status == 500 else None
    if uncalled:
        return WebhookDown(_webhook_down(subject, uncalled), status, reason)
    if status == 403:
        denied = _DENIED.search(text)
        return Forbidden(_denied(denied) if denied else said, status, reason, user=denied["user"] if denied else "")
    kinds = {401: Unauthorized, 404: NotFound, 410: Gone}
    return kinds.get(status, ApiError)(_UNAUTHORIZED if status == 401 else said, status, reason)


def _denied(found: re.Match[str]) -> str:
    resource = ".".join(filter(None, (found["resource"], found["group"])))
    where = f"in namespace {found['namespace']}" if found["namespace"] else "in the whole cluster"
    return f'the user "{found["user"]}" may not {found["verb"]} {resource} {where}{GRANT}'


def _webhook_down(subject: str, found: re.Match[str]) -> str:
    who = f"admission {found['name']}" if found["name"] else found["converter"]
    remedy = "see to the Service and the Pods behind it, or delete its configuration"
    return f"{subject}: the {who} does not answer ({found['why'] or found['cause']}): {remedy}"


def _conflict(said: str, body: Mapping[str, Any], reason: str) -> Conflict:
    causes = (body.get("details") or {}).get("causes") or ()
    taken = tuple(_cause(cause) for cause in causes if cause.get("reason") == "FieldManagerConflict")
    return FieldConflict(said, taken) if taken else Conflict(said, 409, reason)


def _cause(cause: Mapping[str, Any]) -> Cause:
    found = _CONFLICT.search(cause.get("message") or "")
    field = cause.get("field") or ""
    if not found:
        return Cause(field, "unknown", "Apply")
    operation = "Update" if found["update"] else "Apply"
    return Cause(field, found["manager"], operation, found["subresource"] or "")
