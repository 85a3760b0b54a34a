"""The whole run: every kernel as a function of length, batch and width, each point in its own process.

A point that is done lies in a file of its own, so a run that was stopped goes on where it was.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.bench.case import Bench, Case, Kernel, Row, Size
from benchmarks.bench.files import read_rows, write, write_rows
from benchmarks.bench.growth import page, slopes

RATE = 44_100
LENGTHS = (1, 10, 60, 600)
"""Seconds, of one signal."""
BATCHES = (4, 16, 64)
"""Signals, of one second; one alone is the shortest of the lengths."""
BLOCKS = (32, 64, 128, 512)
"""Samples of a streaming call."""
LONGEST = 5.0
"""Seconds of one run from which on a point is left out: it would take a minute or more."""
LARGEST = 4e9
"""Bytes at the peak from which on a point is left out."""
TIMEOUT = 900


class Point(NamedTuple):
    """One size of one kernel, and the axis on which it lies."""

    case: Kernel
    axis: str
    size: Size

    @property
    def file(self) -> str:
        return f"{self.case.name}-{self.axis}-{'-'.join(map(str, self.size))}.json".replace(" ", "_").replace("/", "_")


def points(case: Kernel) -> Iterator[Point]:
    """Every size of a kernel, the small ones of each axis first."""
    width = case.sizes[-1].width
    for seconds in LENGTHS:
        yield Point(case, "length", Size(seconds * RATE, 1, width))
    for batch in BATCHES:
        yield Point(case, "batch", Size(RATE, batch, width))
    for other in sorted(set(case.widths) - {width}):
        yield Point(case, "width", Size(RATE, 1, other))
    for block in BLOCKS if case.streams else ():
        yield Point(case, "block", Size(block, 1, width))


def run_full(cases: Sequence[Case], bench: Bench, about: Row, folder: Path) -> list[Row]:
    """The rows of all points, those of other cases that lie there already among them.

    Stopped by Ctrl-C it keeps what it has; to measure again what is done, remove the folder full.parts.
    """
    parts, rows = folder / "full.parts", list[Row]()
    wanted = [point for case in cases if isinstance(case, Kernel) and case.grows for point in points(case)]
    own = {parts / point.file for point in wanted}
    others = [row for file in sorted(parts.glob("*.json")) if file not in own for row in read_rows(file)]
    start, worked = time.monotonic(), 0
    for number, point in enumerate(wanted):
        file = parts / point.file
        if not file.is_file():
            worked += 1
            write_rows(file, [{**_row(point, rows, bench), "about": about}])
        rows += read_rows(file)
        pace = (time.monotonic() - start) / max(worked, 1)
        left = pace * (len(wanted) - number - 1)
        print(f"[{number + 1}/{len(wanted)}] {said(rows[-1])}; at most {left / 60:.0f} min left", flush=True)
        write_rows(folder / "full.json", [*others, *rows, *slopes([*others, *rows])])
        write(folder / "full.md", page([*others, *rows], about))
    return [*others, *rows]


def _row(point: Point, done: Sequence[Row], bench: Bench) -> Row:
    """A point measured, or why it was not."""
    row: Row = {"kernel": point.case.name, "axis": point.axis, **point.size._asdict(), "correct": True}
    reasons = too_much(row, done)
    if "ddspfx" in reasons:
        return {**row, "skipped": reasons["ddspfx"]}
    if reasons:
        row["left_out"] = reasons
    words = [point.case.name, *map(str, point.size), str(bench.budget), *reasons]
    command = [sys.executable, "-m", "benchmarks.bench.point", *words]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return {**row, "skipped": f"took more than {TIMEOUT} s"}
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or ["nothing said"]
        return {**row, "skipped": f"ended with {ended.returncode}: {lines[-1][:200]}"}
    return {**row, **json.loads(ended.stdout.strip().splitlines()[-1])}


def too_much(row: Row, done: Sequence[Row]) -> dict[str, str]:
    """Who would take too long or too much memory, and how much: from its largest smaller point, in proportion."""
    count = row["samples"] * row["batch"]
    same = [other for other in done if all(other[name] == row[name] for name in ("kernel", "width"))]
    smaller = sorted(
        (other for other in same if other["samples"] * other["batch"] < count),
        key=lambda other: other["samples"] * other["batch"],
    )
    last = {name: other for other in smaller for name, _ in _medians(other)}
    reasons = {name: _reason(name, other, count / (other["samples"] * other["batch"])) for name, other in last.items()}
    return {name: reason for name, reason in reasons.items() if reason}


def _reason(name: str, last: Row, factor: float) -> str | None:
    """What a run so many times as large would take, where that is too much."""
    slowest = factor * max(spent for side, spent in _medians(last) if side == name)
    largest = factor * max(last[f"{way}_peak_bytes"].get(name, 0) for way in ("forward", "backward"))
    if slowest > LONGEST:
        return f"would take {slowest:.0f} s a run"
    return f"would take {largest / 1e9:.0f} GB" if largest > LARGEST else None


def _medians(row: Row) -> list[tuple[str, float]]:
    return [
        (name, value["median"])
        for way in ("forward", "backward")
        for name, value in row.get(f"{way}_seconds", {}).items()
    ]


def said(row: dict[str, Any]) -> str:
    """A point in one line."""
    place = f"{row['kernel']}, {row['samples']} samples × {row['batch']}, width {row['width']}"
    if "skipped" in row:
        return f"{place}: {row['skipped']}"
    return f"{place}: " + ", ".join(f"{name} {1e3 * value:.3g} ms" for name, value in _medians(row))
