"""How far two signals belong together at each frequency, and the best weights that follow from it."""

from typing import NamedTuple

import numpy as np

from ddspfx.alignment.correlation import Spectrum, climb, highest
from ddspfx.alignment.interpolate import Reals

_CEILING = 1e6  # of γ²/(1-γ²): 60 dB of signal over noise


class Spectra(NamedTuple):
    """Cross- and power spectra of so many Hann frames, summed over frames and channels; zero-padded to twice."""

    xy: Spectrum
    xx: Reals
    yy: Reals
    frames: int

    def coherence(self) -> Reals:
        """γ² = |Sxy|²/(Sxx·Syy), less what as many frames of noise would show."""
        raw = np.abs(self.xy) ** 2 / (self.xx * self.yy + 1e-300)
        independent = max(self.frames / 1.5, 1.0 + 1e-9)  # half-overlapping Hann frames
        return np.clip((raw - 1 / independent) / (1 - 1 / independent), 0.0, 1.0)

    def weights(self) -> Reals:
        """γ²/(1-γ²)/|Sxy|: with it a correlation's peak is the likeliest lag. (Hannan and Thomson 1973.)"""
        g = self.coherence()
        w: Reals = np.minimum(g / (1 - g + 1e-12), _CEILING) / (np.abs(self.xy) + 1e-300)
        w[0] = 0.0
        return w


def welch(x: Reals, y: Reals, size: int) -> Spectra:
    """Spectra of (channels, samples) in Hann frames of `size`, half overlapping."""
    from scipy.fft import rfft

    window = np.hanning(size + 1)[:-1]
    starts = np.arange(0, x.shape[1] - size + 1, size // 2)
    xy, xx, yy = np.zeros(size + 1, complex), np.zeros(size + 1), np.zeros(size + 1)
    for start in starts:
        X = rfft(window * x[:, start : start + size], 2 * size)
        Y = rfft(window * y[:, start : start + size], 2 * size)
        xy += (np.conj(X) * Y).sum(0)
        xx += (np.abs(X) ** 2).sum(0)
        yy += (np.abs(Y) ** 2).sum(0)
    return Spectra(xy, xx, yy, len(starts) * x.shape[0])


def likeliest_lag(spectra: Spectra, reach: int = 64, sign: int = 0) -> tuple[float, int]:
    """The lag in samples within ±`reach` that the weighted phase says, and the polarity (found when `sign` is 0)."""
    from scipy.fft import irfft

    W = spectra.weights() * spectra.xy
    size = len(W) - 1
    reach = min(reach, size)
    peak = highest(np.asarray(irfft(W, 2 * size)), reach, reach, sign)
    lag, _ = climb(peak.sign * W[None], np.pi * np.arange(size + 1) / size, np.array([peak.lag]))
    return float(lag[0]), peak.sign
