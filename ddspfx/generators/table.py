"""Hiss drawn off the audio call into a table, which plays in turns without a seam."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.clock import Clock
from ddspfx.generators.generator import AbstractGenerator
from ddspfx.signal.noise import bits, stream
from ddspfx.slot import AbstractSource, Constant
from ddspfx.types import Readable

FADE_S = 0.25
"""Over which the end of a turn becomes the beginning of the next."""


class NoiseTable(AbstractSource):
    """`values` (a whole number of seconds at `sample_rate`), over and over; take and channel decide where it begins.

    Two channels, and two takes, are the same noise whole seconds apart. Made by `table_of`. Raises ValueError when it
    does not last a whole number of seconds, and when read at another sample rate.
    """

    values: Float[Array, " samples"]
    sample_rate: int = eqx.field(static=True)
    seed: int = eqx.field(static=True, default=0)

    def __check_init__(self) -> None:
        if self.values.ndim != 1 or not self.values.size or self.values.size % self.sample_rate:
            raise ValueError(
                f"values has shape {self.values.shape}, but must be a whole number of seconds at {self.sample_rate} Hz"
            )

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        if clock.sample_rate != self.sample_rate:
            raise ValueError(
                f"sample_rate is {clock.sample_rate}, but the table's is {self.sample_rate}: draw one with table_of"
            )
        turn = self.values.size // self.sample_rate
        second, sample = clock.run(count)
        words = bits(stream(clock.key, "table", self.seed), jnp.zeros(1, jnp.int32), jnp.zeros(1, jnp.int32), channels)
        begins = (words % jnp.uint32(turn)).astype(jnp.int32)
        # A whole number of seconds a turn: nothing outgrows an int32, for as long as the clock itself.
        return self.values[((second[None] % turn + begins) % turn) * self.sample_rate + sample[None]]

    def quiet(self) -> AbstractSource:
        return Constant(jnp.zeros(()))


def table_of(generator: AbstractGenerator, key: Any, seconds: int, sample_rate: int, seed: int = 0) -> NoiseTable:
    """`seconds` of the take of `key` as a source that goes on for ever.

    What the take does after the last second is faded into its first, cos^2 + sin^2 = 1, so that the variance holds
    where the two are independent. Raises ValueError when `seconds` is not a whole number from 1 on.
    """
    if int(seconds) != seconds or seconds < 1:
        raise ValueError(f"seconds is {seconds}, but must be a whole number, at least 1")
    fade, size = round(FADE_S * sample_rate), int(seconds) * sample_rate
    values = generator.hiss(key, seconds + FADE_S, sample_rate)
    angle = 0.5 * np.pi * (np.arange(fade) + 0.5) / fade
    turn = values[:size].copy()
    turn[:fade] = np.sin(angle) * values[:fade] + np.cos(angle) * values[size : size + fade]
    return NoiseTable(jnp.asarray(turn, float), sample_rate, seed)
