"""The phase of something that turns at a constant rate, exact after hours, with a derivative of its own."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from ddspfx.types import Counter

WORD = 2.0**-32
"""Cycles a unit of a 32-bit word, which wraps where the cycle does."""


def product(a: UInt32[Array, "..."], b: UInt32[Array, "..."]) -> tuple[UInt32[Array, "..."], UInt32[Array, "..."]]:
    """High and low word of a 64-bit product, made of 16-bit halves since JAX has no 64 bits by default."""
    half = jnp.uint32(0xFFFF)
    a1, a0, b1, b0 = a >> 16, a & half, b >> 16, b & half
    low, mid1, mid2 = a0 * b0, a1 * b0, a0 * b1
    carry = ((low >> 16) + (mid1 & half) + (mid2 & half)) >> 16
    return a1 * b1 + (mid1 >> 16) + (mid2 >> 16) + carry, a * b


def cycles(
    rate: Float[Array, "..."], second: Counter, sample: Counter, sample_rate: int
) -> tuple[UInt32[Array, "..."], Float[Array, "..."]]:
    """Whole cycles (modulo 2^32) and the rest, 0 to 2, of rate t at t = second + sample / sample_rate.

    The rate is taken to the nearest 2^-32 Hz; whole seconds are multiplied in integers, which wrap where the
    cycle does, so that the phase is as exact after ten hours as at the start. Whole cycles have no slope;
    the rest has that of the whole phase, d(rate t) / d rate = t. `rate` is at least 0 and below 10,000 Hz.
    """
    still = jax.lax.stop_gradient(rate)
    whole = jnp.floor(still)
    part = still - whole
    units, fixed = whole.astype(jnp.int32), _fixed(part)
    high, low = product(fixed, second.astype(jnp.uint32))
    # An unsigned product takes a negative second for 2^32 more, which adds `fixed` to the high word.
    high = jnp.where(second < 0, high - fixed, high)
    inside = units * sample
    index = units.astype(jnp.uint32) * second.astype(jnp.uint32) + high + (inside // sample_rate).astype(jnp.uint32)
    rest = jnp.asarray(low, float) * WORD + ((inside % sample_rate) + part * sample) / sample_rate
    turns = jnp.floor(rest)
    time = second + sample / sample_rate
    return index + turns.astype(jnp.uint32), rest - turns + time * (rate - still)


def _fixed(part: Float[Array, "..."]) -> UInt32[Array, "..."]:
    """A share of a cycle (0 to 1) as a word, in two halves of 16 bits since a float32 holds only 24."""
    scaled = part * 2**16
    high = jnp.floor(scaled)
    low = jnp.minimum(jnp.round((scaled - high) * 2**16), 2**16 - 1)
    return jnp.asarray(high.astype(jnp.uint32) * jnp.uint32(2**16) + low.astype(jnp.uint32))
