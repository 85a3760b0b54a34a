"""Real transports and hiss: cells without a pass mark."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.classifiers import features, logistic
from benchmarks.generators_measures import edges, increments, octaves, wasserstein
from ddspfx.audio import read_audio
from ddspfx.generators.diffusion import Diffusion
from ddspfx.generators.flow import Flow
from ddspfx.generators.parametric import Parametric

SHARED = Path(__file__).parents[2] / "shared/data"
RATE = 44_100
GAP, PERIOD = 256, 441
HIGH = 2000.0
TAKES = 400


def fitted(name: str, takes: np.ndarray, rate: float, length: int, order: int) -> Any:
    if name == "parametric":
        return Parametric.fit(takes, rate, length)
    if name == "flow":
        return Flow.fit(takes, rate, length, order=order)
    return Diffusion.fit(takes, rate, length, widths=(8, 12, 16), patch=4, updates=300, batch=32, steps=8)


def clips() -> np.ndarray:
    """The pilot's delays in seconds, 490 values at 100 Hz from each clip, its mean taken off."""
    rows = []
    for number in (1, 2, 3):
        given = np.genfromtxt(SHARED / f"akai4000d/clip{number}_pilot_delay.csv", delimiter=",", skip_header=1)
        row = np.interp(0.02 + 0.01 * np.arange(490), given[:, 0], given[:, 1] / RATE)
        rows.append(row - row.mean())
    return np.stack(rows)


def pilot(name: str) -> dict[str, Any]:
    every = clips()
    shares, off, values, steps = [], [], [], []
    for out in range(3):
        model = fitted(name, np.delete(every, out, axis=0), 100.0, 240, 48)
        takes = np.stack([model.read((5, number), 0, 490) for number in range(TAKES)])
        takes -= takes.mean(axis=1, keepdims=True)
        inside, worst = _inside(every[out], takes)
        shares.append(inside)
        off.append(worst)
        values.append(wasserstein(every[out : out + 1], takes))
        steps.append(wasserstein(np.diff(every[out : out + 1]), np.diff(takes)))
    return {
        "real": "transport (pilot), clips out in turn",
        "made by": name,
        "inside, %": " ".join(f"{100 * share:.0f}" for share in shares),
        "third octaves, dB": " ".join(f"{worst:.1f}" for worst in off) + " median",
        "W1 of values, %": " ".join(f"{100 * v:.0f}" for v in values),
        "W1 of increments, %": " ".join(f"{100 * v:.0f}" for v in steps),
        "logistic, % right": "",
    }


def _inside(real: np.ndarray, takes: np.ndarray) -> tuple[float, float]:
    """Share of the third octaves within what 95 % of the takes have, and the median difference to their mean in dB."""
    window = np.hanning(real.size)
    one, many = (np.abs(np.fft.rfft(x * window)) ** 2 for x in (real, takes))
    found, off = [], []
    for a, b in edges(one.size, 100.0):
        level, levels = one[a:b].sum(), many[:, a:b].sum(axis=1)
        low, high = np.quantile(levels, [0.025, 0.975])
        found.append(low <= level <= high)
        off.append(abs(10 * np.log10(level / levels.mean())))
    return float(np.mean(found)), float(np.median(off))


def gaps() -> np.ndarray:
    """What lies between the pulses of the pilot, above 1 kHz: (gaps, 256)."""
    from scipy.signal import butter, sosfiltfilt

    rows = []
    for number in (1, 2, 3):
        x = read_audio(SHARED / f"akai4000d/clip{number}_target_R.wav")[0][0].astype(np.float64)
        high = sosfiltfilt(butter(6, HIGH / 2, "highpass", fs=RATE, output="sos"), x)
        folded = np.abs(x[: x.size // PERIOD * PERIOD].reshape(-1, PERIOD)).mean(axis=0)
        first = int(folded.argmax()) + (PERIOD - GAP) // 2
        rows += [high[at : at + GAP] for at in range(first, x.size - GAP - PERIOD, PERIOD)]
    level = np.asarray([np.std(row) for row in rows])
    # A pulse that the tape moved into its gap is no hiss.
    return np.stack(rows)[level < 3 * np.median(level)]


def tape_hiss(name: str) -> dict[str, Any]:
    every = gaps()
    model = fitted(name, every[::2], RATE, GAP, 64)
    return _compared("tape hiss above 2 kHz, odd gaps", name, every[1::2], model, HIGH)


def vinyl_hiss(name: str) -> dict[str, Any]:
    x = read_audio(SHARED / "cc0/vinyl_hiss.flac", RATE)[0][0].astype(np.float64)
    half = x.size // 2
    model = fitted(name, x[None, :half], RATE, 4096 if name != "diffusion" else 2048, 512)
    return _compared("vinyl hiss, second half", name, x[half:][: half // 2048 * 2048].reshape(-1, 2048), model)


def _compared(data: str, name: str, real: np.ndarray, model: Any, lowest: float = 0.0) -> dict[str, Any]:
    count = len(real)
    drawn = np.stack([model.read((6, number), 0, real.shape[1]) for number in range(count)])
    worst, bands = octaves(real, drawn, RATE, lowest)
    return {
        "real": f"{data}, {count} windows",
        "made by": name,
        "inside, %": "",
        "third octaves, dB": f"{worst:.1f} worst of {bands} known within .25 dB" if bands else "",
        "W1 of values, %": f"{100 * wasserstein(real, drawn):.1f}",
        "W1 of increments, %": f"{100 * wasserstein(increments(real), increments(drawn)):.1f}",
        "logistic, % right": str(logistic(_seen(real, lowest), _seen(drawn, lowest))),
    }


def _seen(windows: np.ndarray, lowest: float) -> np.ndarray:
    """What the logistic classifier sees, or the log-spectrum above `lowest` Hz alone."""
    if not lowest:
        return features(windows)
    size = windows.shape[1]
    power = np.abs(np.fft.rfft(windows * np.hanning(size))) ** 2
    return np.log(power[:, int(np.ceil(lowest * size / RATE)) :] + 1e-30)


CELLS: dict[str, Callable[[], dict[str, Any]]] = {
    f"{what.__name__}, {name}": (lambda what=what, name=name: what(name))
    for what in (pilot, tape_hiss, vinyl_hiss)
    for name in ("parametric", "flow", "diffusion")
}
