"""Feedback around a block through a delay: echoes, combs, flangers, regeneration."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import lax

from ddspfx.block import AbstractBlock
from ddspfx.blocks.delay import HOUR, held_lag, played, remembered
from ddspfx.clock import Clock
from ddspfx.slot import Range, SlotLike, fill, param, read
from ddspfx.types import Audio, State


class Feedback(AbstractBlock):
    """y(t) = x(t) + gain b(y)(t - delay): what leaves is sent through `block`, comes back later, and is added.

    `delay` (seconds, a number, a source or a trajectory) stays within `shortest` and `longest`; what the
    block itself is late by counts as part of it. `gain` stays within -0.99 and 0.99, so the loop dies away
    as long as the block amplifies at no frequency. Nothing that leaves returns before `shortest`, so that
    many samples are computed at once, whatever the pieces. The delay line is read by Lagrange's polynomial of
    third order. Raises ValueError when `shortest` leaves less than two samples beside the block's latency.
    """

    block: AbstractBlock
    shortest: float = eqx.field(static=True)
    longest: float = eqx.field(static=True)
    delay: SlotLike = param(0.0, HOUR, "s")
    gain: SlotLike = param(-0.99, 0.99, "", default=0.5)

    def __init__(
        self,
        block: AbstractBlock,
        delay: SlotLike = 0.05,
        gain: SlotLike = 0.5,
        *,
        shortest: float = 0.001,
        longest: float = 0.1,
    ):
        if not 0 < shortest < longest <= HOUR:
            raise ValueError(f"shortest is {shortest} and longest {longest} s, but must be 0 < shortest < longest")
        self.block, self.shortest, self.longest = block, float(shortest), float(longest)
        self.delay, self.gain = fill(delay, self.ranges["delay"]), gain

    @property
    def ranges(self) -> dict[str, Range]:
        """The delay's range, which is this loop's own."""
        return {"delay": Range(self.shortest, self.longest, "s")}

    def _hop(self, sample_rate: int) -> int:
        """Samples that can be computed at once: one less than the shortest way round, since Lagrange looks ahead."""
        hop = math.floor(self.shortest * sample_rate - self.block.latency(sample_rate) + 1e-9) - 1
        if hop < 1:
            least = (self.block.latency(sample_rate) + 2) / sample_rate
            raise ValueError(f"shortest is {self.shortest} s, but must be at least {least:.3g} s around this block")
        return hop

    def init_state(self, channels: int, sample_rate: int) -> State:
        self._hop(sample_rate)
        line = jnp.zeros((channels, math.ceil(self.longest * sample_rate) + 4))
        return self.block.init_state(channels, sample_rate), line

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        hop = self._hop(clock.sample_rate)
        hops, rest = divmod(x.shape[1], hop)
        done = []
        if hops:
            state, clock, y = self._hops(x[:, : hops * hop], state, clock, hop)
            done.append(y)
        if rest:
            y, state = self._at_once(x[:, hops * hop :], state, clock)
            done.append(y)
        return jnp.concatenate(done, axis=1) if done else x, state

    def _hops(self, x: Audio, state: State, clock: Clock, hop: int) -> tuple[State, Clock, Audio]:
        def step(carry: Any, piece: Audio) -> tuple[Any, Audio]:
            state, clock = carry
            y, state = self._at_once(piece, state, clock)
            return (state, clock.after(hop)), y

        pieces = jnp.moveaxis(x.reshape(x.shape[0], -1, hop), 1, 0)
        (state, clock), y = lax.scan(step, (state, clock), pieces)
        return state, clock, jnp.moveaxis(y, 0, 1).reshape(x.shape)

    def _at_once(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        """A piece so short that nothing of it comes back within it."""
        inner, line = state
        late = self.block.latency(clock.sample_rate)
        base, lag = held_lag(self.delay, x, clock, self.shortest, self.longest, late)
        # The samples that are not there yet have no part in this piece: the shortest delay sees to that.
        back = played(line, jnp.zeros_like(x, line.dtype), line.shape[1] - base, lag, "lagrange3")
        y = x + read(self.gain, x, clock) * back
        sent, inner = self.block(y, inner, clock)
        return y, (inner, remembered(line, sent))

    @classmethod
    def examples(cls) -> tuple["Feedback", ...]:
        from ddspfx.blocks.gain import Gain

        return (cls(Gain(-1.0), 0.0023, 0.7, shortest=0.002, longest=0.003),)
