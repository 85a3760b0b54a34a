"""What a stylus loses when the groove asks for more force than it is pressed down with."""

import jax.numpy as jnp

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.signal.envelope import smooth
from ddspfx.signal.groove import REFERENCE
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, Readable, State

KNEE = 0.8
"""Share of the limit up to which nothing is lost; chosen."""
GRAVITY = 980.665
"""cm/s² of one g."""


def bounded(force: Audio) -> Audio:
    """f up to `KNEE`, then bent by a tanh, whose curvature begins at none, towards 1."""
    beyond = jnp.maximum(jnp.abs(force) - KNEE, 0.0)
    return jnp.clip(force, -KNEE, KNEE) + jnp.sign(force) * (1 - KNEE) * jnp.tanh(beyond / (1 - KNEE))


class Mistracking(AbstractBlock):
    """f = (v + T dv/dt) / limit, T = limit / acceleration; v_out is what the force min(|f|, 1) can still move.

    To move the stylus along the groove takes a force, which grows with velocity by the resistance of its mount and with
    acceleration by its mass; the arm presses it down with so much and no more. `limit` is the velocity (cm/s) at which
    all of that goes into resistance, `acceleration` (g) that at which all goes into mass: the limit of velocity falls
    as 1 / f above acceleration / (2 pi limit). Up to `KNEE` of it all the signal passes as it is; beyond, the force is
    bent towards its bound by a tanh. A value of one stands for `velocity` (cm/s). The real stylus leaves the wall
    with a rattle, which is left out. Aliases are left to `Oversampled`.
    Source: Kogen (1968), "Tracking ability specifications for phonograph cartridges", J. Audio Eng. Soc. 16, for
    velocity and acceleration as what bounds it; the bend is chosen.
    """

    limit: SlotLike = param(1.0, 200.0, "cm/s", default=30.0, log=True)
    acceleration: SlotLike = param(50.0, 20_000.0, "g", default=1_000.0, log=True)
    velocity: SlotLike = param(0.1, 200.0, "cm/s", default=REFERENCE, log=True)

    def init_state(self, channels: int, sample_rate: int) -> State:
        """The last sample, and what was last lost of it."""
        return jnp.zeros((channels, 1)), jnp.zeros((channels, 1))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        last, lost = (memory.astype(x.dtype) for memory in state)
        limit = read(self.limit, x, clock)
        scale: Readable = (limit / read(self.velocity, x, clock)).astype(x.dtype)
        times = (clock.sample_rate / GRAVITY * limit / read(self.acceleration, x, clock)).astype(x.dtype)
        before = jnp.concatenate([last, x[:, :-1]], axis=1)
        force = (x + times * (x - before)) / scale
        # The inverse of v + T dv/dt, which is a one-pole low-pass, of what the bound has taken off the force.
        rate = jnp.atleast_2d(1 / (1 + times))
        taken = smooth(scale * (bounded(force) - force), rate, rate, lost[:, 0])
        return x + taken, (x[:, -1:], taken[:, -1:])


__all__ = ["Mistracking"]
