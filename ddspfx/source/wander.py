"""A slow random wander: wow, flutter, drift."""

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.clock import Clock
from ddspfx.signal.colour import smooth
from ddspfx.signal.noise import bits, gaussian, stream
from ddspfx.signal.phase import cycles
from ddspfx.slot import AbstractSource, Constant, SlotLike, param
from ddspfx.source.steady import refuse_source, steady
from ddspfx.types import Readable

FASTEST = 200.0
"""Hz; flutter above it is scrape, which is noise on the signal rather than a wander."""
KNOTS = 4.39537
"""Knots a second for each Hz of bandwidth: sinc(f / r)^8 has fallen by 3 dB at f = r / KNOTS."""
LIMIT = 3.0
"""Standard deviations at which a knot is clipped, so that the wander has bounds."""
RMS = math.sqrt(151 / 315 * 0.995007)
"""Of a cubic B-spline whose knots are normal and clipped at 3: the spline's power times the clipped variance."""


class Wander(AbstractSource):
    """centre + depth w(t), with w a smooth Gaussian process of unit RMS that reaches up to `bandwidth` (-3 dB).

    w is a cubic B-spline through random knots, 4.4 a second for each Hz of bandwidth, its spectrum
    sinc(f / rate)^8; it is the same on all channels and never beyond 4.35. `depth` (RMS) and `centre` are in
    the unit of the slot it fills. Add up two for wow and flutter. Raises ValueError where a source is given
    for `bandwidth`, since knots at a rate that moves need a memory, or more than one number.
    """

    bandwidth: SlotLike = param(0.01, FASTEST, "Hz", default=1.0, log=True)
    depth: Float[Array, ""] | float = eqx.field(converter=lambda v: jnp.asarray(v, float), default=1.0)
    centre: Float[Array, ""] | float = eqx.field(converter=lambda v: jnp.asarray(v, float), default=0.0)
    seed: int = eqx.field(static=True, default=0)

    def __check_init__(self) -> None:
        refuse_source(self.bandwidth, "bandwidth")

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        bandwidth = steady(self.bandwidth, "bandwidth", 1, clock)
        if bandwidth.ndim:
            raise ValueError(f"bandwidth has shape {bandwidth.shape}, but must be one number: all channels share it")
        index, rest = cycles(KNOTS * bandwidth, *clock.run(count), clock.sample_rate)
        reach = math.ceil((count - 1) * KNOTS * FASTEST / clock.sample_rate) + 5
        places = (index[0] - 1).astype(jnp.int32) + jnp.arange(reach, dtype=jnp.int32)
        drawn = gaussian(bits(stream(clock.key, "wander", self.seed), places, 0 * places, 1))
        knots = jnp.clip(drawn, -LIMIT, LIMIT) / RMS
        wave = smooth(knots, (index - index[0]).astype(jnp.int32), rest)
        return jnp.asarray(self.centre + self.depth * wave)

    def bounds(self) -> tuple[float, float]:
        reach = abs(float(self.depth)) * LIMIT / RMS
        return float(self.centre) - reach, float(self.centre) + reach

    def quiet(self) -> AbstractSource:
        return Constant(self.centre)
