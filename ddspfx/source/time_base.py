"""What moves a record's time, put together: revolution, motor and belt, each turned by a knob."""

import math

import numpy as np

from ddspfx.control import Control
from ddspfx.signal.groove import RPMS
from ddspfx.slot import AbstractSource, SlotLike
from ddspfx.source.combined import Scaled, Sum
from ddspfx.source.lfo import LFO
from ddspfx.source.revolution import Revolution
from ddspfx.source.wander import Wander

SLOPE = 5.183
"""RMS slope of a `Wander` of unit RMS and 1 Hz bandwidth: 4.395 knots a second times sqrt((2 / 3) / (151 / 315))."""
POLE_HZ, BELT_HZ, FLUTTER_HZ = 25.0, 0.25, 12.0
"""A two-pole-pair motor on 50 Hz mains, a belt that creeps, a bearing; chosen."""
SHARES = (0.6, 0.25, 0.1, 0.05)
"""Of a warp's speed deviation by harmonic from the second on: a saddle, and what is left; chosen."""


def wow(about: float = 0.1, most: float = 1.0) -> Control:
    """The knob `wow` for `Revolution.wow`: per cent of speed, peak, of the revolution's fundamental."""
    return Control("wow", 0, most, about, unit="%", start=0.0, stop=most)


def warp(share: float, about: float = 0.05, most: float = 1.0) -> Control:
    """The knob `warp` (per cent of speed, peak, of the whole) for a slot that has a share of it."""
    return Control("warp", 0, most, about, unit="%", start=0.0, stop=share * most)


def turning(rpm: SlotLike = RPMS[0], wow_percent: float = 0.1, warp_percent: float = 0.05) -> Revolution:
    """A `Revolution` with the knobs `wow` on the first harmonic and `warp` on the second to the fifth."""
    second, third, fourth, fifth = (warp(share, warp_percent) for share in SHARES)
    phases = np.array([0.0, 0.17, 0.61, 0.38, 0.83, 0.0, 0.0, 0.0])
    return Revolution(wow(wow_percent), second, third, fourth, fifth, phases=phases, rpm=rpm)


def motor_flutter(about: float = 0.04, most: float = 0.5, seed: int = 11) -> Sum:
    """Flutter of the knob `flutter` (per cent of speed, RMS): half its power at the motor's pole, half a bearing's."""
    pole, bearing = LFO(POLE_HZ, math.sqrt(2.0)), Wander(FLUTTER_HZ, seed=seed)
    half = math.sqrt(0.5)
    return Sum(
        (
            _percent("flutter", about, most, pole, 2 * math.pi * POLE_HZ, half),
            _percent("flutter", about, most, bearing, FLUTTER_HZ * SLOPE, half),
        )
    )


def belt_drift(about: float = 0.02, most: float = 0.5, seed: int = 12) -> Scaled:
    """Slow wander of the knob `drift` (per cent of speed, RMS)."""
    return _percent("drift", about, most, Wander(BELT_HZ, seed=seed), BELT_HZ * SLOPE)


def time_base(rpm: SlotLike = RPMS[0], wow_percent: float = 0.1, warp_percent: float = 0.05) -> Sum:
    """The whole of it for a `VariableDelay`: revolution, motor and belt with their knobs."""
    return Sum((turning(rpm, wow_percent, warp_percent), motor_flutter(), belt_drift()))


def _percent(name: str, about: float, most: float, source: AbstractSource, slope: float, share: float = 1.0) -> Scaled:
    """A delay whose slope (so many a second for a delay of one) is a share of the knob's per cent of speed, RMS."""
    return Scaled(source, Control(name, 0, most, about, unit="%", start=0.0, stop=0.01 * most * share / slope))


__all__ = ["belt_drift", "motor_flutter", "time_base", "turning", "warp", "wow"]
