"""First-order filters: a one-pole low-pass, and one that takes DC out."""

import jax
import jax.numpy as jnp

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.signal.recurrence import StateSpace, invariant, varying
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, Readable, State


def decay(cutoff: Readable, sample_rate: float) -> Readable:
    """a - 1 = exp(-2π f / fs) - 1, without the cancellation."""
    return jnp.expm1(-2 * jnp.pi / sample_rate * cutoff)


def _run(x: Audio, E: Readable, C: Readable, D: Readable, state: State) -> tuple[Audio, State]:
    """The system s' = s + E (s - x), y = C s + D x, by the kernel that the shapes ask for."""
    E, C, D = jnp.broadcast_arrays(E, C, D)
    system = StateSpace(E[..., None, None], -E[..., None], C[..., None], D)
    if D.ndim == 2 and D.shape[1] > 1:
        return varying(x, system, state)
    if D.ndim == 2:
        system = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (x.shape[0], *leaf.shape[1:]))[:, 0], system)
    return invariant(x, system, state)


class OnePole(AbstractBlock):
    """y[n] = a y[n-1] + (1 - a) x[n], a = exp(-2π cutoff / fs): a low-pass, as an RC network has it.

    State: y[n-1]. Source: Smith (2007), "Introduction to Digital Filters", section "One-Pole".
    """

    cutoff: SlotLike = param(0.1, 96_000.0, "Hz", default=1_000.0, log=True)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, 1))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        E = decay(read(self.cutoff, x, clock), clock.sample_rate)
        return _run(x, E, 1 + E, -E, state)


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
        return _run(x, E, -(1 + E / 2), 1 + E / 2, state)


__all__ = ["DCBlocker", "OnePole", "decay"]
