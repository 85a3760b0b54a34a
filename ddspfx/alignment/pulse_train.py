"""A train of pulses found in a channel and followed from one to the next, through missing and false ones."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.interpolate import Reals

FEWEST = 8
"""Pulses below which there is no train."""
_CORNER = 1000.0  # Hz: below it a programme's crosstalk masks the pulses
_PERIODS = (0.001, 0.25)  # s
_ALIKE = 0.7  # of the best autocorrelation, for a shorter period to be believed
_PERIODIC = 0.15  # autocorrelation below which nothing repeats
_LOCK = 24  # periods over which the first pulses are found
_WANDER = 0.02  # of the period by which a pulse may miss its prediction
_LOOP = 0.15  # of the miss that corrects the period
_FAINT = 0.3  # of the usual height: below it a pulse is missing
_SILENT = 0.1  # of the pulses' height: stretches below it hold none


class Train(NamedTuple):
    """Whole samples where pulses lie, and the running number of each."""

    places: NDArray[np.int64]
    numbers: NDArray[np.int64]


def pulse_train(x: Reals, sample_rate: int) -> Train:
    """The pulses in `x` (samples,), coarsely. Raises ValueError when nothing in it repeats."""
    return _followed(_heights(x, sample_rate), sample_rate)


def _heights(x: Reals, sample_rate: int) -> Reals:
    """The envelope above the programme's crosstalk, its loudest clicks cut down to the pulses' size."""
    from scipy.fft import next_fast_len
    from scipy.signal import butter, hilbert, sosfiltfilt

    high = sosfiltfilt(butter(2, _CORNER, "highpass", fs=sample_rate, output="sos"), x)
    height = np.abs(hilbert(high, next_fast_len(len(high)))[: len(high)])
    size = round(_PERIODS[1] * sample_rate)
    tops = np.array([part.max() for part in np.array_split(height, max(1, len(height) // size))])
    usual = np.median(tops[tops >= _SILENT * np.quantile(tops, 0.9)])
    cut: Reals = np.minimum(height, 1.5 * usual)
    return cut


def _period(height: Reals, sample_rate: int) -> float:
    """Distance of the pulses in samples: the shortest lag at which the envelope is nearly most like itself."""
    from scipy.fft import irfft, next_fast_len, rfft
    from scipy.ndimage import uniform_filter1d

    smooth = uniform_filter1d(height - height.mean(), 5)
    count = next_fast_len(2 * len(smooth), real=True)
    r = irfft(np.abs(rfft(smooth, count)) ** 2, count)
    shortest, longest = (round(p * sample_rate) for p in _PERIODS)
    longest = min(longest, len(height) // FEWEST)
    if longest <= shortest + 2:
        raise ValueError("wet is too short to hold a pilot: take more of it")
    r = r[: longest + 2] / (r[0] + 1e-300) * len(smooth) / (len(smooth) - np.arange(longest + 2))
    lags = np.arange(shortest, longest)
    tops = lags[(r[lags] >= r[lags - 1]) & (r[lags] > r[lags + 1])]
    if len(tops) == 0 or r[tops].max() < _PERIODIC:
        raise ValueError("no pilot is found in this channel: nothing in it repeats; name another channel")
    lag = int(tops[r[tops] >= _ALIKE * r[tops].max()][0])
    before, here, after = r[lag - 1 : lag + 2]
    return float(lag + 0.5 * (after - before) / (2 * here - before - after + 1e-300))


def _followed(height: Reals, sample_rate: int) -> Train:
    """The train, from where it is clearest to both ends."""
    period = _period(height, sample_rate)
    first, usual = _locked(height, period)
    later, after = _run(height, first, period, usual)
    mirrored, before = _run(height[::-1], len(height) - 1 - first, period, usual)
    places = np.concatenate([len(height) - 1 - mirrored[:0:-1], later])
    numbers = np.concatenate([-before[:0:-1], after])
    return Train(places, numbers)


def _locked(height: Reals, period: float) -> tuple[int, float]:
    """A sample where a pulse surely is, and how high pulses are: the stretch whose comb is clearest."""
    teeth = min(_LOCK, max(2, int(len(height) / period) - 1))
    comb = np.round(np.arange(teeth) * period).astype(int)
    size, best = math.ceil(period), (0.0, 0, 0.0)
    for start in range(0, max(1, len(height) - comb[-1] - size), max(1, comb[-1] // 2)):
        rows = height[start + comb[:, None] + np.arange(size)]
        folded = np.median(rows, axis=0)
        top = int(np.argmax(folded))
        if folded[top] > best[0]:
            near = rows[:, max(0, top - 3) : top + 4].max(axis=1)
            tooth = int(np.argmin(np.abs(near - np.median(near))))
            best = (float(folded[top]), start + int(comb[tooth]) + top, float(np.median(near)))
    return best[1], best[2]


def _run(height: Reals, first: int, period: float, usual: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pulses from `first` on: each looked for about where the last and the period, followed slowly, put it."""
    slack = max(4.0, _WANDER * period)
    # Nearer is likelier: a false pulse as high as a true one loses by its distance.
    mask = np.exp(-0.5 * (np.arange(-math.ceil(3 * slack), math.ceil(3 * slack) + 1) / slack) ** 2)
    reach, step = len(mask) // 2, period
    places, numbers, expected, number, missed = [first], [0], first + period, 1, 0
    while expected + reach < len(height):
        centre = round(expected)
        window = height[max(0, centre - reach) : centre + reach + 1]
        window = window * mask[len(mask) - len(window) :]
        at = centre + reach + 1 - len(window) + int(np.argmax(window))
        if height[at] > _FAINT * usual:
            miss = at - expected
            step = float(np.clip(step + _LOOP * miss / (missed + 1), 0.95 * period, 1.05 * period))
            places.append(at)
            numbers.append(number)
            expected, missed = at + step, 0
        else:
            expected, missed = expected + step, missed + 1
        number += 1
    return np.array(places, np.int64), np.array(numbers, np.int64)
