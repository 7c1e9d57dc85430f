"""Rows of results and what is told of them: medians, extrapolation, the table, the figures to reach. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

Phase = Literal["cold", "noop"]
PHASES: tuple[Phase, ...] = ("cold", "noop")
LIMIT = "limit"
OURS = ("ingresskit-playbook", "ingresskit-module")
PEERS = ("kubectl", "kubectl-ssa", "helm", "kubernetes.core-loop", "kubernetes.core-task")
ENGINES = (*OURS, LIMIT, *PEERS)


@dataclass(frozen=True)
class Row:
    """What one engine took for one phase.

    ``sample``: how many objects were really sent, where not all of them. ``process``: where ``seconds`` are those of
    the work alone, the seconds of the whole process, the start of Python and all imports included.
    """

    engine: str
    objects: int
    phase: Phase
    seconds: float
    api_calls: int
    api_writes: int
    peak_mib: float
    sample: int | None = None
    process: float | None = None

    @property
    def whole(self) -> float:
        """Seconds of the whole process."""
        return self.seconds if self.process is None else self.process

    def record(self) -> dict[str, Any]:
        """The row as results/latest.json has it; ``extrapolated_from`` and ``process_seconds`` where they apply."""
        record: dict[str, Any] = {
            "engine": self.engine,
            "objects": self.objects,
            "phase": self.phase,
            "seconds": round(self.seconds, 3),
            "api_calls": self.api_calls,
            "api_writes": self.api_writes,
            "peak_mib": round(self.peak_mib, 1),
        }
        if self.process is not None:
            record["process_seconds"] = round(self.process, 3)
        if self.sample is not None:
            record["extrapolated_from"] = self.sample
        return record


def middle(rows: Sequence[Row]) -> Row:
    """The median of repeated runs of one engine and phase, figure by figure; of memory the highest."""
    first = rows[0]
    return Row(
        first.engine,
        first.objects,
        first.phase,
        median(row.seconds for row in rows),
        round(median(row.api_calls for row in rows)),
        round(median(row.api_writes for row in rows)),
        max(row.peak_mib for row in rows),
        first.sample,
        None if first.process is None else median(row.process or 0 for row in rows),
    )


def medians(rows: Iterable[Row]) -> list[Row]:
    """One row for each engine, number of objects and phase, in the order they first came in."""
    groups: dict[tuple[str, int, Phase], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.engine, row.objects, row.phase), []).append(row)
    return [middle(group) for group in groups.values()]


def extrapolated(sample: Row, empty: float, objects: int) -> Row:
    """The row for ``objects`` from one for a few: ``empty`` seconds are the same for any number, the rest grows."""
    if not sample.objects:
        raise ValueError("nothing to extrapolate from: the sample is empty")
    factor = objects / sample.objects
    return Row(
        sample.engine,
        objects,
        sample.phase,
        empty + max(0.0, sample.seconds - empty) * factor,
        round(sample.api_calls * factor),
        round(sample.api_writes * factor),
        sample.peak_mib,
        sample.objects,
    )


def best_peer(rows: Iterable[Row], phase: Phase) -> Row | None:
    """The fastest engine that is neither ours nor the limit."""
    return min((row for row in rows if row.phase == phase and row.engine in PEERS), key=_seconds, default=None)


def tables(rows: Sequence[Row], objects: int, missing: Mapping[str, str]) -> str:
    """Markdown: a table for each phase at ``objects``, engines in ENGINES' order; those not run with their reason."""
    at_size = [row for row in rows if row.objects == objects]
    return "\n\n".join(_table([row for row in at_size if row.phase == phase], phase, missing) for phase in PHASES)


