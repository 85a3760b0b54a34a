"""Random numbers at any place on the clock, and a fixed FIR over them: noise without a state."""

import zlib

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry_2x32
from jaxtyping import Array, Float, UInt32

from ddspfx.types import Audio, Counter, Mono, RandomKey

FRAME = 64
"""Samples a row of the matrix product in `filtered`."""


def stream(key: RandomKey, name: str, seed: int) -> RandomKey:
    """The key of one source: the key of the take with the kind of source and its own seed folded in.

    Two sources of another kind or another seed are independent; the same kind and seed repeat each other.
    """
    return jax.random.fold_in(jax.random.fold_in(key, zlib.crc32(name.encode())), seed % 2**32)


def bits(key: RandomKey, second: Counter, sample: Counter, channels: int) -> UInt32[Array, "channels samples"]:
    """32 random bits for each counter (second, sample) and channel, the same wherever a block begins.

    One call of Threefry-2x32 makes two words a counter; they serve two channels, and further pairs of
    channels fold their number into the key. Source: Salmon, Moraes, Dror, Shaw (2011), "Parallel random
    numbers: as easy as 1, 2, 3".
    """
    counters = jax.lax.bitcast_convert_type(
        jnp.concatenate([jnp.asarray(second, jnp.int32), jnp.asarray(sample, jnp.int32)]), jnp.uint32
    )
    pairs = [
        threefry_2x32(jax.random.bits(jax.random.fold_in(key, pair), (2,), jnp.uint32), counters).reshape(2, -1)
        for pair in range((channels + 1) // 2)
    ]
    return jnp.concatenate(pairs)[:channels]


def uniform(words: UInt32[Array, "..."]) -> Float[Array, "..."]:
    """Evenly spread over the open interval (0, 1): the middle of one of 2^23 equal steps."""
    return (jnp.asarray(words >> 9, float) + 0.5) * 2.0**-23


def gaussian(words: UInt32[Array, "..."]) -> Float[Array, "..."]:
    """Standard normal, z = sqrt(2) erfinv(2 u - 1); |z| < 5.4 since u keeps off 0 and 1."""
    return jnp.asarray(2.0**0.5 * jax.lax.erf_inv(2.0 * uniform(words) - 1.0))


def filtered(x: Audio, taps: Mono) -> Audio:
    """y[n] = sum_k taps[k] x[n + taps.size - 1 - k]: an FIR over a signal that begins taps.size - 1 samples early.

    Rows of `FRAME` samples and what lies before them times one Toeplitz matrix: six times faster on a CPU
    than a convolution of 64 taps, and its rounding does not grow with the signal's length as an FFT's does.
    """
    channels, size = x.shape[0], taps.shape[0]
    count = x.shape[1] - size + 1
    rows, behind = -(-count // FRAME), -(-(size - 1) // FRAME)
    lines = jnp.pad(x, ((0, 0), (0, (rows + behind) * FRAME - x.shape[1]))).reshape(channels, -1, FRAME)
    frames = jnp.concatenate([lines[:, i : i + rows] for i in range(behind + 1)], axis=-1)
    lag = np.arange(FRAME)[None] + size - 1 - np.arange(FRAME * (behind + 1))[:, None]
    inside = (lag >= 0) & (lag < size)
    toeplitz = jnp.where(inside, taps[np.clip(lag, 0, size - 1)], 0.0)
    return (frames @ toeplitz).reshape(channels, -1)[:, :count]
