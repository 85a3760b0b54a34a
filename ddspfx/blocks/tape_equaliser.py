"""The equalisation of a tape standard, for recording and for replay."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Complex

from ddspfx.block import AbstractBlock
from ddspfx.blocks.time_constants import NONE, TimeConstants
from ddspfx.clock import Clock
from ddspfx.signal.svf import Section, cascade, section_response
from ddspfx.slot import SlotLike, param
from ddspfx.types import Audio, State

FLOOR = 0.159155
"""Seconds: down to 1 Hz the bass falls with `low`, below it no further, so that recording may undo it."""
SPEEDS = (1.875, 3.75, 7.5, 15.0, 30.0)
"""Inches a second."""
STANDARDS = {
    "NAB": {1.875: (90e-6, 3_180e-6), 3.75: (90e-6, 3_180e-6), 7.5: (50e-6, 3_180e-6), 15.0: (50e-6, 3_180e-6)},
    "IEC": {1.875: (120e-6, 3_180e-6), 3.75: (90e-6, 3_180e-6), 7.5: (70e-6, FLOOR), 15.0: (35e-6, FLOOR)},
}
"""`high` and `low` in seconds by speed. Sources: NAB (1965), "Magnetic tape recording and reproducing standards";
IEC 60094-1 (1981). FLOOR stands where a standard has no bass constant. At 30 ips both use AES 17.5 µs (IEC 60094-1)."""
AES = (17.5e-6, FLOOR)


def constants(standard: str, speed: float) -> tuple[float, float]:
    """`high` and `low` in seconds of a standard, NAB or IEC, at a speed in ips; ValueError for another."""
    if standard not in STANDARDS:
        raise ValueError(f"standard is {standard!r}, but must be one of {', '.join(STANDARDS)}")
    if speed not in SPEEDS:
        raise ValueError(f"speed is {speed:g} ips, but must be one of {', '.join(f'{s:g}' for s in SPEEDS)}")
    return STANDARDS[standard].get(speed, AES)


class TapeEqualiser(AbstractBlock):
    """Replay H(s) = (1 + s high) s low / (1 + s low), or with `record` its inverse: two time constants in seconds.

    A standard says how the flux on a tape falls with frequency, F(s) = (1 + 1 / (s low)) / (1 + s high); replay
    undoes it, so recording and replay of one standard are exact inverses. Below 1 Hz the bass stands still, so
    that neither grows without bound. 0 dB between the corners. Within 0.02 dB of the analogue curve up to
    20 kHz (`signal.matched`). State: two integrators a section.
    """

    high: SlotLike = param(NONE, 1e-3, "s", default=50e-6, log=True)
    low: SlotLike = param(1e-4, 1.0, "s", default=3_180e-6, log=True)
    record: bool = eqx.field(static=True, default=False)

    def design(self, x: Audio, clock: Clock) -> tuple[Section, ...]:
        """The two sections for the samples of `x`."""
        treble, bass = TimeConstants(zero=self.high), TimeConstants(FLOOR, self.low, REFERENCE)
        parts = (treble.inverse(), bass.inverse()) if self.record else (treble, bass)
        return tuple(part.design(x, clock) for part in parts)

    def frequency_response(self, frequencies: ArrayLike, sample_rate: int) -> Complex[Array, "*channels frequencies"]:
        """H at frequencies in Hz; a signal in a slot counts with its first value."""
        turns = jnp.asarray(frequencies, float) / sample_rate
        treble, bass = self.design(jnp.zeros((1, 1)), Clock.zero(sample_rate))
        return section_response(treble, turns) * section_response(bass, turns)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, 2, 2))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        return cascade(x, self.design(x, clock), state)

    @classmethod
    def examples(cls) -> tuple["TapeEqualiser", ...]:
        return cls(), cls(35e-6, FLOOR, record=True)


REFERENCE = 1e6
"""Hz; far above the bass corner, where its shelf is 0 dB."""

__all__ = ["FLOOR", "SPEEDS", "STANDARDS", "TapeEqualiser", "constants"]
