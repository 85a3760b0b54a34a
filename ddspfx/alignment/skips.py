"""The moment at which a record skips: where one groove stops explaining it and the next one begins."""

import numpy as np

from ddspfx.alignment.course import Course, read
from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.levels import Singles

_BEYOND = 0.35  # s on either side of where blocks say that it lies
_EMPHASIS = 0.95


def placed(
    course: Course,
    x: Singles,
    y: Singles,
    rate: float,
    doubt: Reals,
    sign: int,
    emphasis: float = _EMPHASIS,
) -> Course:
    """The course with each jump at the sample from which dry `x` (samples,), read beyond the jump, fits wet `y` better.

    Minimises Σ_{n<k} (y - g·x_before)² + Σ_{n≥k} (y - g·x_after)² over k, both with a first difference and the
    least-squares gain of what fits best there; `doubt` is by how many seconds each jump's time may be wrong.
    """
    jumps = list(course.jumps)
    for k, (time, jump) in enumerate(jumps):
        low = max(jumps[k - 1][0] if k else 0.0, time - doubt[k] - _BEYOND)
        high = min(jumps[k + 1][0] if k + 1 < len(jumps) else np.inf, time + doubt[k] + _BEYOND, len(y) / rate)
        n = np.arange(int(low * rate), int(high * rate))
        if len(n) < 16:
            continue
        here = course.smooth(n / rate) + sum(j for t, j in jumps[:k])
        before, after = (_differences(read(x, at * rate), emphasis) for at in (here, here + jump))
        wet = sign * _differences(y[n].astype(np.float64), emphasis)
        jumps[k] = (float(n[_switch(before, after, wet)] / rate), jump)
    return course._replace(jumps=tuple(jumps))


def _differences(x: Reals, emphasis: float) -> Reals:
    return np.append(0.0, x[1:] - emphasis * x[:-1])


def _switch(before: Reals, after: Reals, wet: Reals) -> int:
    """The first sample that belongs to `after`."""
    gain = np.sqrt(2 * float(wet @ wet) / (float(before @ before + after @ after) + 1e-300))
    better = (wet - gain * before) ** 2 - (wet - gain * after) ** 2  # positive where `after` explains more
    worth = np.concatenate([[0.0], np.cumsum(better)])
    return int(np.clip(np.argmin(worth), 0, len(wet) - 1))
