"""The constant that a delay and a device's response share, settled by taking the device for a minimum-phase one."""

import numpy as np

from ddspfx.alignment.bands import Complexes
from ddspfx.alignment.interpolate import Reals

_SURE = 0.98  # coherence from which a frequency counts
_WIDTH = 9  # bins over which the response is averaged
_LOWEST, _HIGHEST = 150.0, 6000.0  # Hz between which the phases are compared
_FARTHEST = 4.0  # samples


def lateness(H: Complexes, coherence: Reals, sample_rate: float) -> float:
    """Samples by which `H` (bins,) of a centred response lags the minimum-phase response of its magnitude.

    The slope of the difference of their phases, weighted by γ²/(1 - γ²); the magnitude is taken from where `coherence`
    is high and carried on beyond. Nothing where hardly a frequency is sure. (Oppenheim and Schafer 1989, chapter 12.)
    """
    from scipy.ndimage import uniform_filter1d

    hertz = np.arange(len(H)) * sample_rate / (2 * (len(H) - 1))
    sure = coherence > _SURE
    inside = sure & (hertz > _LOWEST) & (hertz < _HIGHEST)
    if np.count_nonzero(inside) < _WIDTH:
        return 0.0
    level = np.log(np.maximum(uniform_filter1d(np.abs(H) ** 2, _WIDTH, mode="nearest"), 0.0) + 1e-30) / 2
    level = np.interp(hertz, hertz[sure], level[sure])
    difference = np.angle(H * np.exp(-1j * _minimum_phase(level)))
    weight = np.where(inside, coherence / (1 - coherence + 1e-3), 0.0)
    omega = np.pi * np.arange(len(H)) / (len(H) - 1)
    late = -np.sum(weight * omega * difference) / np.sum(weight * omega**2)
    return float(np.clip(late, -_FARTHEST, _FARTHEST))


def _minimum_phase(level: Reals) -> Reals:
    """Phase of the minimum-phase response whose logarithm of the magnitude is `level`: its Hilbert transform."""
    from scipy.fft import irfft, rfft

    size = 2 * (len(level) - 1)
    cepstrum = irfft(level, size)
    cepstrum[1 : size // 2] *= 2
    cepstrum[size // 2 + 1 :] = 0.0
    phase: Reals = rfft(cepstrum).imag
    return phase
