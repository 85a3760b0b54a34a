"""Wow and flutter read off a pilot on a track of its own: a train of pulses, or a steady tone."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.denoised import denoised
from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.missing import filled_in
from ddspfx.alignment.pulse import fitted_pulses
from ddspfx.alignment.tone import Timing, strongest, tone_timing

_SIDES = {"L": 0, "R": 1}
_CORNER = 1000.0  # Hz: below it a programme's crosstalk masks the pulses
_PERIODS = (0.001, 0.25)  # s
_ALIKE = 0.7  # of the best autocorrelation, for a shorter period to be believed
_PERIODIC = 0.15  # autocorrelation below which nothing repeats
_LOCK = 24  # periods over which the first pulses are found
_WANDER = 0.02  # of the period by which a pulse may miss its prediction
_LOOP = 0.15  # of the miss that corrects the period
_FAINT = 0.3  # of the usual height: below it a pulse is missing
_SILENT = 0.1  # of the pulses' height: stretches below it hold none
_FEWEST = 8
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


class _Train(NamedTuple):
    """Whole samples where pulses lie, the running number of each, and their mean period in samples."""

    places: NDArray[np.int64]
    numbers: NDArray[np.int64]


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
    train = _followed(_heights(x, sample_rate), sample_rate)
    fit = fitted_pulses(x, train.places, train.numbers)
    good = fit.good
    span = int(train.numbers.max() - train.numbers.min()) + 1
    if good.sum() < max(_FEWEST, _FOUND * span) or fit.explained < _CLEAR:
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


def _heights(x: Reals, sample_rate: int) -> Reals:
    """The envelope above the programme's crosstalk, its loudest clicks cut down to the pulses' size."""
    from scipy.fft import next_fast_len
    from scipy.signal import butter, hilbert, sosfiltfilt

    high = sosfiltfilt(butter(2, _CORNER, "highpass", fs=sample_rate, output="sos"), x)
    height = np.abs(hilbert(high, next_fast_len(len(high)))[: len(high)])
    size = round(_PERIODS[1] * sample_rate)
    tops = np.array([part.max() for part in np.array_split(height, max(1, len(height) // size))])
    usual = np.median(tops[tops >= _SILENT * np.quantile(tops, 0.9)])
    cut: Reals = np.minimum(height, 1.5 * usual)
    return cut


def _period(height: Reals, sample_rate: int) -> float:
    """Distance of the pulses in samples: the shortest lag at which the envelope is nearly most like itself."""
    from scipy.fft import irfft, next_fast_len, rfft
    from scipy.ndimage import uniform_filter1d

    smooth = uniform_filter1d(height - height.mean(), 5)
    count = next_fast_len(2 * len(smooth), real=True)
    r = irfft(np.abs(rfft(smooth, count)) ** 2, count)
    shortest, longest = (round(p * sample_rate) for p in _PERIODS)
    longest = min(longest, len(height) // _FEWEST)
    if longest <= shortest + 2:
        raise ValueError("wet is too short to hold a pilot: take more of it")
    r = r[: longest + 2] / (r[0] + 1e-300) * len(smooth) / (len(smooth) - np.arange(longest + 2))
    lags = np.arange(shortest, longest)
    tops = lags[(r[lags] >= r[lags - 1]) & (r[lags] > r[lags + 1])]
    if len(tops) == 0 or r[tops].max() < _PERIODIC:
        raise ValueError("no pilot is found in this channel: nothing in it repeats; name another channel")
    lag = int(tops[r[tops] >= _ALIKE * r[tops].max()][0])
    before, here, after = r[lag - 1 : lag + 2]
    return float(lag + 0.5 * (after - before) / (2 * here - before - after + 1e-300))


def _followed(height: Reals, sample_rate: int) -> _Train:
    """The train, from where it is clearest to both ends."""
    period = _period(height, sample_rate)
    first, usual = _locked(height, period)
    later, after = _run(height, first, period, usual)
    mirrored, before = _run(height[::-1], len(height) - 1 - first, period, usual)
    places = np.concatenate([len(height) - 1 - mirrored[:0:-1], later])
    numbers = np.concatenate([-before[:0:-1], after])
    return _Train(places, numbers)


def _locked(height: Reals, period: float) -> tuple[int, float]:
    """A sample where a pulse surely is, and how high pulses are: the stretch whose comb is clearest."""
    teeth = min(_LOCK, max(2, int(len(height) / period) - 1))
    comb = np.round(np.arange(teeth) * period).astype(int)
    size, best = math.ceil(period), (0.0, 0, 0.0)
    for start in range(0, max(1, len(height) - comb[-1] - size), max(1, comb[-1] // 2)):
        rows = height[start + comb[:, None] + np.arange(size)]
        folded = np.median(rows, axis=0)
        top = int(np.argmax(folded))
        if folded[top] > best[0]:
            near = rows[:, max(0, top - 3) : top + 4].max(axis=1)
            tooth = int(np.argmin(np.abs(near - np.median(near))))
            best = (float(folded[top]), start + int(comb[tooth]) + top, float(np.median(near)))
    return best[1], best[2]


def _run(height: Reals, first: int, period: float, usual: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pulses from `first` on: each looked for about where the last and the period, followed slowly, put it."""
    slack = max(4.0, _WANDER * period)
    # Nearer is likelier: a false pulse as high as a true one loses by its distance.
    mask = np.exp(-0.5 * (np.arange(-math.ceil(3 * slack), math.ceil(3 * slack) + 1) / slack) ** 2)
    reach, step = len(mask) // 2, period
    places, numbers, expected, number, missed = [first], [0], first + period, 1, 0
    while expected + reach < len(height):
        centre = round(expected)
        window = height[max(0, centre - reach) : centre + reach + 1]
        window = window * mask[len(mask) - len(window) :]
        at = centre + reach + 1 - len(window) + int(np.argmax(window))
        if height[at] > _FAINT * usual:
            miss = at - expected
            step = float(np.clip(step + _LOOP * miss / (missed + 1), 0.95 * period, 1.05 * period))
            places.append(at)
            numbers.append(number)
            expected, missed = at + step, 0
        else:
            expected, missed = expected + step, missed + 1
        number += 1
    return np.array(places, np.int64), np.array(numbers, np.int64)
