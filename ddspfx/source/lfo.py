"""A low-frequency oscillator: vibrato, tremolo, a sweep, the once-around of a disc."""

from typing import Literal, get_args

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt32

from ddspfx.clock import Clock
from ddspfx.signal.noise import bits, stream, uniform
from ddspfx.signal.phase import cycles
from ddspfx.slot import AbstractSource, Constant, SlotLike, param
from ddspfx.source.steady import refuse_source, steady
from ddspfx.types import Readable

Shape = Literal["sine", "triangle", "random"]
Phase = Float[Array, "channels_or_1 samples"]


class LFO(AbstractSource):
    """centre + depth w(rate t + phase), with w of period one cycle and span -1 to 1.

    `shape` is sine, triangle (both start at 0 and rise), or random: an even draw from -1 to 1 at each whole
    cycle and a smooth step from one to the next, the same on all channels. `rate` is in Hz, `phase` in
    cycles (or one a channel), `depth` and `centre` in the unit of the slot it fills. The phase is counted in
    integers, so it is as exact after ten hours as at the start. Raises ValueError for another shape, and
    where a source is given for `rate` or `phase`, since a phase that follows a moving rate needs a memory.
    """

    rate: SlotLike = param(0.001, 1_000.0, "Hz", default=1.0, log=True)
    depth: Float[Array, ""] | float = eqx.field(converter=lambda v: jnp.asarray(v, float), default=1.0)
    centre: Float[Array, ""] | float = eqx.field(converter=lambda v: jnp.asarray(v, float), default=0.0)
    shape: Shape = eqx.field(static=True, default="sine")
    phase: SlotLike = param(0.0, 1.0, "cycles", default=0.0)
    seed: int = eqx.field(static=True, default=0)

    def __check_init__(self) -> None:
        if self.shape not in get_args(Shape):
            raise ValueError(f"shape is {self.shape!r}, but must be one of {', '.join(get_args(Shape))}")
        refuse_source(self.rate, "rate")
        refuse_source(self.phase, "phase")

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        rate = steady(self.rate, "rate", channels, clock)
        index, rest = cycles(rate, *clock.run(count), clock.sample_rate)
        moved = rest + steady(self.phase, "phase", channels, clock)
        turns = jnp.floor(moved)
        place = jnp.broadcast_to(moved - turns, jnp.broadcast_shapes(moved.shape, (1, count)))
        if self.shape == "sine":
            wave = jnp.sin(2 * np.pi * place)
        elif self.shape == "triangle":
            wave = _triangle(place)
        else:
            wave = self._random(jnp.broadcast_to(index + turns.astype(jnp.uint32), place.shape), place, clock)
        return self.centre + self.depth * wave

    def _random(self, index: UInt32[Array, "channels_or_1 samples"], place: Phase, clock: Clock) -> Phase:
        key = stream(clock.key, "LFO", self.seed)
        counters = jnp.concatenate([index.ravel(), index.ravel() + 1]).astype(jnp.int32)
        left, right = (2 * uniform(bits(key, counters, 0 * counters, 1)) - 1).reshape(2, *place.shape)
        return jnp.asarray(left + (right - left) * place**2 * (3 - 2 * place))

    def bounds(self) -> tuple[float, float]:
        reach = abs(float(self.depth))
        return float(self.centre) - reach, float(self.centre) + reach

    def quiet(self) -> AbstractSource:
        return Constant(self.centre) if self.shape == "random" else self


def _triangle(place: Phase) -> Phase:
    moved = place + 0.25
    return 1.0 - 4.0 * jnp.abs(moved - jnp.floor(moved) - 0.5)
