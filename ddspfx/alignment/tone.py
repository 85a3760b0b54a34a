"""Wow and flutter read off the phase of a steady tone."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.denoised import denoised
from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.missing import filled_in

Told = TypeVar("Told")

_SEARCHED = 0.06  # of the frequency: the speed error within which a tone is looked for
_WIDEST = 200.0  # Hz to either side; the outer quarter is the filter's slope and tells the noise
_SHARE = 0.125  # of the frequency: the widest band of a low tone
_NARROWER = (1.0, 0.25)  # of the widest band, tried until the tone stands out of the programme
_CLEAR = 10.0  # power of the tone over that of its surroundings in the same width, to be believed
_STEADY = 0.85  # share of the time that a tone keeps within 6 dB of its median level
_CALM = 4.0  # Hz: wow and flutter up to here are always followed
_ABOVE = 10.0  # times the phase's noise floor, for a line of flutter to be followed
_SHORTEST = 0.5  # s
_ANSWERS = 4.0  # times the band's own answer that the recording must last
_GUESSED = 0.01  # weight of what is filled in where the tone drops out
_PROLONGED = 2.0  # widths of the band's answer by which the tone goes on beyond both ends


class Timing(NamedTuple):
    """Delays at times, both in seconds; the weight of each, the knots a second that hold them, and the clarity."""

    times: Reals
    delays: Reals
    weights: Reals
    rate: int
    clarity: float


class _Envelope(NamedTuple):
    """A tone moved down to 0 Hz, at times in seconds, `rate` a second, and its power over that beside it."""

    times: Reals
    values: NDArray[np.complex128]
    rate: float
    clarity: float


def in_any(rows: Iterable[Reals], told: Callable[[Reals], Told]) -> list[Told]:
    """What each channel tells that tells anything. Raises the last refusal where none does, ValueError without any."""
    found, refused = [], ValueError("the sound has no channels: give a file with sound")
    for row in rows:
        try:
            found.append(told(row))
        except ValueError as error:
            refused = error
    if not found:
        raise refused
    return found


def tone_timing(x: Reals, sample_rate: int, frequency: float, widest: float | None = None) -> Timing:
    """Delay of a steady tone over time, t - φ(t) / 2πf, from the phase of its analytic signal.

    `x` is (samples,); `frequency` in Hz is what the tone had when it was recorded, so that a constant speed error
    is a straight line in the delay. The tone may lie 6 % beside it. The band around the tone is 200 Hz to either
    side, an eighth of its frequency for a low one, a quarter of that where the programme covers the tone; `widest`
    in Hz is tried before them, and then the delays keep their noise. Flutter is followed up to where the phase's
    spectrum sinks into its noise, at most three quarters of the band.
    Raises ValueError when no steady tone is found there.
    """
    if not 10 <= frequency <= 0.45 * sample_rate:
        raise ValueError(f"tone is {frequency:g} Hz, but must be 10 to {0.45 * sample_rate:g}: name one in the sound")
    if len(x) < _SHORTEST * sample_rate:
        raise ValueError(f"wet lasts {len(x) / sample_rate:.3g} s, but must last {_SHORTEST} s: take more of it")
    if not np.any(x):
        raise ValueError("wet is silent where a tone is looked for: give the file that holds it")
    carrier = strongest(x, sample_rate, frequency * (1 - _SEARCHED), frequency * (1 + _SEARCHED))
    usually = min(_WIDEST, _SHARE * carrier)
    bands = ([] if widest is None else [widest]) + [share * usually for share in _NARROWER]
    for band in (band for band in bands if band * len(x) > _ANSWERS * sample_rate):
        envelope = _envelope_of(x, sample_rate, carrier, band)
        level = np.abs(envelope.values)
        usual = float(np.median(level))
        good = (level > usual / 2) & (level < usual * 2)
        if usual > 0 and envelope.clarity > _CLEAR and good.mean() > _STEADY:
            return _timing(envelope, good, carrier, band, frequency, quiet=widest is None)
    raise ValueError(f"no steady tone stands out near {frequency:g} Hz: name another frequency, or use the dry file")


def _envelope_of(x: Reals, sample_rate: int, carrier: float, band: float) -> _Envelope:
    """The tone's envelope at the times of `x`, sound to both ends."""
    reach = _fast(len(x), min(math.ceil(_PROLONGED * sample_rate / band), len(x)))
    longer = _prolonged(x, 2 * np.pi * carrier / sample_rate, reach)
    return _within(_envelope(longer, sample_rate, carrier, band), reach / sample_rate, len(x) / sample_rate)


