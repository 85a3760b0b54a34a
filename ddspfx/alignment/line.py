"""A straight line through lags of which some are wrong."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.interpolate import Reals

_MAD = 1.4826  # a Gaussian's deviation over its median absolute deviation
_MOST = 1500  # points for the pairwise slopes
_WANDER = 4.0  # a drift must exceed the wander about the line this many times to be a speed error


class Line(NamedTuple):
    """value(t) = start + slope·t, the robust spread about it, and which points agree with it."""

    start: float
    slope: float
    spread: float
    agrees: NDArray[np.bool_]

    def at(self, t: Reals) -> Reals:
        """The line's values."""
        return self.start + self.slope * t


def robust_line(t: Reals, value: Reals, tolerance: float) -> Line:
    """Theil–Sen, then least squares on the points within 4 deviations (at least `tolerance`) of it.

    (Theil 1950; Sen 1968: the median of all pairwise slopes, sound with up to 29 % of wrong points.)
    """
    some = np.unique(np.linspace(0, len(t) - 1, min(len(t), _MOST)).astype(int))
    first, second = np.triu_indices(len(some), 1)
    run = t[some[second]] - t[some[first]]
    far = run >= np.quantile(run, 0.3) if len(run) else run > 0
    slope = float(np.median((value[some[second]] - value[some[first]])[far] / run[far])) if far.any() else 0.0
    start = float(np.median(value - slope * t))
    spread, agrees = _spread(value - start - slope * t, tolerance)
    if agrees.sum() >= 3:
        slope, start = (float(v) for v in np.polyfit(t[agrees], value[agrees], 1))
        spread, agrees = _spread(value - start - slope * t, tolerance)
    return Line(start, slope, spread, agrees)


def level_line(t: Reals, value: Reals, tolerance: float) -> Line:
    """The same with no slope: the mean of the points that agree."""
    centre = float(np.median(value))
    _, agrees = _spread(value - centre, tolerance)
    centre = float(np.mean(value[agrees]))
    spread, agrees = _spread(value - centre, tolerance)
    return Line(centre, 0.0, spread, agrees)


def is_drift(line: Line, duration: float, points: int) -> bool:
    """Whether the slope is a speed error: its change over `duration` stands clear of the wander about the line.

    A tape's flutter leaves a slope by chance; it is not mistaken for one, since four wanders are asked for.
    """
    return points >= 4 and abs(line.slope) * duration > _WANDER * line.spread


def _spread(rest: Reals, tolerance: float) -> tuple[float, NDArray[np.bool_]]:
    spread = float(_MAD * np.median(np.abs(rest)))
    return spread, np.abs(rest) <= np.maximum(4 * spread, tolerance)
