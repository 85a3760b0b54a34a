"""The main job on a real tape machine: `python -m benchmarks.akai [--minutes 5]` writes `results/akai.md`.

Akai 4000D, three clips of 5 s (`../shared/data/akai4000d`). The first two thirds of a clip are fitted as
`ddspfx fit` does it, the last third is unseen. Its delay is tracked from the programme alone with the device
untouched. The pilot on the other channel is used for scoring only: the difference of the two delays, a constant
removed, tells how well time was found.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.table import write_table
from ddspfx.audio import read_audio
from ddspfx.data.pair import Pair
from ddspfx.data.recording import Recording
from ddspfx.fit.auto import fit_auto
from ddspfx.fit.progress import Lines
from ddspfx.fit.scoring import score_pair
from ddspfx.report.demo import linear_reference
from ddspfx.source.trajectory import Trajectory

DATA = Path(__file__).parents[2] / "shared/data/akai4000d"
HEAD_S = 0.2
"""Seconds of dry before the last third: the tape needs 160 ms from the record to the play head."""


def clip(number: int) -> tuple[Pair, Pair, float]:
    """The first two thirds, the last third, and the second at which it begins."""
    dry, rate = read_audio(DATA / f"clip{number}_input_L.wav")
    wet, _ = read_audio(DATA / f"clip{number}_target_L.wav")
    cut, head = 2 * wet.shape[1] // 3, round(HEAD_S * rate)
    fitted = Pair(Recording(dry[:, :cut], rate, f"clip {number}"), Recording(wet[:, :cut], rate, f"clip {number}"))
    unseen = Pair(Recording(dry[:, cut - head :], rate, "unseen"), Recording(wet[:, cut:], rate, "unseen"))
    return fitted, unseen, cut / rate


def against_pilot(number: int, found: Trajectory, speed: float, begins: float, stop: float, rate: int) -> np.ndarray:
    """Found delay less the pilot's, in samples, a constant removed, 100 ms inside both ends.

    The dry was warped by `speed` before it was tracked, so the whole delay is t - speed (t - d(t)).
    """
    rows = np.genfromtxt(DATA / f"clip{number}_pilot_delay.csv", delimiter=",", skip_header=1)
    seconds, samples = rows[:, 0] - begins, rows[:, 1] * rate / 44_100
    inside = (seconds > 0.1) & (seconds < stop - 0.1)
    seconds = seconds[inside]
    rest = (seconds - speed * (seconds - found(seconds))) * rate - samples[inside]
    return np.asarray(rest - np.median(rest))


def main(minutes: float) -> None:
    """One row a clip."""
    rows = []
    for number in (1, 2, 3):
        fitted, unseen, begins = clip(number)
        run = fit_auto([fitted], minutes=minutes, progress=Lines())
        scored = score_pair(run, unseen, progress=Lines())
        linear, _ = linear_reference(scored)
        speed, stop = scored.take.alignment.speed, scored.score.scored_to_s
        rest = against_pilot(number, scored.trajectory, speed, begins, stop, fitted.sample_rate)
        rows.append(
            {
                "clip": number,
                "model": run.figures["model"],
                "validation ESR": run.figures["esr_validation"],
                "unseen ESR": scored.score.esr,
                "asked": 0.03,
                "best linear on the same seconds": linear,
                "delay against pilot, median error (samples)": float(np.median(np.abs(rest))),
                "scored s": f"{begins + scored.score.scored_from_s:.2f} to {begins + scored.score.scored_to_s:.2f}",
            }
        )
        print(rows[-1])
    write_table("akai", __doc__, rows, f"python -m benchmarks.akai --minutes {minutes:g}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    main(parser.parse_args().minutes)
