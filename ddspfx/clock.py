"""The clock: where we are in a take, exact for 68 years at any sample rate."""

from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ddspfx.types import Counter, RandomKey


class Clock(eqx.Module):
    """Whole seconds, the sample within the second, the sample rate, and the key of this take.

    Two int32, which may be negative: one alone would wrap within hours, and a float32 second loses whole
    samples after six minutes. `0 <= sample < sample_rate` always.
    """

    second: Counter
    sample: Counter
    key: RandomKey
    sample_rate: int = eqx.field(static=True)

    @classmethod
    def zero(cls, sample_rate: int, key: RandomKey | int | None = None) -> Self:
        """The start of a take. `key` is a JAX key or an integer seed (0 when left out): another key, another take."""
        rate = int(sample_rate)
        if rate != sample_rate or rate < 1:
            raise ValueError(f"sample_rate is {sample_rate}, but must be a whole number of Hz, at least 1")
        if key is None or isinstance(key, int):
            key = jax.random.key(key or 0)
        return cls(jnp.int32(0), jnp.int32(0), key, rate)

    def after(self, count: int | Counter) -> Self:
        """The clock `count` samples later (earlier when negative)."""
        sample = self.sample + jnp.asarray(count, jnp.int32)
        carry = sample // self.sample_rate
        return type(self)(self.second + carry, sample - carry * self.sample_rate, self.key, self.sample_rate)

    def run(self, count: int) -> tuple[Int[Array, " count"], Int[Array, " count"]]:
        """Second and sample within the second of each of the next `count` samples."""
        run = self.sample + jnp.arange(count, dtype=jnp.int32)
        carry = run // self.sample_rate
        return self.second + carry, run - carry * self.sample_rate

    def ticks(self, count: int, rate: int) -> tuple[Int[Array, " count"], Float[Array, " count"]]:
        """For each of the next samples: index and fraction on a grid of `rate` ticks a second.

        Index = floor(t * rate), exact while `rate * sample_rate < 2**31` (11,184 ticks a second at 192 kHz).
        """
        if rate * self.sample_rate >= 2**31:
            raise ValueError(f"rate is {rate}, but must be below {2**31 // self.sample_rate} at {self.sample_rate} Hz")
        second, sample = self.run(count)
        scaled = sample * rate
        whole = scaled // self.sample_rate
        fraction = (scaled - whole * self.sample_rate) / self.sample_rate
        return second * rate + whole, fraction
