"""The command line: what is measured, in which order, and where the results go."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import inventory, peers, results
from benchmarks.engines import Inputs, engines, write_inputs
from benchmarks.measure import Bench
from benchmarks.peers import Programs
from benchmarks.results import ENGINES, Row
from benchmarks.server import Server, check_context
from testbed.cache import Cache
from testbed.commands import output, stop_all
from testbed.console import duration, say, step
from testbed.errors import CommandError, TestbedError

RESULTS = Path(__file__).parent / "results"
FULL = 1000
GROWTH = (300, 3_000, 20_000)
PER_OBJECT = 1.5  # seconds: a command that takes longer for each object is given up


@dataclass
class Findings:
    """What has been measured so far; ``missing``: engine -> why there are no figures of it."""

    rows: list[Row] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    scopes: int = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and reports. Returns 0, 1 for a failure that has been explained, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell has jobs in the background ignore SIGINT
        signal.signal(number, _interrupt)
    try:
        check_context(options.context, any_context=options.any_context)
        _measure(Cache.of_user(), options)
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        stop_all()
        print("interrupted; what the benchmark made is removed", file=sys.stderr)
        return 130
    return 0


def _measure(cache: Cache, options: argparse.Namespace) -> None:
    begun = time.monotonic()
    programs = peers.find(cache)
    findings = Findings(missing={name: why for name, why in programs.missing.items() if name in options.engines})
    with _alone(cache), tempfile.TemporaryDirectory(prefix="ingresskit-bench-") as folder:
        server = Server(programs.kubectl, options.context, Path(folder))
        with server.user():
            _compare(server, programs, options, findings)
            if options.growth or (options.growth is None and options.objects == FULL):
                _grow(server, programs, options, findings)
    if not findings.rows:
        raise TestbedError("\n".join(["No engine could be measured:", *findings.missing.values()]))
    _report(options, findings, programs)
    say(f"took {duration(time.monotonic() - begun)}")


@contextmanager
def _alone(cache: Cache) -> Iterator[None]:
    """Two benchmarks at once would measure each other, and sweep away each other's things."""
    with (cache.root / "benchmark.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TestbedError("Another benchmark is under way: wait until it is done") from None
        yield


def _compare(server: Server, programs: Programs, options: argparse.Namespace, findings: Findings) -> None:
    """Every engine in turn, and that again as often as wanted, there and back: so a machine that slows down slows down
    all of them, and none always follows the same other."""
    bench, inputs = _prepare(server, options, options.objects)
    findings.scopes = inputs.scopes
    chosen = {name: make for name, make in engines(inputs, programs, server).items() if name in options.engines}
    for turn in range(options.repeat):
        for name, make in reversed(chosen.items()) if turn % 2 else chosen.items():
            if name in findings.missing:
                continue
            try:
                with step(f"{name}, {options.objects:,} objects, {turn + 1} of {options.repeat}"):
                    findings.rows += bench.measure(make(), options.objects)
            except CommandError as error:
                findings.missing[name] = _reason(error)
                findings.rows = [row for row in findings.rows if row.engine != name]
                say(f"       not run: {findings.missing[name]}")


def _grow(server: Server, programs: Programs, options: argparse.Namespace, findings: Findings) -> None:
    """ingresskit alone, over numbers of objects, once each."""
    for objects in GROWTH:
        if objects == options.objects:
            continue
        bench, inputs = _prepare(server, options, objects)
        try:
            with step(f"ingresskit-module, {objects:,} objects"):
                findings.rows += bench.measure(engines(inputs, programs, server)["ingresskit-module"](), objects)
        except CommandError as error:
            findings.missing[f"ingresskit-module, {objects:,} objects"] = _reason(error)


def _prepare(server: Server, options: argparse.Namespace, objects: int) -> tuple[Bench, Inputs]:
    folder = server.folder / str(objects)
    timeout = max(600, objects * PER_OBJECT)
    base = inventory.stack(str(server.kubeconfig), options.context, int(timeout))
    pairs = inventory.certificates(objects, datetime.now(UTC), each=options.certificates == "each")
    apps = inventory.apps(objects, pairs, per_app=options.namespaces == "each")
    folder.mkdir()
    return Bench(server, folder, timeout), write_inputs(folder, base, apps, in_files=options.apps == "files")


def _report(options: argparse.Namespace, findings: Findings, programs: Programs) -> None:
    rows = results.medians(findings.rows)
    folder = Path(options.results)
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "latest.json"
    lines = ",\n".join(f" {json.dumps(row.record())}" for row in rows)
    source.write_text(f"[\n{lines}\n]\n")
    text = _text(options, findings, rows, programs)
    (folder / "latest.md").write_text(text)
    print(text)
    if programs.python:
        plot = [programs.python, str(Path(__file__).parent / "plot.py")]
        output([*plot, str(source), str(folder / "latest.svg"), str(options.objects)])
    say(f"written: {folder}/latest.json, latest.md" + (", latest.svg" if programs.python else ""))


def _text(options: argparse.Namespace, findings: Findings, rows: list[Row], programs: Programs) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in peers.versions(programs).items())
    spread = "one namespace for all apps" if options.namespaces == "one" else "a namespace for each app"
    place = "apps in a file that ingresskit reads" if options.apps == "files" else "apps in group_vars"
    same = "one certificate for all apps" if options.certificates == "one" else "a certificate for each app"
    parts = [
        f"{options.objects:,} objects ({options.objects // 2:,} Ingresses, as many TLS Secrets), {spread}, {same}, "
        f"{place}; median of {options.repeat}; {datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} processors, "
        f"Python {platform.python_version()}, {versions}.",
        results.tables(rows, options.objects, findings.missing),
    ]
    if options.objects == FULL:
        parts.append(results.targets([row for row in rows if row.objects == FULL], findings.scopes))
    if len({row.objects for row in rows}) > 1:
        parts.append(results.growth_table(rows))
        factor = results.growth_factor(rows, options.objects, max(GROWTH))
        parts += [f"{max(GROWTH):,} objects cold: {factor:.2f} times linear."] if factor else []
    return "\n\n".join(parts) + "\n"


def _reason(error: CommandError) -> str:
    """One line of why a command failed."""
    return f"exit code {error.code}: {error.tail.strip().splitlines()[-1] if error.tail.strip() else 'no output'}"


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--objects", type=_even, default=FULL, metavar="N", help=f"default: {FULL}")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="runs, of which the median counts")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES), metavar="NAME", help="of all")
    parser.add_argument("--growth", action=argparse.BooleanOptionalAction, help="ingresskit-module at 300 to 20,000")
    parser.add_argument("--apps", choices=("files", "group_vars"), default="files", help="where ingresskit finds them")
    parser.add_argument("--namespaces", choices=("one", "each"), default="one", help="one for all apps, or one each")
    parser.add_argument("--certificates", choices=("one", "each"), default="one", help="one for all apps, or one each")
    parser.add_argument("--results", default=str(RESULTS), metavar="FOLDER", help="where the results go")
    default = os.environ.get("INGRESSKIT_CONTEXT", "kind-ingresskit")
    parser.add_argument("--context", default=default, help=f"of the kubeconfig (default: {default})")
    parser.add_argument("--any-context", action="store_true", help="also a cluster that is not one of kind's")
    return parser


def _even(text: str) -> int:
    number = int(text)
    if number < 2 or number % 2:
        raise argparse.ArgumentTypeError("an even number of at least 2: every app is two objects")
    return number
