"""The report for CI: JUnit XML as Jenkins, GitLab and GitHub's actions read it."""

from __future__ import annotations

from xml.etree import ElementTree as ET  # only writes: nothing foreign is parsed

from ..oracle.types import SmokeReport
from ..probe.words import describe, printable
from .rows import Row, rows, seconds, target_words, tries


def render_junit(report: SmokeReport) -> str:
    """Return JUnit XML: a test case for each result in the table's order, a failure with reason and inventory key.

    Two runs with the same results differ in their times only.
    """
    made = rows(report)
    counts = {"tests": str(len(made)), "failures": str(sum(not row.ok for row in made)), "errors": "0", "skipped": "0"}
    counts["time"] = _time(seconds(report))
    root = ET.Element("testsuites", {"name": "ingresskit", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": printable(report.stack), **counts})
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report):
        ET.SubElement(properties, "property", name=name, value=printable(value))
    for row in made:
        suite.append(_case(report.stack, row))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _properties(report: SmokeReport) -> list[tuple[str, str]]:
    known = [("controller", report.controller), *(("target", target_words(target)) for target in report.targets)]
    notes = [("note", note) for note in report.notes]
    return known + notes + [(f"certificate days left: {host}", str(days)) for host, days in report.days_left]


def _case(stack: str, row: Row) -> ET.Element:
    request = row.result.probe.request
    case = ET.Element(
        "testcase",
        classname=f"ingresskit.{printable(stack)}",
        name=f"{printable(request.method)} {row.url}{row.path}",
        time=_time(row.result.seconds),
    )
    if not row.ok:
        failure = ET.SubElement(case, "failure", type=row.result.probe.kind, message=row.reason)
        failure.text = _details(row)
    return case


def _details(row: Row) -> str:
    answer = row.result.answer
    came = describe(answer) if answer else row.answer
    facts = {
        "expected": row.expected,
        "got": came,
        "tls": row.tls,
        "declared by": row.source,
        "asked": tries(row.result),
    }
    return "\n".join(f"{name}: {value}" for name, value in facts.items())


def _time(value: float) -> str:
    return f"{value:.3f}"
