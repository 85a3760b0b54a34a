"""The noise floor: hiss in third octaves, and rumble below it."""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ddspfx.analysis.wow_flutter import Reading

Sound = Float[np.ndarray, "channels samples"]
Marks = Bool[np.ndarray, " samples"]
Series = Float[np.ndarray, " bins"]

CENTRES = 1_000 * 10.0 ** (np.arange(-10, 14) / 10)
"""Hz of the third octaves from 100 Hz to 20 kHz (IEC 61260, base ten)."""
NAMES = (100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300, 8000,
         10000, 12500, 16000, 20000)  # fmt: skip
"""What they are called."""
RUMBLE = (5.0, 200.0)
"""Hz between which rumble is counted, less the hiss that goes on there."""
_SHORT, _LONG = 0.5, 2.0  # s of a frame for hiss, and for rumble
_BESIDE = (5.0, 1.6)  # Hz about a line of hum that are left out, likewise
_TOP = 1_300.0  # Hz up to which hum has lines
_SAME = 0.4  # dB by which a band of the whole file may differ from the pauses' and still be noise
_ODD = (4.0, 12.0)  # deviations beyond which a frame is left out: of a second or less, and of rumble, which swells
_FITTED = (500.0, 4_000.0)  # Hz in which the hiss is followed that goes on below
_SLOPES = (-0.7, 0.7)  # powers of the frequency in its density beside the replay curve's


class Floor(NamedTuple):
    """Levels in dB of full scale, mean power of the channels; third octaves by name; the density over frequency."""

    hiss: Reading
    thirds: dict[str, Reading]
    rumble: Reading | None
    frequency: Series
    density: Float[np.ndarray, "channels bins"]


class _Frames(NamedTuple):
    """Power densities of frames, their frequencies, and which lie in pauses."""

    power: Float[np.ndarray, "channels frames bins"]
    frequency: Series
    quiet: Bool[np.ndarray, " frames"]


def noise_floor(x: Sound, sample_rate: int, quiet: Marks, hum: float | None) -> Floor | None:
    """The floor of a sound without clicks, whose pauses are `quiet` and whose hum is at `hum` Hz; None without pauses.

    `thirds`: the rms in each third octave from 100 Hz up that the sample rate holds, lines of hum left out and their
    share filled from beside them; `hiss`: that of all together. `rumble`: the rms from 5 to 200 Hz likewise, less
    the hiss that goes on there, which is followed from 500 to 4000 Hz as a power law through the replay curve. A band
    in which the whole file is as quiet as the pauses is read from the whole file.
    """
    if quiet.sum() < _SHORT * sample_rate:
        return None
    short = _framed(x, sample_rate, quiet, _SHORT)
    lined = _lines(short.frequency, hum, _BESIDE[0])
    thirds = {}
    for centre, name in zip(CENTRES, NAMES, strict=True):
        if centre * 10**0.05 < 0.5 * sample_rate:
            thirds[str(name)] = _decibel(*_band(short, centre * 10**-0.05, centre * 10**0.05, lined))
    powers = np.array([10 ** (each.value / 10) for each in thirds.values()])
    doubts = powers * [0.23 * (each.deviation or 0.0) for each in thirds.values()]
    density = short.power[:, short.quiet].mean(1)
    hiss = _decibel(float(powers.sum()), float(np.linalg.norm(doubts)))
    return Floor(hiss, thirds, _rumble(x, sample_rate, quiet, hum, short), short.frequency, density)


