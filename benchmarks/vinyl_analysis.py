"""What `analyse_vinyl` reads of records whose figures are known: `python -m benchmarks.vinyl_analysis [--quick]`.

Records of 60 s with a lead-in of 10 s and a band of 3150 Hz, with random settings: by the chain of the package
(`vinyl_chain`), by NumPy alone (`vinyl_records`), and of these some with music instead of the tone, given the original.
`--only KIND` does one kind, `--count N` so many of each. A row is written as soon as it is measured, so that a run
that was stopped goes on where it was. Writes `results/vinyl_analysis.md`.
"""

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table import RESULTS, markdown, write_table
from benchmarks.vinyl_chain import chain_record
from benchmarks.vinyl_records import Record, record
from ddspfx.analysis.vinyl.analyse import KEYS, VinylAnalysis, analyse_vinyl
from ddspfx.analysis.vinyl.equalisation import Curve
from ddspfx.audio import read_audio

SHARED = Path(__file__).parents[2] / "shared/data/cc0"
PARTS = RESULTS / "vinyl_analysis.parts"
KINDS: dict[str, tuple[Callable[[int], Record], int]] = {
    "chain": (chain_record, 50),
    "numpy": (record, 50),
    "original": (lambda seed: record(1_000 + seed, "music"), 10),
}
"""By name: what makes a record of a seed, and how many of them."""
LIMITS = {
    "revolution_hz": ("0.1 %", 1e-3),
    "speed_error_ppm": ("5 ppm", 5.0),
    "wow_percent": ("5 %", 0.05),
    "wow_phase_deg": ("5°", 5.0),
    "flutter_percent": ("none", math.inf),
    "clicks": ("10 % of the realised count", 0.1),
    "hiss_third_octaves_db": ("1 dB, the worst third octave", 1.0),
    "hum_db": ("1 dB", 1.0),
    "rumble_db": ("1 dB", 1.0),
}
"""What is asked, in words and as a number."""
RELATIVE = ("revolution_hz", "wow_percent", "flutter_percent", "clicks")
Row = dict[str, Any]


def measured(made: Record) -> Row:
    """The error of each figure, relative where the limit is; None where the record was found not to determine it."""
    found = analyse_vinyl(made.wet, made.sample_rate, dry=made.dry)
    truth, figures = made.truth, found.figures
    row: Row = {}
    for key in LIMITS:
        figure: Any = figures.get(key)
        if key == "clicks":
            row[key] = _clicks(truth, found, row)
        elif truth.get(key) is None or figure is None:
            row[key] = None
        elif key == "hiss_third_octaves_db":
            row[key] = max(abs(figure.value[name] - level) for name, level in truth[key].items())
        else:
            error = figure.value - truth[key]
            error = (error + 180) % 360 - 180 if key == "wow_phase_deg" else error
            row[key] = float(error / truth[key] if key in RELATIVE else error)
    row["known"] = [key for key in LIMITS if key == "clicks" or truth.get(key) is not None]
    return row


def _clicks(truth: Row, found: VinylAnalysis, row: Row) -> float | None:
    """The relative error of the count above the threshold that was chosen; both are kept."""
    figures: Any = found.figures
    if figures["clicks_per_second"] is None:
        return None
    counted = figures["clicks_per_second"].value * found.clicks.searched.sum() / found.sample_rate
    searched = found.clicks.searched[(truth["click_times"] * found.sample_rate).astype(int)]
    wanted = int(np.sum((truth["heights_db"] >= figures["click_threshold_db"].value) & searched))
    row["counted"], row["wanted"] = round(counted), wanted
    return float((counted - wanted) / max(wanted, 1))


def rows_of(kind: str, count: int, fresh: bool) -> list[Row]:
    """The rows of a kind, those that are missing measured now."""
    make, most = KINDS[kind]
    path = PARTS / f"{kind}.jsonl"
    PARTS.mkdir(parents=True, exist_ok=True)
    done = [] if fresh or not path.exists() else [json.loads(line) for line in path.read_text().splitlines()]
    seeds = {row["seed"] for row in done}
    for seed in (seed for seed in range(min(count, most)) if seed not in seeds):
        row = {"seed": seed, **measured(make(seed))}
        done.append(row)
        if not fresh:
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")
        print(kind, row, flush=True)
    return done


