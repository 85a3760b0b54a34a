"""How much wow and flutter `restore` leaves: `python -m benchmarks.restore [--quick] [--only dry]`.

A toy machine with a known transport, told by a pilot, a tone or the original; and an Akai 4000D, whose pilot of pulses
lies on its right track. Every row is written when it is there; a run that was killed goes on.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.signal import fftconvolve, firwin, sosfilt

from benchmarks.table import RESULTS, markdown, write_table
from ddspfx.alignment.pilot import pilot_timing
from ddspfx.alignment.restore import restore
from ddspfx.analysis.motion import trajectory_motion
from ddspfx.analysis.wow_flutter import FLUTTER, WOW, band, iec_60386, rms
from ddspfx.audio import read_audio
from ddspfx.signal.warp import interpolate
from ddspfx.source.trajectory import Trajectory

RATE, SECONDS = 44_100, 10
SHARED = Path(__file__).parents[2] / "shared/data"
PIECES = ("loop_amen_full", "loop_compus", "loop_weirdo", "bass_voxy_c", "guit_em9", "ambi_lunar_land")
SNRS = (60, 50, 40)
ASKED = -40.0
METER = 800.0
"""Values a second at which a motion is measured."""

Row = dict[str, Any]


class Case(NamedTuple):
    """What tells the transport (`pilot`, `tone`, `dry`), the sound, the ratio to its noise in dB, and the seed."""

    told: str
    name: str
    snr: int
    seed: int


def seconds() -> np.ndarray:
    return np.arange(RATE * SECONDS) / RATE


def transport(seed: int) -> np.ndarray:
    """Delay in seconds: two lines of wow (0.1 and 0.15 %) anywhere from 0.5 to 2 Hz, flutter of 0.03 % from 6 to 40 Hz
    as band noise and a line. No smooth Gaussian process, as the tracker's prior is."""
    random, t = np.random.default_rng([41, seed]), seconds()
    at = np.fft.rfftfreq(len(t), 1 / RATE)
    noise = np.fft.irfft(np.where((at > 6) & (at < 40), np.fft.rfft(random.standard_normal(len(t))), 0), len(t))
    lines = [(1.5e-3, random.uniform(0.5, 1.0)), (1e-3, random.uniform(1.0, 2.0)), (3e-4, random.uniform(8, 12))]
    speed = sum(a * np.sin(2 * np.pi * (f * t + random.uniform())) for a, f in lines) + 2e-4 * noise / noise.std()
    return np.cumsum(speed) / RATE


def machine(x: np.ndarray, delay: np.ndarray, snr: int, random: np.random.Generator, peak: bool) -> np.ndarray:
    """Drive, head bump, transport, a low-pass at 11 kHz, and white hiss against the RMS, or the peak of pulses."""
    from scipy.signal import butter, iirpeak

    driven = np.tanh(1.5 * x) / 1.5
    b, a = iirpeak(70, 2, fs=RATE)
    bumped = driven + 0.4 * sosfilt(np.concatenate([b, a])[None], driven)
    late = interpolate(bumped, np.arange(len(x)) - delay * RATE)
    heard: np.ndarray = sosfilt(butter(2, 11_000, fs=RATE, output="sos"), late)
    level = np.max(np.abs(heard)) if peak else np.sqrt(np.mean(heard**2))
    return heard + level * 10 ** (-snr / 20) * random.standard_normal(len(x))


def train() -> np.ndarray:
    x = np.zeros(RATE * SECONDS)
    x[100::441] = 1
    return 0.4 * fftconvolve(x, firwin(63, [0.01, 0.8], pass_zero=False), "same")


def piece(name: str) -> np.ndarray:
    x, _ = read_audio(SHARED / f"cc0/{name}.flac", RATE)
    mono = np.resize(x.mean(0, dtype=np.float64), RATE * SECONDS)
    return 0.5 * mono / np.max(np.abs(mono))


def cases(quick: bool, only: str | None) -> list[Case]:
    """Pilots, tones and originals."""
    if quick:
        some = [Case("pilot", "100 pulses a second", 60, 0), Case("tone", "3150", 60, 0)]
        some.append(Case("dry", PIECES[0], 60, 0))
        return [case for case in some if only in (None, case.told)]
    every = [Case("pilot", "100 pulses a second", snr, seed) for snr in (80, *SNRS) for seed in range(3)]
    every += [Case("pilot", "tone of 3150 Hz", snr, 0) for snr in SNRS]
    every += [Case("tone", f, snr, seed) for f in ("3150", "15625", "50") for snr in SNRS for seed in range(2)]
    every += [Case("dry", name, snr, 0) for snr in SNRS for name in PIECES]
    return [case for case in every if only in (None, case.told)]


