"""White noise without an end, and spectra laid on it by a filter that has no seams."""

import zlib
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

Take: TypeAlias = tuple[int, ...]
"""The words of a key, with whatever was folded in."""
CHUNK = 4096
"""Values drawn at once; each chunk has a generator of its own, so that a take can be entered anywhere."""


def take_of(key: Any) -> Take:
    """The words of a JAX key, or of a whole number, or of a take itself."""
    if isinstance(key, tuple):
        return key
    if isinstance(key, int | np.integer):
        return (int(key) % 2**64,)
    data = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
    return tuple(int(word) for word in np.asarray(data).ravel())


def generator(take: Take, name: str, number: int = 0) -> np.random.Generator:
    """The random numbers of one purpose within a take."""
    sign = 1 if number < 0 else 0
    return np.random.default_rng([*take, len(take), zlib.crc32(name.encode()), abs(number), sign])


def white(take: Take, name: str, start: int, count: int) -> Float[np.ndarray, " count"]:
    """Standard normal values start to start + count - 1 of an endless sequence, the same however it is cut."""
    first, last = start // CHUNK, (start + count - 1) // CHUNK
    chunks = [generator(take, name, number).standard_normal(CHUNK) for number in range(first, last + 1)]
    return np.concatenate([np.zeros(0), *chunks])[start - first * CHUNK :][:count]


def density(takes: Float[np.ndarray, "takes values"], size: int) -> Float[np.ndarray, " bins"]:
    """Mean power at `size` // 2 + 1 frequencies: white noise of variance v has v everywhere. Hann, half overlapped.

    Raises ValueError when the takes are shorter than `size`. Source: Welch (1967), "The use of fast Fourier transform
    for the estimation of power spectra".
    """
    takes = np.atleast_2d(takes)
    if takes.shape[1] < size:
        raise ValueError(f"takes have {takes.shape[1]} values, but must have at least {size}: give longer ones")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
    total, number = np.zeros(size // 2 + 1), 0
    for begin in range(0, takes.shape[1] - size + 1, max(size // 2, 1)):
        for rows in range(0, len(takes), 256):
            total += np.sum(np.abs(np.fft.rfft(takes[rows : rows + 256, begin : begin + size] * window)) ** 2, axis=0)
        number += len(takes)
    return np.asarray(total / (number * np.sum(window**2)))


def taps_of(power: Float[np.ndarray, " bins"]) -> Float[np.ndarray, " taps"]:
    """The filter of linear phase whose squared response runs through `power` at evenly spaced frequencies.

    As long as twice the bins, made even finer by the straight line between two of them, under a flat window with
    rounded ends.
    """
    size = 2 * (power.size - 1)
    fine = np.interp(np.linspace(0, 1, 4 * power.size - 3), np.linspace(0, 1, power.size), np.sqrt(power))
    long = np.fft.irfft(fine)
    taps = np.roll(long, size // 2)[: size + 1]
    return np.asarray(taps * tukey(size + 1))


def tukey(size: int, share: float = 0.5) -> Float[np.ndarray, " size"]:
    """Flat in the middle, `share` of it raised cosines at the ends."""
    place = np.minimum(np.arange(size), size - 1 - np.arange(size)) + 0.5
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.minimum(2 * place / (share * size), 1.0)))


def coloured(
    take: Take, name: str, taps: Float[np.ndarray, " taps"], start: int, count: int
) -> Float[np.ndarray, " count"]:
    """White noise through `taps`, the same however it is cut: an FIR reads the noise again as far back as it reaches.

    Between any two chunks its variance and spectrum are those of a single filter's output, since they are that.
    """
    from scipy.signal import oaconvolve

    rest = white(take, name, start - taps.size // 2, count + taps.size - 1)
    return np.asarray(oaconvolve(rest, taps, mode="valid"))
