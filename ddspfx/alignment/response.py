"""What a device does apart from time: one long centred response, and how its residual is coloured."""

import numpy as np

from ddspfx.alignment.interpolate import Reals

_SIZE = 8192
_SMOOTH = 33  # bins over which the residual's spectrum is smoothed


def spectrum_pair(x: Reals, y: Reals) -> Reals:
    """Least-squares response of `y` on `x` (samples,), H₁ = Sxy/Sxx from Hann frames, on `filtered`'s grid."""
    from scipy.signal import csd, welch

    options = {"nperseg": _SIZE, "noverlap": _SIZE // 2, "detrend": False}
    Sxx = welch(x, **options)[1]
    H: Reals = csd(x, y, **options)[1] / (Sxx + 1e-9 * np.mean(Sxx) + 1e-300)
    return H


def whitener(residual: Reals) -> Reals:
    """1/√PSD of what is left, smoothed, bounded to 100 dB; zero phase, on `filtered`'s grid."""
    from scipy.ndimage import uniform_filter1d
    from scipy.signal import welch

    size = min(_SIZE, len(residual))
    power = welch(residual, nperseg=size, detrend=False)[1]
    power = np.interp(np.linspace(0, 1, _SIZE // 2 + 1), np.linspace(0, 1, len(power)), power)
    power = uniform_filter1d(power, _SMOOTH, mode="nearest")
    W: Reals = 1 / np.sqrt(power + 1e-10 * np.max(power) + 1e-300)
    return W


def filtered(x: Reals, H: Reals) -> Reals:
    """`x` through the centred response whose transfer function is `H` (half of a power of two, plus one)."""
    from scipy.fft import irfft
    from scipy.signal import oaconvolve

    size = 2 * (len(H) - 1)
    h = np.roll(irfft(H, size), size // 2) * np.hanning(size + 1)[:-1] ** 0.25
    y: Reals = oaconvolve(x, h)[size // 2 : size // 2 + len(x)]
    return y
