"""Clicks: Poisson in time, heavy-tailed in height."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.clock import Clock
from ddspfx.signal.noise import bits, filtered, gaussian, stream
from ddspfx.slot import AbstractSource, Constant, SlotLike, param, read
from ddspfx.source.steady import refuse_source, steady
from ddspfx.types import Readable

WIDEST = 5e-4
"""Seconds; a longer pulse is a thump, which a filter after the clicks makes."""
TAIL = 7.0
"""Widths after which a pulse is cut off, at -61 dB."""


class Clicks(AbstractSource):
    """sum_i h_i exp(-(t - t_i) / width) with t_i Poisson in time and h_i log-normal, of random sign.

    `rate` is the mean number a second on each channel; each sample draws whether a click falls on it, with
    probability rate / sample_rate. 20 log10 |h| is normal with mean 0 and standard deviation `spread` dB, so
    the median height is one, and the level of the block that adds the clicks sets it. Heights and widths
    have slopes; whether a click falls has none, so `rate` is fitted by counting. Clicks are drawn for every
    channel by itself. Raises ValueError where a source is given for `width`.
    """

    rate: SlotLike = param(0.001, 10_000.0, "1/s", default=5.0, log=True)
    spread: SlotLike = param(0.0, 24.0, "dB", default=8.0)
    width: SlotLike = param(1e-6, WIDEST, "s", default=2e-5, log=True)
    seed: int = eqx.field(static=True, default=0)

    def __check_init__(self) -> None:
        refuse_source(self.width, "width")

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        back = math.ceil(TAIL * WIDEST * clock.sample_rate)
        early = clock.after(-back)
        words = bits(stream(clock.key, "clicks", self.seed), *early.run(count + back), 2 * channels)
        arrivals, heights = words[0::2], words[1::2]
        z = gaussian(heights)
        chance = jax.lax.stop_gradient(read(self.rate, z, early)) / clock.sample_rate
        falls = arrivals < (jnp.minimum(chance, 1 - 2.0**-24) * 2.0**32).astype(jnp.uint32)
        size = jnp.exp(math.log(10) / 20 * read(self.spread, z, early) * z)
        sign = 1.0 - 2.0 * jnp.asarray(heights & 1, float)
        impulses = jnp.where(falls, sign * size, 0.0)
        return self._pulses(impulses, channels, back, clock)

    def _pulses(self, impulses: Float[Array, "channels early"], channels: int, back: int, clock: Clock) -> Readable:
        width = steady(self.width, "width", channels, clock).reshape(-1) * clock.sample_rate
        decay = jnp.exp(-jnp.arange(back + 1) / width[:, None])
        if decay.shape[0] == 1:
            return filtered(impulses, decay[0])
        return jnp.concatenate([filtered(impulses[i : i + 1], decay[i]) for i in range(channels)])

    def quiet(self) -> AbstractSource:
        return Constant(jnp.zeros(()))
