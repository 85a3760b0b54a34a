"""Distances between short-time spectra."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.signal import spectra
from ddspfx.types import Audio, Scalar

EPSILON = 1e-8
"""The least power of a bin, so that its logarithm and its slope stay finite."""


class Resolution(NamedTuple):
    """One short-time Fourier transform: its size, hop and window, all in samples."""

    size: int = 1024
    hop: int = 256
    length: int | None = None
    """The window; as long as the transform when None."""


class Terms(NamedTuple):
    """The weights of the terms of `stft`."""

    convergence: float = 1.0
    log: float = 1.0
    linear: float = 0.0
    complex: float = 0.0


RESOLUTION = Resolution()
TERMS = Terms()
RESOLUTIONS = (Resolution(1024, 120, 600), Resolution(2048, 240, 1200), Resolution(512, 50, 240))
"""Yamamoto et al. (2020), table 1."""


def stft(prediction: Audio, target: Audio, *, resolution: Resolution = RESOLUTION, terms: Terms = TERMS) -> Scalar:
    """Distance of two short-time spectra P and T, a weighted sum of up to four terms.

    convergence: norm(|T| - |P|) / norm(|T|), norms over channels, frames and bins;
    log: mean |log |T| - log |P||; linear: mean ||T| - |P||; complex: mean |T - P|.
    Powers are bounded by 1e-8 from below. Terms of weight 0 are not computed.
    Raises ValueError when a window does not fit its transform.
    Source: Arik, Jun and Diamos (2019), "Fast spectrogram inversion using multi-head convolutional neural networks".
    """
    p, t = (spectra.stft(x, *resolution) for x in (prediction, target))
    p_size, t_size = (jnp.sqrt(jnp.maximum(spectra.power(s), EPSILON)) for s in (p, t))
    total = jnp.zeros((), p_size.dtype)
    if terms.convergence:
        total += terms.convergence * _norm(t_size - p_size) / _norm(t_size)
    if terms.log:
        total += terms.log * jnp.mean(jnp.abs(jnp.log(t_size / p_size)))
    if terms.linear:
        total += terms.linear * jnp.mean(jnp.abs(t_size - p_size))
    if terms.complex:
        total += terms.complex * jnp.mean(spectra.root(spectra.power(t - p)))
    return total


def mr_stft(
    prediction: Audio,
    target: Audio,
    *,
    resolutions: tuple[Resolution, ...] = RESOLUTIONS,
    terms: Terms = TERMS,
) -> Scalar:
    """Multi-resolution STFT distance: the mean of `stft` over `resolutions`.

    Raises ValueError when there is none, or as `stft` does.
    Source: Yamamoto, Song and Kim (2020), "Parallel WaveGAN", table 1.
    """
    if not resolutions:
        raise ValueError("resolutions is empty, but must hold at least one Resolution")
    return sum((stft(prediction, target, resolution=each, terms=terms) for each in resolutions), jnp.zeros(())) / len(
        resolutions
    )


def _norm(x: Float[Array, "channels frames bins"]) -> Scalar:
    return spectra.root(jnp.sum(x**2))
