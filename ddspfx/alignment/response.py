"""What a device does apart from time: a curve, one long centred response, and how the residual is coloured."""

from typing import NamedTuple

import numpy as np

from ddspfx.alignment.interpolate import Reals

_SIZE = 8192
_POWERS = (1, 2, 3, 5)
_ALTERNATIONS = 2
_SMOOTH = 33  # bins over which the residual's spectrum is smoothed


class Device(NamedTuple):
    """y = H ∗ s(x), s(x) = Σ_p c_p·scale·(x/scale)^p over the powers 1, 2, 3 and 5."""

    H: Reals
    coefficients: Reals
    scale: float

    def curve(self, x: Reals) -> Reals:
        """s(x)."""
        s: Reals = np.sum([c * basis for c, basis in zip(self.coefficients, _powers(x, self.scale), strict=True)], 0)
        return s

    def gain(self, x: Reals) -> Reals:
        """s′(x)."""
        u = x / self.scale
        g: Reals = np.sum([c * p * u ** (p - 1) for c, p in zip(self.coefficients, _POWERS, strict=True)], 0)
        return g

    def __call__(self, x: Reals) -> Reals:
        """The prediction."""
        return filtered(self.curve(x), self.H)


def fit_device(x: Reals, y: Reals) -> Device:
    """Response and curve of `y` on `x` (samples,), by least squares in turn; the samples are already aligned."""
    scale = float(np.max(np.abs(x))) + 1e-30
    basis = _powers(x, scale)
    H, coefficients = spectrum_pair(x, y), np.eye(len(_POWERS))[0]
    for _ in range(_ALTERNATIONS):
        filters = np.stack([filtered(row, H) for row in basis])
        ridge = 1e-6 * np.diag((filters**2).sum(1))
        coefficients = np.linalg.solve(filters @ filters.T + ridge + 1e-30 * np.eye(len(basis)), filters @ y)
        H = spectrum_pair(coefficients @ basis, y)
    return Device(H, coefficients, scale)


def _powers(x: Reals, scale: float) -> Reals:
    return np.stack([scale * (x / scale) ** p for p in _POWERS])


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
