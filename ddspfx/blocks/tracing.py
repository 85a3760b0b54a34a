"""Tracing distortion: a ball cannot follow the groove that a chisel has cut."""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.signal.contact import MARGIN, lift
from ddspfx.signal.groove import REFERENCE
from ddspfx.signal.polyphase import derivative, half_length, lowered, lowpass, raised
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, State

EDGE = 20_000 / 44_100
"""The pass band of the way to the higher rate and back, a share of the sample rate."""
REJECTION = 70.0
"""Images and aliases of what the ball adds, in dB; the signal itself goes past the filters."""
FACTORS = (2, 4, 8)
MICRON = 1e-6
CENTIMETRE = 1e-2


class Tracing(AbstractBlock):
    """v_c = v + d/dt (y_c - y), y_c(x) = max_u [y(x + u) + sqrt(rho^2 - u^2)] - rho, x = V t, y' = v: the envelope.

    The replay stylus is a ball of `radius` rho (µm) in the groove: 18 or 15 for a spherical stylus, and the side
    radius, 8 or less, for an elliptical one. Channel by channel the signal is the velocity of a wall, of which a
    value of one stands for `velocity` (cm/s); `speed` V (m/s) is that of the groove, a number or a source. A faint
    tone's second harmonic is rho omega v / (2 V^2). Channels take turns in sign, since in a stereo groove the right
    wall faces the stylus the other way round when both channels move together: of a lateral signal, odd harmonics
    alone are left in L + R, and the second is in L - R, as on a record.

    What the ball adds is made at `factor` times the sample rate; the signal passes it by unchanged, only late. Contacts
    that lie farther than `reach` (s) are held there, which for 18 µm begins below V = 0.09 m/s. Raises ValueError for
    another factor than 2, 4 and 8 and for a reach that is not above 0.
    Sources: Pierce and Hunt (1938), J. Acoust. Soc. Am. 10; Corrington (1949), "Tracing distortion in phonograph
    records", RCA Review 10; Lewis and Hunt (1941), for the harmonics. The equation stands at
    `ddspfx.signal.contact.lift`.
    """

    radius: SlotLike = param(1.0, 100.0, "µm", default=18.0, log=True)
    speed: SlotLike = param(0.05, 3.0, "m/s", default=0.5)
    velocity: SlotLike = param(0.1, 200.0, "cm/s", default=REFERENCE, log=True)
    factor: int = eqx.field(static=True, default=4)
    reach: float = eqx.field(static=True, default=2e-4)

    def __check_init__(self) -> None:
        if self.factor not in FACTORS:
            raise ValueError(f"factor is {self.factor}, but must be one of {', '.join(map(str, FACTORS))}")
        if not self.reach > 0:
            raise ValueError(f"reach is {self.reach} s, but must be above 0")

    def _ahead(self, sample_rate: int) -> int:
        """Samples that the contact may lie ahead or behind, and its interpolator."""
        return math.ceil(self.reach * sample_rate + MARGIN / self.factor)

    def latency(self, sample_rate: int) -> float:
        return float(2 * HALF + self._ahead(sample_rate))

    def init_state(self, channels: int, sample_rate: int) -> State:
        """The signal, the signal at the higher rate, and what the ball added to it there."""
        sizes = (
            int(self.latency(sample_rate)),
            2 * self.factor * self._ahead(sample_rate),
            2 * HALF * self.factor,
        )
        return tuple(jnp.zeros((channels, size)) for size in sizes)

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        count, ahead = x.shape[1], self._ahead(clock.sample_rate)
        sides = jnp.asarray(np.resize([1.0, -1.0], (x.shape[0], 1)), x.dtype)
        past, wall, lifts = (memory.astype(x.dtype) for memory in state)
        line = jnp.concatenate([past, x], axis=1)
        up = raised(sides * line[:, past.shape[1] - 2 * HALF :], lowpass(self.factor, HALF, REJECTION), self.factor)
        wall = jnp.concatenate([wall, up], axis=1)
        radius, slope = self._ball(x, clock.after(-HALF - ahead))
        made = lift(wall, radius, slope, self.factor * count)
        lifts = jnp.concatenate([lifts, made], axis=1)
        added = lowered(lifts, derivative(self.factor, HALF, REJECTION), self.factor)
        rest = line[:, count:], wall[:, self.factor * count :], lifts[:, self.factor * count :]
        return line[:, :count] + sides * added, rest

    def _ball(self, x: Audio, clock: Clock) -> tuple[Audio, Audio]:
        """The ball's radius in samples of the higher rate, and the slope of the wall where x is one."""
        speed, velocity = read(self.speed, x, clock), read(self.velocity, x, clock)
        radius = MICRON * self.factor * clock.sample_rate * read(self.radius, x, clock) / speed
        return jnp.atleast_2d(radius), jnp.atleast_2d(CENTIMETRE * velocity / speed)

    @classmethod
    def examples(cls) -> tuple["Tracing", ...]:
        from ddspfx.source.groove import GrooveSpeed

        return cls(), cls(25.0, GrooveSpeed(position=1.0))


HALF = half_length(EDGE, REJECTION)

__all__ = ["Tracing"]
