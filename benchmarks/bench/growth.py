"""How time and memory grow: slopes on logarithmic axes, and the page of the whole run."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.bench.case import Row
from benchmarks.bench.table import head

RATE = 44_100
AXES = {"length": "samples", "batch": "batch", "width": "width", "block": "samples"}


def slopes(rows: Sequence[Row]) -> list[Row]:
    """For each kernel and axis: time and memory as size^slope, and what a call costs that does nothing."""
    found = []
    for kernel in dict.fromkeys(row["kernel"] for row in rows):
        for axis in AXES:
            points = [row for row in rows if row["kernel"] == kernel and _lies_on(row, axis) and "skipped" not in row]
            if len(points) > 1:
                found.append({"kernel": kernel, "slopes_by": axis, "correct": True, **_fitted(points, AXES[axis])})
    return found


def _lies_on(row: Row, axis: str) -> bool:
    """One signal of one second lies on the axes of length, batch and width."""
    shared = row.get("axis") == "length" and row["samples"] == RATE and axis in ("batch", "width")
    return shared or row.get("axis") == axis


def _fitted(points: Sequence[Row], size: str) -> Row:
    """Slopes of log time and log memory over log size, forward and backward; a straight line's start for blocks."""
    sizes = [point[size] for point in points]
    result: Row = {}
    for way in ("forward", "backward"):
        times = [_ours(point, f"{way}_seconds") for point in points]
        memory = [_ours(point, f"{way}_peak_bytes") for point in points]
        result[f"{way}_time_slope"] = _slope(sizes, times)
        result[f"{way}_memory_slope"] = _slope(sizes, memory)
    times = [_ours(point, "forward_seconds") for point in points]
    if all(times) and all(point["axis"] == "block" for point in points):
        result["seconds_at_zero"] = float(np.polyfit(sizes, times, 1, w=1 / np.array(times))[1])
    return result


def _ours(point: Row, field: str) -> float | None:
    value = point.get(field, {}).get("ddspfx")
    return value["median"] if isinstance(value, dict) else value


def _slope(sizes: Sequence[float], values: Sequence[float | None]) -> float | None:
    known = [(a, b) for a, b in zip(sizes, values, strict=True) if b]
    if len(known) < 2:
        return None
    a, b = np.log(np.array(known)).T
    return float(np.polyfit(a, b, 1)[0])


def page(rows: Sequence[Row], about: Row) -> str:
    """full.md: the slopes, then every point."""
    lines = ["# Kernels as they grow", "", *head(about), "", "## Slopes", ""]
    lines += [
        "Time and memory grow as size^slope: 1 is linear. The last column is where a straight line through the "
        "times starts: what a call costs that has nothing to do. Where every peer would take more than 5 s a run or "
        "4 GB, ours is measured alone.",
        "",
        "| kernel | by | forward, time | forward, memory | both, time | both, memory | µs at zero |",
        "| --- | --- |" + " ---: |" * 5,
    ]
    for row in slopes(rows):
        names = ("forward_time_slope", "forward_memory_slope", "backward_time_slope", "backward_memory_slope")
        cells = [_number(row[name]) for name in names]
        zero = row.get("seconds_at_zero")
        lines.append(
            f"| {row['kernel']} | {row['slopes_by']} | {' | '.join(cells)} | {_number(zero and 1e6 * zero, '.1f')} |"
        )
    lines += ["", "## Points", "", "| " + " | ".join(POINT_HEADS) + " |", "| --- | --- |" + " ---: |" * 12]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


POINT_HEADS = (
    "kernel", "by", "samples", "batch", "width", "compile", "first call", "forward", "× peer", "MB",
    "forward + backward", "× peer", "MB", "real time",
)  # fmt: skip


def _cells(row: Row) -> list[str]:
    place = [row["kernel"], row["axis"], *(str(row[name]) for name in ("samples", "batch", "width"))]
    if "skipped" in row:
        return [*place, row["skipped"], *[""] * 8]
    compiled = sum(value or 0 for value in row["compile_seconds"])
    cells = [_number(compiled, ".2f", " s"), _number(1e3 * row["first_call_seconds"], ".3g", " ms")]
    for way in ("forward", "backward"):
        own, memory = _ours(row, f"{way}_seconds"), _ours(row, f"{way}_peak_bytes")
        ratio = _ratio(row, way)
        beside = "too much" if ratio is None and "left_out" in row else _number(ratio, ".3g")
        cells += [_number(own and 1e3 * own, ".3g", " ms"), beside]
        cells += [_number(None if memory is None else memory / 1e6, ".0f")]
    return [*place, *cells, _number(row.get("forward_real_time"), ".3g", "×")]


def _ratio(row: Row, way: str) -> float | None:
    """The fastest peer's time over ours."""
    own = _ours(row, f"{way}_seconds")
    others = [value["median"] for name, value in row.get(f"{way}_seconds", {}).items() if name != "ddspfx"]
    return min(others) / own if own and others else None


def _number(value: Any, form: str = ".2f", unit: str = "") -> str:
    return "–" if value is None else f"{value:{form}}{unit}"
