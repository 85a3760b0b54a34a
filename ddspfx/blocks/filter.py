"""Second-order filters in state-variable form: any slot may be a number, one a channel, or a signal."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Complex

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.signal.design import section
from ddspfx.signal.svf import Section, section_response, svf
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, State

BUTTERWORTH = 0.5**0.5
"""The resonance at which a low-pass is flattest."""


def _cutoff() -> Any:
    """Wide enough for a sample rate of 192 kHz; above 0.495 of the rate at hand the filter stays there."""
    return param(5.0, 96_000.0, "Hz", default=1_000.0, log=True)


def _resonance() -> Any:
    return param(0.1, 40.0, "", default=BUTTERWORTH, log=True)


def _gain() -> Any:
    return param(-40.0, 40.0, "dB", default=0.0)


class AbstractSection(AbstractBlock):
    """One second-order section, whatever gives its coefficients. State: two integrators a channel."""

    @abc.abstractmethod
    def design(self, x: Audio, clock: Clock) -> Section:
        """The coefficients for the samples of `x`."""

    def frequency_response(self, frequencies: ArrayLike, sample_rate: int) -> Complex[Array, "*channels frequencies"]:
        """H at frequencies in Hz; a signal in a slot counts with its first value."""
        one = self.design(jnp.zeros((1, 1)), Clock.zero(sample_rate))
        return section_response(one, jnp.asarray(frequencies, float) / sample_rate)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, 2))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        return svf(x, self.design(x, clock), state)


class AbstractFilter(AbstractSection):
    """One second-order section, designed from its slots at every call. State: two integrators a channel.

    Each kind gives its H(s), with s in units of the cutoff and taken through the bilinear map. Source: the
    prototypes of Bristow-Johnson (2005), "Cookbook formulae for audio EQ biquad filter coefficients".
    """

    kind: eqx.AbstractClassVar[str]
    cutoff: eqx.AbstractVar[SlotLike]
    resonance: eqx.AbstractVar[SlotLike]

    def design(self, x: Audio, clock: Clock) -> Section:
        """The coefficients for the samples of `x`."""
        gain = read(self.gain, x, clock) if isinstance(self, AbstractGainFilter) else None
        cutoff, resonance = read(self.cutoff, x, clock), read(self.resonance, x, clock)
        return section(self.kind, cutoff, resonance, gain, clock.sample_rate)


class AbstractGainFilter(AbstractFilter):
    """A filter that turns a part of the spectrum up or down by `gain` dB."""

    gain: eqx.AbstractVar[SlotLike]


class LowPass(AbstractFilter):
    """H(s) = 1 / (s² + s/Q + 1)."""

    kind: ClassVar[str] = "low_pass"
    cutoff: SlotLike = _cutoff()
    resonance: SlotLike = _resonance()


class HighPass(AbstractFilter):
    """H(s) = s² / (s² + s/Q + 1)."""

    kind: ClassVar[str] = "high_pass"
    cutoff: SlotLike = _cutoff()
    resonance: SlotLike = _resonance()


class BandPass(AbstractFilter):
    """H(s) = (s/Q) / (s² + s/Q + 1): 0 dB at the centre."""

    kind: ClassVar[str] = "band_pass"
    cutoff: SlotLike = _cutoff()
    resonance: SlotLike = _resonance()


class Notch(AbstractFilter):
    """H(s) = (s² + 1) / (s² + s/Q + 1)."""

    kind: ClassVar[str] = "notch"
    cutoff: SlotLike = _cutoff()
    resonance: SlotLike = _resonance()


class AllPass(AbstractFilter):
    """H(s) = (s² - s/Q + 1) / (s² + s/Q + 1)."""

    kind: ClassVar[str] = "all_pass"
    cutoff: SlotLike = _cutoff()
    resonance: SlotLike = _resonance()


class Peak(AbstractGainFilter):
    """H(s) = (s² + s A/Q + 1) / (s² + s/(A Q) + 1), A = 10^(gain / 40): `gain` dB at the cutoff."""

    kind: ClassVar[str] = "peak"
    cutoff: SlotLike = _cutoff()
    gain: SlotLike = _gain()
    resonance: SlotLike = _resonance()


class LowShelf(AbstractGainFilter):
    """H(s) = A (s² + s √A/Q + A) / (A s² + s √A/Q + 1): `gain` dB below the cutoff, half of it there."""

    kind: ClassVar[str] = "low_shelf"
    cutoff: SlotLike = _cutoff()
    gain: SlotLike = _gain()
    resonance: SlotLike = _resonance()


class HighShelf(AbstractGainFilter):
    """H(s) = A (A s² + s √A/Q + 1) / (s² + s √A/Q + A): `gain` dB above the cutoff, half of it there."""

    kind: ClassVar[str] = "high_shelf"
    cutoff: SlotLike = _cutoff()
    gain: SlotLike = _gain()
    resonance: SlotLike = _resonance()


__all__ = [
    "AbstractFilter", "AbstractSection", "AllPass", "BandPass", "HighPass", "HighShelf", "LowPass", "LowShelf", "Notch",
    "Peak",
]  # fmt: skip
