"""The steady lines in a transport's motion: a platter, a capstan, a mains motor."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Series = Float[np.ndarray, " times"]

_MOST = 12
_CLEAR = 20.0  # times the median power beside it, of which chance makes one in a million bins
_BESIDE = 1 / 3  # octave to either side that a line must stand out of
_FEWEST_BESIDE = 12  # of the recording's own frequency steps, likewise
_FINE = 8  # steps of the searched grid in one of the recording's own
_FAINTEST = 1e-3  # of the strongest line: below lies what its own removal leaves
_EXACT = 3e-3  # of a frequency, within which it gets a name
KNOWN = (
    (100 / 180, "record at 33⅓"), (0.75, "record at 45"), (78.26 / 60, "record at 78"),
    (50.0, "mains of 50 Hz"), (100.0, "mains of 50 Hz, twice"), (60.0, "mains of 60 Hz"),
    (120.0, "mains of 60 Hz, twice"), (25.0, "four-pole motor at 50 Hz"), (30.0, "four-pole motor at 60 Hz"),
)  # fmt: skip
"""Hz and what turns there. A motor that slips lies a little lower and stays without a name."""


class Line(NamedTuple):
    """A sine in the speed: Hz, its peak and the deviation of that (both relative to the speed), and a name or ""."""

    frequency: float
    peak: float
    deviation: float
    name: str


class Spectrum(NamedTuple):
    """Frequencies in Hz and the peak of the sine that would stand there, relative to the speed."""

    frequency: Series
    peak: Series


def spectrum(speed: Series, rate: float, top: float) -> Spectrum:
    """The Hann spectrum of a speed deviation up to `top` Hz, scaled so that a sine shows its peak."""
    window = np.hanning(len(speed))
    values = np.abs(np.fft.rfft((speed - speed.mean()) * window)) * (2 / window.sum())
    frequency = np.fft.rfftfreq(len(speed), 1 / rate)
    shown = (frequency > 0) & (frequency <= top)
    return Spectrum(frequency[shown], values[shown])


def lines(speed: Series, rate: float, top: float) -> list[Line]:
    """The lines below `top` Hz that stand clear of what lies beside them, strongest first.

    The highest peak of the Hann spectrum is taken out by least squares, again and again (Högbom 1974, "CLEAN").
    """
    rest, time = speed - speed.mean(), np.arange(len(speed)) / rate
    found: list[Line] = []
    while len(found) < _MOST:
        at = _clearest(rest, rate, top, [line.frequency for line in found])
        if at is None:
            break
        frequency, noise = at
        waves = np.stack([np.sin(2 * np.pi * frequency * time), np.cos(2 * np.pi * frequency * time)], 1)
        weights = np.linalg.lstsq(waves, rest, rcond=None)[0]
        rest = rest - waves @ weights
        line = Line(frequency, float(np.hypot(*weights)), noise, "")
        if found and line.peak < _FAINTEST * found[0].peak:
            break
        found.append(line)
    return _named(sorted(found, key=lambda line: -line.peak), len(speed) / rate)


def prolonged(x: Series, rate: float, found: list[Line], count: int) -> Series:
    """`x` with `count` more values at both ends: its lines go on, what is beside them is reflected.

    Sharp filters ring where a series ends; they find nothing new where its lines simply go on.
    """
    time = np.arange(-count, len(x) + count) / rate
    turns = 2 * np.pi * np.outer(time, [line.frequency for line in found])
    waves = np.concatenate([np.sin(turns), np.cos(turns), np.ones((len(time), 1))], axis=1)
    inner = slice(count, count + len(x))
    steady = waves @ np.linalg.lstsq(waves[inner], x, rcond=None)[0]
    rest = np.pad(x - steady[inner], count, mode="symmetric")
    longer: Series = steady + rest
    return longer


def _clearest(rest: Series, rate: float, top: float, taken: list[float]) -> tuple[float, float] | None:
    """Frequency of the highest new line that stands clear, and the deviation of a line's peak there."""
    from scipy.fft import next_fast_len, rfft

    count, window = next_fast_len(_FINE * len(rest), real=True), np.hanning(len(rest))
    power = np.abs(rfft(rest * window, count)) ** 2
    step = rate / count
    first, last = 3 * _FINE, min(int(top / step), len(power) - 2)
    if last <= first:
        return None
    shown = power.copy()
    for frequency in taken:  # what the removal of a line that is not quite steady leaves is no other line
        shown[max(round(frequency / step) - 2 * _FINE, 0) : round(frequency / step) + 2 * _FINE + 1] = 0
    order = first + np.argsort(shown[first:last])[::-1]
    for place in order[: 64 * _FINE]:
        median = _beside(power, int(place))
        local = slice(max(place - _FINE, first), place + _FINE + 1)
        if shown[place] > _CLEAR * median and shown[place] == shown[local].max():
            before, here, after = np.log(power[place - 1 : place + 2] + 1e-300)
            shift = 0.5 * (before - after) / (before - 2 * here + after - 1e-300)
            return float((place + shift) * step), float(np.sqrt(2 * median / np.log(2)) / window.sum())
    return None


def _beside(power: Series, place: int) -> float:
    """The median power around a place of the fine grid, its own peak left out."""
    reach = max(int(place * (2**_BESIDE - 1)), _FEWEST_BESIDE * _FINE)
    near = power[max(2 * _FINE, place - reach) : place + reach + 1 : _FINE // 2]
    return float(np.median(near))


def _named(found: list[Line], seconds: float) -> list[Line]:
    """The same lines with the names of what turns at their frequency, or of the line that they are a multiple of."""
    named = []
    for place, line in enumerate(found):
        slack = max(_EXACT * line.frequency, 0.25 / seconds)
        word = next((name for frequency, name in KNOWN if abs(line.frequency - frequency) < slack), "")
        for other in found[:place]:
            times = round(line.frequency / other.frequency)
            if not word and 2 <= times <= 8 and abs(line.frequency - times * other.frequency) < slack:
                word = f"{times} × {other.frequency:.3g} Hz"
        named.append(line._replace(name=word))
    return named
