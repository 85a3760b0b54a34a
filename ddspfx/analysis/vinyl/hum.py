"""Mains hum: exact lines at multiples of 50 or 60 Hz, which no resonance of a motor or an arm has."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float

Sound = Float[np.ndarray, "channels samples"]
Marks = Bool[np.ndarray, " samples"]

MAINS = (50.0, 60.0)
"""Hz of the mains there are."""
_WANDER = 6e-3  # of the frequency: how far the mains, and the clock of the recording, may be off
_HARMONICS = 8
_RATE = 2_000.0  # Hz that hold the harmonics
_FRAME, _STEP = 0.5, 0.125  # s
_LOUDER = 2.0  # times the power in pauses, above which the rest of the file has programme there
_CHANCE = 1e-6  # of a line by accident
_BESIDE = 1.5  # Hz to either side whose median tells the noise
_KEPT = 8.0  # times its noise that the power of a harmonic must have
_FINE = 6  # steps of the searched grid in one of the recording's own


class Hum(NamedTuple):
    """Frequency in Hz with its deviation, and the mean power of the channels in its lines with its deviation."""

    frequency: float
    frequency_deviation: float
    power: float
    power_deviation: float
    amplitudes: Float[np.ndarray, "channels harmonics"]


class _Lines(NamedTuple):
    """Demodulated harmonics of one mains, the weight of each frame, and the seconds of the frames."""

    values: Complex[np.ndarray, "channels harmonics frames"]
    weights: Float[np.ndarray, "harmonics frames"]
    times: Float[np.ndarray, " frames"]


def find_hum(x: Sound, sample_rate: int, quiet: Marks) -> Hum | None:
    """The hum of a sound (channels, samples) without clicks; None where no line stands out of what is beside it.

    Harmonics 1 to 8 of 50 and of 60 Hz are brought down to 0 Hz and looked for together on a fine grid of +-0.6 %.
    Where programme covers a harmonic the pauses alone are taken. The power is that of all harmonics that stand
    8 dB clear of the noise beside them, with that noise taken off.
    """
    found = [each for mains in MAINS if (each := _at(x, sample_rate, quiet, mains)) is not None]
    return max(found, key=lambda each: each[0])[1] if found else None


def _at(x: Sound, sample_rate: int, quiet: Marks, mains: float) -> tuple[float, Hum] | None:
    from scipy.signal import resample_poly

    down = max(int(sample_rate // _RATE), 1)
    slow, rate = resample_poly(x, 1, down, axis=1), sample_rate / down
    if slow.shape[1] < 4 * _FRAME * rate or not x.any():
        return None
    lines = _demodulated(slow, rate, quiet[::down], mains)
    span = float(lines.times[-1] - lines.times[0]) + _FRAME
    offsets = np.arange(-_WANDER * mains, _WANDER * mains, 1 / (_FINE * span * 2))
    clear, noise = _clear(lines, offsets)
    best = int(np.argmax(clear))
    if clear[best] < _needed(len(offsets) / _FINE, len(x)):
        return None
    frequency = offsets[best] if best in (0, len(offsets) - 1) else offsets[best] + _peak(clear, best) * (
        offsets[1] - offsets[0])  # fmt: skip
    sums = _sums(lines, frequency)
    power = np.maximum(np.abs(sums) ** 2 - noise, 0.0)
    kept = np.abs(sums) ** 2 > _KEPT * noise
    lines_power = np.where(kept, 2 * power, 0.0)
    spread = float(np.sqrt(np.sum(np.where(kept, 4 * 2 * power * noise, 0.0)))) / len(x)
    doubt = np.sqrt(6) / (np.pi * span * np.sqrt(2 * max(clear[best], 1.0)))
    return float(clear[best]), Hum(mains + frequency, doubt, float(lines_power.sum() / len(x)), spread,
                                   np.sqrt(2 * lines_power))  # fmt: skip


def _demodulated(x: Sound, rate: float, quiet: Marks, mains: float) -> _Lines:
    size, step = round(_FRAME * rate), round(_STEP * rate)
    starts = np.arange(0, x.shape[1] - size + 1, step)
    window = np.hanning(size)
    window /= window.sum()
    order = np.arange(1, min(_HARMONICS, int(0.45 * rate / mains)) + 1)
    waves = np.exp(-2j * np.pi * mains * np.outer(order, np.arange(size)) / rate) * window
    frames = np.lib.stride_tricks.sliding_window_view(x, size, axis=1)[:, ::step]
    turned = np.exp(-2j * np.pi * mains * np.outer(order, starts) / rate)
    values = np.einsum("cfn,hn->chf", frames, waves, optimize=True) * turned
    still = np.lib.stride_tricks.sliding_window_view(quiet[: x.shape[1]], size)[::step].all(1)
    power = np.mean(np.abs(values) ** 2, 0)
    covered = still.sum() * _STEP > 3 and np.median(power, 1) > _LOUDER * np.median(power[:, still], 1)
    weights = np.where(np.atleast_1d(covered)[:, None] & np.ones_like(power, bool), still, 1.0)
    return _Lines(values, weights, (starts + size / 2) / rate)


def _sums(lines: _Lines, offset: float) -> Complex[np.ndarray, "channels harmonics"]:
    """The mean of each harmonic at an offset of the fundamental in Hz."""
    order = np.arange(1, len(lines.weights) + 1)
    waves = lines.weights * np.exp(-2j * np.pi * offset * np.outer(order, lines.times))
    sums = np.einsum("chf,hf->ch", lines.values, waves)
    mean: Complex[np.ndarray, "channels harmonics"] = sums / lines.weights.sum(1)
    return mean


def _clear(
    lines: _Lines, offsets: Float[np.ndarray, " grid"]
) -> tuple[np.ndarray, Float[np.ndarray, "channels harmonics"]]:
    """What all harmonics together stand above their noise on the grid, and that noise."""
    power = np.stack([np.abs(_sums(lines, offset)) ** 2 for offset in offsets])
    span = float(lines.times[-1] - lines.times[0]) + _FRAME
    beside = np.arange(-_BESIDE, _BESIDE, 1 / (2 * span))
    turns = np.exp(-2j * np.pi * np.outer(beside, lines.times))
    around = np.einsum("chf,of->och", lines.values * lines.weights, turns) / lines.weights.sum(1)
    noise = np.median(np.abs(around) ** 2, 0) / np.log(2)
    return np.sum(power / np.maximum(noise, 1e-30), (1, 2)), noise


def _needed(trials: float, channels: int) -> float:
    """The sum of that many exponential variables that chance exceeds once in `trials` in a million."""
    from scipy.stats import gamma

    return float(gamma.isf(_CHANCE / max(trials, 1.0), _HARMONICS * channels))


def _peak(values: np.ndarray, at: int) -> float:
    before, here, after = values[at - 1 : at + 2]
    return float(0.5 * (before - after) / (before - 2 * here + after - 1e-300))
