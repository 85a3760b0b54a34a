"""A shelf given by its two time constants, as the standards for tape and disc give theirs."""

from typing import Self

import equinox as eqx
import jax.numpy as jnp

from ddspfx.blocks.filter import AbstractSection
from ddspfx.clock import Clock
from ddspfx.signal.matched import shelf
from ddspfx.signal.svf import Section
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, Readable

NONE = 1e-7
"""Seconds; a time constant that changes nothing: 0.0007 dB at 20 kHz."""


def _time() -> SlotLike:
    slot: SlotLike = param(NONE, 1.0, "s", default=NONE, log=True)
    return slot


class TimeConstants(AbstractSection):
    """H(s) = (1 + s zero) / (1 + s pole) / G, time constants in seconds; G makes it 0 dB at `reference` Hz.

        Serial(bass=TimeConstants(318e-6, 3_180e-6, 1_000.0), treble=TimeConstants(pole=75e-6, reference=1_000.0))

    is the replay curve of a disc (RIAA). Left out, a time constant is 0.1 µs, which is none, and the reference is
    DC. `inverse()` undoes it exactly, in minimum phase and as it streams. The magnitude follows the analogue one
    within 0.02 dB up to 20 kHz at any rate from 44.1 kHz up; see `signal.matched`. Each slot may be a number, one a
    channel, a knob or a source. State: two integrators. Raises ValueError for a negative reference.
    """

    zero: SlotLike = _time()
    pole: SlotLike = _time()
    reference: float = eqx.field(static=True, default=0.0)

    def __check_init__(self) -> None:
        if not self.reference >= 0:
            raise ValueError(f"reference is {self.reference} Hz, but must be at least 0, which is DC")

    def inverse(self) -> Self:
        """The curve that undoes this one: zero and pole change places."""
        return type(self)(self.pole, self.zero, self.reference)

    def design(self, x: Audio, clock: Clock) -> Section:
        """The coefficients for the samples of `x`."""
        zero, pole = read(self.zero, x, clock), read(self.pole, x, clock)
        plain = shelf(zero, pole, clock.sample_rate)
        gain = self._rise(pole) / self._rise(zero)
        return Section(plain.g, plain.damping, gain * plain.high, gain * plain.band, gain * plain.low)

    def _rise(self, time_constant: Readable) -> Readable:
        """|1 + s tau| at the reference."""
        return jnp.sqrt(1 + (2 * jnp.pi * self.reference * time_constant) ** 2)

    @classmethod
    def examples(cls) -> tuple["TimeConstants", ...]:
        return cls(318e-6, 3_180e-6, 1_000.0), cls(pole=50e-6)


__all__ = ["TimeConstants"]
