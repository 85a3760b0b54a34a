"""A model as it plays: blocks of samples in, blocks of samples out."""

from typing import Any

import jax
import jax.numpy as jnp

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.types import Audio, RandomKey


class Stream:
    """Calls a model block by block: `y = stream(x)`, x and y of shape (channels, block_size).

    The model is closed over and compiled once, which makes a call several times cheaper than passing it.
    State and clock move on by themselves; memory is constant, so a file of any length passes through. The
    output is late by `stream.latency` samples. This is the one object here that changes as it is used.
    """

    def __init__(
        self,
        block: AbstractBlock,
        channels: int,
        sample_rate: int,
        block_size: int,
        *,
        key: RandomKey | int | None = None,
    ):
        if block_size < 1 or channels < 1:
            raise ValueError(f"block_size is {block_size} and channels is {channels}, but both must be at least 1")
        self.shape = (channels, block_size)
        self.latency = block.latency(sample_rate)
        self._start = (block.init_state(channels, sample_rate), Clock.zero(sample_rate, key))
        self._state, self._clock = self._start

        @jax.jit
        def step(x: Audio, state: Any, clock: Clock) -> tuple[Audio, Any, Clock]:
            y, state = block(x, state, clock)
            return y, state, clock.after(x.shape[1])

        silence = jnp.zeros(self.shape)
        self._step = step.lower(silence, self._state, self._clock).compile()

    def __call__(self, x: Audio) -> Audio:
        """The next block. Raises ValueError when `x` is not (channels, block_size)."""
        if x.shape != self.shape:
            raise ValueError(f"x has shape {x.shape}, but this stream takes {self.shape}")
        y: Audio
        y, self._state, self._clock = self._step(jnp.asarray(x, float), self._state, self._clock)
        return y

    def reset(self) -> None:
        """Back to the start of the take."""
        self._state, self._clock = self._start
