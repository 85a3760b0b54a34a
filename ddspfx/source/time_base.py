"""What moves a record's time beside its own revolution: motor and belt, each turned by a knob."""

import math

from ddspfx.control import Control
from ddspfx.slot import AbstractSource
from ddspfx.source.combined import Scaled, Sum
from ddspfx.source.lfo import LFO
from ddspfx.source.wander import Wander

SLOPE = 5.183
"""RMS slope of a `Wander` of unit RMS and 1 Hz bandwidth: 4.395 knots a second times sqrt((2 / 3) / (151 / 315))."""
POLE_HZ, BELT_HZ, FLUTTER_HZ = 25.0, 0.25, 12.0
"""A two-pole-pair motor on 50 Hz mains, a belt that creeps, a bearing; chosen."""


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


def _percent(name: str, about: float, most: float, source: AbstractSource, slope: float, share: float = 1.0) -> Scaled:
    """A delay whose slope (so many a second for a delay of one) is a share of the knob's per cent of speed, RMS."""
    return Scaled(source, Control(name, 0, most, about, unit="%", start=0.0, stop=0.01 * most * share / slope))


__all__ = ["belt_drift", "motor_flutter"]
