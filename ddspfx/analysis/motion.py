"""How a transport moved, as a speed over time: from a test tone, a pilot, or the original beside the copy."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.alignment.pilot import pilot_timing
from ddspfx.alignment.tone import Timing, in_any, strongest, tone_timing
from ddspfx.source.trajectory import Trajectory

Series = Float[np.ndarray, " times"]
Sound = Float[np.ndarray, "channels samples"]

TONES = (3150.0, 3000.0, 1000.0, 315.0, 300.0)
"""Hz of test tones: one that lies within 2.4 % of a tone found is what was recorded."""
_NEAR = 0.024
_LOWEST, _HIGHEST = 20.0, 0.42  # Hz, and of the sample rate
_BAND, _WIDEST = 0.4, 2000.0  # of the tone, and Hz: how far its sidebands are followed
_TOLD = 0.7  # of that band where the filter is flat
_EXPLAINED, _PLAUSIBLE, _PULSES = 0.9, 0.03, 40  # for a pilot that nobody named
_PULSES_TELL = 0.45  # of their rate
_KNOTS_TELL = 0.25  # of the knots a second of a tracked delay
_LEAST = 0.5  # s
_PURE = 0.5  # share of the energy in its strongest line that makes a sound a tone
# The derivative of highest order on nine points.
_SLOPE = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0.0, 4 / 5, -1 / 5, 4 / 105, -1 / 280])


class Motion(NamedTuple):
    """A transport's speed over time.

    `speed` is the relative deviation f/f₀ - 1 at `times`, `rate` a second; `top` is the highest frequency in Hz
    that it tells. `noise` is a series of the size of its measurement noise, None where that is not known;
    `absolute` says whether the mean means something. `delay` in seconds and its `spread` are at the same times.
    `source` says in words what told it.
    """

    times: Series
    speed: Series
    rate: float
    top: float
    source: str
    absolute: bool
    delay: Series
    noise: Series | None = None
    spread: Series | None = None


def tone_motion(x: Sound, sample_rate: int, frequency: float | None = None) -> Motion:
    """The motion that a steady tone tells, in the channel where it stands out most.

    Without `frequency` the strongest line is the tone, and one near 3150, 3000, 1000, 315 or 300 Hz is taken for
    that test tone; near none of them its mean speed is unknown. What additive noise does to the phase it does to
    the level as well, which no transport moves: the level's fluctuation is the noise. Raises ValueError when no
    steady tone is found.
    """
    found = in_any(x, lambda row: _tone(row, sample_rate, frequency))
    timing, nominal, known = max(found, key=lambda each: each[0].clarity)
    level = 0.5 * np.log(np.clip(timing.weights, 0.25, 4.0)) / (2 * np.pi * nominal)
    motion = _differentiated(timing.times, timing.delays, f"tone of {nominal:g} Hz", known)
    noise = _slope(level - level.mean(), motion.rate)
    # The envelope has four values a cycle of the band's edge.
    return motion._replace(top=_TOLD * motion.rate / 4, noise=noise)


def _tone(row: Series, sample_rate: int, frequency: float | None) -> tuple[Timing, float, bool]:
    """The timing of a row's tone, the frequency it was recorded with, and whether that is known."""
    if not np.any(row):
        raise ValueError("the sound is silent where a tone is looked for: give the file that holds it")
    carrier = frequency or strongest(row, sample_rate, _LOWEST, _HIGHEST * sample_rate)
    timing = tone_timing(row, sample_rate, carrier, min(_BAND * carrier, _WIDEST))
    if frequency is not None:
        return timing, frequency, True
    cycles = carrier * (timing.times - timing.delays)
    # Under wow the strongest frequency is where it turns round, so the mean one is taken.
    mean = float(np.polyfit(timing.times, cycles, 1, w=np.sqrt(timing.weights))[0])
    nearest = min(TONES, key=lambda tone: abs(math.log(tone / mean)))
    known = abs(nearest / mean - 1) < _NEAR
    nominal = nearest if known else mean
    return timing._replace(delays=timing.times - cycles / nominal), nominal, known


