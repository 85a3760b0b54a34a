"""The coarse search for a speed error, at a low rate where a second of sound can bear a wrong guess."""

from collections.abc import Iterable

import numpy as np

from ddspfx.alignment.correlation import whitened
from ddspfx.alignment.interpolate import Reals

_RATE = 2000.0
_SEGMENT = 0.7  # s
_SEGMENTS = 8
_EXCERPT = 24.0  # s of wet
_MARGIN = 12.0  # s of dry on either side
_STEP = 0.001
_WIDEST = 0.046
_SMEAR = 3  # samples at the low rate by which segments may disagree
_BLOCKS = 64
_CHANCE_POWER = 9.0  # of the mean: three deviations
RATE_RATIOS = (48_000 / 44_100, 44_100 / 48_000, 2.0, 0.5)


def search_speed(x: Reals, y: Reals, sample_rate: float) -> list[tuple[float, float]]:
    """Speeds of wet `y` against dry `x` (samples,), each with the delay in samples at wet's start, both roughly.

    Segments of wet are stretched by each candidate and correlated with dry; of the right one, the squared
    correlations line up. Candidates: 1 ± 4.6 %, and the ratios of common sample rates. The first answer is the one
    that stands out most from chance; the second, for nearly pure tones, the one that matches best.
    """
    from ddspfx.audio import resampled

    x, y = resampled(x[None], sample_rate, _RATE)[0], resampled(y[None], sample_rate, _RATE)[0]
    begin, end = _excerpt(y)
    low = max(0, int(begin - _MARGIN * _RATE))
    x = x[low : int(end + _MARGIN * _RATE)]
    starts = _segments(y, begin, end)
    scores = [_score(x, y, starts, s) for s in _candidates()]
    bests = [max(kind, key=lambda found: found[0]) for kind in zip(*scores, strict=True)]
    return [(s, float((s * starts[0] - low - position) * sample_rate / _RATE)) for _, s, position in bests]


def _candidates() -> Iterable[float]:
    count = int(_WIDEST / _STEP)
    return [1 + _STEP * k for k in range(-count, count + 1)] + list(RATE_RATIOS)


def _excerpt(y: Reals) -> tuple[int, int]:
    """The loudest stretch of wet, as long as the search may take."""
    length = int(_EXCERPT * _RATE)
    if len(y) <= length:
        return 0, len(y)
    energy = np.cumsum(np.concatenate([[0.0], y**2]))
    start = int(np.argmax(energy[length:] - energy[:-length]))
    return start, start + length


def _segments(y: Reals, begin: int, end: int) -> list[int]:
    """Starts of segments all along the excerpt, each the loudest of its part."""
    size = int(_SEGMENT * _RATE)
    starts = np.arange(begin, max(end - size, begin + 1), size // 2)
    power = np.array([np.sum(y[start : start + size] ** 2) for start in starts])
    parts = np.array_split(np.arange(len(starts)), min(_SEGMENTS, len(starts)))
    return [int(starts[part[np.argmax(power[part])]]) for part in parts]


def _score(x: Reals, y: Reals, starts: list[int], speed: float) -> list[tuple[float, float, float]]:
    """How well one speed explains all segments; with it the speed, and where in `x` the first segment begins.

    Twice: the correlations over their own mean, and over the most that they could be.
    """
    from scipy.fft import irfft, next_fast_len, rfft
    from scipy.ndimage import map_coordinates

    size = int(_SEGMENT * _RATE * speed)
    count = next_fast_len(len(x) + size, real=True)
    grid = np.arange(size) / speed
    window = np.hanning(size)
    pieces = [window * map_coordinates(y, [start + grid], order=3, mode="constant") for start in starts]
    X, Y = rfft(x, count), rfft(np.stack(pieces), count)
    c = irfft(whitened(np.conj(Y) * X), count)
    standing = c**2 / (np.mean(c**2, axis=1, keepdims=True) + 1e-300)
    there = irfft(np.conj(rfft(np.ones(size), count)) * rfft(x**2, count), count)
    energy = np.maximum(there, 1e-3 * np.max(there)) * np.sum(np.stack(pieces) ** 2, axis=1, keepdims=True)
    matching = irfft(np.conj(Y) * X, count) ** 2 / (energy + 1e-300)
    return [_lined_up(c2, starts, speed, len(x)) for c2 in (standing, matching)]


def _lined_up(c2: Reals, starts: list[int], speed: float, length: int) -> tuple[float, float, float]:
    """The best sum of the segments' squared correlations, each moved to the first's start."""
    from scipy.ndimage import maximum_filter1d

    total = np.zeros(c2.shape[1])
    for row, start in zip(c2, starts, strict=True):
        total += np.roll(maximum_filter1d(row, _SMEAR), -round(speed * (start - starts[0])))
    first = int(np.argmax(total))
    return float(total[first]), speed, float(first if first < length else first - len(total))


def scattered_lag(x: Reals, y: Reals, size: int, reach: int) -> float:
    """The delay about which the lags of short blocks crowd, for a device whose time moves too much for long ones.

    The loudest blocks of wet `y` (samples,), `size` each, are correlated with dry `x` within ±`reach` samples;
    what exceeds chance is added up and smoothed over a third of a block.
    """
    from scipy.fft import irfft, next_fast_len, rfft
    from scipy.ndimage import uniform_filter1d

    starts = np.arange(0, len(y) - size + 1, size // 2)
    power = np.array([np.sum(y[start : start + size] ** 2) for start in starts])
    window = np.hanning(size)
    count = next_fast_len(2 * reach + 2 * size, real=True)
    padded = np.pad(x, (reach, reach + len(y) + size))
    total = np.zeros(2 * reach + 1)
    for start in starts[np.sort(np.argsort(-power)[:_BLOCKS])]:
        near = padded[start : start + 2 * reach + size]
        c = irfft(whitened(np.conj(rfft(window * y[start : start + size], count)) * rfft(near, count)), count)
        c = c[: 2 * reach + 1] ** 2
        total += np.maximum(c / (np.mean(c) + 1e-300) - _CHANCE_POWER, 0.0)
    return float(reach - np.argmax(uniform_filter1d(total, size // 3, mode="constant")))
