"""The one command by which a reader tries the first route by hand."""

from __future__ import annotations

import ipaddress
import shlex

from ..oracle.types import Probe, ProbeResult, Request, SmokeReport, Target
from .rows import base_url

_SECRET_HEADERS = {"authorization", "cookie", "proxy-authorization"}


def curl_command(report: SmokeReport, *, insecure: bool = False) -> str | None:
    """Return a curl command, quoted for a POSIX shell, for the first proven HTTPS route; the first route where none is.

    ``insecure`` is for a CA that the reader has no file of. None where the report has no route, or none that is reached
    without a port-forward.
    """
    routes = [
        result for result in report.results if result.probe.kind in ("route", "extra") and _sendable(result, report)
    ]
    if not routes:
        return None
    probe = min(routes, key=_rank).probe
    return shlex.join(
        [
            "curl",
            *_trust(probe, report.ca_file, insecure),
            *_options(probe.request, report.at(probe)),
            _url(probe, report),
        ]
    )


def _sendable(result: ProbeResult, report: SmokeReport) -> bool:
    target = report.at(result.probe)
    return target.near is None and target.port(result.probe.request.port) is not None


def _rank(result: ProbeResult) -> tuple[bool, bool, bool]:
    return result.probe.request.scheme != "https", result.probe.request.login is not None, not result.ok


def _trust(probe: Probe, ca_file: str | None, insecure: bool) -> list[str]:
    if probe.request.scheme == "http":
        return []
    if insecure or probe.expected.tls != "verified":
        return ["--insecure"]
    return ["--cacert", ca_file] if ca_file else []


def _options(request: Request, target: Target) -> list[str]:
    method = (
        [] if request.method == "GET" else ["--head"] if request.method == "HEAD" else ["--request", request.method]
    )
    user = ["--user", request.login[0]] if request.login else []  # curl asks for the password
    headers = [f"{name}: {'***' if name.lower() in _SECRET_HEADERS else value}" for name, value in request.headers]
    # curl would resolve dot segments and read [] and {} as ranges; the probe sent them as they are
    raw = ["--path-as-is"] if "/." in request.path else []
    globbing = ["--globoff"] if set("[]{}") & set(request.path) else []
    return [
        *_route_to(request, target),
        *method,
        *user,
        *raw,
        *globbing,
        *(part for line in headers for part in ("--header", line)),
    ]


def _route_to(request: Request, target: Target) -> list[str]:
    """Connect to the target's address in the host's name: --resolve takes addresses only, --connect-to names too."""
    port = target.port(request.port)
    try:
        version = ipaddress.ip_address(target.address).version
    except ValueError:
        return ["--connect-to", f"{request.host}:{port}:{target.address}:{port}"]
    address = f"[{target.address}]" if version == 6 else target.address
    return ["--resolve", f"{request.host}:{port}:{address}"]


def _url(probe: Probe, report: SmokeReport) -> str:
    return base_url(probe.request, report.at(probe)) + probe.request.path
