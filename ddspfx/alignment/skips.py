"""The moment at which a record skips: where one groove stops explaining it and the next one begins."""

import numpy as np

from ddspfx.alignment.course import Course, read
from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.levels import Singles
from ddspfx.alignment.response import filtered, spectrum_pair

_BEYOND = 0.35  # s on either side of where blocks say that it lies
_ABOUT = 5.0  # s on either side in which the player's response is measured
_ENDS = 0.1  # s more, in which that response rings
_RESOLVED = 8000.0  # Hz above which a response is shorter than what it is measured in; below it there is a gain alone
_EMPHASIS = 0.95  # of a first difference: the bass alone knows little
_TOP = 3000.0  # Hz at which nothing passes any more
_LOUDEST, _MOSTLY = 2.0, 0.99  # times what the residual mostly keeps to: a click says no more than that


def placed(
    course: Course, x: Singles, y: Singles, rate: float, doubt: Reals, sign: int, emphasis: float = _EMPHASIS
) -> Course:
    """The course with each jump at the sample from which dry `x` (samples,), read beyond the jump, fits wet `y` better.

    Minimises Σ_{n<k} |y - h∗x_before|² + Σ_{n≥k} |y - h∗x_after|² over k, below 2 kHz, h the least-squares response of
    the seconds about it; `doubt` is by how many seconds each jump's time may be wrong.
    """
    times = [time for time, _ in course.jumps]
    for k in range(len(times)):
        low = max(times[k - 1] if k else 0.0, times[k] - doubt[k] - _BEYOND)
        high = min([times[k] + doubt[k] + _BEYOND, len(y) / rate, *times[k + 1 : k + 2]])
        if (high - low) * rate < 16:
            continue
        wet, before, after = _either_way(course, k, x, sign * y, rate, low, high)
        compared = (_middle_band(v, emphasis, rate) for v in (wet, before, after))
        times[k] = float(low + _switch(*compared) / rate)
    return course._replace(jumps=tuple((time, jump) for time, (_, jump) in zip(times, course.jumps, strict=True)))


def _middle_band(x: Reals, emphasis: float, rate: float) -> Reals:
    """What the bass does not mask and a course that is a few samples off does not spoil."""
    from scipy.ndimage import uniform_filter1d

    width = max(1, round(rate / _TOP))
    return np.asarray(uniform_filter1d(uniform_filter1d(np.append(0.0, x[1:] - emphasis * x[:-1]), width), width))


def _either_way(
    course: Course, k: int, x: Singles, y: Singles, rate: float, low: float, high: float
) -> tuple[Reals, Reals, Reals]:
    """Wet from `low` to `high` seconds, and what it would be before jump `k` and after it."""
    first, last = max(0, int((low - _ABOUT) * rate)), min(len(y), int((high + _ABOUT) * rate))
    n = np.arange(first, last)
    wet = y[first:last].astype(np.float64)
    heard_there = read(x, course(n / rate) * rate)
    begin, end = max(first, int((low - _ENDS) * rate)), min(last, int((high + _ENDS) * rate))
    n = np.arange(begin, end)
    here = course.smooth(n / rate) + sum(jump for _, jump in course.jumps[:k])
    inside = slice(int(low * rate) - begin, int(high * rate) - begin)
    grooves = [read(x, at * rate) for at in (here, here + course.jumps[k][1])]
    if rate > _RESOLVED:
        H = spectrum_pair(heard_there, wet)
        heard = [filtered(groove, H)[inside] for groove in grooves]
    else:
        gain = np.sqrt(float(wet @ wet) / (float(heard_there @ heard_there) + 1e-300))
        heard = [gain * groove[inside] for groove in grooves]
    return wet[begin - first :][inside], heard[0], heard[1]


def _switch(wet: Reals, before: Reals, after: Reals) -> int:
    """The first sample that belongs to `after`."""
    left = (wet - before) ** 2, (wet - after) ** 2
    most = _LOUDEST**2 * float(np.quantile(np.minimum(*left), _MOSTLY)) + 1e-300
    better = np.minimum(left[0], most) - np.minimum(left[1], most)  # positive where `after` explains more
    return int(np.clip(np.argmin(np.concatenate([[0.0], np.cumsum(better)])), 0, len(wet) - 1))