def is_tone(row: Series, sample_rate: int) -> bool:
    """Whether most of a sound's energy (samples,) lies within a hundredth of its strongest line."""
    from scipy.fft import next_fast_len, rfft

    count = next_fast_len(len(row), real=True)
    power = np.abs(rfft(row * np.hanning(len(row)), count)) ** 2
    carrier = strongest(row, sample_rate, _LOWEST, _HIGHEST * sample_rate)
    at = np.arange(len(power)) * sample_rate / count
    return bool(power[np.abs(at - carrier) < 0.01 * carrier].sum() > _PURE * power.sum())


def pilot_motion(x: Series, sample_rate: int) -> Motion:
    """The motion that a pilot in `x` (samples,) tells; its mean is taken as right. Raises as `pilot_timing` does."""
    return _of_pilot(pilot_timing(x, sample_rate))


def surely_pilot(x: Series, sample_rate: int) -> Motion:
    """The same where nobody said that there is a pilot: it must be clear beyond doubt, for music repeats itself too.

    Raises ValueError unless one shape explains nine tenths of the pulses' energy and the speed deviates by 3 % at most.
    """
    timing = pilot_timing(x, sample_rate)
    motion = _of_pilot(timing)
    if not _EXPLAINED < timing.clarity <= 1 or np.std(motion.speed) > _PLAUSIBLE or len(timing.times) < 8 * _PULSES:
        raise ValueError("nothing in this channel is surely a pilot: name its channel")
    return motion


def _of_pilot(timing: Timing) -> Motion:
    rate = 1 / float(np.median(np.diff(timing.times)))
    times = np.arange(timing.times[0], timing.times[-1], 1 / rate)
    motion = _differentiated(times, _through(timing.times, timing.delays, times), "pilot", False)
    # Pulses come eight values to a period.
    return motion._replace(top=min(_PULSES_TELL * motion.rate / 8, 0.4 * motion.rate))


def pair_motion(dry: Sound, wet: Sound, sample_rate: int) -> Motion:
    """The motion of a copy against its original, tracked. Raises ValueError as `align` and `track` do."""
    from ddspfx.alignment.align import align
    from ddspfx.alignment.track import track

    alignment = align(dry, wet, sample_rate)
    if alignment.confidence < 0.1:
        raise ValueError("wet has nothing in common with dry: check that they are one pair")
    return trajectory_motion(track(dry, wet, sample_rate, alignment=alignment), wet.shape[1] / sample_rate)


def trajectory_motion(found: Trajectory, duration: float | None = None) -> Motion:
    """The motion that a delay trajectory says, of its first channel."""
    duration = found.duration if duration is None else duration
    rate = 4.0 * found.rate
    times = np.arange(0.0, duration, 1 / rate)
    delay, spread = np.atleast_2d(found(times))[0], np.atleast_2d(found.deviation(times))[0]
    motion = _differentiated(times, delay, "original", True)
    known = spread if np.isfinite(spread).all() else None
    return motion._replace(top=_KNOTS_TELL * found.rate, spread=known)


def _differentiated(times: Series, delay: Series, source: str, absolute: bool) -> Motion:
    """The motion of a delay at even times."""
    rate = (len(times) - 1) / float(times[-1] - times[0]) if len(times) > 1 else 1.0
    if len(times) < max(64.0, _LEAST * rate):
        raise ValueError(f"the sound tells {len(times) / rate:.3g} s of motion, but must tell {_LEAST} s: take more")
    return Motion(times, -_slope(delay, rate), rate, rate / 4, source, absolute, delay)


def _slope(x: Series, rate: float) -> Series:
    """dx/dt; the line through both ends goes on beyond them."""
    reach = len(_SLOPE) // 2
    longer = np.pad(x, reach, mode="reflect", reflect_type="odd")
    slope: Series = rate * np.correlate(longer, _SLOPE, "valid")
    return slope


def _through(times: Series, values: Series, wanted: Series) -> Series:
    from scipy.interpolate import CubicSpline

    order = np.concatenate([[True], np.diff(times) > 0])
    found: Series = CubicSpline(times[order], values[order])(wanted)
    return found
