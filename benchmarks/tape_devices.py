"""The Akai 4000D's recordings, ready, and the device classes that `benchmarks.tape_machine` fits to them."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ddspfx.alignment.interpolate import Interpolant
from ddspfx.audio import read_audio
from ddspfx.block import AbstractBlock
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.delay import VariableDelay
from ddspfx.blocks.fir import FIR
from ddspfx.blocks.level import Level
from ddspfx.blocks.parallel_filters import ParallelFilters
from ddspfx.data.pair import Pair
from ddspfx.data.recording import Recording
from ddspfx.fit.fit import fit
from ddspfx.fit.judge import play
from ddspfx.fit.known import prepared
from ddspfx.fit.latents import stack
from ddspfx.fit.level import even, level_path, levels_followed
from ddspfx.fit.refine import refined
from ddspfx.fit.run import Run
from ddspfx.fit.solve import wiener
from ddspfx.fit.takes import Take, centred, delay_path, line_of

DATA = Path(__file__).parents[2] / "shared/data"
CLIPS = ("clip1", "clip2", "clip3")
TESTS = ("test070", "test098", "test109")
LONG = "oslo"
ALIKE = {"clip3": "test070", "test070": "clip3"}
"""The same music: neither may judge a device fitted on the other."""
TAPS, PRE_ROLL = 1_536, 128
REACH = 0.01
CLOSED: dict[str, Any] = {"passes": 0, "validation": 0.0, "match_noise": False}
"""Settings of a device that is solved: delay, level and response in turn, no gradient."""


def files(name: str) -> tuple[Path, Path]:
    """Dry and wet."""
    if name in CLIPS:
        return DATA / f"akai4000d/{name}_input_L.wav", DATA / f"akai4000d/{name}_target_L.wav"
    if name == LONG:
        return DATA / "akai4000d_oslo/tape20s_input.wav", DATA / "akai4000d_oslo/tape20s_target.wav"
    return DATA / f"akai4000d_test/{name}_input.flac", DATA / f"akai4000d_test/{name}_target.flac"


def take(name: str) -> Take:
    """Aligned and tracked from its own programme; kept between runs."""
    dry, wet = (read_audio(path) for path in files(name))
    pair = Pair(Recording(dry[0], dry[1], name), Recording(wet[0], wet[1], name))
    return prepared(pair, Path(tempfile.gettempdir()) / "ddspfx-tape-machine")


def others(name: str, names: Sequence[str]) -> list[str]:
    """The recordings among `names` that may teach the device which `name` judges."""
    return [other for other in names if other not in (name, ALIKE.get(name))]


def device(sections: int, taps: int, level: bool) -> tuple[Serial, list[str]]:
    """A delay line, the recording's level, a bank of filters, a long response; and what is solved of it."""
    blocks: dict[str, AbstractBlock] = {"transport": VariableDelay(-REACH, REACH, 0.0, "lagrange7")}
    if level:
        blocks["level"] = Level()
    if sections:
        blocks["response"] = ParallelFilters(sections)
    if taps:
        blocks["replay"] = FIR(np.eye(1, taps, PRE_ROLL)[0], PRE_ROLL)
    return Serial(**blocks), [name for name in ("response", "replay") if name in blocks]


def solved_on(takes: Sequence[Take], sections: int, taps: int, level: bool, **settings: Any) -> Run:
    """One device for all takes, their delays and levels with it."""
    model, solve = device(sections, taps, level)
    return fit(model, list(takes), solve=solve, **{**CLOSED, "alternations": 4, **settings})


def without_level(model: Serial) -> Serial:
    """The device for recordings whose level is not followed."""
    return Serial(**{n: b for n, b in zip(model.names, model.blocks, strict=True) if not isinstance(b, Level)})


def esr(y: np.ndarray, wet: np.ndarray, part: tuple[int, int]) -> float:
    """Error energy over target energy within `part`."""
    start, stop = part
    error = (y[:, start:stop] - wet[:, start:stop]).astype(np.float64)
    return float(np.sum(error**2) / np.sum(wet[:, start:stop].astype(np.float64) ** 2))


def on_own(run: Run, takes: Sequence[Take]) -> list[float]:
    """ESR of each recording that the run was fitted on, with the delays and levels of the run."""
    line = line_of(run.model, str(delay_path(run.model)))
    latents = {path: stack(rows) for path, rows in run.latents.items()}
    moved = [centred(one, line) for one in takes]
    return [esr(play(run.model, latents, one, row), one.wet, one.inside) for row, one in enumerate(moved)]


def gained(y: np.ndarray, wet: np.ndarray, part: tuple[int, int]) -> float:
    """ESR after the one gain that fits best: the level at which the recording was copied."""
    start, stop = part
    a, b = (x[:, start:stop].astype(np.float64) for x in (y, wet))
    return float(1 - np.sum(a * b) ** 2 / (np.sum(a * a) * np.sum(b * b) + 1e-30))


