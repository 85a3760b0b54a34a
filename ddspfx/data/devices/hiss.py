"""The hiss of a tape, coloured by what it passes, drawn alone or as long as a recording."""

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

TAPS = 2_049
"""Of the colouring filter: it resolves 20 Hz at 44.1 kHz."""


class Colour(NamedTuple):
    """The spectrum of hiss: P(f) = P0 (1 + corner/f) (1 + (f/rise)^2) / (1 + (f/fall)^2)^2 / (1 + (cut/f)^4).

    `corner`, `rise`, `fall` and `cut` are in Hz: below `corner` the flicker of the amplifier, from `rise` the replay
    EQ's lift, above `fall` the head's gap, and below `cut` the coupling capacitors. `level` is in dBFS RMS over the
    whole band up to 22.05 kHz.
    """

    level: float = -66.0
    corner: float = 150.0
    rise: float = 3_000.0
    fall: float = 11_000.0
    cut: float = 20.0

    def density(self, frequency: Any) -> Float[np.ndarray, "..."]:
        """Power a hertz, in full scales squared, at frequencies in Hz."""
        own = self._shape(np.asarray(frequency, np.float64))
        grid = np.linspace(0.0, 22_050.0, 22_051)
        return np.asarray(own * 10 ** (self.level / 10) / np.trapezoid(self._shape(grid), grid))

    def _shape(self, f: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        away = np.maximum(f, 1e-9)
        low = (1 + self.corner / away) / (1 + (self.cut / away) ** 4)
        high = (1 + (f / self.rise) ** 2) / (1 + (f / self.fall) ** 2) ** 2
        return np.asarray(np.where(f > 0, low, 0.0) * high)


def hiss(samples: int, rate: float, seed: int, **colour: Any) -> Float[np.ndarray, " samples"]:
    """Gaussian noise with the spectrum of `Colour(**colour)`, `samples` long at `rate` Hz.

    A longer one with the same seed goes on where the shorter one ends; another seed is independent. Raises ValueError
    when `samples` is negative or `rate` not positive.
    """
    from scipy.signal import oaconvolve

    if samples < 0 or not 0 < rate < math.inf:
        raise ValueError(f"samples is {samples} and rate {rate}, but must be a count and a positive number of Hz")
    white = np.random.default_rng([seed, 300]).standard_normal(samples + TAPS - 1)
    return np.asarray(oaconvolve(white, _taps(Colour(**colour), rate), mode="valid"))


@functools.cache
def _taps(colour: Colour, rate: float) -> Float[np.ndarray, " taps"]:
    """Linear phase, from the magnitude on a fine grid, under a Hann window."""
    size = 8 * (TAPS - 1)
    magnitude = np.sqrt(colour.density(np.fft.rfftfreq(size, 1 / rate)) * rate / 2)
    taps = np.roll(np.fft.irfft(magnitude, size), TAPS // 2)[:TAPS]
    return np.asarray(taps * np.hanning(TAPS + 2)[1:-1])
