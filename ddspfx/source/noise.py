"""Noise of unit RMS: white, pink, brown, even, or of a spectrum of its own."""

from typing import Literal, get_args

import equinox as eqx
import jax.numpy as jnp

from ddspfx.clock import Clock
from ddspfx.signal.noise import bits, gaussian, stream, uniform
from ddspfx.slot import AbstractSource, Constant, SlotLike, param, read
from ddspfx.types import Audio, Readable

Colour = Literal["white", "uniform", "pink", "brown"]


def correlated(own: Audio, correlation: Readable) -> Audio:
    """Channels of which the first is correlated with each other one by c in [-1, 1].

    y_0 = x_0, y_i = c x_0 + sqrt(1 - c^2) x_i, from independent x of unit variance; so each has unit
    variance, and with two channels mid and side weigh (1 + c) / 2 and (1 - c) / 2. Further channels are
    correlated among one another by c^2.
    """
    left = 1.0 - correlation**2
    open_ = left > 1e-12
    share = jnp.where(open_, jnp.sqrt(jnp.where(open_, left, 1.0)), 0.0)
    return jnp.concatenate([own[:1], (correlation * own[:1] + share * own)[1:]])


class Noise(AbstractSource):
    """Gaussian noise (or even, from -sqrt 3 to sqrt 3) of unit RMS; `level` belongs to the block that adds it.

    `colour` is white, uniform (white, evenly spread), pink (-3.01 dB an octave) or brown (-6.02).
    `correlation` runs from -1 (opposite) over 0 (independent) to 1 (the same) between the first channel and
    each other one. Two noises of one seed and colour in a model are the same noise: give each its own seed.
    Raises ValueError for another colour.
    """

    colour: Colour = eqx.field(static=True, default="white")
    seed: int = eqx.field(static=True, default=0)
    correlation: SlotLike = param(-1.0, 1.0, "", default=0.0)

    def __check_init__(self) -> None:
        if self.colour not in get_args(Colour):
            raise ValueError(f"colour is {self.colour!r}, but must be one of {', '.join(get_args(Colour))}")

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        own = self._own(channels, count, clock)
        return own if channels == 1 else correlated(own, read(self.correlation, own, clock))

    def _own(self, channels: int, count: int, clock: Clock) -> Audio:
        key = stream(clock.key, self.colour, self.seed)
        words = bits(key, *clock.run(count), channels)
        if self.colour == "uniform":
            return 12**0.5 * (uniform(words) - 0.5)
        return gaussian(words)

    def quiet(self) -> AbstractSource:
        return Constant(jnp.zeros(()))
