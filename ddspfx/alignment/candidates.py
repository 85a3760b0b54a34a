"""Which of several possible lags is the true one, told by short blocks: time that wobbles spoils a long correlation."""

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.correlation import Peak, highest, whitened
from ddspfx.alignment.interpolate import Reals

_PEAKS = 12
_LOW = 0.3  # of the highest peak: below it nothing is looked at more closely
_BLOCK = 0.093  # s: in it even a bad transport wanders by less than a sample
_WANDER = 0.012  # s about a candidate in which a block may lie
_BLOCKS = 96
_AUDIBLE = 1e-4  # of the loudest block's power
_CLEARLY = 1.03  # times the evidence, for another lag to be believed over the highest peak
_APART = 0.25  # s between lags of which, when both explain wet as well, the smaller is likelier


def best_lag(x: Reals, y: Reals, sample_rate: int) -> Peak:
    """The lag of all of `y` against all of `x`, (channels, samples), to some samples where time wobbles.

    Of the highest peaks of the whole correlation the one wins near which short blocks match best, the mean over
    all blocks in which either is heard: so a longer overlap counts. Of lags that explain as much, as in a loop that
    repeats exactly, the smallest wins.
    """
    peaks = highest_peaks(x, y, round(_WANDER * sample_rate))
    evidence = [_evidence(x, y, peak, sample_rate) for peak in peaks]
    best = max(evidence)
    good = [peak for peak, each in zip(peaks, evidence, strict=True) if each * _CLEARLY >= best]
    first, smallest = good[0], min(good, key=lambda peak: abs(peak.lag))
    return smallest if abs(first.lag) - abs(smallest.lag) > _APART * sample_rate else first


def highest_peaks(x: Reals, y: Reals, apart: int) -> list[Peak]:
    """The strongest lags of the whole weighted correlation, the strongest first, `apart` samples between them."""
    from scipy.fft import irfft, next_fast_len, rfft

    count = next_fast_len(x.shape[1] + y.shape[1], real=True)
    G = (np.conj(rfft(x, count)) * rfft(y, count)).sum(0)
    G[0] = 0.0
    c = np.asarray(irfft(whitened(G), count))
    lowest, peaks = _LOW * np.max(np.abs(c)), []
    for _ in range(_PEAKS):
        peaks.append(highest(c, x.shape[1], y.shape[1]))
        c[(int(peaks[-1].lag) + np.arange(-apart, apart + 1)) % count] = 0.0
        if np.max(np.abs(c)) < lowest:
            break
    return peaks


def _evidence(x: Reals, y: Reals, peak: Peak, sample_rate: int) -> float:
    """Mean over blocks of wet of how well dry matches within ±12 ms of the lag: 0 to 1; 0 where one is silent."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = min(round(_BLOCK * sample_rate), y.shape[1])
    reach = min(round(_WANDER * sample_rate), size)
    starts = np.unique(np.linspace(0, y.shape[1] - size, _BLOCKS).astype(int))
    wets = y[:, starts[:, None] + np.arange(size)]
    dries = _read(x, starts - int(peak.lag) - reach, size + 2 * reach)
    heard = np.maximum(_audible(wets), _audible(dries[..., reach : reach + size]))
    window = np.hanning(size)
    count = next_fast_len(2 * size + 2 * reach, real=True)
    W = whitened((np.conj(rfft(dries, count)) * rfft(window * wets, count)).sum(0))
    near = (peak.sign * irfft(W, count)[:, -2 * reach :]).max(1) / (2 / count * np.abs(W).sum(1) + 1e-300)
    return float(np.sum(near * heard) / (np.sum(heard) + 1e-300))


def _read(x: Reals, starts: NDArray[np.int64], size: int) -> Reals:
    """(channels, blocks, size) of `x` from `starts`, silent beyond its ends."""
    at = starts[:, None] + np.arange(size)
    inside = (at >= 0) & (at < x.shape[1])
    blocks: Reals = np.where(inside, x[:, np.clip(at, 0, x.shape[1] - 1)], 0.0)
    return blocks


def _audible(blocks: Reals) -> Reals:
    power = (blocks**2).sum((0, 2))
    heard: Reals = (power > _AUDIBLE * np.max(power, initial=0.0)).astype(np.float64)
    return heard
