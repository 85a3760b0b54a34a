"""Delays in seconds: one that moves, driven by a source or a trajectory, and one that stands still."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.signal.delay import lagged_read
from ddspfx.signal.interpolation import kernel
from ddspfx.slot import AbstractSource, Range, SlotLike, fill, param, read
from ddspfx.source.trajectory import Trajectory
from ddspfx.types import Audio, State

HOUR = 3_600.0
"""Seconds; no delay line is longer than that."""


class VariableDelay(AbstractBlock):
    """y(t) = x(t - d(t)), with d in seconds a number, any source, or a `Trajectory`, shared or one a channel.

    `shortest` and `longest` (seconds) are closed bounds of d; a number or a source that leaves them is
    refused (ValueError), a delay that leaves them while it is fitted is held at them. A `Trajectory` brings
    its base as whole samples, so no precision is lost to it. `interpolation` is "linear", "lagrange3",
    "lagrange5", "lagrange7" (2, 4, 6, 8 taps) or "sinc" (32 taps).

    An interpolator looks half its taps ahead. What `shortest` does not cover of that is added as whole
    samples of latency, so that even a delay of zero, or a negative one, is allowed; the source is read that much
    earlier. Raises ValueError unless `shortest` is below `longest`, both within an hour.
    Memory: `longest` and the taps. Source of the interpolators: Laakso et al. (1996), "Splitting the unit delay".
    """

    shortest: float = eqx.field(static=True)
    longest: float = eqx.field(static=True)
    interpolation: str = eqx.field(static=True)
    delay: SlotLike = param(-HOUR, HOUR, "s")

    def __init__(
        self,
        shortest: float = 0.0,
        longest: float = 0.05,
        delay: SlotLike | None = None,
        interpolation: str = "lagrange3",
    ):
        if not -HOUR <= shortest < longest <= HOUR:
            raise ValueError(
                f"shortest is {shortest} and longest {longest} s, but shortest must be the smaller, both within an hour"
            )
        kernel(interpolation)
        self.shortest, self.longest, self.interpolation = float(shortest), float(longest), interpolation
        given = min(longest, 0.0 if shortest < 0 else shortest + 0.01) if delay is None else delay
        self.delay = fill(given, self.ranges["delay"])

    @property
    def ranges(self) -> dict[str, Range]:
        """The slot's range, which is this line's own."""
        return {"delay": Range(self.shortest, self.longest, "s")}

    def check(self, delay: SlotLike) -> None:
        """Raises ValueError, naming shortest and longest, when this line is too short for `delay` (or too long)."""
        fill(delay, self.ranges["delay"])

    def _reach(self, sample_rate: int) -> tuple[int, int]:
        """Samples of latency, and samples that the line remembers."""
        half = kernel(self.interpolation).shape[0] // 2
        late = max(0, half - 1 - math.floor(self.shortest * sample_rate + 1e-9))
        return late, math.ceil(self.longest * sample_rate) + half + late + 1

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, self._reach(sample_rate)[1]))

    def latency(self, sample_rate: int) -> float:
        return float(self._reach(sample_rate)[0])

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        late, memory = self._reach(clock.sample_rate)
        base, lag = held_lag(self.delay, x, clock.after(-late), self.shortest, self.longest)
        past = state.astype(x.dtype)
        return played(past, x, memory - late - base, lag, self.interpolation), remembered(past, x)

    @classmethod
    def examples(cls) -> tuple["VariableDelay", ...]:
        wander = Trajectory(131, 1e-4 * jnp.sin(jnp.arange(20.0)), 44_100)
        return (cls(), cls(0.0, 0.01, wander, "linear"), cls(0.0, 0.001, 0.0004, "sinc"))


class FixedDelay(AbstractBlock):
    """y(t) = x(t - delay), a delay in seconds that stands still, whole or fractional, and can be trained.

    `longest` (seconds) is what the line remembers and bounds the slot. The delay is a number, one a channel,
    or a knob; a source is refused (ValueError), `VariableDelay` takes those. The interpolator is Lagrange's
    of third order (Laakso et al., 1996), which looks one sample ahead: that is the block's latency.
    Raises ValueError when `longest` is not above 0 and at most an hour.
    """

    longest: float = eqx.field(static=True)
    delay: SlotLike = param(0.0, HOUR, "s")

    def __init__(self, delay: SlotLike = 0.01, longest: float = 1.0):
        if not 0 < longest <= HOUR:
            raise ValueError(f"longest is {longest} s, but must be above 0 and at most {HOUR:g} s")
        if isinstance(delay, AbstractSource):
            raise ValueError(f"delay is a {type(delay).__name__}, but must be a number or a knob: use VariableDelay")
        self.longest = float(longest)
        self.delay = fill(delay, self.ranges["delay"])

    @property
    def ranges(self) -> dict[str, Range]:
        """The slot's range, which is this line's own."""
        return {"delay": Range(0.0, self.longest, "s")}

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, math.ceil(self.longest * sample_rate) + 4))

    def latency(self, sample_rate: int) -> float:
        return 1.0

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        base, lag = held_lag(self.delay, x, clock.after(-1), 0.0, self.longest)
        past = state.astype(x.dtype)
        return played(past, x, past.shape[1] - 1 - base, lag, "lagrange3"), remembered(past, x)

    @classmethod
    def examples(cls) -> tuple["FixedDelay", ...]:
        return (cls(0.00123, 0.002),)


def played(past: Audio, x: Audio, start: Int[Array, ""], lag: Float[Array, "..."], interpolation: str) -> Audio:
    """The line of `past` and `x`, read `lag` samples before `start` and on, as many samples as x has."""
    return lagged_read(past, x, jnp.reshape(start, (1, 1)), lag, kernel(interpolation), x.shape[1])


def remembered(past: Audio, x: Audio) -> Audio:
    """What a line of the past's length remembers after `x`."""
    memory, count = past.shape[1], x.shape[1]
    if count >= memory:
        return x[:, count - memory :]
    # XLA copies the line once for this, and twice for a concatenation.
    moved = lax.pad(past, jnp.zeros((), past.dtype), ((0, 0, 0), (-count, count, 0)))
    return lax.dynamic_update_slice(moved, x.astype(past.dtype), (0, memory - count))


def held_lag(
    slot: Any, x: Audio, clock: Clock, shortest: float, longest: float, less: float = 0.0
) -> tuple[Int[Array, ""], Float[Array, "..."]]:
    """The delay in samples, held within the line: a whole base, and the rest of (1 or channels, 1 or count).

    Held by value only: the slope passes, so that a fit can come back from outside. `less` samples of it are
    served by somebody else.
    """
    base, rest = lag(slot, x, clock)
    rest = jnp.atleast_2d(rest)
    low, high = (jnp.asarray(s * clock.sample_rate, rest.dtype) - base for s in (shortest, longest))
    return base, lax.stop_gradient(jnp.clip(rest, low, high)) + (rest - lax.stop_gradient(rest)) - less


def lag(slot: Any, x: Audio, clock: Clock) -> tuple[Int[Array, ""], Float[Array, "..."]]:
    """What a delay slot asks for in samples: a whole base, which only a trajectory has, and the rest."""
    seconds = read(slot, x, clock)
    if isinstance(slot, Trajectory):
        base, fraction = slot.split(clock.sample_rate)
        return base, fraction + seconds * clock.sample_rate
    return jnp.int32(0), seconds * clock.sample_rate
