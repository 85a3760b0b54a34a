"""Correlations of short overlapping frames, weighted by how far each frequency can be believed just then."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.interpolate import Reals

_MANY = 256  # frames at a time
_FRAMES, _BINS = 3, 9  # over which coherence is averaged
_CEILING = 1e3  # of γ²/(1-γ²): a local estimate knows no more
_CHANCE = 0.6  # γ² that noise alone reaches now and then: so few frames and bins are averaged
_FINE = 2  # lags per sample


class Frames(NamedTuple):
    """Scores (frames, lags), the lags in samples, and the centres in samples."""

    scores: Reals
    lags: Reals
    centres: Reals


def frame_correlations(x: Reals, y: Reals, size: int, hop: int, reach: int, sign: int) -> Frames:
    """Correlations of `y` against `x`, (channels, samples) of one length, in Hann frames centred every `hop` samples.

    c(τ) = Re Σ_f γ²/(1-γ²)/|G| · G e^{jωτ} at half samples within ±`reach`, γ² averaged over 3 frames and 9 bins
    (Knapp and Carter 1976). Where nothing coheres the scores are near zero.
    """
    length = x.shape[1]
    count = length // hop + 1
    lags = np.arange(-_FINE * reach, _FINE * reach + 1, dtype=np.int64)
    scores = np.concatenate(
        [_scores(x, y, range(first, min(first + _MANY, count)), size, hop, lags) for first in range(0, count, _MANY)]
    )
    return Frames(sign * scores, lags / _FINE, hop * np.arange(count, dtype=float))


def _scores(x: Reals, y: Reals, frames: range, size: int, hop: int, lags: NDArray[np.int64]) -> Reals:
    """Scores of some frames; their neighbours are taken along for the coherence and dropped again."""
    from scipy.fft import irfft
    from scipy.ndimage import uniform_filter

    more = _FRAMES // 2
    numbers = np.arange(frames.start - more, frames.stop + more, dtype=np.int64)
    X, Y = (_spectra(signal, numbers, size, hop) for signal in (x, y))
    G = (np.conj(X) * Y).sum(0)
    around = (_FRAMES, 2 * _BINS + 1)  # frames are padded to twice, so a bin is half as wide

    def smooth(values: Reals) -> Reals:
        averaged: Reals = uniform_filter(values, around, mode="nearest")
        return averaged

    power = smooth((np.abs(X) ** 2).sum(0)) * smooth((np.abs(Y) ** 2).sum(0))
    raw = (smooth(G.real) ** 2 + smooth(G.imag) ** 2) / (power + 1e-300)
    g = np.clip(raw, 0.0, 1.0)
    weight = np.minimum(np.maximum(g - _CHANCE, 0.0) / (1 - _CHANCE) / (1 - g + 1e-12), _CEILING)
    weight[:, 0] = 0.0
    W = (weight * G / (np.abs(G) + 1e-300))[more:-more]
    c: Reals = irfft(W, _FINE * 2 * size)[:, lags]
    return c * _FINE * 2 * size / 2


def _spectra(x: Reals, numbers: NDArray[np.int64], size: int, hop: int) -> Reals:
    """(channels, frames, bins), silent beyond the ends."""
    from scipy.fft import rfft

    first, last = int(numbers[0]) * hop - size // 2, int(numbers[-1]) * hop + size // 2
    before, after = max(0, -first), max(0, last - x.shape[1])
    part = np.pad(x[:, max(first, 0) : max(min(last, x.shape[1]), 0)], ((0, 0), (before, after)))
    views = np.lib.stride_tricks.sliding_window_view(part, size, axis=1)[:, ::hop]
    spectra: Reals = rfft(np.hanning(size + 1)[:-1] * views, 2 * size)
    return spectra
