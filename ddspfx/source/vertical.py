"""What moves a groove up and down: opposite in the two walls."""

import jax.numpy as jnp

from ddspfx.clock import Clock
from ddspfx.slot import AbstractSource
from ddspfx.types import Readable


class Vertical(AbstractSource):
    """left = s, right = -s for two walls, s for one: a source played in the groove's depth, as a warp moves it."""

    source: AbstractSource

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        depth = jnp.broadcast_to(self.source.read(1, count, clock), (1, count))
        return depth if channels == 1 else jnp.concatenate([depth, -depth])

    def quiet(self) -> AbstractSource:
        return Vertical(self.source.quiet())


__all__ = ["Vertical"]
