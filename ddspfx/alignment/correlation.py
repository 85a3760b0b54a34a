"""Cross-correlation that looks at phase more than at level, so that filters and clipping move it little."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.interpolate import Reals

Spectrum = NDArray[np.complex128]

WHITENING = 0.7  # of |G|: 1 is the phase transform, which lets empty bands speak as loudly as full ones
_NEGATIVE_MARGIN = 1.1  # a trough must stand out this much more than the highest peak to mean inverted polarity


class Peak(NamedTuple):
    """Where a correlation is strongest: lag in samples (positive: the second is later), sign, and height over RMS."""

    lag: float
    sign: int
    height: float


def whitened(G: Spectrum) -> Spectrum:
    """G·|G|^-0.7 over the last axis, zero where there is nothing. (Knapp and Carter 1976, with a softer exponent.)"""
    size = np.abs(G)
    floor = 1e-12 * np.max(size, axis=-1, keepdims=True) + 1e-300
    y: Spectrum = G * np.maximum(size, floor) ** -WHITENING
    return y


def global_peak(x: Reals, y: Reals) -> Peak:
    """The lag of all of `y` against all of `x`, (channels, samples) each, to the sample."""
    from scipy.fft import irfft, next_fast_len, rfft

    count = next_fast_len(x.shape[1] + y.shape[1], real=True)
    G = (np.conj(rfft(x, count)) * rfft(y, count)).sum(0)
    G[0] = 0.0
    return highest(np.asarray(irfft(whitened(G), count)), x.shape[1], y.shape[1])


def highest(c: Reals, before: int, after: int, sign: int = 0) -> Peak:
    """The strongest lag of a circular correlation in -before < lag < after; `sign` 0 lets either polarity win."""
    lags = np.concatenate([np.arange(after), np.arange(-before + 1, 0)])
    values = c[lags]
    up, down = int(np.argmax(values)), int(np.argmin(values))
    inverted = sign < 0 or (sign == 0 and -values[down] > _NEGATIVE_MARGIN * values[up])
    best = down if inverted else up
    scale = np.sqrt(np.mean(values**2)) + 1e-300
    return Peak(float(lags[best]), -1 if inverted else 1, float(abs(values[best]) / scale))


def climb(W: Spectrum, omega: Reals, lag: Reals, steps: int = 8) -> tuple[Reals, Reals]:
    """The maxima of C(τ) = Re Σ W(ω) e^{jωτ} near `lag`, by Newton's method, and their curvature -C″ (both (rows,)).

    W is (rows, bins) of a cross-spectrum X*·Y, ω in radians a sample. No parabola, so no bias between samples.
    """
    for _ in range(steps):
        V = W * np.exp(1j * omega * lag[:, None])
        first = -(V.imag * omega).sum(-1)
        second = -(V.real * omega**2).sum(-1)
        step = np.clip(np.where(second < 0, -first / np.minimum(second, -1e-300), 0.0), -0.5, 0.5)
        lag = lag + step
        if np.max(np.abs(step)) < 1e-7:
            break
    return lag, -second
