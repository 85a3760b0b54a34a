"""A record's course through dry: places on a fine grid, jumps apart, made truer by the lags of short frames."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.levels import Singles
from ddspfx.alignment.quick_frames import quick_correlations
from ddspfx.alignment.steps import stepped
from ddspfx.alignment.turning import turning_of
from ddspfx.alignment.viterbi import best_path, refined

STEP = 0.02
"""Seconds from one point of a course to the next."""
_FRAME = 0.096  # s
_WINDOW = 2000  # points whose frames are correlated at a time
_STEEPEST = 0.004  # of speed
_BENDS = (1.2 / 44_100, 3e-6)  # s a squared step: of everything, and of what no harmonic is
_DRIFT = 2e-5  # of speed a second that a record drifts
_FLUTTER = 3e-5  # s that neither drift nor harmonics explain
_LOOSE = 3e-4  # s beyond the drift that a course without flutter may still be
_WILD = 1e9  # samples squared: nothing is known


class Course(NamedTuple):
    """Seconds of dry at every `STEP` of wet with the jumps left out, and the jumps as (time, seconds of dry)."""

    places: Reals
    jumps: tuple[tuple[float, float], ...]

    def smooth(self, times: Reals) -> Reals:
        """Places at any time without the jumps; beyond the ends the course goes straight on."""
        grid, p = np.arange(len(self.places)) * STEP, self.places
        found: Reals = np.interp(times, grid, p)
        found += (p[1] - p[0]) / STEP * np.minimum(times, 0.0)
        found += (p[-1] - p[-2]) / STEP * np.maximum(times - grid[-1], 0.0)
        return found

    def __call__(self, times: Reals) -> Reals:
        """Places at any time."""
        found = self.smooth(times)
        for time, jump in self.jumps:
            found += jump * (times >= time)
        return found


class Lags(NamedTuple):
    """Lags in seconds at the grid's points and their variances, in seconds squared."""

    values: Reals
    variances: Reals


def lags_about(
    course: Course,
    x: Singles,
    y: Singles,
    rate: float,
    reach: float,
    sign: int,
    doubt: float = 0.0,
) -> Lags:
    """How far wet `y` runs behind dry `x` (samples,) read by `course`, at every point of its grid, within ±`reach` s.

    Points so near a jump, within `doubt` s of where it is, that a frame holds both sides say nothing.
    """
    hop, size = round(STEP * rate), 2 * round(_FRAME * rate / 2)
    count, lags = len(course.places), max(4, round(reach * rate))
    more = size // hop + 2

    def scores(first: int) -> Singles:
        many = min(_WINDOW, count - first)
        low = max(0, first - more)
        n = np.arange(low * hop, min((first + many + more) * hop, len(y)))
        dry = read(x, course(n / rate) * rate).astype(np.float32)
        found = quick_correlations(dry, y[n[0] : n[-1] + 1], size, hop, lags, first - low, many)
        return sign * found

    with ThreadPoolExecutor(2) as pool:
        table = np.concatenate(list(pool.map(scores, range(0, count, _WINDOW))))
    near = _beside_jumps(course, _FRAME / 2 + doubt)
    table[near] = 0.0
    path = best_path(table, max(1, round(2 * _STEEPEST * hop)))
    index, curvature = refined(table.astype(np.float64), path)
    information = np.where(near, 0.0, 4 * curvature * hop / size)
    return Lags((index / 2 - lags) / rate, 1 / np.maximum(information, 1 / _WILD) / rate**2)


def _beside_jumps(course: Course, width: float) -> NDArray[np.bool_]:
    grid = np.arange(len(course.places)) * STEP
    near = np.zeros(len(grid), bool)
    for time, _ in course.jumps:
        near |= np.abs(grid - time) < width
    return near


def read(x: Singles, positions: Reals) -> Reals:
    """`x` (samples,) at positions in samples, by a quintic spline; silent beyond its ends."""
    from scipy.ndimage import map_coordinates

    low = int(np.clip(positions.min() - 32, 0, len(x) - 1))
    part = x[low : int(np.clip(positions.max() + 32, low + 1, len(x)))].astype(np.float64)
    y: Reals = map_coordinates(part, [positions - low], order=5, mode="constant")
    return y


def straightened(course: Course, lags: Lags) -> Course:
    """The course moved by smooth lags, and each jump to where the smooth line goes on behind it."""
    grid = np.arange(len(course.places)) * STEP
    return through(course.smooth(grid - lags.values), lags.variances, STEP, course.places, course.jumps, _BENDS)


def through(
    values: Reals,
    variances: Reals,
    step: float,
    places: Reals,
    jumps: Sequence[tuple[float, float]],
    bends: tuple[float, float],
) -> Course:
    """The course through `values` every `step` seconds from zero, of `variances`, that lie about `places`.

    The jumps are left out of the values but for an error of theirs, which is found with it. `bends` are the second
    differences that a course may have at a step, first all, then what is left of it without the revolution's
    harmonics: these are kept out of the smoothing, so that they go on where nothing is heard, as the drift does, while
    flutter is over there.
    """
    grid = np.arange(len(values)) * step
    speed = (places[-1] - places[0]) / grid[-1]
    found = values - speed * grid
    cuts = [int(np.clip(np.ceil(time / step), 0, len(grid))) for time, _ in jumps]
    line, steps = stepped(found, variances, bends[0], cuts)
    turning = turning_of(places, found - _summed(cuts, steps, len(grid)), variances, step)
    if turning is not None:
        mean = turning.harmonics(places, found - _summed(cuts, steps, len(grid)), variances)
        rest = found - mean
        steps = stepped(rest, variances, bends[1], cuts)[1]
        rest = rest - _summed(cuts, steps, len(grid))
        slow = stepped(rest, variances + _FLUTTER**2, _DRIFT * step**2, [])[0]
        line = mean + slow + stepped(rest - slow, variances, bends[1], [], _LOOSE)[0]
    moved = tuple((time, jump + float(step)) for (time, jump), step in zip(jumps, steps, strict=True))
    return Course(line + speed * grid, moved)


def _summed(cuts: Sequence[int], steps: Reals, count: int) -> Reals:
    """All steps so far at each point."""
    found = np.zeros(count)
    for cut, step in zip(cuts, steps, strict=True):
        found[cut:] += step
    return found
