"""Which groove plays: short blocks of a record found again near where long ones were, so that every jump shows."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.chain import best_chain, peaks
from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.levels import RATE, Singles
from ddspfx.alignment.smoother import smoothed
from ddspfx.alignment.turning import RATES
from ddspfx.alignment.whereabouts import Block

_SHORTEST = 0.4  # s that a jump has at least: half a turn of a shellac record
_FAR = 20.0  # s: a jump by so much costs twice what a short one does
_OFF, _ODD = 0.03, 2.5  # s that a jump may be off whole turns, and what one costs more that is
_LOW = 2000.0  # Hz of the recordings that short blocks are compared at
HOP = 0.125
"""Seconds from one short block to the next."""
_SIZE = 0.5  # s
_TELLING = 10.0  # s of runs that tell a speed
_TOGETHER = 16  # blocks that share a stretch of dry
_REACH = 6.0  # s around where the long blocks are
_CANDIDATES, _APART = 6, 0.004  # and s between two
_WEIGHT, _CHANCE, _MOST = 20.0, 4.0, 0.99  # of -log(1 - ρ²), what chance gives, and the highest ρ that is believed
_JUMP = 120.0  # what a jump costs
_EMPHASIS = 0.95  # of a first difference: the bass alone knows little
_QUIET = 1e-3  # of the usual energy: below it all is noise
_LOOSE, _WANDER = 0.0005, 0.004  # s, and of speed, that a lag may move from one block to another
_LONG = (30.0, 4.0, 0.03, 0.006, 25.0)  # of long blocks: weight, chance, looseness, wander, cost of a jump
_BEND = 0.003  # s a squared long hop that the speed of a record bends
_KNOWN = 0.005  # s to which a long block knows its place


class Path(NamedTuple):
    """Seconds of dry at `times` of wet (a chain of blocks), which run without a jump each is in, and a speed."""

    times: Reals
    places: Reals
    runs: NDArray[np.int64]
    near: float

    @property
    def speed(self) -> float:
        """Seconds of dry a second of wet within runs; what it is near where they are too short to say."""
        same = np.diff(self.runs) == 0
        dt, dp = np.diff(self.times)[same], np.diff(self.places)[same]
        return float(np.sum(dp) / np.sum(dt)) if np.sum(dt) > _TELLING else self.near

    def jumps(self) -> Reals:
        """Seconds of dry that each run begins later than the one before would go on, but for what wow does."""
        first = np.flatnonzero(np.diff(self.runs)) + 1
        found: Reals = np.diff(self.places)[first - 1] - self.speed * np.diff(self.times)[first - 1]
        return found

    def unwrapped(self) -> Reals:
        """`places` with all jumps taken out."""
        moved: Reals = self.places - np.concatenate([[0.0], np.cumsum(self.jumps())])[self.runs]
        return moved


def long_path(blocks: list[Block], speed: float) -> Path | None:
    """The chain of long blocks at about this `speed`; None where nothing matches."""
    weight, chance, loose, wander, cost = _LONG
    times = np.array([b.time for b in blocks])
    places = np.array([b.places for b in blocks])
    rho = np.clip(np.array([b.matches for b in blocks]), 0.0, 0.995)
    scores = -weight * np.log1p(-(rho**2)) - chance
    return _chained(times, places, np.where(scores > 0, scores, -np.inf), speed, (loose, wander, cost))


def _chained(times: Reals, places: Reals, scores: Reals, speed: float, how: tuple[float, float, float]) -> Path | None:
    if not np.isfinite(scores).any():
        return None
    loose, wander, cost = how
    lags = places - speed * times[:, None]
    rows, columns = best_chain(times, lags, scores, loose, wander, lambda move: _cost(move, cost))
    found, dt = lags[rows, columns], np.diff(times[rows])
    leap = np.abs(np.diff(found)) > loose + wander * dt
    return Path(times[rows], places[rows, columns], np.concatenate([[0], np.cumsum(leap)]), speed)


def _cost(move: Reals, least: float) -> Reals:
    """What jumps by so many seconds cost: `least` for whole turns of a record."""
    off = np.min([np.abs(move - np.round(move * rpm / 60) * 60 / rpm) for rpm in RATES], axis=0)
    paid: Reals = least * (1 + move / _FAR) * np.where(off < _OFF, 1.0, _ODD)
    return np.where(move < _SHORTEST, np.inf, paid)


def short_path(dry: Singles, wet: Singles, rough: Path, sign: int = 0) -> tuple[Path | None, int, float]:
    """The chain of short blocks of wet, the polarity, and the share in it of the blocks that dry may hold.

    Both recordings are at `RATE` Hz.
    """
    from ddspfx.audio import resampled

    x, y = (np.asarray(resampled(v[None], RATE, _LOW))[0] for v in (dry, wet))
    x, y = (np.append(v[:1], v[1:] - np.float32(_EMPHASIS) * v[:-1]) for v in (x, y))
    size = min(_SIZE, len(y) / _LOW)
    times = np.arange(0, max(len(y) / _LOW - size, 1e-9), HOP) + size / 2
    smooth, slopes, runs = _smooth(rough, times)
    base = smooth + np.concatenate([[0.0], np.cumsum(rough.jumps())])[runs]
    groups = np.array_split(np.arange(len(times)), max(1, len(times) // _TOGETHER))
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda g: _correlations(x, y, times[g], base[g], slopes[g], size), groups))
    signs = np.concatenate([f[2] for f in found])
    sign = sign or (1 if np.sum(signs) >= 0 else -1)
    places = np.concatenate([f[0][0 if sign > 0 else 1] for f in found])
    heights = np.concatenate([f[1][0 if sign > 0 else 1] for f in found])
    scores = -_WEIGHT * np.log1p(-(np.clip(heights, 0.0, _MOST) ** 2)) - _CHANCE
    path = _chained_along(times, places, np.where(scores > 0, scores, -np.inf), smooth, rough.speed)
    inside = int(np.sum((base > 0) & (base < len(x) / _LOW)))
    share = 0.0 if path is None else len(path.times) / max(inside, len(path.times))
    return path, sign, share


def _chained_along(times: Reals, places: Reals, scores: Reals, smooth: Reals, near: float) -> Path | None:
    """The chain about a smooth course instead of a line."""
    found = _chained(times, places - smooth[:, None], scores, 0.0, (_LOOSE, _WANDER, _JUMP))
    if found is None:
        return None
    return found._replace(places=found.places + np.interp(found.times, times, smooth), near=near)


def _smooth(path: Path, times: Reals) -> tuple[Reals, Reals, NDArray[np.int64]]:
    """The course of a path without its jumps, its slope, and the run nearest to each of `times`."""
    step = 1.0
    grid = np.arange(times[0], times[-1] + 2 * step, step)
    speed = path.speed
    rest = path.unwrapped() - speed * path.times
    index = np.round((path.times - grid[0]) / step).astype(int).clip(0, len(grid) - 1)
    values, variances = np.zeros(len(grid)), np.full(len(grid), 1e9)
    values[index], variances[index] = rest, 0.005**2
    values = np.interp(grid, path.times, rest)
    line = smoothed(values, variances, _BEND * 0.05) if len(grid) > 4 else values
    course = np.interp(times, grid, line) + speed * times
    slopes = speed + np.interp(times, grid, np.gradient(line, step))
    nearest = np.clip(np.searchsorted(path.times, times), 1, max(1, len(path.times) - 1))
    nearest -= (times - path.times[nearest - 1]) < (path.times[nearest.clip(max=len(path.times) - 1)] - times)
    return course, slopes, path.runs[nearest.clip(0, len(path.times) - 1)]


def _correlations(
    x: Singles, y: Singles, times: Reals, base: Reals, slopes: Reals, size: float
) -> tuple[list[Reals], list[Reals], Reals]:
    """Places and heights of the candidates of some blocks for either polarity, and how far the positive one leads."""
    from scipy.fft import irfft, next_fast_len, rfft
    from scipy.ndimage import map_coordinates

    first = int((base.min() - _REACH) * _LOW)
    window = int((base.max() + _REACH) * _LOW) - first
    length = int(size * _LOW * float(slopes.max()))
    run = np.arange(length) - 0.5 * (length - 1)
    at = times[:, None] * _LOW + run / slopes[:, None]
    blocks = map_coordinates(y, [at], order=3, mode="constant", output=np.float32)
    count = next_fast_len(window + length, real=True)
    inside = np.arange(first, first + window)
    source = np.where((inside >= 0) & (inside < len(x)), x[np.clip(inside, 0, len(x) - 1)], np.float32(0))
    c = irfft(np.conj(rfft(blocks, count)) * rfft(source, count), count)[:, : window - length + 1]
    energy = np.concatenate([[0.0], np.cumsum(source.astype(float) ** 2)])
    there, own = energy[length:] - energy[:-length], np.sum(blocks**2, axis=1, keepdims=True)
    floor = _QUIET * np.mean(there)
    c = c / np.sqrt(np.maximum(there, floor) * np.maximum(own, floor) + 1e-30).astype(np.float32)
    places, heights = [], []
    for signed in (c, -c):
        index, height = peaks(signed, _CANDIDATES, round(_APART * _LOW))
        places.append((index + _tip(signed, index) + first + 0.5 * (length - 1)) / _LOW)
        heights.append(height)
    return places, heights, heights[0][:, 0] ** 3 - heights[1][:, 0] ** 3


def _tip(c: NDArray[np.float32], index: NDArray[np.int64]) -> Reals:
    """How far the top of the parabola lies from each peak."""
    rows = np.arange(len(c))[:, None]
    middle = np.clip(index, 1, c.shape[1] - 2)
    before, here, after = (c[rows, middle + k].astype(float) for k in (-1, 0, 1))
    bend = np.maximum(2 * here - before - after, 0.0)
    return np.asarray(np.clip(0.5 * (after - before) / (bend + 1e-12), -0.5, 0.5))
