"""Draws results/latest.svg of results/latest.json: python plot.py JSON SVG OBJECTS. Needs matplotlib only."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt

COLOURS = {"cold": "#1f5fa8", "noop": "#e08a1e"}
OURS = "ingresskit-module"


def main() -> None:
    source, target, objects = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    matplotlib.rcParams["svg.hashsalt"] = "ingresskit"  # the same rows draw the same file
    rows = json.loads(source.read_text())
    sizes = sorted({row["objects"] for row in rows if row["engine"] == OURS})
    figure, axes = plt.subplots(1, 2 if len(sizes) > 1 else 1, figsize=(12 if len(sizes) > 1 else 7, 5), squeeze=False)
    _bars(axes[0][0], [row for row in rows if row["objects"] == objects], objects)
    if len(sizes) > 1:
        _growth(axes[0][1], [row for row in rows if row["engine"] == OURS])
    figure.tight_layout()
    figure.savefig(target, metadata={"Date": None})


def _bars(axes: Any, rows: list[dict[str, Any]], objects: int) -> None:
    names = list(dict.fromkeys(row["engine"] for row in sorted(rows, key=lambda row: row["seconds"])))[::-1]
    for offset, phase in ((0.2, "cold"), (-0.2, "noop")):
        found = {row["engine"]: row for row in rows if row["phase"] == phase}
        places = [place + offset for place, name in enumerate(names) if name in found]
        seconds = [found[name]["seconds"] for name in names if name in found]
        bars = axes.barh(places, seconds, 0.38, color=COLOURS[phase], label="no-op" if phase == "noop" else phase)
        axes.bar_label(bars, [f"{value:.1f}" if value >= 1 else f"{value:.2f}" for value in seconds], padding=3)
    axes.set_yticks(range(len(names)), names)
    axes.set_xscale("log")
    axes.set_xlabel("seconds (logarithmic)")
    axes.set_title(f"{objects:,} objects")
    axes.margins(x=0.15)
    axes.legend(loc="lower right")


def _growth(axes: Any, rows: list[dict[str, Any]]) -> None:
    memory = axes.twinx()
    for phase in ("cold", "noop"):
        mine = sorted((row for row in rows if row["phase"] == phase), key=lambda row: row["objects"])
        sizes = [row["objects"] for row in mine]
        label = "no-op" if phase == "noop" else phase
        axes.plot(sizes, [row["seconds"] for row in mine], "o-", color=COLOURS[phase], label=f"{label}, s")
        memory.plot(sizes, [row["peak_mib"] for row in mine], "s:", color=COLOURS[phase], label=f"{label}, MiB")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("objects")
    axes.set_ylabel("seconds")
    memory.set_ylabel("peak MiB (dotted)")
    memory.set_ylim(bottom=0)
    axes.set_title(f"{OURS}: growth")
    axes.legend(loc="upper left")


if __name__ == "__main__":
    main()
