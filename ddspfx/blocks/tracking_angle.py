"""A cartridge that does not stand as the cutter stood: tracking error and vertical angle."""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.block import AbstractBlock
from ddspfx.blocks.tracing import CENTIMETRE, HALF, REJECTION
from ddspfx.clock import Clock
from ddspfx.signal.groove import REFERENCE
from ddspfx.signal.polyphase import lowered, lowpass, raised, spread
from ddspfx.signal.shift import MARGIN, swung
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, State

FACTOR = 2
LEAK = 5.0
"""Hz below which the displacement is forgotten: warps move the arm, not the stylus in the groove."""
DEGREE = np.pi / 180


class TrackingAngle(AbstractBlock):
    """y_out(t) = y(t + y_out tan(eps) / V): the stylus swings at an angle to the way in which the groove was cut.

    `horizontal` (degrees) is the tracking error of a straight arm, and acts on what is lateral, (L + R) / sqrt 2;
    `vertical` is the angle of replay less that of the cut, 5 to 15 degrees, and acts on what is vertical,
    (L - R) / sqrt 2. A single channel is lateral. Velocities become w / (1 - w tan(eps) / V), w = v(t + tau), whose
    second harmonic is v tan(eps) / V. A value of one stands for `velocity` (cm/s); `speed` V (m/s) is the groove's, a
    number or a source. What is added is made at twice the sample rate; the signal passes it by unchanged, only late.
    Delays beyond `reach` (s) are held. Raises ValueError for more than two channels and a reach that is not above 0.
    Sources: Baerwald (1941), "Analytic treatment of tracking error and notes on optimal pick-up design", J. SMPE 37;
    Cooper (1963), "Compensation for tracing and tracking error", J. Audio Eng. Soc. 11, for the vertical angle.
    """

    horizontal: SlotLike = param(-45.0, 45.0, "°", default=2.0)
    vertical: SlotLike = param(-45.0, 45.0, "°", default=8.0)
    speed: SlotLike = param(0.05, 3.0, "m/s", default=0.5)
    velocity: SlotLike = param(0.1, 200.0, "cm/s", default=REFERENCE, log=True)
    reach: float = eqx.field(static=True, default=2e-4)

    def __check_init__(self) -> None:
        if not self.reach > 0:
            raise ValueError(f"reach is {self.reach} s, but must be above 0")

    def _ahead(self, sample_rate: int) -> int:
        return math.ceil(self.reach * sample_rate + MARGIN / FACTOR)

    def latency(self, sample_rate: int) -> float:
        return float(2 * HALF + self._ahead(sample_rate))

    def init_state(self, channels: int, sample_rate: int) -> State:
        """The signal, its directions at twice the rate and their displacement, and what was added to them."""
        if channels > 2:
            raise ValueError(f"channels is {channels}, but must be 1, what is lateral, or 2, the walls of a groove")
        late, ahead = int(self.latency(sample_rate)), self._ahead(sample_rate)
        return (
            jnp.zeros((channels, late)),
            jnp.zeros((channels, 2 * FACTOR * ahead)),
            jnp.zeros(channels),
            jnp.zeros((channels, 2 * FACTOR * HALF)),
        )

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        count, ahead, rate = x.shape[1], self._ahead(clock.sample_rate), FACTOR * clock.sample_rate
        past, moved, mean, added = (memory.astype(x.dtype) for memory in state)
        line, taps = jnp.concatenate([past, x], axis=1), lowpass(FACTOR, HALF, REJECTION)
        recent = turned(line[:, past.shape[1] - 2 * HALF :])
        moved = jnp.concatenate([moved, raised(recent, taps, FACTOR)], axis=1)
        slope = spread(self._slope(x, clock.after(-HALF - ahead)), FACTOR * count)
        swing, mean = swung(moved, slope, -math.expm1(-2 * math.pi * LEAK / rate), mean, FACTOR * count)
        swing = swing - moved[:, FACTOR * ahead : FACTOR * (ahead + count)]
        added = jnp.concatenate([added, swing], axis=1)
        y = line[:, :count] + turned(lowered(added, taps / FACTOR, FACTOR))
        return y, (line[:, count:], moved[:, FACTOR * count :], mean, added[:, FACTOR * count :])

    @classmethod
    def examples(cls) -> tuple["TrackingAngle", ...]:
        from ddspfx.source.groove import GrooveSpeed

        return (cls(3.0, 10.0, GrooveSpeed()),)

    def _slope(self, x: Audio, clock: Clock) -> Float[Array, "directions count_or_1"]:
        """tan(eps) / V times what a value of one stands for, of either direction."""
        speed, velocity = read(self.speed, x, clock), read(self.velocity, x, clock)
        angles = (self.horizontal, self.vertical)[: x.shape[0]]
        rows = [jnp.tan(DEGREE * read(angle, x, clock)) * CENTIMETRE * velocity / speed for angle in angles]
        rows = jnp.broadcast_arrays(*(jnp.atleast_2d(row)[:1] for row in rows))
        return jnp.concatenate(rows).astype(x.dtype)


def turned(x: Audio) -> Audio:
    """Two walls as lateral and vertical, (L + R) / sqrt 2 and (L - R) / sqrt 2, or back; one channel as it is."""
    if x.shape[0] == 1:
        return x
    return float(np.sqrt(0.5)) * jnp.stack([x[0] + x[1], x[0] - x[1]])


__all__ = ["TrackingAngle", "turned"]
