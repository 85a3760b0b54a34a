"""Where a disc stands: whole turns and the angle, counted in integers, so that a scratch comes back to the sample."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from ddspfx.clock import Clock
from ddspfx.signal.phase import WORD, product
from ddspfx.types import Counter

WORDS = 2**32
"""Steps of a turn."""
PERIOD = 180
"""Seconds in which 33 1/3, 45 and 78 rpm all make whole numbers of turns, three times the rpm."""
SNAP = 1e-4
"""Thirds of rpm, about 1 ppm: a speed so near to a third of rpm is that third, which a float32 cannot hold."""


class Turns(NamedTuple):
    """Whole turns (modulo 2^32), the angle in steps of 2^-32 turn, and the angle in turns with its slope by rpm."""

    whole: UInt32[Array, " count"]
    word: UInt32[Array, " count"]
    angle: Float[Array, " count"]


def turns(rpm: Float[Array, ""], second: Counter, sample: Counter, sample_rate: int) -> Turns:
    """Turns of a disc, rpm t / 60, at t = second + sample / sample_rate.

    The rate is taken to 2^-32 turn a second, whole thirds of rpm to that exactly, so that a turn's length is right
    within 1e-5 samples, as much after ten hours as at the start. An angle is 2^-32 turn, 2e-5 samples.
    `rpm` is above 0 and below 120.
    """
    whole, part = _rate(jax.lax.stop_gradient(rpm))
    high, low = product(jnp.broadcast_to(part, second.shape), second.astype(jnp.uint32))
    # An unsigned product takes a negative second for 2^32 more, which adds `part` to the high word.
    high = jnp.where(second < 0, high - part, high)
    slow = _within(part // sample_rate, part % sample_rate, sample, sample_rate)
    unit = jnp.uint32(WORDS // sample_rate), jnp.uint32(WORDS % sample_rate)
    fast = whole * _within(*unit, sample, sample_rate)
    one = low + slow
    word = one + fast
    carried = (one < low).astype(jnp.uint32) + (word < one).astype(jnp.uint32)
    time = second + sample / sample_rate
    angle = jnp.asarray(word, float) * WORD + time * (rpm - jax.lax.stop_gradient(rpm)) / 60
    return Turns(whole * second.astype(jnp.uint32) + high + carried, word, angle)


def turns_of(rpm: Float[Array, ""], count: int, clock: Clock) -> Turns:
    """The turns at each of the next `count` samples."""
    return turns(rpm, *clock.run(count), clock.sample_rate)


def _rate(rpm: Float[Array, ""]) -> tuple[UInt32[Array, ""], UInt32[Array, ""]]:
    """Turns a second: whole ones, and the rest in steps of 2^-32."""
    thirds = jnp.floor(3 * rpm + SNAP)
    beyond = jnp.maximum(3 * rpm - thirds, 0.0)
    beyond = jnp.where(beyond < SNAP, 0.0, beyond)
    count = thirds.astype(jnp.uint32)
    left = count % PERIOD
    step, rest = divmod(WORDS, PERIOD)
    fine = jnp.rint(jnp.asarray(left, float) * (rest / PERIOD) + beyond * (WORDS / PERIOD))
    return count // PERIOD, left * jnp.uint32(step) + fine.astype(jnp.uint32)


def _within(quotient: UInt32[Array, ""], rest: UInt32[Array, ""], sample: Counter, sample_rate: int) -> Array:
    """(quotient sample_rate + rest) sample / sample_rate."""
    fine = jnp.rint(jnp.asarray(rest, float) / sample_rate * sample)
    return quotient * sample.astype(jnp.uint32) + fine.astype(jnp.uint32)


__all__ = ["Turns", "turns", "turns_of"]
