"""Clicks and pops of a record: dust and dents that lie somewhere on the disc, each of its own height and length."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ddspfx.clock import Clock
from ddspfx.signal.groove import RPMS
from ddspfx.signal.noise import bits, stream, uniform
from ddspfx.signal.phase import product
from ddspfx.slot import AbstractSource, Constant, SlotLike, param
from ddspfx.source.groove import FASTEST, SLOWEST
from ddspfx.source.pulses import LONGEST, SHORTEST, pulse, scattered, velocity, window
from ddspfx.source.steady import refuse_source, steady
from ddspfx.source.turns import turns
from ddspfx.types import Counter, Readable

CELLS = 800
"""A second; one holds at most one click, and no click reaches further than the next."""
HIGHEST = 100.0
"""Times the least height: 40 dB. A groove is only so deep."""


class Arrivals(NamedTuple):
    """Clicks as they fell: seconds from the clock's zero, signed heights, durations (s), and the walls they are on."""

    seconds: Float[np.ndarray, " clicks"]
    heights: Float[np.ndarray, " clicks"]
    durations: Float[np.ndarray, " clicks"]
    left: Bool[np.ndarray, " clicks"]
    right: Bool[np.ndarray, " clicks"]


class Drawn(NamedTuple):
    """What each cell holds: the place of its click in steps of the cell, and the click, of height 0 where none is."""

    place: Int[Array, " cells"]
    height: Float[Array, " cells"]
    duration: Float[Array, " cells"]
    left: Float[Array, " cells"]
    right: Float[Array, " cells"]


