"""What a comparison with the cluster found: in words, as JUnit and as JSON. Opens no connection."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET  # only writes: nothing foreign is parsed

from ..drifted import STATES, Author, Difference, Drifted, DriftReport
from ..errors import IngresskitError
from ..keyless import without_keys
from ..probe.words import printable
from .files import write_files

HEAD = "The cluster differs from the inventory"
MOST = 100  # objects in words; files and the module's result hold them all
_VALUE = 80  # characters of a value in words
_SHOWN, _FEW = 20, 3  # fields of an object, in full and in short
_FILES = ("drift.json", "drift.xml")


def drop_reports(report_dir: str | Path) -> None:
    """Removes what an earlier comparison wrote: it must not be read as the report of one that fails.
    Raises IngresskitError where that cannot be done."""
    for name in _FILES:
        path = Path(report_dir, name)
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise IngresskitError(f"report_dir: {path} cannot be removed: {exc.strerror}") from exc


def drift_result(report: DriftReport, report_dir: str | Path | None = None) -> dict[str, Any]:
    """Return a module's result: failed where anything differs. With ``report_dir`` the report is written there as
    drift.json and drift.xml (JUnit). Raises IngresskitError where the folder cannot be written."""
    objects = [_as_data(each) for each in report.objects]
    shown = {
        "stack": printable(report.stack),
        "ok": not objects,
        "verdict": "DIFFERS" if objects else "clean",
        "summary": summary(report),
        "text": in_words(report),
    }
    result: dict[str, Any] = {
        "changed": False,
        "stack": report.stack,
        "compared": report.compared,
        "brought_by": list(report.brought),
        "notes": list(report.notes),
        "drifted": objects,
    }
    if report_dir is not None:
        data = json.dumps(without_keys(result), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        write_files(Path(report_dir), dict(zip(_FILES, (data, render_junit(report)), strict=True)))
    result["ingresskit_report"] = shown
    if objects:
        told = [_line(each) for each in report.objects[:MOST]]
        return result | {"failed": True, "msg": "\n".join([f"{HEAD}: {summary(report)}", *told, *_more(report)])}
    return result


def summary(report: DriftReport) -> str:
    """Return one line: ``3 of 41 objects DIFFER: 2 changed, 1 extra`` or ``41 objects are as the inventory says``."""
    if not report.objects:
        return f"{report.compared} object{' is' if report.compared == 1 else 's are'} as the inventory says"
    counts = Counter(each.state for each in report.objects)
    states = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    return f"{len(report.objects)} of {max(report.compared, len(report.objects))} objects DIFFER: {states}"


def in_words(report: DriftReport) -> str:
    """Return the report for a terminal: every object with its fields, ``inventory -> cluster``, and who did it."""
    lines = [f"stack {printable(report.stack)}: {summary(report)}"]
    lines += [f"brought by {printable(each)}" for each in report.brought]
    lines += [printable(each) for each in report.notes]
    for each in report.objects[:MOST]:
        lines += ["", *_lines(each)]
    return "\n".join([*lines, *_more(report)])


def _more(report: DriftReport) -> list[str]:
    left = len(report.objects) - MOST
    return [f"… and {left} more objects"] if left > 0 else []


def _line(each: Drifted) -> str:
    """An object in short: which fields, and who."""
    fields = [f"{field.path} ({field.author.manager if field.author else 'removed'})" for field in each.fields]
    more = [f"{len(fields) - _FEW} more"] if len(fields) > _FEW else []
    return printable(f"{each}: {each.state}: {', '.join([*fields[:_FEW], *more]) or each.reason}".rstrip(": "))


def _lines(each: Drifted) -> Iterator[str]:
    reason = f": {each.reason}" if each.reason else ""
    yield printable(f"{each}: {each.state.upper()}{reason}") + _by(each.authors)
    for field in each.fields[:_SHOWN]:
        yield f"  {_difference(field)}"
    if len(each.fields) > _SHOWN:
        yield f"  … and {len(each.fields) - _SHOWN} more fields"


def _difference(field: Difference) -> str:
    """``.spec.replicas: 1 -> 2 (kubectl, Update of scale, 2026-11-21 20:15 UTC)``, from inventory to cluster."""
    who = author_words(field.author) if field.author else "nobody holds it now"
    return printable(f"{field.path}: {_value(field.wanted)} -> {_value(field.live)}") + f" ({printable(who)})"


def author_words(author: Author) -> str:
    """Return ``kubectl-edit, Update, 2026-11-21 20:15 UTC``; the manager that we apply with is told as what it is."""
    through = f" of {author.subresource}" if author.subresource else ""
    when = author.time.replace("T", " ").replace("Z", "")[:16]
    name = f"{author.manager} itself" if author.manager == "ingresskit" else author.manager
    return f"{name}, {author.operation}{through}" + (f", {when} UTC" if when else "")


def _by(authors: tuple[Author, ...]) -> str:
    return printable(f" ({'; '.join(map(author_words, authors))})") if authors else ""


def _value(value: Any) -> str:
    if value is None:
        return "(nothing)"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return printable(text, _VALUE)


def _as_data(each: Drifted) -> dict[str, Any]:
    return {
        "object": str(each),
        "kind": each.kind,
        "namespace": each.namespace,
        "name": each.name,
        "state": each.state,
        "reason": each.reason,
        "fields": [
            {
                "path": field.path,
                "inventory": field.wanted,
                "cluster": field.live,
                "author": asdict(field.author) if field.author else None,
            }
            for field in each.fields
        ],
        "authors": [asdict(author) for author in each.authors],
    }


def render_junit(report: DriftReport) -> str:
    """Return JUnit XML: a test case for each object, a failure where it differs, with fields and authors."""
    tests = len(report.same) + len(report.objects)
    counts = {"tests": str(tests), "failures": str(len(report.objects)), "errors": "0", "skipped": "0"}
    root = ET.Element("testsuites", {"name": "ingresskit drift", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": printable(report.stack), **counts})
    for each in report.objects:
        lines = list(_lines(each))
        failure = ET.SubElement(_case(suite, report.stack, str(each)), "failure", type=each.state, message=lines[0])
        failure.text = "\n".join(lines)
    for name in report.same:
        _case(suite, report.stack, name)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, stack: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=f"ingresskit.{printable(stack)}", name=printable(name))
