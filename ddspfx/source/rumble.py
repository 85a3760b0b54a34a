"""Rumble: a bearing and an arm that resonate, and the motor's hum, mostly up and down."""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.clock import Clock
from ddspfx.signal.colour import SPLINE_POWER, smooth
from ddspfx.signal.noise import bits, gaussian, stream
from ddspfx.signal.phase import cycles
from ddspfx.slot import AbstractSource, Constant, Param, SlotLike, param
from ddspfx.source.steady import refuse_source, steady
from ddspfx.source.wander import KNOTS
from ddspfx.types import Audio, Counter, Readable

HIGHEST = 100.0
"""Hz."""
BROADEST = 1.0
GRID = 2_000
"""Ticks a second at which it is made; between them it is smooth."""
FREQUENCIES = (10.0, 13.5, 25.0, 39.4)
QUALITIES = (3.0, 5.0, 3.0, 6.0)
LEVELS = (-5.1, 0.0, -5.7, -15.1)
"""Of a record: see `surface_noise.MEASURED`."""


class Rumble(AbstractSource):
    """sum_i g_i (a_i(t) cos 2 pi f_i t + b_i(t) sin 2 pi f_i t) in the groove's vertical, of unit RMS in each wall.

    a and b are cubic B-splines through random knots, f / Q wide at -3 dB: resonances driven by noise, without a
    state. `frequencies` (Hz), `qualities` (Q) and `levels` (dB of power among one another) have one for each
    resonance. `lateral` is the share of the power that moves sideways (left = right), the rest moves up and down
    (left = -right); the two are independent, so the walls are correlated by 2 lateral - 1. Raises ValueError where
    the three differ in number or a source is given for one. Amplitudes of narrow-band noise: Rice (1944),
    "Mathematical analysis of random noise", section 3.7.
    """

    frequencies: SlotLike = param(1.0, HIGHEST, "Hz", log=True)
    qualities: SlotLike = param(BROADEST, 100.0, "", log=True)
    levels: SlotLike = param(-80.0, 20.0, "dB")
    lateral: SlotLike = param(0.0, 1.0, "", default=0.02)
    seed: int = eqx.field(static=True, default=0)

    def __init__(
        self,
        frequencies: SlotLike | tuple[float, ...] = FREQUENCIES,
        qualities: SlotLike | tuple[float, ...] = QUALITIES,
        levels: SlotLike | tuple[float, ...] = LEVELS,
        lateral: SlotLike = 0.02,
        seed: int = 0,
    ):
        arrays = (jnp.asarray(s, float) if isinstance(s, tuple) else s for s in (frequencies, qualities, levels))
        self.frequencies, self.qualities, self.levels = arrays
        self.lateral, self.seed = lateral, seed

    def __check_init__(self) -> None:
        given = (self.frequencies, self.qualities, self.levels)
        sizes = {np.size(slot.raw) for slot in given if isinstance(slot, Param)}
        if len(sizes) > 1:
            raise ValueError(f"frequencies, qualities and levels have {sorted(sizes)} numbers, but must have as many")
        for name in ("frequencies", "qualities", "levels", "lateral"):
            refuse_source(getattr(self, name), name)

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        frequency, quality, level = (
            steady(getattr(self, name), name, 1, clock).reshape(-1) for name in ("frequencies", "qualities", "levels")
        )
        gain = jnp.exp(float(np.log(10) / 20) * level)
        gain = gain / jnp.sqrt(jnp.sum(gain**2))
        parts = min(channels, 2)
        index, fraction = clock.ticks(count, GRID)
        run = clock.sample * GRID // clock.sample_rate - 1 + jnp.arange((count - 1) * GRID // clock.sample_rate + 5)
        second, tick = clock.second + run // GRID, run % GRID
        total = jnp.zeros((parts, run.size))
        for i in range(frequency.shape[0]):
            slow = self._amplitudes(KNOTS / 2 * frequency[i] / quality[i], i, 2 * parts, second, tick, clock)
            angle = 2 * np.pi * cycles(frequency[i], second, tick, GRID)[1]
            total = total + gain[i] * (slow[:parts] * jnp.cos(angle) + slow[parts:] * jnp.sin(angle))
        # Between ticks a B-spline: 0.03 dB at 50 Hz, and images 130 dB down.
        heard = smooth(total, index - index[0], fraction)
        return heard if channels == 1 else self._walls(heard, channels, clock)

    def _amplitudes(
        self, rate: Float[Array, ""], part: int, rows: int, second: Counter, tick: Counter, clock: Clock
    ) -> Audio:
        """Slow random amplitudes of unit RMS, `rate` knots a second."""
        index, rest = cycles(rate, second, tick, GRID)
        reach = math.ceil((second.size - 1) * KNOTS / 2 * HIGHEST / BROADEST / GRID) + 5
        places = (index[0] - 1).astype(jnp.int32) + jnp.arange(reach, dtype=jnp.int32)
        drawn = bits(stream(clock.key, "rumble", self.seed), places, jnp.full_like(places, part), rows)
        knots = gaussian(drawn) / math.sqrt(SPLINE_POWER)
        return smooth(knots, (index - index[0]).astype(jnp.int32), rest)

    def _walls(self, parts: Audio, channels: int, clock: Clock) -> Audio:
        share = steady(self.lateral, "lateral", 1, clock).reshape(())
        vertical, lateral = _root(1.0 - share) * parts[0], _root(share) * parts[1]
        return jnp.stack([lateral + vertical if i % 2 == 0 else lateral - vertical for i in range(channels)])

    def quiet(self) -> AbstractSource:
        return Constant(jnp.zeros(()))


class MotorHum(AbstractSource):
    """sum_k 10^(level_k / 20) sqrt 2 sin(2 pi k f t + k-th phase): the motor's hum, mostly up and down.

    `frequency` (Hz) is its fundamental, `levels` (dB, RMS of each in a wall before the block's level) one a harmonic.
    A share `lateral` of each amplitude moves sideways: left = s, right = (2 lateral - 1) s.
    """

    frequency: SlotLike = param(10.0, 400.0, "Hz", default=50.0, log=True)
    levels: SlotLike = param(-120.0, 20.0, "dB", default=0.0)
    lateral: SlotLike = param(0.0, 1.0, "", default=0.1)

    def __check_init__(self) -> None:
        for name in ("frequency", "levels", "lateral"):
            refuse_source(getattr(self, name), name)

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        frequency = steady(self.frequency, "frequency", 1, clock).reshape(())
        levels = steady(self.levels, "levels", 1, clock).reshape(-1)
        angle = 2 * np.pi * cycles(frequency, *clock.run(count), clock.sample_rate)[1]
        gains = 2**0.5 * jnp.exp(float(np.log(10) / 20) * levels)
        hum = sum(gains[k] * jnp.sin((k + 1) * angle) for k in range(gains.shape[0]))
        right = 2 * steady(self.lateral, "lateral", 1, clock).reshape(()) - 1
        return jnp.stack([hum if i % 2 == 0 else right * hum for i in range(channels)])


def _root(share: Float[Array, ""]) -> Float[Array, ""]:
    """sqrt, whose slope at 0 is taken as 0."""
    some = share > 1e-12
    return jnp.where(some, jnp.sqrt(jnp.where(some, share, 1.0)), 0.0)


__all__ = ["MotorHum", "Rumble"]
