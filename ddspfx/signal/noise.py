"""Random numbers at any place on the clock, and a fixed FIR over them: noise without a state."""

import zlib
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry_2x32
from jaxtyping import Array, Float, UInt32

from ddspfx.signal.native.library import choose, register
from ddspfx.types import Audio, Counter, Mono, RandomKey

Words: TypeAlias = UInt32[Array, "2"]
"""The key of a source."""
_PAIR = zlib.crc32(b"pair of channels")
FRAME = 64
"""Samples a row of the matrix product in `filtered`."""


def threefry(key: Words, counters: UInt32[Array, " two_n"]) -> UInt32[Array, " two_n"]:
    """Two random words for each counter of two words, all first words of the counters before all second ones.

    Source: Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", Threefry-2x32.
    """
    words: UInt32[Array, " two_n"] = choose(_threefry, threefry_2x32, key, counters)
    return words


def _threefry(key: Words, counters: Array) -> Array:
    shape = jax.ShapeDtypeStruct(counters.shape, counters.dtype)
    return jax.ffi.ffi_call(register("threefry"), shape, vmap_method="broadcast_all")(key, counters)


def stream(key: RandomKey, name: str, seed: int) -> Words:
    """The key of one source: the key of the take with the kind of source and its own seed folded in.

    Two sources of another kind or another seed are independent; the same kind and seed repeat each other.
    """
    data = jax.random.key_data(key)
    words = data if data.shape[-1:] == (2,) else jax.random.bits(key, (2,), jnp.uint32)
    return threefry(words, jnp.asarray([zlib.crc32(name.encode()), seed % 2**32], jnp.uint32))


def bits(key: Words, second: Counter, sample: Counter, channels: int) -> UInt32[Array, "channels samples"]:
    """32 random bits for each counter (second, sample) and channel, the same wherever a block begins.

    A counter gives two words, which serve two channels; each pair of channels has a key of its own.
    """
    counters = jax.lax.bitcast_convert_type(
        jnp.concatenate([jnp.asarray(second, jnp.int32), jnp.asarray(sample, jnp.int32)]), jnp.uint32
    )
    pairs = [
        threefry(threefry(key, jnp.asarray([pair, _PAIR], jnp.uint32)), counters).reshape(2, -1)
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
