"""Distances on the mel scale."""

from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.losses.spectral import Resolution
from ddspfx.signal import spectra
from ddspfx.types import Audio, Scalar

EPSILON = 1e-8
"""The least power of a band."""
RESOLUTION = Resolution(2048, 512)
LINEAR_STEP, CORNER, LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27
"""Slaney's scale: Hz per mel below the corner, the corner in Hz, log Hz per mel above it."""


def hz_to_mel(frequency: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Slaney's mel: f / 66.67 below 1 kHz, 15 + 27 log(f / 1000) / log(6.4) above.

    Source: Slaney (1998), "Auditory Toolbox", technical report 1998-010.
    """
    f = np.asarray(frequency, float)
    return np.where(
        f < CORNER, f / LINEAR_STEP, CORNER / LINEAR_STEP + np.log(np.maximum(f, CORNER) / CORNER) / LOG_STEP
    )


def mel_to_hz(mel: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The inverse of `hz_to_mel`."""
    m, corner = np.asarray(mel, float), CORNER / LINEAR_STEP
    return np.where(m < corner, m * LINEAR_STEP, CORNER * np.exp(LOG_STEP * (np.maximum(m, corner) - corner)))


@lru_cache(maxsize=16)
def mel_bands(sample_rate: int, size: int, bands: int) -> Float[np.ndarray, "bins bands"]:
    """Triangular bands between 0 Hz and half of `sample_rate`, evenly spaced in mel, each of area 1 Hz.

    Band b rises from edge b to b + 1 and falls to b + 2, with peak 2 / (edge[b+2] - edge[b]).
    Source: Slaney (1998), as above.
    """
    frequency = np.fft.rfftfreq(size, 1 / sample_rate)[:, None]
    edges = mel_to_hz(np.linspace(0.0, float(hz_to_mel(np.array(sample_rate / 2))), bands + 2))
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    triangle = np.minimum((frequency - low) / (middle - low), (high - frequency) / (high - middle))
    return np.asarray(np.maximum(triangle, 0.0) * 2 / (high - low))


def log_mel(
    x: Audio, sample_rate: int, *, bands: int = 64, resolution: Resolution = RESOLUTION
) -> Float[Array, "channels frames bands"]:
    """Natural logarithm of the power in each mel band, at least log(1e-8)."""
    table = jnp.asarray(mel_bands(int(sample_rate), resolution.size, bands), x.dtype)
    return jnp.log(jnp.maximum(spectra.power(spectra.stft(x, *resolution)) @ table, EPSILON))


def mel(
    prediction: Audio, target: Audio, sample_rate: int, *, bands: int = 64, resolution: Resolution = RESOLUTION
) -> Scalar:
    """Mean |log M(p) - log M(t)| over channels, frames and bands, M the power in Slaney's mel bands."""
    p, t = (log_mel(x, sample_rate, bands=bands, resolution=resolution) for x in (prediction, target))
    return jnp.mean(jnp.abs(p - t))


def mfcc(
    prediction: Audio,
    target: Audio,
    sample_rate: int,
    *,
    coefficients: int = 20,
    bands: int = 64,
    resolution: Resolution = RESOLUTION,
) -> Scalar:
    """Mean |c(p) - c(t)| of the first mel-frequency cepstral coefficients, c = DCT-II (orthonormal) of log M.

    c[q] = s[q] sum_b log M[b] cos(pi q (b + 1/2) / bands), s[0] = sqrt(1 / bands), else sqrt(2 / bands). The
    coefficient 0, the level, counts too. Raises ValueError when `coefficients` is not in 1 .. bands.
    Source: Davis and Mermelstein (1980), "Comparison of parametric representations".
    """
    if not 1 <= coefficients <= bands:
        raise ValueError(f"coefficients is {coefficients}, but must be from 1 to bands, which is {bands}")
    p, t = (log_mel(x, sample_rate, bands=bands, resolution=resolution) for x in (prediction, target))
    return jnp.mean(jnp.abs((p - t) @ jnp.asarray(_dct(bands)[:, :coefficients], p.dtype)))


def _dct(bands: int) -> Float[np.ndarray, "bands coefficients"]:
    q, b = np.arange(bands), np.arange(bands)[:, None]
    scale = np.where(q == 0, np.sqrt(1 / bands), np.sqrt(2 / bands))
    return np.asarray(scale * np.cos(np.pi * q * (b + 0.5) / bands))
