"""The quick run: every case at the size of the table."""

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench.case import Bench, Case, Row
from benchmarks.bench.files import write, write_rows
from benchmarks.bench.table import TITLE, markdown


def run_quick(cases: Sequence[Case], bench: Bench, about: Row, out: Path | None, costs: dict[str, float]) -> list[Row]:
    """The rows of all cases; what is done is on disk after each of them when there is a folder."""
    rows: list[Row] = []
    start = time.monotonic()
    for number, case in enumerate(cases):
        began, worked = time.monotonic(), time.process_time()
        for row in case.rows(bench):
            rows.append({**row, "case": case.name, "about": about})
            print(f"    {summary(row)}", flush=True)
        spent = time.monotonic() - began
        costs[case.name] = spent
        for row in rows:
            if row["case"] == case.name:
                row["case_seconds"] = spent
                row["core_share"] = min(1.0, (time.process_time() - worked) / spent)
        left = _left(cases[number + 1 :], costs)
        done = time.monotonic() - start
        print(
            f"[{number + 1}/{len(cases)}] {case.name}: {spent:.0f} s; {done:.0f} s so far, {left:.0f} s left",
            flush=True,
        )
        if out is not None:
            write_rows(out / "quick.json", rows)
            write(out / "quick.md", markdown(rows, TITLE))
    return rows


def _left(cases: Sequence[Case], costs: dict[str, float]) -> float:
    """Seconds for the rest: as long as each took the last time, or as the mean of those known."""
    usual = sum(costs.values()) / max(len(costs), 1)
    return sum(costs.get(case.name, usual) for case in cases)


def summary(row: Row) -> str:
    """One line of progress."""
    parts = [row["kernel"]]
    for way in ("forward", "backward"):
        if row.get(way) is not None:
            parts.append(f"{way} {row[way]:.3g}× (asked {row[f'{way}_asked'] or '–'})")
    if row.get("error") is not None:
        parts.append(f"error {row['error']:.1e} (asked {row['error_asked']:.0e})")
    if row.get("slope_error") is not None:
        parts.append(f"slope {row['slope_error']:.1e} of {row['slope_of']}")
    parts += [f"limit {row['limit']:.3g}×"] if row.get("limit") else []
    parts += [f"WRONG: {', '.join(row['wrong'])}"] if row.get("wrong") else []
    parts += [f"gap: {name}" for name in row.get("gaps") or ()]
    return ", ".join(parts)
