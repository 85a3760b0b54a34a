"""Wow and flutter as the standards count them, from a speed deviation over time."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.analysis.quasi_peak import SINES, quasi_peak
from ddspfx.analysis.weighting import weighted

Series = Float[np.ndarray, " times"]

DRIFT, WOW, FLUTTER = 0.5, 6.0, 100.0
"""Hz at which drift ends, wow ends, and flutter ends; above is scrape."""
ROWS = (0.2, 200.0)
"""Hz between which the unweighted meters of IEC 60386 read."""
TWO_SIGMA = 0.95
"""Share of the time for which AES6's reading is not exceeded."""
BLOCKS = 10
_SETTLED = 1.0  # s at both ends that are not read


class Reading(NamedTuple):
    """A value and its standard deviation, None where that is not known."""

    value: float
    deviation: float | None


Reduce = Callable[[Series], float]


def rms(x: Series) -> float:
    """√ mean x²."""
    return float(np.sqrt(np.mean(np.square(x))))


def peak(x: Series) -> float:
    """max |x|."""
    return float(np.max(np.abs(x)))


def two_sigma(x: Series) -> float:
    """What |x| does not exceed for 95 % of the time (AES6-2008): twice the deviation of a normal one."""
    return float(np.quantile(np.abs(x), TWO_SIGMA))


def band(speed: Series, rate: float, low: float, high: float) -> Series:
    """The part of a speed deviation between two frequencies in Hz, edges a quarter of an octave wide, no phase."""
    from scipy.fft import irfft, next_fast_len, rfft

    margin = min(len(speed) - 1, round(4 * rate / max(low, 0.25)))
    longer = np.pad(speed, margin, mode="reflect")
    count = next_fast_len(len(longer), real=True)
    octave = np.log2(np.maximum(np.arange(count // 2 + 1) * rate / count, 1e-9))
    gain = np.ones(len(octave))
    if low > 0:
        gain *= _edge(octave - np.log2(low))
    if high < rate / 2:
        gain *= _edge(np.log2(high) - octave)
    passed: Series = irfft(rfft(longer, count) * gain, count)[margin : margin + len(speed)]
    return passed


def _edge(octaves: Series) -> Series:
    """From 0 to 1 over a quarter of an octave about 0; half the power in its middle."""
    turn: Series = np.sin(np.pi / 2 * np.clip(4 * octaves + 0.5, 0.0, 1.0))
    return turn


def iec_60386(speed: Series, rate: float) -> Series:
    """The pointer of the quasi-peak meter of IEC 60386 and DIN 45507, weighted; its largest value is the reading.

    `speed` is a relative deviation, `rate` values a second. A sine reads its peak times the curve.
    """
    at, reads = np.array(SINES)
    return quasi_peak(weighted(speed, rate, (at, 1 / reads)), rate)


def aes6(speed: Series, rate: float) -> float:
    """The weighted reading of AES6-2008: the size that the weighted deviation keeps below for 95 % of the time."""
    return two_sigma(settled(weighted(speed, rate), rate))


def settled(x: Series, rate: float) -> Series:
    """The series without the second at each end in which filters settle; an eighth of a short one."""
    cut = round(min(_SETTLED * rate, len(x) / 8))
    return x[cut : len(x) - cut]


def reading(x: Series, reduce: Reduce, noise: Series | None = None) -> Reading:
    """What `reduce` says of a series, and how far chance and the noise below it may have moved that.

    The deviation is that of the delete-a-block jackknife over ten stretches of time (Künsch 1989) and, where the
    meter's own `noise` is known as a series, what this adds to the reading.
    """
    value = reduce(x)
    edges = np.linspace(0, len(x), BLOCKS + 1).astype(int)
    left = np.array([reduce(np.concatenate([x[:a], x[b:]])) for a, b in pairwise(edges)])
    chance = float(np.sqrt((BLOCKS - 1) / BLOCKS * np.sum((left - np.mean(left)) ** 2)))
    added = 0.0 if noise is None else value - float(np.sqrt(max(value**2 - reduce(noise) ** 2, 0.0)))
    return Reading(value, float(np.hypot(chance, added)))
