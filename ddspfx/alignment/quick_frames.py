"""Correlations of short frames over few lags, in float32 and by a matrix: for a whole side, not its last digit."""

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
FINE = 2
"""Lags a sample."""
_MANY = 256  # frames at a time
_FRAMES, _BINS = 3, 5  # over which coherence is averaged
_CHANCE = 0.6  # γ² that noise alone reaches now and then: so few frames and bins are averaged
_BY_CHANCE = 0.5  # of its frequencies that agree on a lag in a frame of noise: it says nothing
_SILENT = 3e-9  # of the mean power: what is fainter is the rounding of something else
_CEILING = 1e3  # of γ²/(1-γ²): a local estimate knows no more


def quick_correlations(x: Singles, y: Singles, size: int, hop: int, reach: int, first: int, count: int) -> Singles:
    """(count, lags) of `y` against `x` (samples,), Hann frames centred at (first + k)·hop, lags at halves to ±`reach`.

    c(τ) = Re Σ_f γ²/(1-γ²)/|G| · G e^{jωτ}, as `frame_correlations`, without its padding: `reach` must be far below
    `size`. A frame whose frequencies do not agree on a lag counts less, or not at all.
    """
    lags = np.arange(-FINE * reach, FINE * reach + 1) / FINE
    omega = 2 * np.pi * np.arange(size // 2 + 1) / size
    phase = np.outer(omega, lags)
    x, y = (v / np.float32(np.sqrt(np.mean(np.square(v, dtype=np.float64))) + 1e-30) for v in (x, y))
    turns = np.concatenate([np.cos(phase), -np.sin(phase)]).astype(np.float32)
    parts = [_scores(x, y, first + k, min(_MANY, count - k), size, hop, turns) for k in range(0, count, _MANY)]
    return np.concatenate(parts)


def _scores(x: Singles, y: Singles, first: int, count: int, size: int, hop: int, turns: Singles) -> Singles:
    from scipy.ndimage import uniform_filter

    more = _FRAMES // 2
    X, Y = (_spectra(v, first - more, count + 2 * more, size, hop) for v in (x, y))

    def smooth(v: Singles) -> Singles:
        averaged: Singles = uniform_filter(v, (_FRAMES, _BINS), mode="nearest")
        return averaged

    real, imag = X.real * Y.real + X.imag * Y.imag, X.real * Y.imag - X.imag * Y.real
    floor = np.float32(_SILENT * size)
    power = (smooth(X.real**2 + X.imag**2) + floor) * (smooth(Y.real**2 + Y.imag**2) + floor)
    coherence = np.minimum((smooth(real) ** 2 + smooth(imag) ** 2) / (power + 1e-30), 1.0)
    weight = np.minimum(np.maximum(coherence - _CHANCE, 0) / (1 - _CHANCE) / (1 - coherence + 1e-6), _CEILING)
    weight[:, 0] = 0.0
    whole = weight.sum(1, keepdims=True)[more:-more]
    weight /= np.sqrt(real**2 + imag**2) + 1e-18
    c = np.concatenate([weight * real, weight * imag], axis=1)[more:-more] @ turns
    agreement = np.abs(c).max(1, keepdims=True) / (whole + 1e-6)
    found: Singles = c * np.clip((agreement - _BY_CHANCE) / (1 - _BY_CHANCE), 0, 1)
    return found


def _spectra(x: Singles, first: int, count: int, size: int, hop: int) -> NDArray[np.complex64]:
    """(frames, bins), silent beyond the ends."""
    from scipy.fft import rfft

    low, high = first * hop - size // 2, (first + count - 1) * hop + size - size // 2
    part = x[max(low, 0) : max(min(high, len(x)), 0)]
    part = np.pad(part, (max(0, -low) if len(part) else 0, 0))
    part = np.pad(part, (0, high - low - len(part)))
    views = np.lib.stride_tricks.sliding_window_view(part, size)[::hop]
    spectra: NDArray[np.complex64] = rfft(np.hanning(size + 1)[:-1].astype(np.float32) * views)
    return spectra
