"""Lags of short blocks: how far wet runs behind dry, again and again along the file."""

from typing import NamedTuple

import numpy as np

from ddspfx.alignment.correlation import Spectrum, climb, highest, whitened
from ddspfx.alignment.interpolate import Reals

_SILENT = 1e-7  # of the loudest block's power: nothing to align there
_CLEAR = 6.0  # peak over RMS: a chance maximum among some thousand lags stands at 4


class Lags(NamedTuple):
    """Centres of the blocks and their lags, both in samples, and how clearly each peak stands out (0: silence)."""

    centres: Reals
    lags: Reals
    heights: Reals

    def clear(self) -> "Lags":
        """Those whose peak cannot be chance."""
        good = self.heights > _CLEAR
        return Lags(self.centres[good], self.lags[good], self.heights[good])


def block_lags(x: Reals, y: Reals, size: int, sign: int, reach: int | None = None, *, exact: bool = False) -> Lags:
    """Lags of `y` against `x` (channels, samples; equal lengths) in Hann blocks of `size`, half overlapping.

    `reach` bounds the lag in samples (a quarter of the block when left out). `exact` climbs to the fraction of a
    sample; without it lags are whole.
    """
    from scipy.fft import irfft

    reach = size // 4 if reach is None else reach
    omega = np.pi * np.arange(0, size + 1, 2) / size
    centres, spectra, powers = block_spectra(x, y, size)
    lags, heights = np.zeros(len(centres)), np.zeros(len(centres))
    for index in np.flatnonzero(powers > _SILENT * np.max(powers, initial=0.0)):
        W = sign * whitened(spectra[index])
        peak = highest(np.asarray(irfft(W, 2 * size)), reach, reach, 1)
        lag = climb(W[None, ::2], omega, np.array([peak.lag]))[0] if exact else np.array([peak.lag])
        lags[index] = lag[0] if abs(lag[0] - peak.lag) < 1 else peak.lag
        heights[index] = peak.height
    return Lags(centres, lags, heights)


def block_spectra(x: Reals, y: Reals, size: int) -> tuple[Reals, list[Spectrum], Reals]:
    """Centres, cross-spectra (zero-padded to twice) and powers of Hann blocks, half overlapping."""
    starts = np.arange(0, x.shape[1] - size + 1, size // 2)
    found = [_cross(x, y, start, size) for start in starts]
    return starts + size / 2, [G for G, _ in found], np.array([power for _, power in found])


def _cross(x: Reals, y: Reals, start: int, size: int) -> tuple[Spectrum, float]:
    """Cross-spectrum of one block, and the power that both have there."""
    from scipy.fft import rfft

    window = np.hanning(size + 1)[:-1]
    X = rfft(window * x[:, start : start + size], 2 * size)
    Y = rfft(window * y[:, start : start + size], 2 * size)
    G = (np.conj(X) * Y).sum(0)
    G[0] = 0.0
    power = np.sqrt((np.abs(X) ** 2).sum() * (np.abs(Y) ** 2).sum())
    return G, float(power)
