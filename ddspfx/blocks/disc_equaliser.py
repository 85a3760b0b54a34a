"""The equalisation of a disc, for recording and for replay."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Complex

from ddspfx.block import AbstractBlock
from ddspfx.blocks.time_constants import NONE, TimeConstants
from ddspfx.clock import Clock
from ddspfx.signal.design import warp
from ddspfx.signal.svf import Section, cascade, section_response
from ddspfx.slot import SlotLike, param
from ddspfx.types import Audio, State

FLOOR = 0.159155
"""Seconds, 1 Hz: where a curve has no bass shelf, replay rises no further below it, so that recording may undo it."""
IEC = 7_950e-6
"""Seconds; the high-pass that IEC 60098 adds to replay alone."""
REFERENCE = 1_000.0
"""Hz at which every curve is 0 dB."""


def _of(shelf: float | None, turnover: float, roll_off: float | None) -> tuple[float, float, float]:
    """Time constants of corner frequencies in Hz."""
    return (
        FLOOR if shelf is None else 1 / (2 * np.pi * shelf),
        1 / (2 * np.pi * turnover),
        NONE if roll_off is None else 1 / (2 * np.pi * roll_off),
    )


CURVES = {
    "RIAA": (3_180e-6, 318e-6, 75e-6),
    "Columbia": (1_590e-6, 318e-6, 100e-6),
    "NAB": (FLOOR, 318e-6, 100e-6),
    "AES": _of(50.0, 400.0, 2_500.0),
    "FFRR": _of(100.0, 450.0, 3_180.0),
    "FFRR 78": (1 / (2 * np.pi * 40.0), 1 / (2 * np.pi * 250.0), 25e-6),
    "78": _of(None, 250.0, None),
}
"""`low`, `turnover` and `treble` in seconds. Sources: RIAA (1954) and IEC 60098 (1987); the older ones from IASA TC-04
(2009), "Guidelines on the production and preservation of digital audio objects", table 1 of section 5.3 (Columbia LP,
NAB, AES, Decca FFRR of 1953 and of 1949, whose -5 dB at 10 kHz is 25 µs), and its 5.2.6 for coarse grooves, which
have a turnover alone."""


def curve(name: str) -> tuple[float, float, float]:
    """`low`, `turnover` and `treble` of a curve in seconds; ValueError for another."""
    if name not in CURVES:
        raise ValueError(f"curve is {name!r}, but must be one of {', '.join(CURVES)}")
    return CURVES[name]


class DiscEqualiser(AbstractBlock):
    """Replay H(s) = (1 + s turnover) / ((1 + s low) (1 + s treble)), 0 dB at 1 kHz, or with `record` its inverse.

        DiscEqualiser(*curve("RIAA")), DiscEqualiser(*curve("RIAA"), record=True)

    Time constants in seconds: 3180, 318 and 75 µs are the RIAA's. Recording and replay are exact inverses of minimum
    phase; with `iec` replay alone has the high-pass s 7950 µs / (1 + s 7950 µs) of IEC 60098. Within 0.05 dB of the
    analogue curve up to 20 kHz at any rate from 44.1 kHz up (`signal.matched`). State: two integrators a section.
    Raises ValueError for `iec` when it records.
    """

    low: SlotLike = param(1e-4, 1.0, "s", default=3_180e-6, log=True)
    turnover: SlotLike = param(1e-5, 1e-1, "s", default=318e-6, log=True)
    treble: SlotLike = param(NONE, 1e-3, "s", default=75e-6, log=True)
    record: bool = eqx.field(static=True, default=False)
    iec: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        if self.iec and self.record:
            raise ValueError("iec is True, but the high-pass belongs to replay alone: leave it out with record")

    def design(self, x: Audio, clock: Clock) -> tuple[Section, ...]:
        """The sections for the samples of `x`."""
        bass = TimeConstants(self.turnover, self.low, REFERENCE)
        treble = TimeConstants(pole=self.treble, reference=REFERENCE)
        parts = (bass.inverse(), treble.inverse()) if self.record else (bass, treble)
        found = tuple(part.design(x, clock) for part in parts)
        return (*found, high_pass(IEC, clock.sample_rate)) if self.iec else found

    def frequency_response(self, frequencies: ArrayLike, sample_rate: int) -> Complex[Array, "*channels frequencies"]:
        """H at frequencies in Hz; a signal in a slot counts with its first value."""
        turns = jnp.asarray(frequencies, float) / sample_rate
        first, *rest = (section_response(s, turns) for s in self.design(jnp.zeros((1, 1)), Clock.zero(sample_rate)))
        for response in rest:
            first = first * response
        return first

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, 3 if self.iec else 2, 2))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        return cascade(x, self.design(x, clock), state)

    @classmethod
    def examples(cls) -> tuple["DiscEqualiser", ...]:
        return cls(iec=True), cls(*curve("Columbia"), record=True)


def high_pass(time_constant: float, sample_rate: int) -> Section:
    """s tau / (1 + s tau), beside a pole a hundred times faster that a zero cancels: s (s + 100) / ((s + 1) (s + 100)).

    In units of the mean of the two, which is ten times the corner.
    """
    one = jnp.ones(())
    return Section(warp(10 * one / (2 * np.pi * time_constant), sample_rate), 10.1 * one, one, 10 * one, 0 * one)


__all__ = ["CURVES", "DiscEqualiser", "curve"]
