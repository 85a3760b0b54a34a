"""A tape machine to play at once, with knobs."""

import numpy as np

from ddspfx.blocks.add import Add
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.curve import Tanh
from ddspfx.blocks.delay import VariableDelay
from ddspfx.blocks.filter import HighPass, LowPass, Peak
from ddspfx.control import Control, Switch
from ddspfx.models.recipe import THIRD_OCTAVES, Setting
from ddspfx.source.combined import Scaled, Sum
from ddspfx.source.lfo import LFO
from ddspfx.source.noise import Noise
from ddspfx.source.wander import Wander

WOW_HZ, FLUTTER_HZ = 0.7, 9.0
"""Capstan pulley and capstan of a domestic machine, about."""
REACH_S = 0.01
"""Seconds to either side of the mean delay: latency of the preset, room for its wow."""


def tape_machine(setting: Setting) -> Serial:
    """Drive into saturation, head bump, wow and flutter, treble loss by tape speed, hiss; each with a knob.

    Wow and flutter are in per cent of speed, peak: a delay of depth D at f Hz deviates by 2 pi f D.
    Head bump, loss and hiss are chosen to be plausible for a half-track machine; they are not measurements.
    """
    drive = Control("drive", 0, 24, 6, unit="dB", start=0.0, stop=24.0)
    speed = Switch("speed", {"15 ips": 19_000.0, "7.5 ips": 14_000.0, "3.75 ips": 8_000.0}, "7.5 ips")
    bump = Switch("speed", {"15 ips": 90.0, "7.5 ips": 60.0, "3.75 ips": 35.0}, "7.5 ips")
    wow = _percent("wow", WOW_HZ, 0.08, LFO(WOW_HZ))
    flutter = _percent("flutter", FLUTTER_HZ, 0.04, Wander(FLUTTER_HZ, seed=2))
    level = Control("hiss", -90, -40, -66, unit="dB", start=-90.0, stop=-40.0)
    shape = np.interp(np.log(THIRD_OCTAVES), np.log([60.0, 1_000.0, 16_000.0]), [3.0, -3.0, 3.0])
    return Serial(
        tape=Tanh(drive),
        bump=Peak(bump, 2.0, 1.2),
        rumble=HighPass(25.0),
        transport=VariableDelay(-REACH_S, REACH_S, Sum((wow, flutter)), "lagrange5"),
        loss=LowPass(speed, 0.6),
        hiss=Add(Noise.shaped(THIRD_OCTAVES, list(shape), seed=1), level),
    )


def _percent(name: str, frequency: float, default: float, source: LFO | Wander) -> Scaled:
    most = 0.01 / (2 * np.pi * frequency)
    return Scaled(source, Control(name, 0, 1, default, unit="%", start=0.0, stop=most))
