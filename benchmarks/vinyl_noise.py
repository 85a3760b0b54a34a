"""Noise of a real record beside the sources': `python -m benchmarks.vinyl_noise [--quick] [--fit]`.

The record is 8 s of an empty groove, heard through its preamplifier (`../shared/data/cc0/vinyl_hiss.flac`, CC0). The
synthetic one is what `ddspfx.source.surface_noise` makes of its dictionary `MEASURED`, as groove velocity, through the
RIAA replay curve. Both are measured alike. Clicks are peaks of either wall above 2 kHz, so many times its robust
deviation (median / 0.6745), 2 ms apart; the tail is Hill's exponent above 12 deviations. Third octaves below 100 Hz
are of the whole, those from 100 Hz on of what lies 1 ms and more from any click above 5 deviations. `--fit` prints the
dictionary anew. A figure lies beside the table.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from scipy import signal

from benchmarks.table import RESULTS, write_table
from ddspfx.audio import read_audio
from ddspfx.clock import Clock
from ddspfx.source.surface_noise import MEASURED, surface_noise
from ddspfx.source.wander import KNOTS

RECORD = Path(__file__).parents[2] / "shared/data/cc0/vinyl_hiss.flac"
THRESHOLDS = (8.0, 12.0, 20.0, 40.0)
CENTRES = 1_000.0 * 2.0 ** (np.arange(-22, 13) / 3)
CHUNK_S = 10
BELLS = ((10.0, 3.0), (13.5, 5.0), (25.0, 3.0), (39.4, 6.0))
"""Hz and Q of which the rumble is put together: four that come within 1.5 dB of the record, the best of 81 tried."""
DETECTION_HZ = 2_000.0


def replay(f: np.ndarray) -> np.ndarray:
    """Gain of the RIAA replay curve, 1 at 1 kHz."""
    s = 2j * np.pi * np.append(f, 1_000.0)
    curve = (1 + s * 318e-6) / ((1 + s * 3_180e-6) * (1 + s * 75e-6))
    return np.asarray(curve[:-1] / abs(curve[-1]))


def heard(velocity: np.ndarray, rate: int) -> np.ndarray:
    """Groove velocity as it is heard: through the replay curve, in the frequency domain."""
    f = np.fft.rfftfreq(velocity.shape[1], 1 / rate)
    return np.fft.irfft(np.fft.rfft(velocity) * replay(f), velocity.shape[1])


def synthetic(values: dict[str, Any], seconds: int, rate: int, take: int = 1) -> np.ndarray:
    """The sources' noise, heard."""
    parts = surface_noise(values).values()

    @jax.jit
    def chunk(clock: Clock) -> jax.Array:
        return sum(10 ** (level / 20) * source.read(2, CHUNK_S * rate, clock) for source, level in parts)

    clock = Clock.zero(rate, take)
    chunks = [np.asarray(chunk(clock.after(k * CHUNK_S * rate)), float) for k in range(-(-seconds // CHUNK_S))]
    return heard(np.concatenate(chunks, axis=1), rate)


def deviations(x: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Both walls above 2 kHz in robust deviations, and these in dB of full scale."""
    high = signal.sosfiltfilt(signal.butter(4, DETECTION_HZ, "high", fs=rate, output="sos"), x, axis=1)
    sigma = np.median(abs(high), axis=1) / 0.6745
    return high / sigma[:, None], 20 * np.log10(sigma)


def third_octaves(x: np.ndarray, rate: int) -> np.ndarray:
    """Levels in dB of full scale, mid and side, of the whole below 100 Hz and between clicks above."""
    both = np.stack([x[0] + x[1], x[0] - x[1]]) / 2**0.5
    f, whole = signal.welch(both, rate, nperseg=2**16)
    large = abs(deviations(x, rate)[0]).max(axis=0)
    loud = np.flatnonzero(large > 5)
    near = np.zeros(x.shape[1] + 1)
    reach = round(1e-3 * rate)
    np.add.at(near, np.maximum(loud - reach, 0), 1)
    np.add.at(near, np.minimum(loud + reach, x.shape[1]), -1)
    clear = np.cumsum(near)[:-1] == 0
    g, between = _gated(both, clear, rate)
    rows = []
    for centre in CENTRES:
        axis, power = (f, whole) if centre < 100 else (g, between)
        rows.append(_band(axis, power, centre))
    return 10 * np.log10(np.array(rows)).T


def _band(f: np.ndarray, power: np.ndarray, centre: float) -> np.ndarray:
    """Power in a third octave, the bins at its edges in part."""
    step = f[1]
    low, high = centre * 2 ** (-1 / 6), centre * 2 ** (1 / 6)
    share = np.clip((np.minimum(f + step / 2, high) - np.maximum(f - step / 2, low)) / step, 0, 1)
    return np.asarray((power * share).sum(axis=1) * step)


def _gated(x: np.ndarray, clear: np.ndarray, rate: int, size: int = 1_024) -> tuple[np.ndarray, np.ndarray]:
    """Welch's method over what is clear, each frame weighed by how much of it is."""
    window = np.hanning(size)
    high = signal.sosfiltfilt(signal.butter(2, 60.0, "high", fs=rate, output="sos"), x, axis=1)
    total, weight = np.zeros((2, size // 2 + 1)), 0.0
    for start in range(0, x.shape[1] - size, size // 4):
        own = window * clear[start : start + size]
        energy = float((own**2).sum())
        if energy > 0.5 * (window**2).sum():
            total += abs(np.fft.rfft(own * high[:, start : start + size])) ** 2
            weight += energy
    return np.fft.rfftfreq(size, 1 / rate), 2 * total / (weight * rate)


def clicks(x: np.ndarray, rate: int) -> dict[str, float]:
    """Counts a second above thresholds, the tail, and how the walls share them."""
    walls, sigma = deviations(x, rate)
    large = abs(walls).max(axis=0)
    peaks, _ = signal.find_peaks(large, height=THRESHOLDS[0], distance=round(2e-3 * rate))
    found = large[peaks]
    rates = {f"clicks/s above {t:g}": (found > t).sum() * rate / x.shape[1] for t in THRESHOLDS}
    tall = found[found > 12]
    return rates | {
        "tail above 12": float(1 / np.mean(np.log(tall / 12))),
        "locking (twice the mean vector at 33 1/3 rpm)": float(2 * abs(np.exp(2j * np.pi * peaks / rate / 1.8).mean())),
        "share on both walls": float(np.mean(abs(walls[:, peaks]).min(axis=0) > 4)),
        "correlation of the walls' peaks": float(np.corrcoef(walls[:, peaks])[0, 1]),
        "robust deviation above 2 kHz, left (dB)": float(sigma[0]),
    }


def resonances(x: np.ndarray, rate: int) -> list[tuple[float, float, float]]:
    """The three highest peaks below 60 Hz of the vertical: Hz, Q between its half powers, dB of full scale, RMS."""
    f, power = signal.welch(x[0] - x[1], rate, nperseg=2 * rate, nfft=16 * rate)
    f, power = f[f < 60], power[f < 60] / 4
    peaks, _ = signal.find_peaks(10 * np.log10(power), prominence=3.0, distance=40)
    best = np.sort(peaks[np.argsort(-power[peaks])[:3]])
    width = signal.peak_widths(power, best, rel_height=0.5)[0] * f[1]
    rows = []
    for peak, wide in zip(best, width, strict=True):
        around = abs(f - f[peak]) < wide
        rows.append((float(f[peak]), float(f[peak] / wide), float(10 * np.log10(power[around].sum() * f[1]))))
    return rows


def measured(x: np.ndarray, rate: int) -> dict[str, Any]:
    """All figures of a recording."""
    octaves = third_octaves(x, rate)
    lines = {f"resonance {k}": row for k, row in enumerate(resonances(x, rate), 1)}
    return {"octaves": octaves, "clicks": clicks(x, rate), "lines": lines}


def table(real: dict[str, Any], made: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of real beside synthetic."""
    rows = [
        {"figure": name, "record": float(value), "synthetic": float(made["clicks"][name])}
        for name, value in real["clicks"].items()
    ]
    for name, (hertz, quality, level) in real["lines"].items():
        other = made["lines"].get(name, (np.nan,) * 3)
        for unit, a, b in zip(("Hz", "Q", "dB"), (hertz, quality, level), other, strict=True):
            rows.append({"figure": f"{name}, vertical ({unit})", "record": a, "synthetic": float(b)})
    for k, centre in enumerate(CENTRES):
        for side, part in enumerate(("mid", "side")):
            a, b = (round(float(found["octaves"][side, k]), 1) for found in (real, made))
            rows.append({"figure": f"{centre:.0f} Hz third octave, {part} (dB)", "record": a, "synthetic": b})
    return rows


def fitted(real: np.ndarray, rate: int, rounds: int = 5, seconds: int = 40) -> dict[str, Any]:
    """`MEASURED` moved so that the synthetic noise has the record's third octaves, clicks and resonances."""
    values = json.loads(json.dumps(MEASURED))
    asked = measured(real, rate)
    values["rumble"] = fit_rumble(asked["octaves"])
    for turn in range(rounds):
        found = measured(synthetic(values, seconds, rate, 100 + turn), rate)
        mean = move_hiss(values["hiss"], asked["octaves"], found["octaves"])
        shift = move_clicks(values["clicks"], asked["clicks"], found["clicks"])
        print(f"round {turn}: hiss off by {mean:.2f} dB, clicks by {shift:.2f} dB", flush=True)
    return values


def move_hiss(hiss: dict[str, Any], asked: np.ndarray, found: np.ndarray) -> float:
    """Spectrum, level and correlation moved by the difference at each frequency; the mean one in dB."""
    high = CENTRES >= 100
    places = np.log(hiss["frequencies"])
    asked, found = (10 ** (octaves[:, high] / 10) for octaves in (asked, found))
    smooth = partial(np.convolve, np.ones(3) / 3, mode="same")
    off = np.interp(places, np.log(CENTRES[high])[1:-1], smooth(10 * np.log10(asked.sum(0) / found.sum(0)))[1:-1])
    mean = float(off.mean())
    goal, now = (smooth((p[0] - p[1]) / p.sum(0)) for p in (asked, found))
    moved = np.array(hiss["correlation"]) + np.interp(places, np.log(CENTRES[high])[1:-1], (goal - now)[1:-1])
    hiss["correlation"] = np.round(np.clip(moved, -0.98, 0.98), 3).tolist()
    levels = np.array(hiss["levels"]) + off
    hiss["levels"] = np.round(levels - levels.max(), 2).tolist()
    hiss["level"] = round(hiss["level"] + mean, 2)
    return mean


def move_clicks(clicks: dict[str, Any], asked: dict[str, float], found: dict[str, float]) -> float:
    """Level moved so that the counts meet in the mean, which go with level^tail; by how many dB."""
    counts = ([each[f"clicks/s above {t:g}"] for t in THRESHOLDS] for each in (asked, found))
    ratio = float(np.mean(np.subtract(*(np.log(row) for row in counts))))
    shift = 20 / np.log(10) * ratio / clicks["tail"]
    clicks["level"] = round(clicks["level"] + shift, 2)
    walls = asked["share on both walls"] - found["share on both walls"]
    clicks["both"] = round(float(np.clip(clicks["both"] + walls, 0, 1)), 3)
    return shift


def fit_rumble(octaves: np.ndarray) -> dict[str, Any]:
    """Levels of resonances whose sum has the vertical third octaves from 6 to 45 Hz: least squares, none negative."""
    from scipy.optimize import nnls

    low = (CENTRES > 6) & (CENTRES < 45)
    f = np.linspace(0.02, 100.0, 5_000)
    columns = []
    for centre, quality in BELLS:
        knots = KNOTS / 2 * centre / quality
        bell = np.sinc((f - centre) / knots) ** 8
        power = bell / (bell.sum() * f[1]) * abs(replay(f)) ** 2
        columns.append([power[(f > c * 2 ** (-1 / 6)) & (f < c * 2 ** (1 / 6))].sum() * f[1] for c in CENTRES[low]])
    asked = 10 ** (octaves[1, low] / 10)
    matrix = np.array(columns).T / asked[:, None]
    powers = nnls(matrix, np.ones(len(asked)))[0]
    kept = powers > 1e-4 * powers.max()
    total = powers[kept].sum()
    aside = float(np.mean(10 ** (octaves[0, 3:5] / 10)) / asked[3:5].mean())
    return {
        # A wall has half of the vertical's power.
        "level": round(float(10 * np.log10(total / 2)), 2),
        "frequencies": [centre for (centre, _), keep in zip(BELLS, kept, strict=True) if keep],
        "qualities": [quality for (_, quality), keep in zip(BELLS, kept, strict=True) if keep],
        "levels": np.round(10 * np.log10(powers[kept] / powers.max()), 2).tolist(),
        "lateral": round(aside / (1 + aside), 4),
    }


def figure(real: dict[str, Any], made: dict[str, Any], path: Path) -> None:
    """Third octaves of both, and click counts by threshold."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    _, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    for part, colour in (("mid", "tab:blue"), ("side", "tab:orange")):
        row = 0 if part == "mid" else 1
        left.semilogx(CENTRES, real["octaves"][row], color=colour, label=f"{part}, record")
        left.semilogx(CENTRES, made["octaves"][row], "--", color=colour, label=f"{part}, synthetic")
    left.set(xlabel="Hz", ylabel="dB of full scale a third octave")
    left.legend()
    for name, found, style in (("record", real, "o-"), ("synthetic", made, "s--")):
        counts = [found["clicks"][f"clicks/s above {t:g}"] for t in THRESHOLDS]
        right.loglog(THRESHOLDS, counts, style, label=name)
    right.set(xlabel="height in robust deviations", ylabel="clicks a second above it")
    right.legend()
    plt.tight_layout()
    plt.savefig(path, dpi=80)


def main(quick: bool, fit: bool) -> None:
    """The table, the figure, and with `fit` the dictionary."""
    audio, rate = read_audio(RECORD)
    real = np.asarray(audio, float)
    if fit:
        print(json.dumps(fitted(real, rate), indent=4))
        return
    name = "vinyl_noise_quick" if quick else "vinyl_noise"
    a, b = (partial(measured, rate=rate)(x) for x in (real, synthetic(MEASURED, 10 if quick else 120, rate)))
    rows = table(a, b)
    write_table(name, __doc__, rows, "python -m benchmarks.vinyl_noise" + (" --quick" if quick else ""))
    figure(a, b, RESULTS / f"{name}.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.fit)
