"""Records against their originals: `python -m benchmarks.vinyl_alignment [--quick]`, `results/vinyl_alignment.md`.

Sides of 20 minutes in stereo, strung together from `../shared/data/cc0` at random order, speed, gain and overlap, with
a pause of two seconds every few minutes, on a player whose motion is known: a start of its own, up to 4 % off in speed,
drift, eight harmonics of the revolution at 33 1/3, 45 or 78 turns, flutter with a tooth, skips and repeated grooves;
then a lopsided curve, an error of the replay curve, hiss at -40 dB and five clicks a second (`vinyl_sides.py`).

Errors are in samples at 44.1 kHz, every 3 ms wherever wet plays what dry holds, pauses and moments beside a skip
included. Those of `align` are as they are; of those of `track` the median is taken off and shown beside, because a
constant delay cannot be told from the device's own. A skip counts as found within 20 ms and 20 samples of it; a skip
that is none is counted apart. Times are wall-clock and of all cores together on a machine of two cores that did
other work as well: the smaller is the nearer to an idle one. Memory is what the process held at most beyond what it
held before, both recordings among that, in MiB. Rows that are there already are kept: a killed run goes on.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.alignment import RATE
from benchmarks.table import RESULTS, write_table
from benchmarks.vinyl_sides import SIDES, Record, Row, programme, record
from ddspfx.alignment.align import Alignment, align
from ddspfx.alignment.track import track

ROWS = RESULTS / "vinyl_alignment.json"
SECONDS, QUICK_SECONDS = 1200.0, 60.0
QUICK = ("band", "shellac")
SPARE_S = 16.0
"""Dry's seconds beyond what wet's nominal speed asks for."""
NEAR_S, NEAR = 0.02, 20.0
EDGE_S = 0.05


def measured(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What `work` gives; its wall-clock and CPU seconds and how many MiB it took at most."""
    _forget_peak()
    before = _memory("VmRSS")
    wall, cpu = time.monotonic(), time.process_time()
    found = work()
    took = {"wall s": time.monotonic() - wall, "CPU s": time.process_time() - cpu}
    return found, took | {"MiB": (_memory("VmHWM") - before) / 1024}


def _forget_peak() -> None:
    """So that the greatest memory is that from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def _memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(name)))


def errors(side: Record, dry_seconds: float, delay: Callable[[Row], Row]) -> Row:
    """Samples by which a delay is too long, wherever wet plays what dry holds."""
    times = np.arange(EDGE_S, side.wet.shape[1] / RATE - EDGE_S, 0.003)
    true = side.seconds(times)
    played = (true > EDGE_S) & (true < dry_seconds - EDGE_S)
    return np.asarray((delay(times) - (times - true)) * RATE)[played]


def skips_found(found: Alignment, true: list[tuple[float, float]]) -> tuple[int, int]:
    """How many of the true skips were found, and how many were that are none."""
    hit = [any(abs(t - time) < NEAR_S and abs(j - jump) * RATE < NEAR for t, j in found.jumps) for time, jump in true]
    return sum(hit), len(found.jumps) - sum(hit)


def row(name: str, seconds: float) -> dict[str, Any]:
    """One side."""
    side = SIDES[name]
    dry = programme(side, seconds * 1.02 + SPARE_S)
    made = record(side, dry, seconds)
    found, cost = measured(lambda: align(dry, made.wet, RATE, transport="vinyl"))
    followed, more = measured(lambda: track(dry, made.wet, RATE, alignment=found, transport="vinyl"))
    coarse = errors(made, dry.shape[1] / RATE, found.delay)
    fine = errors(made, dry.shape[1] / RATE, followed)
    constant = float(np.median(fine))
    hits, none = skips_found(found, made.skips)
    return {
        "piece": name,
        "rpm": side.rpm,
        "speed": side.speed,
        "align s: wall (asked 60)": cost["wall s"],
        "align s: CPU": cost["CPU s"],
        "align: median (asked .5)": float(np.median(np.abs(coarse))),
        "align: 99 % (asked 2)": float(np.quantile(np.abs(coarse), 0.99)),
        "skips found of": f"{hits} of {len(made.skips)}, {none} more",
        "track: median (asked .05)": float(np.median(np.abs(fine - constant))),
        "track: 99 % (asked .5)": float(np.quantile(np.abs(fine - constant), 0.99)),
        "track: constant": constant,
        "track with align, x real time: wall (asked .3)": (cost["wall s"] + more["wall s"]) / seconds,
        "track with align, x real time: CPU": (cost["CPU s"] + more["CPU s"]) / seconds,
        "MiB beyond the audio": max(cost["MiB"], more["MiB"]),
        "MiB of audio": (dry.nbytes + made.wet.nbytes) / 2**20,
        "load": os.getloadavg()[1],
    }


def main(quick: bool, command: str) -> None:
    """Runs what is missing and writes the table after every row."""
    rows: list[dict[str, Any]] = json.loads(ROWS.read_text()) if ROWS.exists() and not quick else []
    done = {each["piece"] for each in rows}
    for name in QUICK if quick else SIDES:
        if name in done:
            continue
        rows.append(row(name, QUICK_SECONDS if quick else SECONDS))
        print(rows[-1], flush=True)
        if not quick:
            ROWS.parent.mkdir(exist_ok=True)
            ROWS.write_text(json.dumps(rows, indent=0))
        write_table("vinyl_alignment_quick" if quick else "vinyl_alignment", __doc__, rows, command)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    main(chosen.quick, f"python -m benchmarks.vinyl_alignment{' --quick' if chosen.quick else ''}")
