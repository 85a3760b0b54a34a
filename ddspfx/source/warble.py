"""The time base of a turning disc: an off-centre hole, a warp, and what else comes back with every revolution."""

import math
from dataclasses import fields

import jax.numpy as jnp
import numpy as np

from ddspfx.clock import Clock
from ddspfx.control import Control, Switch
from ddspfx.signal.groove import RPMS
from ddspfx.slot import AbstractSource, Param, SlotLike, param
from ddspfx.source.groove import FASTEST, SLOWEST
from ddspfx.source.steady import refuse_source, steady
from ddspfx.source.turns import turns_of
from ddspfx.types import Readable

HARMONICS = 8
DEEPEST = 3.0
"""Per cent of speed, peak."""


class Warble(AbstractSource):
    """The delay of a disc whose speed changes with its angle, in seconds: eight harmonics of f0 = rpm / 60.

        d(t) = sum_k a_k / (2 pi k f0) sin 2 pi (k f0 t + phase_k),   speed(t) / speed = 1 - d'(t)

    `wow` is the first harmonic's peak speed deviation a_1 in per cent, which an off-centre hole makes (`off_centre`),
    `second` to `eighth` are those of the others, which a warp makes (`warped`); `phases` are in cycles, one number or
    one a harmonic. Each is a slot: a knob `warp` fills several with maps of their own. Bounds are the sum of the
    amplitudes, a knob's at its end, so that a `VariableDelay` knows what to expect. Raises ValueError where a source
    is given for a slot. The angle is counted in integers, so it is as exact after ten hours as at the start.
    """

    wow: SlotLike = param(0.0, DEEPEST, "%", default=0.1)
    second: SlotLike = param(0.0, DEEPEST, "%", default=0.03)
    third: SlotLike = param(0.0, DEEPEST, "%", default=0.01)
    fourth: SlotLike = param(0.0, DEEPEST, "%", default=0.0)
    fifth: SlotLike = param(0.0, DEEPEST, "%", default=0.0)
    sixth: SlotLike = param(0.0, DEEPEST, "%", default=0.0)
    seventh: SlotLike = param(0.0, DEEPEST, "%", default=0.0)
    eighth: SlotLike = param(0.0, DEEPEST, "%", default=0.0)
    phases: SlotLike = param(-1.0, 1.0, "cycles", default=0.0)
    rpm: SlotLike = param(SLOWEST, FASTEST, "rpm", default=RPMS[0])

    def __check_init__(self) -> None:
        for field in fields(self):
            refuse_source(getattr(self, field.name), field.name)

    @property
    def amplitudes(self) -> tuple[SlotLike, ...]:
        """The eight slots of speed deviation, lowest harmonic first."""
        return (
            *(self.wow, self.second, self.third, self.fourth),
            *(self.fifth, self.sixth, self.seventh, self.eighth),
        )

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        rpm = steady(self.rpm, "rpm", 1, clock).reshape(())
        phases = jnp.broadcast_to(steady(self.phases, "phases", 1, clock).reshape(-1), (HARMONICS,))
        angle = 2 * np.pi * turns_of(rpm, count, clock).angle
        one = sine, cosine = jnp.sin(angle), jnp.cos(angle)
        delay = jnp.zeros_like(sine)
        for k, slot in enumerate(self.amplitudes, 1):
            peak = steady(slot, "amplitude", 1, clock).reshape(()) * 0.6 / (2 * np.pi * k * rpm)
            turned = 2 * np.pi * phases[k - 1]
            delay = delay + peak * (jnp.cos(turned) * sine + jnp.sin(turned) * cosine)
            sine, cosine = sine * one[1] + cosine * one[0], cosine * one[1] - sine * one[0]
        return delay[None]

    def bounds(self) -> tuple[float, float]:
        slowest = span(self.rpm)[0]
        reach = sum(span(slot)[1] * 0.6 / (2 * math.pi * k * slowest) for k, slot in enumerate(self.amplitudes, 1))
        return -reach, reach


def span(slot: SlotLike) -> tuple[float, float]:
    """Least and greatest value a slot takes: a number's own, or those a knob's map reaches."""
    if isinstance(slot, Param):
        return float(jnp.min(slot.value)), float(jnp.max(slot.value))
    if isinstance(slot, AbstractSource):
        known = slot.bounds()
        if known is not None:
            return known
    if isinstance(slot, Control | Switch) and slot.slot is not None and slot.shares is not None:
        values = slot.slot.at(slot.shares)
        return float(jnp.min(values)), float(jnp.max(values))
    raise TypeError(f"{slot!r} has no known span: give a number or a knob with start and stop")


def off_centre(offset: float, radius: float) -> float:
    """Peak speed deviation in per cent of a disc whose hole is `offset` mm off, at a groove of `radius` mm.

    The groove's distance from the axis is radius + offset cos(angle), and its speed goes with it: 100 e / R.
    """
    return 100 * offset / radius


def warped(height: float, length: float, pivot: float, arm: float) -> float:
    """Peak speed deviation in per cent of a warp, peak to peak `height` mm, one undulation in `length` mm of groove.

    The stylus swings on an arm of `arm` mm about a pivot that lies `pivot` mm above the disc, so a rise of dy moves it
    along the groove by dy tan(theta), sin theta = pivot / arm: the speed deviates by tan(theta) dy/dx, whose peak is
    tan(theta) pi height / length. A warp of two undulations a turn makes the second harmonic. The effect: Happ and
    Karlov (1976), "Record warps and system playback performance"; the equation is this geometry's, to first order.
    """
    return 100 * math.tan(math.asin(pivot / arm)) * math.pi * height / length


__all__ = ["Warble", "off_centre", "span", "warped"]
