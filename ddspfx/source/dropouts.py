"""Dust and creases: rare bumps that lift a tape off its head."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp

from ddspfx.clock import Clock
from ddspfx.signal.colour import smooth
from ddspfx.signal.noise import bits, stream, uniform
from ddspfx.signal.phase import cycles
from ddspfx.slot import AbstractSource, Constant, SlotLike, param, read
from ddspfx.source.steady import refuse_source, steady
from ddspfx.types import Readable

SHORTEST = 2e-3
"""Seconds."""
KNOTS = 4
"""Of a cubic B-spline: the intervals that one bump covers."""
PEAK = 2 / 3
"""Of a cubic B-spline with one knot of height one."""


class Dropouts(AbstractSource):
    """sum_i h_i b((t - t_i) / duration): smooth bumps of random heights at random times, zero between them.

    `rate` is their mean number a second on each channel, `duration` (s) the length of one, `depth` the mean height,
    in the unit of the slot it fills; heights are exponential, and bumps that meet add. Each knot of a cubic B-spline
    with four knots a duration draws whether a bump falls on it. Channels draw for themselves. Heights and durations
    have slopes; whether a bump falls has none. Raises ValueError where a source is given for `duration`.
    """

    rate: SlotLike = param(1e-3, 100.0, "1/s", default=0.2, log=True)
    duration: SlotLike = param(SHORTEST, 1.0, "s", default=0.02, log=True)
    depth: SlotLike = param(0.0, 200.0, "", default=10.0)
    seed: int = eqx.field(static=True, default=0)

    def __check_init__(self) -> None:
        refuse_source(self.duration, "duration")
        refuse_source(self.rate, "rate")
        refuse_source(self.depth, "depth")

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        duration = steady(self.duration, "duration", 1, clock).reshape(())
        index, rest = cycles(KNOTS / duration, *clock.run(count), clock.sample_rate)
        reach = math.ceil((count - 1) * KNOTS / SHORTEST / clock.sample_rate) + 5
        places = (index[0] - 1).astype(jnp.int32) + jnp.arange(reach, dtype=jnp.int32)
        words = bits(stream(clock.key, "dropouts", self.seed), places, 0 * places, 2 * channels)
        heights = -jnp.log(uniform(words[1::2]))
        chance = jax.lax.stop_gradient(read(self.rate, heights, clock) * duration / KNOTS)
        knots = jnp.where(uniform(words[0::2]) < chance, heights, 0.0) / PEAK
        return read(self.depth, heights, clock) * smooth(knots, (index - index[0]).astype(jnp.int32), rest)

    def quiet(self) -> AbstractSource:
        return Constant(jnp.zeros(()))


__all__ = ["Dropouts"]
