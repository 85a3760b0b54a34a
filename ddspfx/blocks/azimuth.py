"""A head that leans: one track ahead of the other."""

import math

import equinox as eqx
import jax.numpy as jnp

from ddspfx.block import AbstractBlock
from ddspfx.blocks.delay import played, remembered
from ddspfx.blocks.tape_loss import ARC_MINUTE, INCH
from ddspfx.clock import Clock
from ddspfx.signal.interpolation import kernel
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, State


class Azimuth(AbstractBlock):
    """y_i(t) = x_i(t - c_i s(t)), s = D tan(angle + wander) / v, c_i = i - (channels - 1) / 2: tracks that skew.

    `angle` and `wander` are in arc minutes (a source in the second lets the tape weave), D is the `distance` of
    neighbouring tracks in mm, v the `speed` in inches a second. The channels move about their middle, so that the
    block is late by `reach` (s), beyond which the skew of a channel is held; a single channel is only late. What a
    lean takes off each track's treble is in `TapeLoss`. Raises ValueError when `reach` is not above 0.
    """

    angle: SlotLike = param(-60.0, 60.0, "'", default=0.0)
    wander: SlotLike = param(-60.0, 60.0, "'", default=0.0)
    distance: SlotLike = param(0.1, 25.0, "mm", default=3.0)
    speed: SlotLike = param(0.5, 60.0, "ips", default=7.5)
    reach: float = eqx.field(static=True, default=3e-4)
    interpolation: str = eqx.field(static=True, default="lagrange5")

    def __check_init__(self) -> None:
        kernel(self.interpolation)
        if not self.reach > 0:
            raise ValueError(f"reach is {self.reach} s, but must be above 0")

    def _reach(self, sample_rate: int) -> tuple[int, int]:
        """Samples of latency, and samples that the line remembers."""
        half = kernel(self.interpolation).shape[0] // 2
        late = math.ceil(self.reach * sample_rate) + half - 1
        return late, 2 * late + 3

    def latency(self, sample_rate: int) -> float:
        return float(self._reach(sample_rate)[0])

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, self._reach(sample_rate)[1]))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        late, memory = self._reach(clock.sample_rate)
        early, past, channels = clock.after(-late), state.astype(x.dtype), x.shape[0]
        if channels == 1:
            line = jnp.concatenate([past, x], axis=1)
            return line[:, memory - late : memory - late + x.shape[1]], remembered(past, x)
        angle = ARC_MINUTE * (read(self.angle, x, early) + read(self.wander, x, early))
        distance, speed = read(self.distance, x, early), read(self.speed, x, early)
        skew = 1e-3 / INCH * distance * jnp.tan(angle) / speed
        middle = jnp.arange(channels)[:, None] - (channels - 1) / 2
        lag = clock.sample_rate * jnp.clip(middle * skew, -self.reach, self.reach)
        return played(past, x, jnp.int32(memory - late), lag, self.interpolation), remembered(past, x)

    @classmethod
    def examples(cls) -> tuple["Azimuth", ...]:
        from ddspfx.source.lfo import LFO

        return cls(3.0), cls(0.5, LFO(3.0, 1.0))


__all__ = ["Azimuth"]
