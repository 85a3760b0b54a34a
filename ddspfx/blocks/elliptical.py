"""Bass to the middle, as a cutting desk does it, and the width of the whole."""

import jax.numpy as jnp

from ddspfx.block import AbstractBlock
from ddspfx.blocks.one_pole import OnePole
from ddspfx.clock import Clock
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, State


class EllipticalEQ(AbstractBlock):
    """l = m + v, r = m - v: m = (x_l + x_r) / 2 as it is, v = width H (x_l - x_r) / 2, H a first-order high-pass.

    The cut's vertical part loses its bass below `cutoff` (Hz), so that the stylus is not thrown out of the groove;
    `width` 1 leaves the rest as wide as it is, 0 is mono. A single channel passes untouched. State: one sample. Raises
    ValueError for more than two channels.
    """

    cutoff: SlotLike = param(5.0, 20_000.0, "Hz", default=150.0, log=True)
    width: SlotLike = param(0.0, 2.0, "", default=1.0)

    def init_state(self, channels: int, sample_rate: int) -> State:
        if channels > 2:
            raise ValueError(f"x has {channels} channels, but a groove has two walls")
        return jnp.zeros((1, 1))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        if x.shape[0] == 1:
            return x, state
        lateral, vertical = (x[:1] + x[1:]) / 2, (x[:1] - x[1:]) / 2
        bass, state = OnePole(self.cutoff)(vertical, state, clock)
        vertical = read(self.width, vertical, clock) * (vertical - bass)
        return jnp.concatenate([lateral + vertical, lateral - vertical]), state


__all__ = ["EllipticalEQ"]
