"""The groove under the stylus: where on the side it is, and how fast it runs."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ddspfx.clock import Clock
from ddspfx.signal.groove import DISCS, RPMS, groove_speed
from ddspfx.slot import AbstractSource, SlotLike, param
from ddspfx.source.steady import refuse_source, steady
from ddspfx.types import Readable

MINUTE = 60.0
SLOWEST, FASTEST = 10.0, 100.0
"""Turns a minute."""


def check_disc(disc: str) -> None:
    """Raises ValueError for a diameter that no disc has."""
    if disc not in DISCS:
        raise ValueError(f"disc is {disc!r}, but must be one of {', '.join(DISCS)}: the diameter in inches")


class SidePosition(AbstractSource):
    """p(t) = position + t / (60 minutes), held within 0 and 1: 0 at the first groove, 1 at the last.

    `position` is where the take starts and `minutes` the length of the side. Raises ValueError where a source is
    given for either.
    """

    position: SlotLike = param(0.0, 1.0, "", default=0.0)
    minutes: SlotLike = param(1.0, 60.0, "min", default=20.0, log=True)

    def __check_init__(self) -> None:
        refuse_source(self.position, "position")
        refuse_source(self.minutes, "minutes")

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        second, sample = clock.run(count)
        start, minutes = steady(self.position, "position", 1, clock), steady(self.minutes, "minutes", 1, clock)
        t = second.astype(start.dtype) + sample.astype(start.dtype) / clock.sample_rate
        place = start + t / (MINUTE * minutes)
        return jnp.broadcast_to(place + jax.lax.stop_gradient(jnp.clip(place, 0.0, 1.0) - place), (1, count))

    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0


class GrooveSpeed(AbstractSource):
    """V(t) = 2 pi R(t) rpm / 60 in m/s, with R(t) falling evenly from the first groove of a `disc` to its last.

        R = outer - p(t) (outer - inner), p(t) = position + t / (60 minutes) held within 0 and 1

    `disc` is its diameter in inches, "12", "10" or "7", with the radii of IEC 60098; `position` is where on the side
    the take starts, `minutes` the length of a side. Raises ValueError for another disc and where a source is given
    for a slot.
    """

    rpm: SlotLike = param(SLOWEST, FASTEST, "rpm", default=RPMS[0])
    position: SlotLike = param(0.0, 1.0, "", default=0.0)
    minutes: SlotLike = param(1.0, 60.0, "min", default=20.0, log=True)
    disc: str = eqx.field(static=True, default="12")

    def __check_init__(self) -> None:
        check_disc(self.disc)
        refuse_source(self.rpm, "rpm")
        refuse_source(self.position, "position")
        refuse_source(self.minutes, "minutes")

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        outer, inner = DISCS[self.disc]
        place = SidePosition(self.position, self.minutes).read(channels, count, clock)
        return groove_speed(outer - place * (outer - inner), steady(self.rpm, "rpm", 1, clock))

    def bounds(self) -> tuple[float, float]:
        outer, inner = DISCS[self.disc]
        return groove_speed(inner, SLOWEST), groove_speed(outer, FASTEST)


__all__ = ["GrooveSpeed", "SidePosition", "check_disc"]
