"""What all machines share that are played with knobs: blocks in a row, beside the untouched signal."""

from typing import Self

import equinox as eqx

from ddspfx.block import AbstractBlock
from ddspfx.blocks.chain import AbstractNamed, Mix, Serial
from ddspfx.clock import Clock
from ddspfx.slot import SlotLike, replace
from ddspfx.types import Audio, State


class AbstractPlayed(AbstractNamed):
    """y = (1 - mix) x + mix T(x), T the blocks in a row."""

    names: eqx.AbstractVar[tuple[str, ...]]
    blocks: eqx.AbstractVar[tuple[AbstractBlock, ...]]
    mix: eqx.AbstractVar[SlotLike]

    def _mixed(self) -> Mix:
        return Mix(Serial(**dict(zip(self.names, self.blocks, strict=True))), self.mix)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return self._mixed().init_state(channels, sample_rate)

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        return self._mixed()(x, state, clock)

    def latency(self, sample_rate: int) -> float:
        return self._mixed().latency(sample_rate)

    def without(self, *names: str) -> Self:
        """The machine without some of its blocks. Raises ValueError for a name that it has not."""
        missing = sorted(set(names) - set(self.names))
        if missing:
            raise ValueError(f"no block is called {', '.join(missing)}; this machine has {', '.join(self.names)}")
        kept = [(name, block) for name, block in zip(self.names, self.blocks, strict=True) if name not in names]
        return replace(self, names=tuple(name for name, _ in kept), blocks=tuple(block for _, block in kept))


__all__ = ["AbstractPlayed"]
