"""Devices learned from unpaired dry and wet: `python -m benchmarks.unpaired [--quick] [--minutes 6]`.

The toy is the tape simulator (drive 9 dB, half the wow and flutter, hiss at -66 dBFS) on seven pieces of
`../shared/data/cc0`, judged on four others; the real machine is the Akai 4000D (`akai4000d` and `akai4000d_oslo`),
judged on `akai4000d_test`. Dry is the first half of every training piece, wet is the second half of the same pieces:
no wet second has its dry. Judged on pairs: third-octave spectrum (RMS of the error in dB, 40 Hz to 18 kHz), distance of
the level quantiles (dB), third harmonic of a 1 kHz tone, and the ESR after tracking: the delay of the tested pair is
tracked from its programme, one constant delay is fitted for each method, nothing else, not even the gain.

Methods: the dry itself; equal third-octave spectra and equal histograms (minimum phase, and zero phase); a GRU against
critics alone, which is the published scheme (ESR .653 on its own clips); the grey box whose response is the believed
one with the phase of a machine's stages, its drive from the crest of loud frames and its hiss from quiet ones; the
same, gone on against critics with feature matching and level quantiles; and, with pairs, the best linear response to
the very clip and the cubic term beside it, whose third harmonic is the reference on the real machine.
The phase cannot be heard in unpaired material: it is an assumption, four couplings that end at 30 Hz for the Akai (a
data sheet's figure) and none for the simulator, made by somebody who had seen the paired response of the training
clips.
Rows are written as they come to `results/unpaired.json`; what is there is not run again. A fit against critics goes on
from its checkpoint in `runs/unpaired` until its minutes are over. `unpaired.png` draws spectra and third harmonics.
"""

import argparse
import json
import pickle
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.table import RESULTS, write_table
from ddspfx.alignment.track import track
from ddspfx.audio import read_audio
from ddspfx.block import AbstractBlock
from ddspfx.blocks.add import Add
from ddspfx.blocks.anhysteretic import Anhysteretic
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.fir import FIR
from ddspfx.blocks.recurrent import GRU
from ddspfx.data.devices.tape import TapeSimulator, still
from ddspfx.fit.adversarial import fit_unpaired
from ddspfx.fit.matching import bent, histogram_curve, noise_floor, response, taps_of
from ddspfx.fit.progress import Lines
from ddspfx.fit.solve import wiener
from ddspfx.fit.statistics import apart, band_levels, centres, loud_crest, quantiles
from ddspfx.render import render
from ddspfx.signal.warp import interpolate
from ddspfx.source.noise import Noise

RATE = 44_100
DATA = Path(__file__).parents[2] / "shared/data"
TRAINED = ("loop_amen_full", "loop_compus", "loop_safari", "loop_weirdo", "loop_electric", "guit_em9", "bass_voxy_c")
JUDGED = ("loop_mehackit1", "guit_e_slide", "ambi_piano", "bass_woodsy_c")
TOY = TapeSimulator(drive=9.0, wow=0.5, flutter=0.5)
DRIVES = (-6.0, 0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0)
CREST, USUAL = 0.4, 8.0
"""dB: how sure the crest of unlike programmes is, and how far machines are driven from their nominal level."""
REACH = 12
OURS, THEIRS = "grey box, statistics and critics", "GRU-32, critics alone"
REFINING = {
    "adversarial": 0.1,
    "features": 1.0,
    "statistics": 0.3,
    "average": 0.98,
    "rates": {"replay.taps": 0.01},
    "freeze": ["tape.lag", "tape.residual"],
}
FOLDER = Path(__file__).parents[1] / "runs/unpaired"

Row = dict[str, Any]
Play = Callable[[np.ndarray], np.ndarray]


class Test(NamedTuple):
    """A pair that judges: dry read through the tracked delay comes to stand on wet's clock."""

    name: str
    dry: np.ndarray
    wet: np.ndarray
    positions: np.ndarray
    inside: slice


class Task(NamedTuple):
    """Unpaired halves, the pairs that judge, and the low end (Hz, -3 dB) that such a machine's data sheet states."""

    name: str
    dry: list[np.ndarray]
    wet: list[np.ndarray]
    tests: list[Test]
    corner: float


def mono(name: str, seconds: float | None = None) -> np.ndarray:
    x = read_audio(DATA / name, RATE)[0].mean(axis=0).astype(np.float64)
    return x if seconds is None else np.resize(x, round(seconds * RATE))


def test(name: str, dry: np.ndarray, wet: np.ndarray) -> Test:
    """Tracks the pair."""
    trajectory = track(dry, wet, RATE)
    seconds = np.arange(wet.size) / RATE
    delay = np.asarray(trajectory(seconds)) * RATE
    begin = int(np.max(delay)) + round(0.1 * RATE)
    return Test(name, dry, wet, np.arange(wet.size) - delay, slice(begin, wet.size - round(0.1 * RATE)))


