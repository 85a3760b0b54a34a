"""What a click is in the groove: pulses of 20 µs to 1 ms."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.analysis.vinyl.groove import replayed

Series = Float[np.ndarray, " samples"]

WIDTHS = (2e-5, 1.5e-4, 4e-4, 1e-3)
"""Seconds of the pulses that are looked for, to one side and there and back."""
_FINE = 8  # steps a sample in which a pulse is drawn
_SEEN = 0.02  # of the peak: what counts as within a pulse


class Shape(NamedTuple):
    """A pulse of the groove that peaks at one in the file, the sample of its peak, and what it fills beside that."""

    values: Series
    top: int
    before: int
    after: int


def shapes(sample_rate: int) -> list[Shape]:
    """The pulses of `WIDTHS`, band-limited: raised cosines, and the velocities of such a displacement."""
    pulses = [_pulse(width, sample_rate) for width in WIDTHS]
    return [_shape(pulse, sample_rate) for pulse in (*pulses, *(np.gradient(pulse) for pulse in pulses))]


def _pulse(width: float, sample_rate: int) -> Series:
    count = round(width * sample_rate) + 24
    time = (np.arange(count * _FINE) / _FINE - 12) / sample_rate
    drawn = np.where(np.abs(time / width - 0.5) < 0.5, 1 - np.cos(2 * np.pi * time / width), 0.0)
    spectrum = np.fft.rfft(drawn)
    spectrum[np.fft.rfftfreq(len(drawn), 1 / _FINE) > 0.47] = 0
    passed: Series = np.fft.irfft(spectrum, len(drawn))[::_FINE]
    return passed


def _shape(pulse: Series, sample_rate: int) -> Shape:
    top = int(np.argmax(np.abs(pulse)))
    within = np.flatnonzero(np.abs(pulse) > _SEEN * abs(pulse[top]))
    heard = np.abs(replayed(np.pad(pulse, (0, 200)), sample_rate)).max()
    return Shape(pulse / heard, top, top - int(within[0]), int(within[-1]) - top)