def _rumble(x: Sound, sample_rate: int, quiet: Marks, hum: float | None, short: _Frames) -> Reading | None:
    from scipy.signal import resample_poly

    down = max(int(sample_rate // 2_000), 1)
    long = _framed(resample_poly(x, 1, down, axis=1), sample_rate / down, quiet[::down], _LONG)
    if not long.quiet.any():
        return None
    lined = _lines(long.frequency, hum, _BESIDE[1])
    edges = np.geomspace(*RUMBLE, 9)
    parts = [_band(long, low, high, lined, _ODD[1]) for low, high in itertools.pairwise(edges)]
    power, doubt = sum(part[0] for part in parts), float(np.linalg.norm([part[1] for part in parts]))
    below = _continued(short, _lines(short.frequency, hum, _BESIDE[0]), long.frequency)
    expected = [_within(below, long.frequency, low, high) for low, high in itertools.pairwise(edges)]
    chance = [_chance(long, low, high) for low, high in itertools.pairwise(edges)]
    # It stands nowhere clearly above what is there: players cut the bass of hiss, and between resonances it shows.
    most = [part[0] * (1 + 2 * c) + 2 * part[1] for part, c in zip(parts, chance, strict=True)]
    hiss = min(1.0, *(there / (one + 1e-30) for there, one in zip(most, expected, strict=True))) * sum(expected)
    doubt = float(np.hypot(doubt, np.linalg.norm([part[0] * c for part, c in zip(parts, chance, strict=True)])))
    if power - hiss < 2 * doubt or power < 1e-14:
        return None
    return _decibel(power - hiss, float(np.hypot(doubt, 0.2 * hiss)))


def _chance(frames: _Frames, low: float, high: float) -> float:
    """The relative deviation of noise in a band: half of the bins times frames are independent of one another."""
    inside = (frames.frequency >= low) & (frames.frequency < high)
    return float(np.sqrt(2 / max(len(frames.power) * frames.quiet.sum() * inside.sum(), 1)))


def _within(density: Series, frequency: Series, low: float, high: float) -> float:
    inside = (frequency >= low) & (frequency < high)
    return float(density[inside].sum() * frequency[1])


def _continued(short: _Frames, lined: Bool[np.ndarray, " bins"], wanted: Series) -> Series:
    """The density of the hiss at frequencies below those in which it is followed."""
    inside = (short.frequency >= _FITTED[0]) & (short.frequency < _FITTED[1]) & ~lined
    level = np.log(short.power[:, short.quiet].mean((0, 1))[inside] + 1e-30) - _curve(short.frequency[inside])
    octave = np.log(short.frequency[inside])
    slope, start = np.polyfit(octave, level, 1, w=1 / np.sqrt(short.frequency[inside]))
    slope = float(np.clip(slope, *_SLOPES))
    start = float(np.mean(level - slope * octave))
    at = np.maximum(wanted, RUMBLE[0])
    found: Series = np.exp(start + slope * np.log(at) + _curve(at))
    return found


def _curve(frequency: Series) -> Series:
    """ln |replay curve|² at frequencies in Hz."""
    s = 2j * np.pi * frequency
    return 2 * np.log(np.abs((1 + s * 318e-6) / ((1 + s * 3180e-6) * (1 + s * 75e-6))))


def _framed(x: Sound, rate: float, quiet: Marks, seconds: float) -> _Frames:
    """Hann frames, half overlapping."""
    size = min(round(seconds * rate), x.shape[1])
    step = max(size // 2, 1)
    window = np.hanning(size + 1)[:size]
    frames = np.lib.stride_tricks.sliding_window_view(x, size, axis=1)[:, ::step]
    still = np.lib.stride_tricks.sliding_window_view(quiet[: x.shape[1]], size)[::step].mean(1) > 0.98
    scale = 2 / (rate * np.sum(window**2))
    power = np.stack([np.abs(np.fft.rfft((row - row.mean(1, keepdims=True)) * window)) ** 2 for row in frames]) * scale
    return _Frames(power, np.fft.rfftfreq(size, 1 / rate), still)


def _lines(frequency: Series, hum: float | None, beside: float) -> Bool[np.ndarray, " bins"]:
    """Which bins a line of hum reaches."""
    if hum is None:
        return np.zeros(len(frequency), bool)
    order = np.maximum(np.round(frequency / hum), 1)
    return np.asarray((np.abs(frequency - order * hum) < beside) & (frequency < _TOP))


def _band(
    frames: _Frames, low: float, high: float, lined: Bool[np.ndarray, " bins"], odd: float = _ODD[0]
) -> tuple[float, float]:
    """Power between two frequencies and its deviation, from the whole file where that is as quiet as the pauses."""
    inside = (frames.frequency >= low) & (frames.frequency < high)
    used = inside & ~lined if (inside & ~lined).sum() > 0.25 * inside.sum() else inside
    if not used.any():
        used = np.zeros(len(inside), bool)
        used[np.argmin(np.abs(frames.frequency - np.sqrt(low * high)))] = True
    power = frames.power[:, :, used].mean((0, 2)) * (high - low)
    calm, spread, count = _usual(power[frames.quiet], odd)
    whole, wide, many = _usual(power, odd)
    if many > count and abs(10 * np.log10((whole + 1e-30) / (calm + 1e-30))) < _SAME + 3 * 4.34 * spread / (
        calm + 1e-30) and np.median(power) < 1.5 * calm:  # fmt: skip
        return whole, wide
    return calm, spread


def _usual(power: Series, odd: float) -> tuple[float, float, int]:
    """The mean of frames without the odd ones, its deviation, and how many went in."""
    middle = np.median(power)
    spread = np.median(np.abs(power - middle)) / 0.6745
    kept = power[power <= middle + odd * spread + 0.1 * middle]
    # Half overlapping Hann frames are worth some 0.8 of as many that stand apart.
    return float(kept.mean()), float(kept.std() / np.sqrt(max(0.8 * len(kept), 1))), len(kept)


def _decibel(power: float, deviation: float) -> Reading:
    return Reading(float(10 * np.log10(max(power, 1e-30))), float(4.343 * deviation / max(power, 1e-30)))
