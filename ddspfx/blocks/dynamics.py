"""Dynamics: a follower of the envelope, and a compressor."""

import equinox as eqx
import jax.numpy as jnp

from ddspfx.block import AbstractBlock
from ddspfx.blocks.gain import amplitude
from ddspfx.clock import Clock
from ddspfx.signal.envelope import (
    DETECTORS,
    decibels,
    feedback_reduction,
    forward_reduction,
    rate,
    rectified,
    root,
    smooth,
)
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, State

_TOPOLOGIES = {"feedforward": forward_reduction, "feedback": feedback_reduction}


class EnvelopeFollower(AbstractBlock):
    """The level of a signal: y = smooth(|x|) for the peak detector, sqrt(smooth(x^2)) for "rms".

    smooth is y[n] = alpha y[n-1] + (1 - alpha) x[n] with alpha = exp(-1 / (tau fs)), `attack` while it rises
    and `release` while it falls. Raises ValueError for another detector.
    Source: Giannoulis, Massberg, Reiss (2012), "Digital dynamic range compressor design", J. Audio Eng. Soc.
    60(6), eqs. 7 and 16.
    """

    attack: SlotLike = param(0.01, 1_000.0, "ms", default=5.0, log=True)
    release: SlotLike = param(0.1, 10_000.0, "ms", default=100.0, log=True)
    detector: str = eqx.field(static=True, default="peak")

    def __check_init__(self) -> None:
        _check("detector", self.detector, DETECTORS)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros(channels)

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        attack, release = (rate(read(slot, x, clock), clock.sample_rate) for slot in (self.attack, self.release))
        level = smooth(rectified(x, self.detector), attack, release, state)
        return level if self.detector == "peak" else root(level), level[:, -1]


class Compressor(AbstractBlock):
    """y = 10^((makeup - q) / 20) x, where the gain reduction q in dB follows the level.

    "feedforward": q = smooth((1 - 1/R) over(level of x)); "feedback": q = smooth((R - 1) over(level of y)),
    solved without delay. Both hold an output of T + (x - T) / R above the `threshold` T; within `knee` dB
    around it the curve is quadratic. smooth branches between `attack` and `release`, in ms. The "peak"
    detector reads |x|, "rms" the mean square over `averaging` ms; in the feedback loop the latter is the
    input's, less the gain. With `link` one gain, of the loudest channel, serves all. Raises ValueError for
    another topology or detector.
    Source: Giannoulis, Massberg, Reiss (2012), "Digital dynamic range compressor design", J. Audio Eng. Soc.
    60(6), eqs. 4, 7 and 16; the feedback loop without delay is ours.
    """

    threshold: SlotLike = param(-80.0, 20.0, "dB", default=-20.0)
    ratio: SlotLike = param(1.0, 100.0, "", default=4.0, log=True)
    attack: SlotLike = param(0.01, 1_000.0, "ms", default=5.0, log=True)
    release: SlotLike = param(0.1, 10_000.0, "ms", default=100.0, log=True)
    knee: SlotLike = param(0.0, 40.0, "dB", default=6.0)
    makeup: SlotLike = param(-40.0, 40.0, "dB", default=0.0)
    averaging: SlotLike = param(0.01, 1_000.0, "ms", default=10.0, log=True)
    topology: str = eqx.field(static=True, default="feedforward")
    detector: str = eqx.field(static=True, default="peak")
    link: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        _check("topology", self.topology, tuple(_TOPOLOGIES))
        _check("detector", self.detector, DETECTORS)

    def init_state(self, channels: int, sample_rate: int) -> State:
        """The mean square and the gain reduction, of each channel or of all when they are linked."""
        count = 1 if self.link else channels
        return jnp.zeros(count), jnp.zeros(count)

    def _level(self, x: Audio, square: State, clock: Clock) -> tuple[Audio, State]:
        """The detector's level in dB, and the mean square after it."""
        level = rectified(x, self.detector)
        if self.link:
            level = level.max(axis=0, keepdims=True)
        if self.detector == "rms":
            speed = rate(read(self.averaging, level, clock), clock.sample_rate)
            level = smooth(level, speed, speed, square)
            square = level[:, -1]
        return decibels(level, self.detector), square

    def reduction(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        """The gain reduction in dB, (channels, samples) or (1, samples) when linked, and the state after."""
        level, square = self._level(x, state[0], clock)
        threshold, ratio, knee = (read(slot, level, clock) for slot in (self.threshold, self.ratio, self.knee))
        attack, release = (rate(read(slot, level, clock), clock.sample_rate) for slot in (self.attack, self.release))
        reduce = _TOPOLOGIES[self.topology]
        q = reduce(level, threshold, ratio, knee, attack, release, state[1])
        return q, (square, q[:, -1])

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        q, state = self.reduction(x, state, clock)
        return amplitude(read(self.makeup, x, clock) - q) * x, state

    @classmethod
    def examples(cls) -> tuple["Compressor", ...]:
        return (cls(), cls(topology="feedback", detector="rms", link=True))


def _check(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise ValueError(f"{what} is {given!r}, but must be one of {', '.join(known)}")
