"""`analyse_transport`: what a flutter meter says of a recording."""

import contextlib
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from ddspfx.alignment.align import signal
from ddspfx.alignment.pilot import channel_of
from ddspfx.analysis.lines import Line, Spectrum, lines, prolonged, spectrum
from ddspfx.analysis.motion import Motion, Series, is_tone, pair_motion, pilot_motion, surely_pilot, tone_motion
from ddspfx.analysis.quasi_peak import quasi_peak
from ddspfx.analysis.weighting import weighted
from ddspfx.analysis.wow_flutter import (
    DRIFT,
    FLUTTER,
    ROWS,
    WOW,
    Reading,
    band,
    iec_60386,
    peak,
    reading,
    rms,
    settled,
    two_sigma,
)

_DRIFTS, _WOWS = 4.0, 2.0  # s that a recording must last to tell drift, and wow
_MARGIN, _BRIEF = 8.0, 0.5  # s by which a motion is prolonged before it is filtered, and before its scrape is
_ENOUGH = 1000.0  # values a second that hold wow and flutter
_SCRAPES = 2.0  # times 100 Hz that the source must tell for scrape flutter
Figures = dict[str, Reading | None]


class Transport(NamedTuple):
    """What was measured: the motion, the figures by name (None where a figure cannot be known), lines, spectrum."""

    motion: Motion
    figures: Figures
    lines: list[Line]
    spectrum: Spectrum


def analyse_transport(
    wet: ArrayLike,
    sample_rate: int,
    *,
    dry: ArrayLike | None = None,
    pilot: int | str | None = None,
    tone: float | None = None,
) -> Transport:
    """Speed error, drift, wow, flutter and scrape of a recording (channels, samples) or (samples,).

    At most one of these says where the motion is to be read: `tone`, the frequency in Hz with which a test tone was
    recorded; `pilot`, the channel (0 or "L", 1 or "R") with pulses at an equal distance or a tone; `dry`, the
    original. With none the strongest steady tone is taken, else a pilot in either channel. Figures are relative
    deviations of the speed, in per cent where their name says so: RMS and peak in the bands drift (below 0.5 Hz), wow
    (0.5 to 6), flutter (6 to 100) and scrape (above); unweighted and weighted RMS, peak, quasi-peak (IEC 60386, DIN
    45507) and 2-sigma (AES6-2008). A band that the source does not tell is None: pulses tell flutter below half
    their rate only. Raises ValueError when several are given or nothing can be followed.
    """
    given = [name for name, value in (("dry", dry), ("pilot", pilot), ("tone", tone)) if value is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} given, but at most one may be: leave out the others")
    x = signal(wet, "wet")
    if dry is not None:
        return figures_of(pair_motion(signal(dry, "dry"), x, sample_rate))
    if pilot is not None:
        return figures_of(pilot_motion(x[channel_of(pilot, len(x))], sample_rate))
    return figures_of(tone_motion(x, sample_rate, tone) if tone is not None else _found(x, sample_rate))


def _found(x: Series, sample_rate: int) -> Motion:
    """The motion of a channel that is a tone, or a pilot, or else of a tone within the sound."""
    tones = [row for row in x if is_tone(row, sample_rate)]
    if tones:
        with contextlib.suppress(ValueError):
            return tone_motion(np.stack(tones), sample_rate)
    for row in x:
        with contextlib.suppress(ValueError):
            return surely_pilot(row, sample_rate)
    with contextlib.suppress(ValueError):
        return tone_motion(x, sample_rate)
    raise ValueError("no test tone and no pilot is found: give tone, pilot or dry, or a recording of a test tone")


def figures_of(motion: Motion) -> Transport:
    """All meters on one motion."""
    slow, seconds = _slowed(motion), len(motion.speed) / motion.rate
    top = min(slow.top, 0.45 * slow.rate)
    found = lines(slow.speed, slow.rate, top)
    meters = _Meters.of(slow, found, _MARGIN)
    figures: Figures = {**_error(slow), "drift_rms_percent": None}
    if seconds >= _DRIFTS:
        figures["drift_rms_percent"] = meters.within(0.0, DRIFT)[0]
    heard = seconds >= _WOWS and top >= WOW
    figures |= _pair("wow", meters, DRIFT, WOW, heard)
    figures |= _pair("flutter", meters, WOW, min(FLUTTER, top), top >= 2 * WOW)
    fast = min(motion.top, 0.45 * motion.rate)
    figures |= _pair("scrape", _Meters.of(motion, [], _BRIEF), FLUTTER, fast, fast >= _SCRAPES * FLUTTER)
    totals: Sequence[Reading | None] = meters.whole(min(ROWS[1], top)) if heard else [None] * len(TOTALS)
    figures |= dict(zip(TOTALS, totals, strict=True))
    return Transport(motion, figures, found, spectrum(motion.speed, motion.rate, fast))


