"""The report for a terminal: aligned columns that can be copied, no wider than asked where that is possible."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import groupby

from ..oracle.types import SmokeReport
from ..probe.words import printable
from .rows import TEST_DOUBLE, Row, expiring, rows, summary, target_words, title, tries

WIDTH = 120
MOST_ROWS, MOST_FAILURES = 200, 40
_HEAD = ("URL", "PATH", "EXPECTED", "ANSWER", "TLS", "VERDICT")
# Columns give way down to the first, then to the second widths, whichever has most to give; the verdict never does.
_COMFORT, _LEAST = (26, 14, 16, 20, 15, 7), (16, 10, 12, 16, 8, 7)
_GAP = "  "
SOON = "EXPIRING"
_COLOURS = {"proven": "32", "FAILED": "1;31", TEST_DOUBLE: "1;33", SOON: "1;33", "NOT TRUSTED": "31"}


def render_table(report: SmokeReport, width: int = WIDTH, colour: bool = False) -> str:
    """Return the whole report as text: headline, notes, table, summary, and each failure in full.

    ``width`` is kept by shortening cells; the verdict is never shortened, so that below about 80 columns lines get
    longer instead. Of very many rows the proven ones are left out first, and their number is told.
    """
    made = rows(report)
    shown = _most_telling(made)
    targets = [f"target {target_words(target)}" for target in report.targets]
    lines = [title(report), *map(printable, report.notes), *targets, ""]
    if shown:
        lines += [*_table(shown, width), *_left_out(made, shown), ""]
    lines += [*(f"{SOON}: {line}" for line in expiring(report)), summary(report)]
    lines += _failures([row for row in made if not row.ok])
    text = "\n".join(lines)
    return _coloured(text) if colour else text


def _most_telling(made: list[Row]) -> list[Row]:
    """At most MOST_ROWS, failed ones first, in their order."""
    if len(made) <= MOST_ROWS:
        return made
    chosen = {id(row) for row in sorted(made, key=lambda row: row.ok)[:MOST_ROWS]}
    return [row for row in made if id(row) in chosen]


def _left_out(made: list[Row], shown: list[Row]) -> list[str]:
    more = len(made) - len(shown)
    failed = sum(not row.ok for row in made) - sum(not row.ok for row in shown)
    return (
        [f"… and {more} more, {failed} of them FAILED" if failed else f"… and {more} more, all proven"] if more else []
    )


def _table(made: list[Row], width: int) -> list[str]:
    cells = [
        _cells(row, first=index == 0)
        for __, same in groupby(made, lambda row: row.url)
        for index, row in enumerate(same)
    ]
    widths = _widths([_HEAD, *cells], width)
    rule = "─" * (sum(widths) + len(_GAP) * (len(widths) - 1))
    return [_line(_HEAD, widths), rule, *(_line(row, widths) for row in cells)]


def _cells(row: Row, *, first: bool) -> tuple[str, ...]:
    """A row's cells: a URL is said once for the rows that share it, a made-up name is called what it stands for."""
    kind, scheme = row.result.probe.kind, row.result.probe.request.scheme
    url = f"{scheme}://(unknown host)" if kind == "unknown-host" else row.url
    path = "(unknown path)" if kind == "unknown-path" else row.path
    return (url if first else "", path, row.expected, row.answer, row.tls, row.verdict)


def _widths(table: Sequence[Sequence[str]], width: int) -> list[int]:
    """The columns' widths: what they need, made smaller until the line fits or nothing can give."""
    widths = [max(map(cell_width, column)) for column in zip(*table, strict=True)]
    room = width - len(_GAP) * (len(widths) - 1)
    for floors in (_COMFORT, _LEAST):
        while sum(widths) > room:
            excess = [have - floor for have, floor in zip(widths, floors, strict=True)]
            if max(excess) <= 0:
                break
            widths[excess.index(max(excess))] -= 1
    return widths


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    fitted = (fit(cell, width) for cell, width in zip(cells, widths, strict=True))
    return _GAP.join(fitted).rstrip()


def fit(cell: str, width: int) -> str:
    """Return ``cell`` padded to ``width`` columns, or with its middle left out: both ends of a URL tell something."""
    if cell_width(cell) <= width:
        return cell + " " * (width - cell_width(cell))
    head, tail = _take(cell, width // 2), _take(cell[::-1], (width - 1) // 2)[::-1]
    short = f"{head}…{tail}"
    return short + " " * (width - cell_width(short))


def _take(text: str, width: int) -> str:
    """The beginning of ``text`` that fits ``width`` columns."""
    used = 0
    for index, char in enumerate(text):
        used += cell_width(char)
        if used > width:
            return text[:index]
    return text


def cell_width(text: str) -> int:
    """Return how many terminal columns ``text`` takes: two for wide East Asian characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum((unicodedata.east_asian_width(c) in "WF") + 1 for c in text if not unicodedata.combining(c))


def _failures(failed: list[Row]) -> list[str]:
    lines = []
    for row in failed[:MOST_FAILURES]:
        lines += ["", f"FAILED {row.result.probe.request.method} {row.url}{row.path}", f"  {row.reason}"]
        lines += [f"  declared by {row.source} (asked {tries(row.result)})"]
    more = len(failed) - MOST_FAILURES
    return [*lines, "", f"… and {more} more FAILED"] if more > 0 else lines


def _coloured(text: str) -> str:
    for word, code in _COLOURS.items():
        text = text.replace(word, f"\x1b[{code}m{word}\x1b[0m")
    return text
