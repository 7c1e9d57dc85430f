"""What a module gives back of a smoke test: the report's files and its result."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..oracle import identity
from ..oracle.types import SmokeReport
from ..probe.words import printable
from .curl import curl_command
from .files import write_files
from .junit import render_junit
from .rows import Row, expiring, rows, summary, target_facts
from .table import MOST_FAILURES, render_table

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.S)


def result_of(
    report: SmokeReport, authority: str | None, report_dir: str | Path | None, failed_before: Collection[str] = ()
) -> dict[str, Any]:
    """Return a module's result for ``report``: failed unless every route is proven.

    ``authority`` is the PEM that the routes were verified with. With ``report_dir`` it is written there as ca.crt
    (certificates only), and the report as smoke.xml (JUnit) and smoke.html. ``failed_before`` are the routes
    (``oracle.identity``) whose failure is not the release's doing. Raises IngresskitError where the folder
    cannot be written.
    """
    if report_dir is not None:
        report = _write(report, authority, Path(report_dir))
    shown = rows(report)
    failed = [row for row in shown if not row.ok]
    old = {id(row) for row in failed if identity(row.result.probe) in failed_before}
    result: dict[str, Any] = {
        "changed": False,
        "ingresskit_report": {
            "stack": printable(report.stack),
            "controller": printable(report.controller),
            "target": target_facts(report.target),
            "further_targets": list(map(target_facts, report.further)),
            "notes": [printable(note) for note in report.notes],
            "days_left": dict(report.days_left),
            "expiring": expiring(report),
            "ok": not failed,
            "verdict": "FAILED" if failed else "proven",
            "summary": summary(report),
            "text": render_table(report),
        },
        "ingresskit_try": curl_command(report, insecure=bool(authority) and report.ca_file is None),
        "proven": len(report.results) - len(failed),
        "failed_routes": [_failed_route(row) | {"as_before": id(row) in old} for row in failed],
        "regressions": [row.url + row.path for row in failed if id(row) not in old],
    }
    if failed:  # Ansible prints the whole result of a failed task: the proven routes stand in the table already
        return result | {"failed": True, "msg": _message(report, failed, old)}
    return result | {"routes": [_route(row) for row in shown]}


def _write(report: SmokeReport, authority: str | None, folder: Path) -> SmokeReport:
    """Write the files; the report then knows its CA file."""
    from .html import render_html  # jinja2 is for who writes pages

    files: dict[str, str] = {}
    if certificates := _CERTIFICATE.findall(authority or ""):
        report = replace(report, ca_file=str(folder / "ca.crt"))
        files["ca.crt"] = "\n".join(certificates) + "\n"
    write_files(folder, files | {"smoke.xml": render_junit(report), "smoke.html": render_html(report)})
    return report


def _route(row: Row) -> dict[str, str]:
    """A row as data: what the table shows."""
    cells = {"url": row.url + row.path, "expected": row.expected, "answer": row.answer, "tls": row.tls}
    return cells | {"verdict": row.verdict, "source": row.source}


def _failed_route(row: Row) -> dict[str, Any]:
    return {"url": row.url + row.path, "source": row.source, "reason": row.reason}


def _message(report: SmokeReport, failed: list[Row], old: Collection[int]) -> str:
    lines = [
        f"{row.url}{row.path}: {row.reason} [{row.source}]" + (" (as before this release)" if id(row) in old else "")
        for row in failed[:MOST_FAILURES]
    ]
    more = [f"… and {len(failed) - MOST_FAILURES} more"] if len(failed) > MOST_FAILURES else []
    return "\n".join([summary(report), *lines, *more])
