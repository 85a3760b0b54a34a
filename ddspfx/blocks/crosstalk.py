"""What one track hears of the others."""

import jax.numpy as jnp

from ddspfx.block import AbstractBlock
from ddspfx.blocks.gain import amplitude
from ddspfx.blocks.one_pole import OnePole
from ddspfx.clock import Clock
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, State


class Crosstalk(AbstractBlock):
    """y_i = x_i + 10^(level / 20) F(mean of the other x_j), F a first-order low-pass at `cutoff`.

    A head's side reads its neighbour's long wavelengths most (exp(-k d) with the tracks d apart), so crosstalk falls
    with frequency. A single channel passes untouched. State: one sample a channel.
    """

    level: SlotLike = param(-120.0, 0.0, "dB", default=-50.0)
    cutoff: SlotLike = param(10.0, 96_000.0, "Hz", default=400.0, log=True)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, 1))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        channels = x.shape[0]
        if channels == 1:
            return x, state
        others = (x.sum(axis=0, keepdims=True) - x) / (channels - 1)
        heard, state = OnePole(self.cutoff)(others, state, clock)
        return x + amplitude(read(self.level, x, clock)) * heard, state


__all__ = ["Crosstalk"]