def row_of(case: Case) -> Row:
    """One case restored and measured."""
    t, delay = seconds(), transport(case.seed)
    random = np.random.default_rng([17, case.seed, case.snr])
    if case.told == "dry":
        x = piece(case.name)
    elif case.name == "100 pulses a second":
        x = train()
    else:
        x = 0.5 * np.sin(2 * np.pi * float(case.name.split()[-2 if " " in case.name else 0]) * t)
    wet = machine(x, delay, case.snr, random, "pulses" in case.name)
    told: dict[str, dict[str, Any]] = {"dry": {"dry": x[None]}, "pilot": {"pilot": "R"}, "tone": {}}
    how = told[case.told] if case.told != "tone" else {"tone": float(case.name)}
    began = time.perf_counter()
    stereo = np.stack([wet, wet]) if case.told == "pilot" else wet[None]
    _, removed = restore(stereo, RATE, **how)
    took = time.perf_counter() - began
    found = measured(removed, delay, loud(wet, case.snr if case.told == "dry" else None))
    return {"told by": case.told, "sound": case.name, "SNR dB": case.snr, "seed": case.seed, **found,
            "s": round(took, 1)}  # fmt: skip


def loud(wet: np.ndarray, snr: float | None) -> np.ndarray:
    """Whether the sound stands 20 dB over its noise within 50 ms about each moment of the meter."""
    t = np.arange(0.05, SECONDS - 0.05, 1 / METER)
    if snr is None:
        return np.ones(t.size, bool)
    size = round(0.05 * RATE)
    power = np.convolve(wet**2, np.ones(size) / size, "same")
    return np.interp(t, seconds(), power) > 100 * 10 ** (-snr / 10) * np.mean(wet**2)


def measured(removed: Trajectory, delay: np.ndarray, loud: np.ndarray) -> Row:
    """The meter before and after: speed deviation of the true transport, and of what is left of it."""
    t = np.arange(0.05, SECONDS - 0.05, 1 / METER)
    true = np.interp(t, seconds(), delay)
    left = removed(t) - true
    left -= np.polyval(np.polyfit(t, left, 1), t)
    found: Row = {"RMSE samples": float(np.std(left) * RATE), "RMSE loud": float(np.std(left[loud]) * RATE)}
    before, after = (np.gradient(d - d.mean(), 1 / METER) for d in (true, left))
    for name, low, high in (("wow", 0.5, WOW), ("flutter", WOW, FLUTTER)):
        sizes = [rms(band(speed, METER, low, high)[80:-80]) for speed in (before, after)]
        found |= {f"{name} before %": 100 * sizes[0], f"{name} left dB": 20 * float(np.log10(sizes[1] / sizes[0]))}
    sizes = [rms(band(speed, METER, 0.5, FLUTTER)[80:-80]) for speed in (before, after)]
    found["together left dB"] = 20 * float(np.log10(sizes[1] / sizes[0]))
    heard = loud[80:-80]
    sizes = [rms(band(speed, METER, 0.5, FLUTTER)[80:-80][heard]) for speed in (before, after)]
    found |= {
        "loud share": f"{100 * np.mean(loud):.0f} %",
        "together loud dB": 20 * float(np.log10(sizes[1] / sizes[0])),
    }
    sizes = [float(iec_60386(speed, METER)[800:-800].max()) for speed in (before, after)]
    found |= {"DIN before %": 100 * sizes[0], "DIN left %": 100 * sizes[1]}
    return found | {"40 dB down": "yes" if max(found["wow left dB"], found["flutter left dB"]) <= ASKED else "no"}


def linear_error(x: np.ndarray, y: np.ndarray, taps: int = 1024) -> float:
    """ESR of y after the best filter of `taps` on x, the head delay of 7075 samples taken off first."""
    from scipy.linalg import solve_toeplitz

    x, y = x[:-7075].astype(np.float64), np.roll(y, 256)[7075:].astype(np.float64)
    auto = fftconvolve(x, x[::-1])[len(x) - 1 : len(x) - 1 + taps]
    cross = fftconvolve(y, x[::-1])[len(x) - 1 : len(x) - 1 + taps]
    auto[0] *= 1 + 1e-6
    rest = (y - fftconvolve(x, solve_toeplitz(auto, cross))[: len(y)])[2205:-2205]
    return float(np.sum(rest**2) / np.sum(y[2205:-2205] ** 2))


