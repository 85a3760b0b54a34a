"""What makes a residual white: the filter of its own spectrum, its level over time, and no say for clicks."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Complex, Float

WINDOW = 4_096
"""Samples of the spectrum's frames."""
SMOOTH, WIDEST = 16, 16
"""Bin k is averaged with k / 16 neighbours on either side, at most 16: the inverse of a noisy mean is too large."""
FLOOR = 1e-4
"""Of the mean density: below it a residual is taken for no quieter."""
GRAIN = 1e-16
"""Density of float32's rounding at -20 dBFS: no residual is taken for less."""
FADE = 512
"""Samples over which both ends are faded, so that they do not ring."""
LEVELLING_S = 0.06
"""Seconds over which the level is followed."""
LEAST_LEVEL = 0.03
"""Of the mean level: below it a moment counts no more."""
HUBER = 4.0
"""Deviations beyond which a sample of the residual pulls no harder: a click is no evidence about the device."""


class Whitening(NamedTuple):
    """W(f) with W S Wᴴ = 1, S the residual's cross-spectral matrix, and the weight of each moment.

    The whitened residual has a variance of one, so that JᵀJ of whitened slopes J is Fisher's information.
    """

    filter: Complex[np.ndarray, "bins channels channels"]
    weight: Float[np.ndarray, "channels samples"]
    size: int

    @classmethod
    def of(cls, residual: Float[np.ndarray, "channels samples"], sample_rate: int, even: bool = False) -> "Whitening":
        """From a residual; with `even` every moment counts alike."""
        count = residual.shape[1]
        size = _fast(count + WINDOW)
        frequency = np.fft.rfftfreq(size)
        points, density = cross_density(residual)
        filters = _roots(density)
        bins = filters.reshape(len(points), -1)
        wide = [np.interp(frequency, points, b.real) + 1j * np.interp(frequency, points, b.imag) for b in bins.T]
        W = np.stack(wide, axis=-1).reshape(len(frequency), *filters.shape[1:])
        plain = cls(W, np.ones((1, count)), size)
        return plain if even else plain._replace(weight=_weight(plain(residual), sample_rate))

    def __call__(self, x: Any) -> Float[np.ndarray, "channels samples"]:
        """x (channels, samples) made comparable with white noise of unit variance."""
        spectrum = np.fft.rfft(np.asarray(x, np.float64) * fade(x.shape[1]), self.size)
        turned = np.einsum("fij,jf->if", self.filter, spectrum)
        white: Float[np.ndarray, "channels samples"] = np.fft.irfft(turned, self.size)[:, : x.shape[1]] * self.weight
        return white


def fade(count: int) -> Float[np.ndarray, " samples"]:
    """One, but for both ends."""
    width = min(FADE, count // 4)
    ramp = np.sin(np.linspace(0, np.pi / 2, width)) ** 2
    window = np.ones(count)
    window[:width], window[count - width :] = ramp, ramp[::-1]
    return window


def cross_density(
    x: Float[np.ndarray, "channels samples"], window: int = WINDOW
) -> tuple[Float[np.ndarray, " bins"], Complex[np.ndarray, "bins channels channels"]]:
    """Frequencies in cycles a sample, and E[X Xᴴ] in units in which white noise of variance 1 has the identity."""
    size = min(window, x.shape[1])
    shape = np.hanning(size)
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(x, np.float64), size, axis=1)[:, :: size // 2]
    spectra = np.fft.rfft(frames * shape)
    density = np.einsum("itf,jtf->fij", spectra, spectra.conj()) / (spectra.shape[1] * np.sum(shape**2))
    return np.fft.rfftfreq(size), _smoothed(density)


def _smoothed(density: Any) -> Any:
    """Each bin's mean with its neighbours, the more the higher it lies."""
    bins = np.arange(len(density))
    reach = np.minimum(np.minimum(bins // SMOOTH, WIDEST), len(density) - 1 - bins)
    total = np.concatenate([np.zeros_like(density[:1]), np.cumsum(density, axis=0)])
    return (total[bins + reach + 1] - total[bins - reach]) / (2 * reach + 1)[:, None, None]


def _roots(density: Complex[np.ndarray, "bins channels channels"]) -> Complex[np.ndarray, "bins channels channels"]:
    """The inverses of the lower Cholesky factors, the floor added."""
    channels = density.shape[1]
    mean = float(np.mean(np.trace(density, axis1=1, axis2=2).real)) / channels
    factor = np.linalg.cholesky(density + (FLOOR * mean + GRAIN) * np.eye(channels))
    return np.asarray(np.linalg.inv(factor))


def _weight(white: Float[np.ndarray, "channels samples"], sample_rate: int) -> Float[np.ndarray, "channels samples"]:
    """One over the level of each moment, less where a single sample stands far out (Huber 1964)."""
    from scipy.ndimage import uniform_filter1d

    width = max(16, round(LEVELLING_S * sample_rate))
    usual = 1.48 * np.median(np.abs(white)) + 1e-30  # of a normal distribution, the deviation
    bent = np.clip(white, -HUBER * usual, HUBER * usual)
    local = uniform_filter1d(np.mean(bent**2, axis=0), width)
    level = np.sqrt(np.maximum(local, LEAST_LEVEL * local.mean()) + 1e-30)
    far = np.abs(white) / (HUBER * level)
    return np.asarray(1 / (level * np.sqrt(np.maximum(far, 1.0))))


def _fast(count: int) -> int:
    from scipy.fft import next_fast_len

    return int(next_fast_len(count, real=True))


__all__ = ["Whitening", "cross_density", "fade"]