def summary(kind: str, rows: list[Row]) -> list[Row]:
    """Asked beside measured: the share of the settings within the limit, the median and the worst error."""
    table = []
    for key, (words, limit) in LIMITS.items():
        told = [row for row in rows if key in row["known"]]
        errors = [abs(row[key]) for row in told if row[key] is not None]
        if not told:
            continue
        factor = 100 if key in RELATIVE else 1
        unit = "%" if key in RELATIVE else {"speed_error_ppm": "ppm", "wow_phase_deg": "°"}.get(key, "dB")
        table.append({
            "records": kind, "figure": key, "asked": words, "settings": len(told),
            "not determined": len(told) - len(errors),
            "within": f"{100 * sum(e <= limit for e in errors) / len(told):.0f} %" if math.isfinite(limit) else "",
            "median error": f"{factor * float(np.median(errors)):.3g} {unit}" if errors else "",
            "worst": f"{factor * max(errors):.3g} {unit}" if errors else "",
        })  # fmt: skip
    return table


def real() -> list[Row]:
    """What is said of real vinyl."""
    names = ("vinyl_hiss", "vinyl_rewind", "vinyl_backspin")
    found = {name: analyse_vinyl(*read_audio(SHARED / f"{name}.flac")).figures for name in names}
    return [{"figure": key} | {name: _said(found[name][key]) for name in names} for key in KEYS]


def _said(figure: Any) -> str:
    if figure is None:
        return "null"
    if isinstance(figure, Curve):
        return f"{figure.value} ({figure.deviation:.2g} that not)"
    if isinstance(figure.value, dict):
        return ", ".join(f"{name}: {level:.1f}" for name, level in figure.value.items())
    return f"{figure.value:.4g} ± {figure.deviation:.2g}"


ABOUT = """Errors of every figure against the truth of each record, asked beside measured. Truths of the chain: what the
same take makes of silence with one noise alone. A click is one of those of both walls that is the highest within 1.5 ms
either way; its height is its peak in the file, and the count is that of the whole file above the threshold which the
command itself chose and reports. "Not determined" are records of which the command said null; they count as outside the
limit. Third octaves: hiss and what of the rumble lies above 100 Hz, against the mean power of the take. The chain's
phase takes in that the delay is read where it stands in the row of blocks. Fifty settings of each are asked; the column
says how many have been measured so far."""

REAL = """Real vinyl noise of `../shared/data/cc0`. `vinyl_hiss` is 8 s of a groove without programme, some four turns;
the others are a hand on a record, for which little is determined."""


def main() -> None:
    """Measures what is missing and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--count", type=int, default=50)
    given = parser.parse_args()
    count = 2 if given.quick else given.count
    kinds = [given.only] if given.only else ["chain", "numpy"] if given.quick else list(KINDS)
    found = {kind: rows_of(kind, 2 if given.quick else count if kind in kinds else 0, given.quick) for kind in
             (kinds if given.quick else KINDS)}  # fmt: skip
    table = [line for kind, rows in found.items() if rows for line in summary(kind, rows)]
    few = [
        {"kind": kind, "seed": row["seed"], "counted": row.get("counted"), "realised": row.get("wanted")}
        for kind, rows in found.items()
        for row in rows
        if row.get("clicks") is None or abs(row["clicks"]) > 0.1
    ]
    missed = f"\n\nClicks outside the limit:\n\n{markdown(few)}" if few else ""
    about = f"{REAL}\n\n{markdown(real())}\n\n{ABOUT}{missed}"
    name = "vinyl_analysis_quick" if given.quick else "vinyl_analysis"
    write_table(name, about, table, "python -m benchmarks.vinyl_analysis" + (" --quick" if given.quick else ""))


if __name__ == "__main__":
    main()