def clip_row(clip: int, told: str) -> Row:
    """A clip of the real machine by its pilot, or by the original of its left track, the pilot judging."""
    folder = SHARED / "akai4000d"
    dry = read_audio(folder / f"clip{clip}_input_L.wav")[0]
    wet = np.concatenate([read_audio(folder / f"clip{clip}_target_{side}.wav")[0] for side in "LR"]).astype(float)
    given = np.loadtxt(folder / f"clip{clip}_pilot_delay.csv", delimiter=",", skiprows=1)
    given = given[given[:, 0] > 0.2]  # the head is 160 ms late, and what came before has no source
    _, removed = restore(wet, RATE, pilot="R") if told == "pilot" else restore(wet[:1], RATE, dry=dry)
    difference = removed(given[:, 0]) * RATE - given[:, 1]
    difference -= np.polyval(np.polyfit(given[:, 0], difference, 1), given[:, 0])
    restored = removed.undo(wet, RATE)
    found: Row = {"clip": clip, "told by": told, "RMSE samples": float(np.std(difference))}
    speeds = [_pulses(row) for row in (wet[1], restored[1])]
    for name, low, high in (("wow", 0.5, WOW), ("flutter", WOW, 45.0)):
        sizes = [rms(band(speed, METER, low, high)[80:-80]) for speed in speeds]
        found |= {f"{name} before %": 100 * sizes[0], f"{name} left dB": 20 * float(np.log10(sizes[1] / sizes[0]))}
    found["linear ESR of L before"] = linear_error(dry[0], wet[0])
    return found | {"linear ESR of L after": linear_error(dry[0], restored[0])}


def _pulses(x: np.ndarray) -> np.ndarray:
    """The speed that the pilot tells, at the meter's rate."""
    timing = pilot_timing(x, RATE)
    curve = Trajectory.fit(timing.times, timing.delays, len(x) / RATE, RATE, timing.rate)
    motion = trajectory_motion(curve)
    return np.interp(np.arange(0.02, 4.98, 1 / METER), motion.times, motion.speed)


ABOUT = """What is left is found minus true trajectory, measured with the meters of `ddspfx analyse transport`: RMS
speed deviation from 0.5 to 6 Hz (wow), from 6 to 100 Hz (flutter) and from 0.5 to 100 Hz (together) against that of
the true one, and the weighted quasi-peak reading of IEC 60386 and DIN 45507; a constant speed is left out. `loud`
counts the moments alone at which the sound stands 20 dB over its noise (a guitar that has faded away tells nothing).
Asked: 40 dB down; the last column says whether wow and flutter each are. The toy: `tanh` with a drive of 1.5, a head
bump, the transport, a low-pass at 11 kHz, white hiss over the whole band against the RMS of the sound, or the peak of
the pulses. A tone of 50 Hz lets only 4.7 Hz pass, so its flutter stays, and the bump beside it turns its phase."""

CLIPS = """Real tape, 5 s a clip. RMSE is against the delay in the CSV, whose own noise is about .003 samples, from 0.2
s on, where the tape has a source; a straight line is left out. Wow and flutter (to 45 Hz, half the pulses' rate) are
the pilot's, before and after; after the pilot's own restoration they are what its fit contradicts itself by. The
linear ESR of the other track (1,024 taps, in sample) is the independent judge."""


def _kept(path: Path, key: str) -> Row | None:
    """A row that an earlier run has left."""
    lines = path.read_text().splitlines() if path.exists() else []
    return next((row for name, row in map(json.loads, lines) if name == key), None)


def main() -> None:
    """Writes results/restore.md, row by row through restore.part; `--quick` prints three rows and one clip."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=("pilot", "tone", "dry"))
    parser.add_argument("--table", action="store_true", help="write the rows that are there, measure nothing")
    asked = parser.parse_args()
    part = RESULTS / "restore.part"
    jobs: dict[str, Any] = {str(tuple(case)): (row_of, case) for case in cases(asked.quick, asked.only)}
    for clip in (1,) if asked.quick else (1, 2, 3):
        for told in ("pilot",) if asked.quick else ("pilot", "dry"):
            if asked.only in (None, told):
                jobs[f"clip {clip} {told}"] = (clip_row, clip, told)
    rows = {}
    for key, (make, *given) in jobs.items():
        row = None if asked.quick else _kept(part, key)
        if row is None and asked.table:
            continue
        if row is None:
            row = make(*given)
            print(row, flush=True)
            if not asked.quick:
                with part.open("a") as file:
                    file.write(json.dumps([key, row]) + "\n")
        rows[key] = row
    if asked.quick or asked.only:
        return
    clips = [row for key, row in rows.items() if key.startswith("clip")]
    toys = [row for key, row in rows.items() if not key.startswith("clip")]
    write_table("restore", f"{CLIPS}\n\n{markdown(clips)}\n\n{ABOUT}", toys, "python -m benchmarks.restore")
    if len(rows) == len(jobs):
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