def heard(model: AbstractBlock, one: Take) -> tuple[np.ndarray, Take, Mapping[str, Any]]:
    """What a device plays of a recording it never met: the delay (and level) from that recording's own programme."""
    path = str(delay_path(model))
    moved = centred(one, line_of(model, path))
    latents: dict[str, Any] = refined(model, {path: stack([moved.trajectory])}, [moved], rounds=6, hold_mean=False)
    level = level_path(model)
    if level is not None:
        latents = {**latents, level: stack([even(moved)])}
        for _ in range(2):
            latents = levels_followed(model, latents, [moved], hold_mean=False)
            latents = refined(model, latents, [moved], rounds=4, hold_mean=False)
    return play(model, latents, moved, 0), moved, latents


def on_another(model: AbstractBlock, one: Take) -> tuple[float, float]:
    """ESR of a device on a recording it never met, as it is and after the best gain."""
    y, moved, _ = heard(model, one)
    return esr(y, moved.wet, moved.inside), gained(y, moved.wet, moved.inside)


def piloted(name: str) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Dry delayed by the pilot of the other channel, wet, and the part that is compared: the reference."""
    from scipy.interpolate import CubicSpline

    (dry, rate), (wet, _) = (read_audio(path) for path in files(name))
    rows = np.genfromtxt(DATA / f"akai4000d/{name}_pilot_delay.csv", delimiter=",", skip_header=1)
    n = np.arange(wet.shape[1])
    delay = CubicSpline(rows[:, 0], rows[:, 1])(np.clip(n / rate, rows[0, 0], rows[-1, 0]))
    margin = round(0.05 * rate)
    part = (int(np.ceil(delay.max())) + margin, len(n) - margin)
    return Interpolant.of(dry[0].astype(np.float64))(n - delay)[None], wet.astype(np.float64), part


def long_response(names: Sequence[str]) -> np.ndarray:
    """The best 1,536 taps for the clips, each counting alike, delayed by their pilots."""
    inputs, targets = [], []
    for name in names:
        u, wet, (start, stop) = piloted(name)
        loud = np.sqrt(np.mean(wet[:, start:stop] ** 2))
        padded = np.pad(u, ((0, 0), (TAPS, TAPS)))
        inputs.append(padded[:, start + PRE_ROLL + 1 : stop + TAPS + PRE_ROLL] / loud)
        targets.append(wet[:, start:stop] / loud)
    return wiener(inputs, targets, TAPS)


def by_response(taps: np.ndarray, name: str) -> float:
    """ESR of a long response on a clip delayed by its pilot; the constant delay that fits best is taken."""
    from scipy.signal import oaconvolve

    u, wet, part = piloted(name)
    y = oaconvolve(u, taps[None], axes=1)[:, PRE_ROLL : PRE_ROLL + wet.shape[1]]
    spectrum, turn = np.fft.rfft(y), -2j * np.pi * np.fft.rfftfreq(y.shape[1])
    return min(esr(np.fft.irfft(spectrum * np.exp(turn * s), y.shape[1]), wet, part) for s in np.arange(-1, 1.01, 0.05))


def bent(name: str, level: bool) -> tuple[float, float]:
    """ESR of the long response on a clip, and once squares, cubes and fifth powers of its input are added.

    Each power has 64 taps of its own, found by least squares on what the response leaves, its delay and level kept.
    """
    from scipy.linalg import lstsq

    run = solved_on([one := take(name)], 0, TAPS, level)
    path = str(delay_path(run.model))
    moved = centred(one, line_of(run.model, path))
    latents = {key: stack(rows) for key, rows in run.latents.items()}
    linear = play(run.model, latents, moved, 0)
    head = Serial(**dict(zip(run.model.names[:-1], run.model.blocks[:-1], strict=True)))
    u = play(head, {key: node for key, node in latents.items()}, moved, 0)[0].astype(np.float64)
    start, stop = one.inside
    shape = np.fft.irfft(np.fft.rfft(run.model.replay.taps), TAPS)
    u = np.convolve(u, shape)[PRE_ROLL : PRE_ROLL + len(u)] / np.std(u)
    rest = (moved.wet - linear)[0, start:stop].astype(np.float64)
    columns = [np.roll(u**power, lag)[start:stop] for power in (2, 3, 5) for lag in range(-32, 32)]
    found = lstsq(np.stack(columns, 1), rest, lapack_driver="gelsy")[0]
    energy = float(np.sum(moved.wet[0, start:stop].astype(np.float64) ** 2))
    left = rest - np.stack(columns, 1) @ found
    return float(np.sum(rest**2)) / energy, float(np.sum(left**2)) / energy