def piece(name: str, seconds: float) -> np.ndarray:
    x = mono(f"cc0/{name}.flac", seconds)
    return 0.5 * x / np.abs(x).max()


def toy(quick: bool) -> Task:
    """Pieces through the simulator, another take each."""
    long = 3.0 if quick else 6.0
    dry = [piece(name, long) for name in TRAINED]
    machine = [TapeSimulator(seed, TOY.drive, TOY.wow, TOY.flutter) for seed in range(30)]
    wet = [m.play(x, RATE).wet[0] for m, x in zip(machine, dry, strict=False)]
    names = JUDGED[:2] if quick else JUDGED
    judged = [(name, piece(name, 3.0 if quick else 5.0)) for name in names]
    tests = [test(name, x, machine[20 + i].play(x, RATE).wet[0]) for i, (name, x) in enumerate(judged)]
    return Task("toy", [x[: x.size // 2] for x in dry], [y[y.size // 2 :] for y in wet], tests, 0.0)


def real(quick: bool) -> Task:
    """The Akai; targets begin 160 ms late."""
    pairs = [(mono(f"akai4000d/clip{k}_input_L.wav"), mono(f"akai4000d/clip{k}_target_L.wav")) for k in (1, 2, 3)]
    pairs.append((mono("akai4000d_oslo/tape20s_input.wav"), mono("akai4000d_oslo/tape20s_target.wav")))
    dry, wet = [x[: x.size // 2] for x, _ in pairs], [y[y.size // 2 :] for _, y in pairs]
    names = ("test098",) if quick else ("test070", "test098", "test109")
    files = [
        (name, mono(f"akai4000d_test/{name}_input.flac"), mono(f"akai4000d_test/{name}_target.flac")) for name in names
    ]
    return Task("Akai 4000D", dry, wet, [test(*one) for one in files], 30.0)


def after_tracking(y: np.ndarray, one: Test) -> float:
    """ESR of y read through the tracked delay, under the best constant delay within 12 samples."""
    moved = interpolate(y, one.positions)
    spectrum, turns = np.fft.rfft(moved), np.fft.rfftfreq(moved.size)
    wet = one.wet[one.inside]

    def left(shift: float) -> float:
        shifted = np.fft.irfft(spectrum * np.exp(-2j * np.pi * turns * shift), moved.size)[one.inside]
        return float(np.sum((shifted - wet) ** 2) / np.sum(wet**2))

    coarse = min(np.arange(-REACH, REACH + 1.0), key=left)
    return min(left(coarse + fine) for fine in np.arange(-0.75, 1.0, 0.25))


class Paired(NamedTuple):
    """What a pair tells: the best linear response's error, and the cubic term a beside it."""

    error: float
    cubic: float


def with_the_pair(one: Test, taps: int = 1_536, before: int = 512) -> Paired:
    """The least squares response h to the clip itself, and a in h * (x + a x^3); q is what no response of x gives."""
    wet, moved = one.wet[one.inside], interpolate(one.dry, one.positions)
    span = slice(one.inside.start, one.inside.stop + taps - 1)

    def padded(x: np.ndarray) -> np.ndarray:
        return np.pad(x, (taps - 1 - before, before))[span]

    x, cube = padded(moved), padded(moved**3)
    h = wiener([x[None]], [wet[None]], taps)
    rest, bent_ = wet - np.convolve(x, h, "valid"), np.convolve(cube, h, "valid")
    q = bent_ - np.convolve(x, wiener([x[None]], [bent_[None]], taps), "valid")
    return Paired(float(rest @ rest / (wet @ wet)), float(rest @ q / (q @ q)))


def third_harmonic(play: Play, level: float) -> float:
    """dBc at 1 kHz; nothing is averaged, so noise stands in it."""
    y = play(10 ** (level / 20) * np.sin(2 * np.pi * 1_000 * np.arange(RATE) / RATE))[-RATE // 2 :]
    spectrum = np.abs(np.fft.rfft(y * np.hanning(y.size)))
    return float(20 * np.log10(spectrum[1_500] / spectrum[500]))


def levels(rows: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(band_levels(jnp.asarray(row, float)[None], RATE)) for row in rows])


def judge(task: Task, method: str, play: Play, silent: Play | None = None, began: float | None = None) -> Row:
    """One row; `silent` is the method without its noise, which the waveform is judged by."""
    silent = silent or play
    made = [play(one.dry) for one in task.tests]
    ours, theirs = levels(made), levels([one.wet[one.inside] for one in task.tests])
    spectra = [10 * np.log10(np.mean(10 ** (each / 10), axis=0)) for each in (ours, theirs)]
    heard = centres(RATE) < 18_000
    errors = [after_tracking(silent(one.dry), one) for one in task.tests]
    row = {
        "device": task.name,
        "method": method,
        "ESR after tracking": float(np.mean(errors)),
        "each": " ".join(f"{error:.3f}" for error in errors),
        "spectrum, dB": float(np.sqrt(np.mean((spectra[0] - spectra[1])[heard] ** 2))),
        "level quantiles, dB": float(apart(quantiles(jnp.asarray(ours)), quantiles(jnp.asarray(theirs)))),
        "H3 at -20 dBFS": third_harmonic(silent, -20),
        "H3 at -10 dBFS": third_harmonic(silent, -10),
        "H3 at -3 dBFS": third_harmonic(silent, -3),
        "seconds": round(time.perf_counter() - began) if began else "",
    }
    print(row, flush=True)
    return row


def baseline(task: Task, phase: str) -> Play:
    """Equal third-octave spectra, then equal histograms."""
    taps, centre = taps_of(response(task.dry, task.wet, RATE, believed=False), RATE, phase=phase)

    def equalised(x: np.ndarray) -> np.ndarray:
        return np.convolve(x, taps)[centre : centre + x.size]

    curve = histogram_curve([equalised(x) for x in task.dry], task.wet)
    return lambda x: bent(equalised(x), *curve)


def grey_box(task: Task, drive: float) -> Serial:
    """Tape, response, hiss; nothing of it has seen a pair."""
    tape = Anhysteretic(drive)
    played = [render(tape, x, RATE) for x in task.dry]
    found = response(played, task.wet, RATE)
    taps, centre = taps_of(found, RATE, phase="tape", corner=task.corner)
    # What is left in the quietest frames after the response is the machine's own.
    floor, brought = noise_floor(task.wet, RATE), noise_floor(played, RATE) + found.gain
    own = 10 * np.log10(np.maximum(10 ** (floor / 10) - 10 ** (brought / 10), 10 ** (floor / 10 - 1)))
    width = found.frequencies * (2 ** (1 / 6) - 2 ** (-1 / 6))
    hiss = Noise.shaped(tuple(found.frequencies), tuple(own - 10 * np.log10(width)))
    level = 10 * np.log10(np.sum(10 ** (own / 10)))
    return Serial(tape=tape, replay=FIR(taps, centre), hiss=Add(hiss, float(np.clip(level, -120, -20))))


def matched(task: Task) -> Serial:
    """The grey box at the likeliest drive: by the crest of the loudest frames, and by what drives there are."""
    wet = loud_crest(task.wet)
    found = []
    for drive in DRIVES:
        model = grey_box(task, drive)
        gap = loud_crest([render(model, x, RATE, key=7) for x in task.dry]) - wet
        found.append(((gap / CREST) ** 2 + (drive / USUAL) ** 2, drive, model))
        print(f"  drive {drive:g} dB: crest {gap:+.2f} dB, {found[-1][0]:.2f}", flush=True)
    return min(found, key=lambda one: one[0])[2]


def players(model: AbstractBlock) -> tuple[Play, Play]:
    """With noise, and without."""
    from ddspfx.block import quiet

    return lambda x: render(model, x, RATE, key=3), lambda x: render(quiet(model), x, RATE)


def prepared(make: Callable[[bool], Task], quick: bool) -> Task:
    """The task; rendering and tracking are kept between runs."""
    file = FOLDER / f"{make.__name__}.pickle"
    if quick:
        return make(quick)
    if not file.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps(make(quick)))
    kept: Task = pickle.loads(file.read_bytes())
    return kept


def simple_rows(task: Task, known: dict[str, Row], keep: Callable[[Row], None]) -> Serial:
    """Everything without critics that is not known yet; the grey box."""

    def need(method: str) -> bool:
        return f"{task.name}: {method}" not in known

    if need("dry"):
        keep(judge(task, "dry", lambda x: x))
    if task.name == "toy" and need("the device itself, without transport and noise"):
        exact = still(replace(TOY, base=0.0))
        keep(judge(task, "the device itself, without transport and noise", lambda x: exact.play(x, RATE).wet[0]))
    for phase in ("minimum", "zero"):
        if need(name := f"spectrum and histogram, {phase} phase"):
            keep(judge(task, name, baseline(task, phase), began=time.perf_counter()))
    began, model = time.perf_counter(), matched(task)
    if need("grey box, statistics"):
        keep(judge(task, "grey box, statistics", *players(model), began=began))
    if need("with pairs: best linear response to the clip, and a cubic"):
        keep(paired_row(task, dict.fromkeys(known[f"{task.name}: dry"], "")))
    return model


def paired_row(task: Task, blank: Row) -> Row:
    """What pairs would give; its harmonics are those of the clips' median cubic term: a A^2 / 4."""
    found = [with_the_pair(one) for one in task.tests]
    cubic = float(np.median([each.cubic for each in found]))
    told: Row = {"device": task.name, "method": "with pairs: best linear response to the clip, and a cubic"}
    told["ESR after tracking"] = float(np.mean([each.error for each in found]))
    told["each"] = " ".join(f"{each.error:.3f}" for each in found)
    for level in (-20, -10, -3):
        told[f"H3 at {level} dBFS"] = float(20 * np.log10(abs(cubic) * 10 ** (level / 10) / 4))
    return {**blank, **told}


def critics_row(
    task: Task, name: str, model: AbstractBlock, minutes: float, quick: bool, **how: Any
) -> tuple[Row, AbstractBlock]:
    """A fit against critics, resumed where the last run left it, for some minutes more; and what came of it."""
    out = None if quick else FOLDER / f"{task.name}-{name}".replace(" ", "-").replace(",", "")
    steps = {"steps": 10} if quick else {"steps": 20_000, "minutes": minutes}
    common: dict[str, Any] = {"key": jax.random.key(5), "progress": Lines(), "segment": 8_192, "save_every": 20}
    found = fit_unpaired(model, task.dry, task.wet, RATE, out=out, resume=not quick, **common, **steps, **how)
    steps_done = found.history[-1]["step"] if found.history else 0
    row = judge(task, name, *players(found.model))
    return {**row, "steps": int(steps_done)}, found.model


def draw(tasks: list[Task], models: list[dict[str, Play]]) -> None:
    """Spectra against wet's over third octaves, and the third harmonic over level."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(tasks), 2, figsize=(10, 3.2 * len(tasks)), squeeze=False)
    steps = np.arange(-30.0, 0.1, 3.0)
    for task, plays, (left, right) in zip(tasks, models, axes, strict=True):
        wet = np.mean(10 ** (levels([one.wet[one.inside] for one in task.tests]) / 10), axis=0)
        for name, play in plays.items():
            made = np.mean(10 ** (levels([play(one.dry) for one in task.tests]) / 10), axis=0)
            left.semilogx(centres(RATE), 10 * np.log10(made / wet), label=name)
            right.plot(steps, [third_harmonic(play, level) for level in steps])
        left.set(title=f"{task.name}: spectrum less wet's, dB", ylim=(-12, 12), xlabel="Hz")
        right.set(title="third harmonic of 1 kHz, dBc", ylim=(-90, -5), xlabel="dBFS")
        left.legend(fontsize=6)
        for axis in (left, right):
            axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(RESULTS / "unpaired.png", dpi=80)
    plt.close(figure)


def main() -> None:
    """Writes `results/unpaired.md`, or prints with --quick."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--minutes", type=float, default=20.0, help="of each fit against critics, all runs together")
    told = parser.parse_args()
    file = RESULTS / "unpaired.json"
    known: dict[str, Row] = {} if told.quick or not file.exists() else json.loads(file.read_text())

    def keep(row: Row) -> None:
        known[f"{row['device']}: {row['method']}"] = row
        if not told.quick:
            file.write_text(json.dumps(known, indent=1))
            write_table("unpaired", __doc__, sorted_rows(known), "python -m benchmarks.unpaired")

    tasks = [prepared(make, told.quick) for make in (toy, real)]
    boxes = [simple_rows(task, known, keep) for task in tasks]
    shown: list[dict[str, Play]] = []
    for task, box in zip(tasks, boxes, strict=True):
        ours = critics_row(task, OURS, box, told.minutes, told.quick, **REFINING)
        theirs = critics_row(task, THEIRS, GRU(32, key=jax.random.key(4)), told.minutes, told.quick)
        keep(ours[0])
        keep(theirs[0])
        exact = {"device": still(replace(TOY, base=0.0))} if task.name == "toy" else {}
        plays = {name: lambda x, machine=machine: machine.play(x, RATE).wet[0] for name, machine in exact.items()}
        plays |= {"dry": lambda x: x, "spectrum and histogram": baseline(task, "zero")}
        plays |= {"grey box": players(box)[0], OURS: players(ours[1])[0], THEIRS: players(theirs[1])[0]}
        shown.append(plays)
    if not told.quick:
        draw(tasks, shown)


def sorted_rows(known: dict[str, Row]) -> list[Row]:
    """By device, the best last."""
    rows = sorted(known.values(), key=lambda row: (row["device"], -row["ESR after tracking"]))
    return [{name: row.get(name, "") for name in (*rows[0], "steps")} for row in rows]


if __name__ == "__main__":
    main()
