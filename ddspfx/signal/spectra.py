"""Spectra: frames, windows and the short-time Fourier transform."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from ddspfx.types import Audio


def hann(length: int) -> Float[np.ndarray, " length"]:
    """Periodic Hann window, w[n] = (1 - cos(2 pi n / length)) / 2, in float64."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


def frames(x: Audio, length: int, hop: int) -> Float[Array, "channels frames length"]:
    """Every window of `length` samples that fits into x, `hop` samples apart.

    Made of shifted copies of x cut into blocks of one hop: no gather, so that the slope is as cheap as the value.
    Raises ValueError when x is shorter than one window.
    """
    count, channels = x.shape[1], x.shape[0]
    if count < length:
        raise ValueError(f"x has {count} samples, but must have at least {length} for one window: use a shorter one")
    number, parts = 1 + (count - length) // hop, -(-length // hop)
    wanted = (number + parts - 1) * hop
    x = jnp.pad(x[:, : min(count, wanted)], ((0, 0), (0, max(0, wanted - count))))
    blocks = x.reshape(channels, number + parts - 1, hop)
    return jnp.concatenate([blocks[:, part : part + number] for part in range(parts)], axis=2)[:, :, :length]


def reflect(x: Audio, margin: int) -> Audio:
    """`x` continued by `margin` samples on both sides as its own mirror image (the end sample is not repeated).

    Raises ValueError for an empty x.
    """
    if x.shape[1] == 0:
        raise ValueError("x has 0 samples, but must have at least 1")
    return jnp.pad(x, ((0, 0), (margin, margin)), mode="reflect")


def stft(x: Audio, size: int, hop: int, length: int | None = None) -> Complex[Array, "channels frames bins"]:
    """Short-time Fourier transform with a periodic Hann window, frames centred on every `hop`-th sample.

    X[m, k] = sum_n w[n] x[m hop + n - size / 2] exp(-2 pi i k n / size), the signal mirrored at its ends.
    `length` (the window, in samples; `size` when left out) may be shorter than the transform's `size`: the window
    then lies in its middle. Frames: 1 + samples // hop; bins: size // 2 + 1. Scaled as in torch.stft.
    Raises ValueError when `length` is not in 1 .. size or `hop` is below 1.
    Source: Allen and Rabiner (1977), "A unified approach to short-time Fourier analysis and synthesis".
    """
    length = size if length is None else length
    if not 1 <= length <= size:
        raise ValueError(f"length is {length}, but must be from 1 to size, which is {size}")
    if hop < 1:
        raise ValueError(f"hop is {hop}, but must be at least 1 sample")
    before = (size - length) // 2
    padded = reflect(x, size // 2)[:, before:]
    used = (x.shape[1] + 2 * (size // 2) - size) // hop * hop + length
    windowed = frames(padded[:, :used], length, hop) * jnp.asarray(hann(length), x.dtype)
    return jnp.fft.rfft(jnp.pad(windowed, ((0, 0), (0, 0), (before, size - length - before))))


def power(spectrum: Complex[Array, "*shape"]) -> Float[Array, "*shape"]:
    """|X|^2, with a slope that is zero, not NaN, where the spectrum is zero."""
    return spectrum.real**2 + spectrum.imag**2


def root(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The square root of x >= 0, with slope zero at zero, where the true one is infinite."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)
