"""Findings before anything is sent. Pure: one file per family of checks, fed with stack, controller and facts."""

from __future__ import annotations

from collections.abc import Iterable

from ..controllers import IngressController
from ..errors import InventoryError, Problem
from ..facts import Facts
from ..model.certificates import CertificateUse
from ..model.stack import Stack
from ..render.files import file_names
from ..render.secrets import uses_of
from .annotations import check_annotations, check_overrides
from .backends import check_backends
from .certificates import check_certificates
from .classes import check_default_class
from .config import check_config
from .contradictions import check_contradictions
from .definitions import check_definitions
from .effect import check_effect
from .exposure import check_exposure
from .finding import Finding
from .issuers import check_issuers
from .knobs import check_knobs
from .objects import check_objects, extra_places
from .pages import check_pages
from .passwords import check_passwords
from .routes import check_routes
from .streams import check_streams
from .unsupported import check_supported

__all__ = ["Finding", "check", "raise_findings"]


def check(stack: Stack, dialect: IngressController, facts: Facts) -> list[Finding]:
    """Every finding, errors first. Checks that need the cluster speak only where ``facts`` has looked."""
    findings = [
        *check_supported(stack, dialect),
        *check_routes(stack),
        *check_contradictions(stack),
        *check_annotations(stack, dialect),
        *check_backends(stack, dialect),
        *check_exposure(stack, dialect),
        *check_streams(stack, dialect),
        *check_effect(stack),
        *check_objects(stack),
        *check_config(stack, dialect),
        *check_knobs(stack, dialect, facts),
        *check_pages(stack, dialect, facts),
        *check_passwords(stack, dialect, facts),
        *check_definitions(stack, dialect, facts),
        *check_default_class(stack, dialect, facts),
        *check_certificates(_there(stack, uses_of(stack, dialect), facts), file_names(stack), facts),
    ]
    if all(finding.level != "error" for finding in findings):
        findings += check_overrides(stack, dialect, facts)
        findings += check_issuers(stack, dialect, facts)
    return sorted(findings, key=lambda finding: finding.level != "error")


def _there(stack: Stack, uses: Iterable[CertificateUse], facts: Facts) -> list[CertificateUse]:
    """Those but the Secrets that do not exist yet because an extra object of the same name brings them.

    That is the Secret itself or what somebody makes it of: a SealedSecret, an ExternalSecret, a Certificate.
    """
    coming = extra_places(stack) & {place for place, secret in facts.secrets.items() if secret is None}
    return [use for use in uses if (use.namespace, use.secret) not in coming]


def raise_findings(findings: Iterable[Finding]) -> None:
    """Raises InventoryError with every finding that is an error, if there is one."""
    errors = [Problem(finding.path, finding.message) for finding in findings if finding.level == "error"]
    if errors:
        raise InventoryError(errors)
