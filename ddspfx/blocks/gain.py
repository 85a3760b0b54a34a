"""Levels: a gain, and the balance of two channels."""

import jax.numpy as jnp

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, Readable, State


def amplitude(decibels: Readable) -> Readable:
    """g = 10^(dB / 20)."""
    return jnp.exp(jnp.log(10.0) / 20 * decibels)


class Gain(AbstractBlock):
    """y = 10^(level / 20) x."""

    level: SlotLike = param(-120.0, 60.0, "dB", default=0.0)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return ()

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        return amplitude(read(self.level, x, clock)) * x, state


class Balance(AbstractBlock):
    """Turns one of two channels down: l' = min(1, 1 - b) l, r' = min(1, 1 + b) r.

    `balance` runs from -1 (left alone) over 0 (both untouched) to 1 (right alone). Raises ValueError for
    other than two channels.
    """

    balance: SlotLike = param(-1.0, 1.0, "", default=0.0)

    def init_state(self, channels: int, sample_rate: int) -> State:
        if channels != 2:
            raise ValueError(f"x has {channels} channels, but Balance takes two")
        return ()

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        b = read(self.balance, x, clock)
        b = jnp.broadcast_to(b, (1, x.shape[1]))
        sides = jnp.concatenate([jnp.minimum(1.0, 1.0 - b), jnp.minimum(1.0, 1.0 + b)])
        return sides * x, state
