"""What each coil of a stereo cartridge hears of the other wall."""

import jax.numpy as jnp
import numpy as np

from ddspfx.block import AbstractBlock
from ddspfx.blocks.gain import amplitude
from ddspfx.clock import Clock
from ddspfx.signal.matched import shelf
from ddspfx.signal.svf import Section, svf
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, State

MIDDLE = 1_000.0
"""Hz at which `level` is stated; `treble` is at ten times that."""
CEILING = 5e-6
"""Seconds, 32 kHz: where the rise ends."""
STEEPEST, FLATTEST = 19.9, 0.1
"""dB by which `treble` may lie over `level`: a first-order rise has less than 20 dB in a decade."""


class CartridgeCrosstalk(AbstractBlock):
    """y_l = x_l + F x_r, y_r = x_r + F x_l: a 2 x 2 filter, F of first order through two points.

        F(s) = a (1 + s tau) / (1 + s 5 µs), |F| = `level` dB at 1 kHz and about `treble` dB at 10 kHz

    The generator's coils hear the wrong wall by geometry alone at low frequencies, and more as the stylus's shank
    bends. `treble` counts as between 0.1 and 19.9 dB above `level`. A single channel passes untouched. State: two
    integrators a channel. Raises ValueError for more than two channels.
    """

    level: SlotLike = param(-80.0, 0.0, "dB", default=-25.0)
    treble: SlotLike = param(-80.0, 0.0, "dB", default=-12.0)

    def design(self, x: Audio, clock: Clock) -> Section:
        """F for the samples of `x`."""
        level, treble = read(self.level, x, clock), read(self.treble, x, clock)
        # 1 + (10 w)² = r (1 + w²), w = 2 pi MIDDLE tau and r the rise in power with what the ceiling takes put back.
        ratio = 10 ** (jnp.clip(treble - level, FLATTEST, STEEPEST) / 10) * _power(10 * MIDDLE) / _power(MIDDLE)
        w = jnp.sqrt((jnp.minimum(ratio, 99.9) - 1) / (100 - jnp.minimum(ratio, 99.9)))
        plain = shelf(w / (2 * np.pi * MIDDLE), jnp.asarray(CEILING), clock.sample_rate)
        gain = amplitude(level) * jnp.sqrt(_power(MIDDLE) / (1 + w**2))
        return Section(plain.g, plain.damping, gain * plain.high, gain * plain.band, gain * plain.low)

    def init_state(self, channels: int, sample_rate: int) -> State:
        if channels > 2:
            raise ValueError(f"x has {channels} channels, but a groove has two walls")
        return jnp.zeros((channels, 2))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        if x.shape[0] == 1:
            return x, state
        heard, state = svf(x[::-1], self.design(x, clock), state)
        return x + heard, state


def _power(frequency: float) -> float:
    """|1 + s CEILING|² at a frequency in Hz."""
    return 1 + (2 * np.pi * frequency * CEILING) ** 2


__all__ = ["CartridgeCrosstalk"]
