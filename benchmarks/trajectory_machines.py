"""Delays of a real tape machine and of a simulated record: `python -m benchmarks.trajectory_machines`.

Akai 4000D (`../shared/data/akai4000d`): the programme on the left against the pilot on the right, from 0.36 s on, since
nothing of the clip has come through the machine before, to 0.15 s before its end, a constant removed; `best 80 %` are
the frames of smallest stated deviation. Bands: clip 1 tracked below and above 1.5 kHz apart, their difference between
0.5 and 6 Hz (wow) and 6 and 50 Hz (flutter). Record: a minute of `cc0` at 50 dB, 0.2 % slow, 0.5556 Hz with four
harmonics, through a curve and filters. Time is that of the whole `track` with its `align`, by the wall clock.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt, sosfiltfilt

from benchmarks.akai import DATA
from benchmarks.alignment import RATE
from benchmarks.table import write_table
from benchmarks.trajectory_cases import hiss, looped
from ddspfx.alignment.interpolate import sample_at
from ddspfx.alignment.lines import revolution
from ddspfx.alignment.track import track
from ddspfx.audio import read_audio
from ddspfx.source.trajectory import Trajectory

Signal = NDArray[np.float64]
Rows = list[dict[str, Any]]
HEAD_S, END_S = 0.36, 0.15
"""Seconds at both ends of a clip that are not judged."""
CROSSING = 1_500.0
"""Hz between the two bands."""
TURN, SLOW = 0.5556, 0.002
DEPTHS = (1e-3, 3e-4, 3e-4, 1e-4)
"""Peak speed deviation of the record's harmonics."""


def row(what: str, measured: float, asked: float) -> dict[str, Any]:
    return {"what": what, "measured": measured, "asked, at most": asked, "holds": bool(measured <= asked)}


def clip(number: int) -> tuple[Signal, Signal]:
    dry, wet = (read_audio(DATA / f"clip{number}_{side}_L.wav")[0] for side in ("input", "target"))
    return dry, wet


def akai_rows() -> Rows:
    """Against the pilot, and two bands against each other."""
    rows = []
    for number in (1, 2, 3):
        dry, wet = clip(number)
        found = track(dry, wet, RATE)
        rest, sure = judged(number, found, wet.shape[1] / RATE)
        best = rest[sure <= np.quantile(sure, 0.8)]
        rows += [
            row(f"Akai clip {number}: median error, samples", float(np.median(np.abs(rest))), 0.15),
            row(f"Akai clip {number}: RMSE, best 80 %", float(np.std(best)), 0.15),
        ]
    dry, wet = clip(1)
    halves = [track(*(part(x, kind) for x in (dry, wet)), RATE) for kind in ("lowpass", "highpass")]
    times = np.arange(HEAD_S, wet.shape[1] / RATE - END_S, 1 / 400)
    apart = (halves[0](times) - halves[1](times)) * RATE
    for name, band, asked in (("wow", (0.5, 6.0), 0.02), ("flutter", (6.0, 50.0), 0.035)):
        sos = butter(2, band, "bandpass", fs=400, output="sos")
        rows.append(row(f"Akai clip 1: two bands apart, {name}, RMS", float(np.std(sosfiltfilt(sos, apart))), asked))
    return rows


def judged(number: int, found: Trajectory, seconds: float) -> tuple[Signal, Signal]:
    """Found less pilot in samples at the pilot's pulses, a constant removed, and the stated deviation there."""
    table = np.genfromtxt(DATA / f"clip{number}_pilot_delay.csv", delimiter=",", skip_header=1)
    at = table[:, 0]
    inside = (at > HEAD_S) & (at < seconds - END_S)
    rest = found(at[inside]) * RATE - table[inside, 1] * RATE / 44_100
    return rest - np.median(rest), np.asarray(found.deviation(at[inside])) * RATE


def part(x: Signal, kind: str) -> Signal:
    return np.asarray(sosfilt(butter(6, CROSSING, kind, fs=RATE, output="sos"), x))


def record_rows() -> Rows:
    """A minute of a record whose speed, turn and harmonics are known."""
    names = ("loop_amen_full", "loop_compus", "bass_voxy_c", "loop_safari", "guit_em9", "loop_weirdo", "loop_electric")
    x = np.concatenate([looped(name) for name in names])[: 62 * RATE]
    n, order = np.arange(60 * RATE), np.arange(1, len(DEPTHS) + 1)
    phases = np.random.default_rng(1).uniform(-3, 3, len(DEPTHS))
    depths = np.array(DEPTHS) / (2 * np.pi * TURN * order)
    waves = depths @ np.cos(2 * np.pi * TURN * np.outer(order, n / RATE) + phases[:, None])
    delay = (0.015 + SLOW * n / RATE + waves) * RATE
    y = sample_at(x, n - delay)
    y = sosfilt(butter(1, 30, "highpass", fs=RATE, output="sos"), y / np.max(np.abs(y)))
    y = sosfilt(butter(2, 12_000, fs=RATE, output="sos"), y + 0.1 * y**2 - 0.05 * y**3)
    y = y + y.std() * 10**-2.5 * hiss(len(y), 3)
    begin = time.perf_counter()
    found = track(x, y, RATE)
    spent = time.perf_counter() - begin
    turned = revolution(found, 0.55)
    angle = np.degrees(np.angle(np.exp(1j * (turned.phases[0] - phases[0]))))
    rest = (found(n / RATE) * RATE - delay)[RATE // 10 : -RATE // 10]
    return [
        row("record: speed, ppm", abs(turned.speed + SLOW) * 1e6, 1.0),
        row("record: revolution, ppm", abs(turned.frequency / TURN - 1) * 1e6, 20.0),
        row("record: first harmonic, %", abs(turned.amplitudes[0] / depths[0] - 1) * 100, 0.5),
        row("record: first harmonic, degrees", float(abs(angle)), 0.1),
        {"what": "record: RMSE, samples", "measured": float(np.std(rest)), "asked, at most": "", "holds": ""},
        row("whole estimate, times real time", spent / 60, 0.3),
    ]


def main() -> None:
    """Writes `results/trajectory_machines.md`."""
    write_table("trajectory_machines", __doc__, akai_rows() + record_rows(), "python -m benchmarks.trajectory_machines")


if __name__ == "__main__":
    main()
