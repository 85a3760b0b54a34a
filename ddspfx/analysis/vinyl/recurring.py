"""The revolution where no tone and no original tell it: what comes back with every turn of the disc."""

import numpy as np
from jaxtyping import Bool, Float

from ddspfx.analysis.vinyl.clicks import Clicks
from ddspfx.analysis.vinyl.turning import REACH, RPMS
from ddspfx.analysis.wow_flutter import Reading

Sound = Float[np.ndarray, "channels samples"]
Marks = Bool[np.ndarray, " samples"]
Series = Float[np.ndarray, " frames"]

_FRAME = 0.01  # s
_BAND = (1_000.0, 10_000.0)  # Hz in which the surface is heard
_HARMONICS = 6
_TURNS = 3.0  # that must be heard
_CHANCE = 1e-5
_CLEARLY = 1.2  # times the highest comb anywhere else
_ELSEWHERE = (0.31, 2.3)  # Hz


def recurrence(
    x: Sound, sample_rate: int, quiet: Marks, clicks: Clicks, rpms: tuple[float, ...] = RPMS
) -> Reading | None:
    """Revolution in Hz from the swelling of the hiss in the pauses and from clicks that recur, or None.

    The level of the surface in frames of 10 ms, and the clicks on the same grid, are searched for a comb of six
    harmonics within 6 % of each of `rpms`; it must stand out of chance and of the combs at all other rates.
    """
    size = round(_FRAME * sample_rate)
    count = x.shape[1] // size
    if count * _FRAME < _TURNS * 60 / max(rpms):
        return None
    series = [
        each
        for each in (_swelling(x, sample_rate, quiet, size, count), _struck(clicks, size, count))
        if each is not None
    ]
    if not series:
        return None
    found = [each for one in series if (each := _comb(one, 1 / _FRAME, rpms)) is not None]
    return min(found, key=lambda each: each.deviation or np.inf) if found else None


def _swelling(x: Sound, sample_rate: int, quiet: Marks, size: int, count: int) -> Series | None:
    """The level of the hiss in pauses less its mean, nothing elsewhere."""
    from scipy.signal import butter, sosfilt

    high = min(_BAND[1], 0.45 * sample_rate)
    heard = sosfilt(butter(2, (_BAND[0], high), "bandpass", fs=sample_rate, output="sos"), x)
    level = np.log(np.mean(heard[:, : count * size].reshape(len(x), count, size) ** 2, (0, 2)) + 1e-30)
    still = quiet[: count * size].reshape(count, size).all(1)
    if still.sum() * _FRAME < 4:
        return None
    usual, spread = np.median(level[still]), np.median(np.abs(level[still] - np.median(level[still])))
    calm = np.where(still, np.clip(level - usual, -5 * spread, 5 * spread), 0.0)
    found: Series = np.where(still, calm - calm[still].mean(), 0.0)
    return found


def _struck(clicks: Clicks, size: int, count: int) -> Series | None:
    """Clicks above the threshold, each a little broader than a frame."""
    places = clicks.places[clicks.counted] // size
    if len(places) < 4:
        return None
    series = np.bincount(np.minimum(places, count - 1), minlength=count).astype(float)
    series = np.minimum(np.convolve(series, [0.5, 1.0, 0.5], "same"), 1.0)
    found: Series = series - series.mean()
    return found


def _comb(series: Series, rate: float, rpms: tuple[float, ...]) -> Reading | None:
    from scipy.stats import gamma

    span = len(series) / rate
    step = 1 / (8 * span * _HARMONICS)
    grid = np.arange(_ELSEWHERE[0], _ELSEWHERE[1], step)
    power = _harmonics(series, rate, grid)
    power /= np.median(power, 0) / np.log(2) + 1e-300
    comb = power.sum(1)
    near = np.any([np.abs(grid * 60 / rpm - 1) < REACH for rpm in rpms if span * rpm / 60 >= _TURNS], axis=0)
    if not np.any(near):
        return None
    best = int(np.argmax(np.where(near, comb, 0.0)))
    # Half and twice the rate share its harmonics.
    other = np.ones(len(grid), bool)
    for ratio in (0.5, 2 / 3, 0.75, 1.0, 4 / 3, 1.5, 2.0, 3.0, 1 / 3):
        other &= np.abs(grid / (ratio * grid[best]) - 1) > 2 / (span * grid[best])
    needed = float(gamma.isf(_CHANCE / (len(grid) / 8), _HARMONICS))
    if comb[best] < max(needed, _CLEARLY * float(comb[other].max(initial=0.0))):
        return None
    weights = np.maximum(power[best] - 1, 0.0) * np.arange(1, _HARMONICS + 1) ** 2
    frequency = float(np.sum(grid[best - 4 : best + 5] * comb[best - 4 : best + 5]) / comb[best - 4 : best + 5].sum())
    return Reading(frequency, float(np.sqrt(1.5) / (np.pi * span * np.sqrt(weights.sum() + 1e-12))))


def _harmonics(series: Series, rate: float, grid: Series) -> Float[np.ndarray, "grid harmonics"]:
    """The power of each harmonic of each frequency, between the bins of a long transform."""
    from scipy.fft import next_fast_len, rfft

    count = next_fast_len(64 * len(series), real=True)
    power = np.abs(rfft(series, count)) ** 2
    order = np.arange(1, _HARMONICS + 1)
    places = np.rint(np.outer(grid, order) * count / rate).astype(int)
    return np.asarray(power[np.minimum(places, len(power) - 1)])
