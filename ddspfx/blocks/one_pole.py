"""First-order filters: a one-pole low-pass, and one that takes DC out."""

import jax.numpy as jnp

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.signal.envelope import smooth
from ddspfx.signal.native.library import choose
from ddspfx.signal.recurrence import StateSpace, invariant
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, Readable, State


def decay(cutoff: Readable, sample_rate: float) -> Readable:
    """a - 1 = exp(-2π f / fs) - 1, without the cancellation."""
    return jnp.expm1(-2 * jnp.pi / sample_rate * cutoff)


def _means(x: Audio, E: Readable, state: State) -> tuple[Audio, State]:
    """s' = s + E (s - x): s before every sample, and the last, by the kernel that the shape of E asks for."""
    moving = E.ndim == 2 and E.shape[1] > 1
    done: tuple[Audio, State] = _marched(x, E, state) if moving else choose(_marched, _in_blocks, x, E, state)
    return done


def _marched(x: Audio, E: Readable, state: State) -> tuple[Audio, State]:
    after = smooth(x, -E, -E, state[:, 0])
    return jnp.concatenate([state, after[:, :-1]], axis=1), after[:, -1:]


def _in_blocks(x: Audio, E: Readable, state: State) -> tuple[Audio, State]:
    E = jnp.broadcast_to(E[:, 0], x.shape[:1]) if E.ndim == 2 else E
    one = jnp.ones_like(E)
    return invariant(x, StateSpace(E[..., None, None], -E[..., None], one[..., None], 0 * one), state)


class OnePole(AbstractBlock):
    """y[n] = a y[n-1] + (1 - a) x[n], a = exp(-2π cutoff / fs): a low-pass, as an RC network has it.

    State: y[n-1]. Source: Smith (2007), "Introduction to Digital Filters", section "One-Pole".
    """

    cutoff: SlotLike = param(0.1, 96_000.0, "Hz", default=1_000.0, log=True)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, 1))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        E = decay(read(self.cutoff, x, clock), clock.sample_rate)
        before, end = _means(x, E, state)
        return before + E * (before - x), end


class DCBlocker(AbstractBlock):
    """y[n] = a y[n-1] + (1 + a)/2 (x[n] - x[n-1]), a = exp(-2π cutoff / fs): 0 at DC, 1 at half the rate.

    State: the slow mean that is taken off, s' = a s + (1 - a) x, y = (1 + a)/2 (x - s); so DC goes even while
    the cutoff moves. Source: Smith (2007), "Introduction to Digital Filters", section "DC Blocker".
    """

    cutoff: SlotLike = param(0.1, 1_000.0, "Hz", default=10.0, log=True)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, 1))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        E = decay(read(self.cutoff, x, clock), clock.sample_rate)
        before, end = _means(x, E, state)
        return (1 + E / 2) * (x - before), end


__all__ = ["DCBlocker", "OnePole", "decay"]
