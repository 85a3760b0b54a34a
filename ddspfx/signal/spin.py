"""A record whose platter starts, stops or changes speed: offline, in float64, since its end is not known ahead."""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ddspfx.signal.warp import interpolate

STANDSTILL = 0.01
"""Of the first speed: slower than that the platter stands."""
TAPS, BETA = 96, 12.0
"""Of the low-pass after a faster reading, for each output sample; 100 dB beyond 1.06 of the band's edge."""
EDGE = 0.94

Recording = Float[np.ndarray, "*channels samples"]


def spin_up(x: Recording, sample_rate: int, time_constant: float = 0.6) -> Recording:
    """The recording from a platter at rest: speed 1 - exp(-t / time_constant), seconds.

    A motor of constant torque against friction that goes with the speed: first order. Longer than `x`.
    """
    return change_speed(x, sample_rate, 0.0, 1.0, 1.0, time_constant=time_constant)


def spin_down(x: Recording, sample_rate: int, at: float = 0.0, time_constant: float = 0.6) -> Recording:
    """The recording, whose platter is let go `at` seconds: speed exp(-(t - at) / time_constant).

    It ends at a hundredth of the speed, or where the recording does.
    """
    return change_speed(x, sample_rate, 1.0, 0.0, 1.0, at=at, time_constant=time_constant)


def change_speed(
    x: Recording,
    sample_rate: int,
    start: float,
    stop: float,
    recorded: float | None = None,
    at: float = 0.0,
    time_constant: float = 0.3,
) -> Recording:
    """A disc recorded at `recorded` rpm (as `start` when left out), played at `start` and from `at` seconds at `stop`.

        speed(t) = (stop + (start - stop) exp(-(t - at) / time_constant)) / recorded

    `x` is (channels, samples) or (samples,); the result is as long as it takes to the end of x, or to standstill.
    Where the disc turns faster than recorded, what would lie beyond half the sample rate is filtered out.
    Raises ValueError for a speed below zero, two that stand, a `recorded` or time constant not above zero, or an `at`
    that is negative or, from standstill, not zero.
    """
    norm = start if recorded is None else recorded
    _check(start, stop, norm, at, time_constant)
    before, after = start / norm, stop / norm
    audio = np.asarray(x, np.float64)
    length = audio.shape[-1] / sample_rate

    def position(t: Float[np.ndarray, " times"]) -> Float[np.ndarray, " times"]:
        later = np.maximum(t - at, 0.0)
        settling = time_constant * -np.expm1(-later / time_constant)
        return np.asarray(before * np.minimum(t, at) + after * later + (before - after) * settling)

    longest = at + time_constant * math.log(1 / STANDSTILL) if stop == 0 else math.inf
    count = math.ceil(min(longest, _reached(position, length)) * sample_rate)
    rows = [_read(row, position, count, sample_rate, max(before, after)) for row in np.atleast_2d(audio)]
    return np.stack(rows).reshape(*audio.shape[:-1], count)


def _check(start: float, stop: float, recorded: float, at: float, time_constant: float) -> None:
    for name, value in (("start", start), ("stop", stop), ("at", at)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} is {value}, but must be 0 or more")
    for name, value in (("recorded", recorded), ("time_constant", time_constant), ("start + stop", start + stop)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} is {value}, but must be above 0")
    if start == 0 and at > 0:
        raise ValueError(f"at is {at} s, but must be 0 for a disc that stands until then")


def _reached(position: Callable[..., Float[np.ndarray, " times"]], length: float) -> float:
    """When the stylus gets to the end, by bisection; infinite where it does not."""
    low, high = 0.0, 1.0
    while position(np.array(high)) < length:
        low, high = high, 2 * high
        if high > 1e7:
            return math.inf
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if position(np.array(middle)) < length else (low, middle)
    return high


def _read(
    x: Float[np.ndarray, " samples"], position: Callable[..., Recording], count: int, sample_rate: int, fastest: float
) -> Float[np.ndarray, " count"]:
    """x at moving positions; read more finely than it is sampled, then taken to the sample rate."""
    finer = math.ceil(fastest - 1e-9) if fastest > 1 else 1
    if finer == 1:
        return interpolate(x, position(np.arange(count) / sample_rate) * sample_rate)
    from scipy.signal import firwin, upfirdn

    half = TAPS // 2 * finer
    times = np.arange(-half, count * finer + half) / (sample_rate * finer)
    places = position(np.maximum(times, 0.0)) * sample_rate
    dense = interpolate(x, np.where(times < 0, -TAPS, places))
    low = firwin(2 * half + 1, EDGE / finer, window=("kaiser", BETA))
    return np.asarray(upfirdn(low, dense, 1, finer)[TAPS : TAPS + count])


__all__ = ["change_speed", "spin_down", "spin_up"]