def _slowed(motion: Motion) -> Motion:
    """The motion at a rate that holds wow and flutter and little more: scrape alone needs all."""
    from scipy.signal import resample_poly

    step = int(motion.rate / _ENOUGH)
    if step < 2:
        return motion
    mean, rate = motion.speed.mean(), motion.rate / step
    speed = mean + resample_poly(motion.speed - mean, 1, step, padtype="line")
    noise = None if motion.noise is None else resample_poly(motion.noise, 1, step, padtype="line")
    times, delay = motion.times[::step], motion.delay[::step]
    spread = None if motion.spread is None else motion.spread[::step]
    return motion._replace(times=times, speed=speed, rate=rate, top=min(motion.top, 0.4 * rate), delay=delay,
                           noise=noise, spread=spread)  # fmt: skip


def _pair(name: str, meters: "_Meters", low: float, high: float, known: bool) -> Figures:
    """RMS and peak of a band, None both where the source does not tell it."""
    readings: Sequence[Reading | None] = meters.within(low, high) if known else (None, None)
    return {f"{name}_{kind}_percent": each for kind, each in zip(("rms", "peak"), readings, strict=False)}


TOTALS = tuple(
    f"{weight}_{meter}_percent"
    for weight in ("unweighted", "weighted")
    for meter in ("rms", "peak", "quasi_peak", "two_sigma")
)


class _Meters(NamedTuple):
    """A speed and its noise, both with `margin` more values at their ends, and the readings of meters on them."""

    speed: Series
    noise: Series | None
    rate: float
    margin: int

    @classmethod
    def of(cls, motion: Motion, found: list[Line], seconds: float) -> Self:
        """The meters of a motion whose lines are known, prolonged by so many seconds."""
        margin = min(round(seconds * motion.rate), len(motion.speed))
        noise = None if motion.noise is None else prolonged(motion.noise, motion.rate, [], margin)
        mean = motion.speed.mean()
        return cls(prolonged(motion.speed - mean, motion.rate, found, margin), noise, motion.rate, margin)

    def within(self, low: float, high: float) -> list[Reading]:
        """RMS, peak and 2-sigma of a band."""
        return self._read(lambda x: band(x, self.rate, low, high))

    def whole(self, top: float) -> list[Reading]:
        """The meters of `TOTALS`."""
        flat = self._read(lambda x: band(x, self.rate, ROWS[0], top))
        heard = self._read(lambda x: weighted(x, self.rate))
        pointer = self._cut(quasi_peak(band(self.speed, self.rate, ROWS[0], top), self.rate))
        weighed = self._cut(iec_60386(self.speed, self.rate))
        flat.insert(2, _percent(reading(pointer, peak)))
        heard.insert(2, _percent(reading(weighed, peak)))
        return flat + heard

    def _read(self, through: Callable[[Series], Series]) -> list[Reading]:
        part = self._cut(through(self.speed))
        still = None if self.noise is None else self._cut(through(self.noise))
        return [_percent(reading(part, meter, still)) for meter in (rms, peak, two_sigma)]

    def _cut(self, x: Series) -> Series:
        return settled(x[self.margin : len(x) - self.margin], self.rate)


def _error(motion: Motion) -> Figures:
    """Mean speed error, in parts per million and in per cent."""
    if not motion.absolute:
        return {"speed_error_ppm": None, "speed_error_percent": None}
    window = np.hanning(len(motion.speed))
    turns = np.exp(2j * np.pi * np.outer([0, 2, 3, 4], np.arange(len(window)) / len(window)))
    # What the same window sees at the next frequencies is what it may see of them at zero.
    mean, *beside = (turns * window) @ motion.speed / window.sum()
    error = Reading(float(mean.real), float(np.sqrt(np.mean(np.abs(beside) ** 2))))
    return {"speed_error_ppm": _percent(error, 1e6), "speed_error_percent": _percent(error)}


def _percent(found: Reading, by: float = 100.0) -> Reading:
    return Reading(by * found.value, None if found.deviation is None else by * found.deviation)