def _fast(count: int, reach: int) -> int:
    """The least reach from this one on that makes a length whose transform is fast."""
    from scipy.fft import next_fast_len

    most = min(reach + count // 20, count)
    return next((n for n in range(reach, most) if next_fast_len(count + 2 * n) == count + 2 * n), reach)


def strongest(x: Reals, sample_rate: int, low: float, high: float) -> float:
    """Frequency in Hz between `low` and `high` around which most power lies, as wow spreads it."""
    from scipy.fft import next_fast_len
    from scipy.ndimage import uniform_filter1d

    count = next_fast_len(len(x), real=True)
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)), count)) ** 2
    step = sample_rate / count
    width = max(3, round(0.006 * low / step))
    smooth = uniform_filter1d(power, width)
    first, last = max(1, math.floor(low / step)), min(len(power) - 1, math.ceil(high / step))
    top = first + int(np.argmax(smooth[first : last + 1]))
    near = np.arange(max(1, top - width), min(len(power), top + width + 1))
    return float(np.sum(near * power[near]) / (np.sum(power[near]) + 1e-300) * step)


def _envelope(x: Reals, sample_rate: int, carrier: float, band: float) -> _Envelope:
    """The band around `carrier`, cut out of the spectrum with soft edges."""
    count = len(x)
    spectrum, step = np.fft.fft(x), sample_rate / count
    middle, half = round(carrier / step), math.ceil(band / step)
    offsets = np.arange(-2 * half, 2 * half)
    edge = np.clip((1 - np.abs(offsets) / half) * 4, 0.0, 1.0)
    bins = spectrum[(middle + offsets) % count]
    inside = np.sin(np.pi / 2 * edge) ** 2
    power = np.abs(bins) ** 2
    beside = power[(np.abs(offsets) > 0.6 * half) & (np.abs(offsets) < half)]
    # The median of an exponential distribution is ln 2 of its mean, and does not mind a partial nearby.
    noise = float(np.median(beside)) / math.log(2) * float(np.sum(inside))
    values = np.fft.ifft(np.fft.ifftshift(2 * inside * bins)) * (len(offsets) / count)
    rate = len(offsets) * step
    times = np.arange(len(values)) / rate
    turned = values * np.exp(2j * np.pi * (middle * step - carrier) * times)
    return _Envelope(times, turned, rate, float(np.sum(inside * power)) / (noise + 1e-300))


def _prolonged(x: Reals, omega: float, reach: int) -> Reals:
    """`x` with its tone of `omega` radians a sample going on at both ends, fading, so that the band does not ring."""
    return np.concatenate([_onward(x[::-1], omega, reach)[::-1], x, _onward(x, omega, reach)])


def _onward(x: Reals, omega: float, reach: int) -> Reals:
    """What follows the last `reach` samples: a tone of level and phase that change as straight lines, faded out."""
    n = np.arange(-reach, reach)
    turns = np.stack([np.cos(omega * n), np.sin(omega * n)])
    rows = np.concatenate([turns, turns * n / reach]).T
    found = np.linalg.lstsq(rows[:reach], x[-reach:])[0]
    fade = np.cos(np.pi / 2 * np.arange(reach) / reach) ** 2
    onward: Reals = rows[reach:] @ found * fade
    return onward


def _within(envelope: _Envelope, start: float, duration: float) -> _Envelope:
    """The part from `start` on, its times counted from there."""
    times = envelope.times - start
    inside = (times >= 0) & (times <= duration)
    return envelope._replace(times=times[inside], values=envelope.values[inside])


def _timing(
    envelope: _Envelope, good: NDArray[np.bool_], carrier: float, band: float, frequency: float, quiet: bool
) -> Timing:
    from scipy.ndimage import minimum_filter1d

    # The band's filter smears a dropout over what lies beside it.
    clean = minimum_filter1d(good, 5, mode="nearest")
    good = clean if clean.mean() > 0.5 else good
    places = np.flatnonzero(good)
    inside = slice(places[0], places[-1] + 1)
    phase = filled_in(places - places[0], np.unwrap(np.angle(envelope.values[places])))
    times, level = envelope.times[inside], np.abs(envelope.values[inside])
    top, noise = _fastest(phase, envelope.rate, band)
    phase = denoised(phase, noise) if quiet else phase
    delays = (1 - carrier / frequency) * times - phase / (2 * np.pi * frequency)
    weights = np.where(good[inside], (level / np.median(level)) ** 2, _GUESSED)
    return Timing(times, delays, weights, max(24, math.ceil(6 * top)), envelope.clarity)


def _fastest(phase: Reals, rate: float, band: float) -> tuple[float, float]:
    """Frequency in Hz up to which the phase moves by more than its noise, and the deviation of that."""
    from scipy.signal import welch

    size = min(len(phase), round(max(2.0, 32 / band) * rate))
    frequencies, power = welch(phase, rate, nperseg=size)
    floor = np.median(power[np.abs(frequencies / band - 0.625) <= max(0.125, 4 / size)])
    above = frequencies[(power > _ABOVE * floor) & (frequencies < 0.75 * band)]
    top = float(np.clip(1.3 * above.max(initial=0.0), min(_CALM, 0.75 * band), 0.75 * band))
    return top, math.sqrt(floor * rate / 2)
