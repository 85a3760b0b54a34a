"""An FIR whose taps follow from a magnitude: the base of what is known by its response alone."""

import abc

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Complex, Float

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.signal.fir import fir
from ddspfx.signal.magnitude import grid, taps_of
from ddspfx.signal.noise import filtered
from ddspfx.types import Audio, State

TAPS_RATE = 48_000
"""Hz at which `taps` is counted; another rate has as many more."""
PRODUCT = 4_096
"""Samples of a piece up to which one matrix product, made when a stream is compiled, beats a convolution."""


class AbstractShaped(AbstractBlock):
    """y = h * x, h an FIR of `taps` (at 48 kHz) with the magnitude `wanted`, of linear or minimum phase.

    Linear is half the taps late, minimum is not late. State: the last taps - 1 samples a channel.
    """

    @property
    @abc.abstractmethod
    def taps(self) -> int:
        """How many, at 48 kHz."""

    @property
    @abc.abstractmethod
    def phase(self) -> str:
        """ "linear" or "minimum"."""

    @abc.abstractmethod
    def wanted(self, frequencies: ArrayLike, clock: Clock) -> Float[Array, "channels_or_1 frequencies"]:
        """The magnitude at frequencies in Hz; a negative one is met by a linear phase alone."""

    def design(self, clock: Clock) -> Float[Array, "channels_or_1 taps"]:
        """The taps at the clock's rate."""
        size = self._size(clock.sample_rate)
        rows = self.wanted(grid(size, clock.sample_rate, self.phase), clock)
        return jnp.stack([taps_of(row, size, self.phase) for row in rows])

    def _size(self, sample_rate: int) -> int:
        return 2 * max(1, round(self.taps * sample_rate / TAPS_RATE / 2))

    def frequency_response(self, frequencies: ArrayLike, sample_rate: int) -> Complex[Array, "channels frequencies"]:
        """H at frequencies in Hz as the taps give it, latency removed."""
        taps = self.design(Clock.zero(sample_rate))
        places = np.arange(taps.shape[1]) - self.latency(sample_rate)
        turns = np.asarray(frequencies, dtype=np.float64)[:, None] / sample_rate * places
        return taps @ jnp.asarray(np.exp(-2j * np.pi * turns)).T

    def latency(self, sample_rate: int) -> float:
        return self._size(sample_rate) / 2 if self.phase == "linear" else 0.0

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, self._size(sample_rate) - 1))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        taps = self.design(clock)
        if taps.shape[0] > 1 or x.shape[1] > PRODUCT:
            return fir(x, taps, state)
        line = jnp.concatenate([state.astype(x.dtype), x], axis=1)
        return filtered(line, taps[0].astype(x.dtype)), line[:, x.shape[1] :]


__all__ = ["AbstractShaped"]