class SurfaceClicks(AbstractSource):
    """sum_i h_i v((t - t_i) / d_i), a velocity there and back in each wall, t_i Poisson, h_i Pareto of random sign.

        clicks a second = rate (1 + locking cos 2 pi (angle - phase)),  P(|h| > x) = x^-tail for x from 1 to 100

    `rate` is their mean number a second, which a source may fill; `locking` (0 to 1) tells how much of it goes with
    the revolution at `rpm`, most of them at the angle `phase` (turns). The least height is one: the level of the
    block that adds them sets it. Durations are spread evenly over their logarithm from `shortest` to `longest`
    seconds, between the points where the bump has e^-2 of its height; the peak of a click too short for the sample
    rate is as much lower as its band is narrower. A share `both` of the clicks is on both walls, as a lateral
    movement (right = left), the others on either. Channels are the walls; one channel hears all clicks.
    Heights and durations have slopes, arrivals have none. `arrivals` lists the same clicks. Raises ValueError where
    a source is given for another slot. Shape, tail and share are those of a record, see `benchmarks.vinyl_noise`.
    """

    rate: SlotLike = param(1e-3, 200.0, "1/s", default=60.0, log=True)
    tail: SlotLike = param(0.5, 8.0, "", default=1.7)
    shortest: SlotLike = param(SHORTEST, LONGEST, "s", default=6e-5, log=True)
    longest: SlotLike = param(SHORTEST, LONGEST, "s", default=5e-4, log=True)
    both: SlotLike = param(0.0, 1.0, "", default=0.65)
    locking: SlotLike = param(0.0, 1.0, "", default=0.4)
    phase: SlotLike = param(0.0, 1.0, "turns", default=0.0)
    rpm: SlotLike = param(SLOWEST, FASTEST, "rpm", default=RPMS[0])
    seed: int = eqx.field(static=True, default=0)

    def __check_init__(self) -> None:
        for name in ("tail", "shortest", "longest", "both", "locking", "phase", "rpm"):
            refuse_source(getattr(self, name), name)

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        rate = clock.sample_rate
        first = clock.sample * CELLS // rate - 1
        cells = first + jnp.arange((count - 1) * CELLS // rate + 4, dtype=jnp.int32)
        drawn = self._drawn(cells, clock)
        place = cells % CELLS * rate + drawn.place
        start = cells // CELLS * rate + place // CELLS - clock.sample
        steps = window(rate)
        distance = jnp.asarray(steps * CELLS - (place % CELLS)[:, None], float) / CELLS
        shape = pulse(drawn.duration, rate)
        wave = velocity(type(shape)(*(field[:, None] for field in shape)), distance)
        walls = [
            drawn.height if channels == 1 else drawn.height * (drawn.right if i % 2 else drawn.left)
            for i in range(channels)
        ]
        return scattered(jnp.stack(walls), wave, start[:, None] + steps, count)

    def _drawn(self, cells: Counter, clock: Clock) -> Drawn:
        """What falls in cells, counted from the clock's second."""
        second, place = clock.second + cells // CELLS, cells % CELLS
        words = bits(stream(clock.key, "surface clicks", self.seed), second, place, 6)
        falls = uniform(words[0]) < self._chance(second, place, clock)
        height = jnp.exp(-jnp.log(uniform(words[1])) / self._steady("tail", clock))
        height = jnp.where(falls, jnp.minimum(height, HIGHEST), 0.0) * (1.0 - 2.0 * jnp.asarray(words[1] & 1, float))
        short, long = jnp.log(self._steady("shortest", clock)), jnp.log(self._steady("longest", clock))
        duration = jnp.exp(short + uniform(words[3]) * (long - short))
        within = product(words[2], jnp.full_like(words[2], clock.sample_rate))[0].astype(jnp.int32)
        together = uniform(words[4]) < self._steady("both", clock)
        left = jnp.asarray(words[5] & 1, float)
        return Drawn(within, height, duration, jnp.where(together, 1.0, left), jnp.where(together, 1.0, 1.0 - left))

    def _chance(self, second: Counter, place: Counter, clock: Clock) -> Float[Array, " cells"]:
        """Of a click in a cell, by where the disc stands as the cell begins."""
        sample = -(-place * clock.sample_rate // CELLS)
        angle = turns(self._steady("rpm", clock), second, sample, clock.sample_rate).angle
        swing = self._steady("locking", clock) * jnp.cos(2 * np.pi * (angle - self._steady("phase", clock)))
        return jax.lax.stop_gradient(self._rates(second, sample, clock) * (1 + swing) / CELLS)

    def _rates(self, second: Counter, sample: Counter, clock: Clock) -> Readable:
        """The rate in each cell: a source is read at the cell's own time, wherever the block begins."""
        if not isinstance(self.rate, AbstractSource):
            return self._steady("rate", clock)
        source = self.rate
        at = lambda s, n: source.read(1, 1, Clock(s, n, clock.key, clock.sample_rate))[0, 0]  # noqa: E731
        return jax.vmap(at)(second, sample)

    def _steady(self, name: str, clock: Clock) -> Float[Array, ""]:
        return steady(getattr(self, name), name, 1, clock).reshape(())

    def arrivals(self, seconds: float, clock: Clock, above: float = 0.0) -> Arrivals:
        """The clicks that `read` plays in the next `seconds`, those of |height| `above` or more.

        Heights are those drawn, in units of the least one: multiply by the gain of the block that adds them.
        """
        start = float(clock.second) + float(clock.sample) / clock.sample_rate
        span = int(seconds * CELLS) + 2
        cells = clock.sample * CELLS // clock.sample_rate + jnp.arange(span, dtype=jnp.int32)
        drawn = jax.tree.map(np.asarray, eqx.filter_jit(self._drawn)(cells, clock))
        times = float(clock.second) + (np.asarray(cells) + drawn.place / clock.sample_rate) / CELLS
        kept = (drawn.height != 0) & (np.abs(drawn.height) >= above) & (times >= start) & (times < start + seconds)
        sides = (side[kept] != 0 for side in (drawn.left, drawn.right))
        return Arrivals(times[kept], drawn.height[kept].astype(float), drawn.duration[kept].astype(float), *sides)

    def quiet(self) -> AbstractSource:
        return Constant(jnp.zeros(()))


__all__ = ["Arrivals", "SurfaceClicks"]
