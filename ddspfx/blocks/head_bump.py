"""The waves that a replay head of finite length puts on the bass."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Complex

from ddspfx.block import AbstractBlock
from ddspfx.blocks.tape_loss import INCH
from ddspfx.clock import Clock
from ddspfx.signal.design import section
from ddspfx.signal.svf import Section, cascade, section_response
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, State

WAVES = ((1.0, 1.0, 1.4), (2.0, -0.5, 2.0), (3.0, 0.25, 3.0))
"""Peak, dip, peak: times v / L, times the height, Q. The places are the head's; heights and widths are chosen."""
SHELF = (0.45, -1.0)
"""The fall below the first bump, where the head's ends take away what its gap reads; chosen."""


class HeadBump(AbstractBlock):
    """The contour effect: a bump at v / L, a dip at 2 v / L, a smaller bump at 3 v / L, and a fall below.

    The ends of the pole faces, `length` L (mm) apart, read the tape as the gap does, but in opposite sign: where
    half a wavelength or three lie between gap and end they add (k L / 2 = pi, 3 pi), where whole ones lie they take
    away. `speed` v is in inches a second, `height` of the first bump in dB. Four sections of second order. Source of
    the places: Fritzsch (1968), "Long-wavelength response of magnetic reproducing heads", IEEE Trans. Audio
    Electroacoust. 16; their heights differ from head to head and are chosen.
    """

    speed: SlotLike = param(0.5, 60.0, "ips", default=7.5)
    length: SlotLike = param(1.0, 25.0, "mm", default=4.0, log=True)
    height: SlotLike = param(0.0, 12.0, "dB", default=2.0)

    def design(self, x: Audio, clock: Clock) -> tuple[Section, ...]:
        """The four sections for the samples of `x`."""
        height = read(self.height, x, clock)
        place = 1e3 * INCH * read(self.speed, x, clock) / read(self.length, x, clock)
        one = jnp.ones_like(place * height)
        shelf = section("low_shelf", SHELF[0] * place, 0.7 * one, SHELF[1] * height, clock.sample_rate)
        return shelf, *(
            section("peak", times * place, q * one, share * height, clock.sample_rate) for times, share, q in WAVES
        )

    def frequency_response(self, frequencies: ArrayLike, sample_rate: int) -> Complex[Array, "*channels frequencies"]:
        """H at frequencies in Hz; a signal in a slot counts with its first value."""
        turns = jnp.asarray(frequencies, float) / sample_rate
        whole = self.design(jnp.zeros((1, 1)), Clock.zero(sample_rate))
        first, *rest = (section_response(one, turns) for one in whole)
        for response in rest:
            first = first * response
        return first

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, 1 + len(WAVES), 2))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        return cascade(x, self.design(x, clock), state)


__all__ = ["HeadBump"]