def growth_table(rows: Sequence[Row]) -> str:
    """Markdown: ingresskit-module over numbers of objects, with the time for 1,000 objects beside the whole."""
    mine = sorted((row for row in rows if row.engine == "ingresskit-module"), key=lambda row: (row.phase, row.objects))
    lines = [
        "| ingresskit-module | objects | seconds | s per 1,000 | calls | writes | peak MiB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.phase} | {row.objects:,} | {row.seconds:.2f} | {row.seconds * 1000 / row.objects:.2f} "
        f"| {row.api_calls:,} | {row.api_writes:,} | {row.peak_mib:.0f} |"
        for row in mine
    ]
    return "\n".join(lines)


def targets(rows: Sequence[Row], scopes: int) -> str:
    """Markdown: the figures to reach, each with what was measured; only those for which there are rows."""
    found = {(row.engine, row.phase): row for row in rows}
    lines = ["| to reach | at most | measured | |", "|---|---:|---:|---|"]
    lines += [
        f"| {what} | {most:g} | {value:.3g} | {'reached' if value <= most else 'MISSED'} |"
        for what, most, value in _targets(found, scopes)
    ]
    return "\n".join(lines)


def _targets(found: Mapping[tuple[str, Phase], Row], scopes: int) -> Iterable[tuple[str, float, float]]:
    """(what, the most it may be, what it is)"""
    module = "ingresskit-module"
    if (cold := found.get((module, "cold"))) and (limit := found.get((LIMIT, "cold"))):
        yield f"{module} cold, times limit", 1.25, cold.seconds / limit.seconds
    if noop := found.get((module, "noop")):
        yield f"{module} no-op, seconds", 0.3, noop.seconds
        yield f"{module} no-op, writes", 0, noop.api_writes
        yield f"{module} no-op, calls (scopes + 3)", scopes + 3, noop.api_calls
    playbook = "ingresskit-playbook"
    if (cold := found.get((playbook, "cold"))) and (peer := found.get(("kubectl-ssa", "cold"))):
        yield f"{playbook} cold, part of kubectl-ssa", 0.333, cold.seconds / peer.seconds
    if (noop := found.get((playbook, "noop"))) and (best := best_peer(found.values(), "noop")):
        yield f"{playbook} no-op, part of the best peer ({best.engine})", 0.25, noop.seconds / best.seconds


def growth_factor(rows: Sequence[Row], small: int, large: int) -> float | None:
    """How many times longer than in proportion a cold run of ``large`` objects takes than one of ``small``."""
    cold = {row.objects: row.seconds for row in rows if row.engine == "ingresskit-module" and row.phase == "cold"}
    return (cold[large] / large) / (cold[small] / small) if small in cold and large in cold else None


def _table(rows: Sequence[Row], phase: Phase, missing: Mapping[str, str]) -> str:
    found = {row.engine: row for row in rows}
    best, limit = best_peer(rows, phase), found.get(LIMIT)
    lines = [
        f"| {'no-op' if phase == 'noop' else phase} | seconds | whole process | times best peer | times limit "
        "| calls | writes | peak MiB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for engine in ENGINES:
        if row := found.get(engine):
            lines.append(_line(row, best, limit))
        elif engine in missing:
            lines.append(f"| {engine} | not run: {missing[engine]} | | | | | | |")
    return "\n".join(lines)


def _line(row: Row, best: Row | None, limit: Row | None) -> str:
    name = row.engine + (f" (from {row.sample} objects)" if row.sample is not None else "")
    about = "about " if row.sample is not None else ""
    whole = "" if row.process is None else f"{row.process:.2f}"
    # like with like: whole processes, or the work alone of the two of which that is known
    to_peer = f"{row.whole / best.whole:.2f}" if best else ""
    to_limit = f"{_against(row, limit):.2f}" if limit else ""
    return (
        f"| {name} | {about}{row.seconds:.2f} | {whole} | {to_peer} | {to_limit} "
        f"| {row.api_calls:,} | {row.api_writes:,} | {row.peak_mib:.0f} |"
    )


def _against(row: Row, limit: Row) -> float:
    return row.whole / limit.whole if row.process is None else row.seconds / limit.seconds


def _seconds(row: Row) -> float:
    return row.seconds
