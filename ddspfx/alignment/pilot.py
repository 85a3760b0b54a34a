"""Wow and flutter read off a pilot on a track of its own: a train of pulses, or a steady tone."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.denoised import denoised
from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.missing import filled_in
from ddspfx.alignment.pulse import fitted_pulses
from ddspfx.alignment.pulse_train import FEWEST, pulse_train
from ddspfx.alignment.tone import Timing, strongest, tone_timing

_SIDES = {"L": 0, "R": 1}
_FOUND = 0.4  # share of the pulses that must be there
_CLEAR = 0.5  # share of the pulses' energy, by frequency over the noise, that their common shape explains
_PURE = 0.5  # share of the channel's energy in its strongest line that makes it a tone


class PilotClock(NamedTuple):
    """What a pilot shows at `times` in seconds: how many of its periods have passed, a real number.

    `weights` say what to believe; `rate` knots a second hold it; `period` is the mean one and `deviation` that of a
    pulse's place, both in seconds. Whether whole `numbers` are the pulses themselves says `counted`; a tone's begin
    anywhere.
    """

    times: Reals
    numbers: Reals
    weights: Reals
    rate: int
    period: float
    deviation: float
    counted: bool


class _Late(NamedTuple):
    """How much later than even each numbered pulse is, in samples, and the deviation of that."""

    numbers: NDArray[np.int64]
    samples: Reals
    deviation: float


def channel_of(pilot: Any, channels: int) -> int:
    """The index of the pilot's channel. Raises ValueError for one that the sound has not, and for mono."""
    index = _SIDES.get(str(pilot).upper(), pilot)
    if channels < 2:
        raise ValueError("wet is mono, but a pilot needs a channel of its own: give a stereo file, or use tone")
    if isinstance(index, bool) or index not in (0, 1):
        raise ValueError(f"pilot is {pilot}, but must be channel 0 ('L') or 1 ('R'): name the one with the pulses")
    return int(index)


def pilot_timing(x: Reals, sample_rate: int) -> Timing:
    """Delay over time of the pilot in `x` (samples,), pulses at an equal distance or a steady tone.

    Nobody says what the pilot's rate was, so the mean speed is taken as right. A train is followed from pulse to
    pulse through missing and false ones; each is then placed by the phase of its spectrum against the common shape,
    weighted by the noise. Pulses tell flutter up to half their rate. Raises ValueError when there is no pilot.
    """
    clock, clarity = _clock(x, sample_rate)
    delays = clock.times - clock.period * clock.numbers
    line = np.polyfit(clock.times, delays, 1, w=np.sqrt(clock.weights))
    return Timing(clock.times, delays - np.polyval(line, clock.times), clock.weights, clock.rate, clarity)


def pilot_clock(x: Reals, sample_rate: int) -> PilotClock:
    """What the pilot in `x` (samples,) counts, by the same means. Raises ValueError when there is no pilot."""
    return _clock(x, sample_rate)[0]


def _clock(x: Reals, sample_rate: int) -> tuple[PilotClock, float]:
    """The clock and how clearly it stands out."""
    rows = x - np.mean(x)
    if not np.any(rows):
        raise ValueError("the pilot's channel is silent: name another channel")
    return _tone(rows, sample_rate) or _pulses(rows, sample_rate)


def _tone(x: Reals, sample_rate: int) -> tuple[PilotClock, float] | None:
    """The clock of the line that holds most of the energy, if one does and is steady."""
    carrier = strongest(x, sample_rate, 20.0, 0.42 * sample_rate)
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2
    at = np.arange(len(power)) * sample_rate / len(x)
    if power[np.abs(at - carrier) < 0.01 * carrier].sum() < _PURE * power.sum():
        return None
    try:
        timing = tone_timing(x, sample_rate, carrier)
    except ValueError:
        return None
    numbers = carrier * (timing.times - timing.delays)
    # Wow blurs the strongest frequency; the mean one is what the phase adds up to.
    period = float(np.polyfit(numbers, timing.times, 1, w=np.sqrt(timing.weights))[0])
    noise = 1 / (2 * np.pi * carrier * math.sqrt(timing.clarity))
    return PilotClock(timing.times, numbers, timing.weights, timing.rate, period, noise, False), timing.clarity


def _pulses(x: Reals, sample_rate: int) -> tuple[PilotClock, float]:
    train = pulse_train(x, sample_rate)
    fit = fitted_pulses(x, train.places, train.numbers)
    good = fit.good
    span = int(train.numbers.max() - train.numbers.min()) + 1
    if good.sum() < max(FEWEST, _FOUND * span) or fit.explained < _CLEAR:
        raise ValueError("no pilot is found in this channel: it must hold pulses at an equal distance, or a tone")
    numbers, places, deviations = train.numbers[good], fit.places[good], fit.deviations[good]
    period, start = np.polyfit(numbers, places, 1, w=1 / deviations)
    late = _Late(numbers, places - start - period * numbers, float(np.median(deviations)))
    rest, near = _between(late, len(x), start, period)
    every = numbers[0] + np.arange(len(rest)) / 8
    times = (start + period * every + rest) / sample_rate
    rate = math.ceil(4 * sample_rate / period)
    noise = late.deviation / sample_rate
    return PilotClock(times, every, near, rate, period / sample_rate, noise, True), fit.explained


def _between(late: _Late, length: int, start: float, period: float) -> tuple[Reals, Reals]:
    """Lateness in samples and weight, eight a period, band-limited between the pulses.

    On the steady clock pulses are equally spaced, so a windowed sinc reads exactly between them, where a spline
    through them would lose flutter. Missing ones are predicted from both sides; the ends are reflected.
    """
    from ddspfx.signal.warp import TAPS, interpolate

    numbers = late.numbers
    every = np.arange(numbers[0], numbers[-1] + 1)
    filled = denoised(filled_in(numbers - numbers[0], late.samples), late.deviation)
    reach = min(TAPS, len(filled) - 1)
    padded = np.pad(filled, reach, mode="reflect", reflect_type="odd")
    place = np.arange(0, len(filled) - 1 + 1e-9, 1 / 8)
    rest = interpolate(padded, place + reach)
    there = np.isin(every, numbers)
    nearest = np.minimum(np.round(place).astype(int), len(every) - 1)
    steady = start + period * (numbers[0] + place)
    inside = (steady + rest >= 0) & (steady + rest <= length - 1)
    return rest, np.where(there[nearest] & inside, 1.0, 1e-6)
