"""Clicks and pops: where they are, how high they stand, and from which height on none is missed."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ddspfx.analysis.vinyl.search import HOP, in_wall
from ddspfx.analysis.vinyl.shapes import shapes

Series = Float[np.ndarray, " samples"]
Sound = Float[np.ndarray, "channels samples"]
Marks = Bool[np.ndarray, " samples"]

_TOGETHER = 1.5e-3  # s within which clicks of both walls are one
_MOST = 0.95  # share of the file in which no click above the threshold is missed
_LOUD = 4.0  # times the quietest tenth's, beyond which music alone is left out
_CALM = 1.5  # times the same, up to which a stretch is quiet
_ROOM = 4.0  # times the least threshold, within which one is put where few clicks are near


class Clicks(NamedTuple):
    """Samples and heights (of full scale) of the clicks, both walls together, and the height they are counted from.

    `error` is the deviation of a height; `searched` says where clicks of that height are found; `cleaned` is the
    sound without any, `gaps` where it was bridged.
    """

    places: Int[np.ndarray, " clicks"]
    heights: Float[np.ndarray, " clicks"]
    channels: Int[np.ndarray, " clicks"]
    threshold: float
    error: float
    searched: Marks
    cleaned: Sound
    gaps: Marks

    @property
    def counted(self) -> Marks:
        """Which stand above the threshold, where they are counted."""
        return np.asarray((self.heights >= self.threshold) & self.searched[self.places])


def find_clicks(x: Sound, sample_rate: int, everywhere: bool = True) -> Clicks:
    """Clicks of a sound (channels, samples) by matched filters on what linear prediction leaves of the groove.

    A click's height is its peak in the file, |x - x̂| with x̂ the sound bridged over it by least squares from both
    sides; of one on both walls within 1.5 ms the higher counts. The threshold is a height that is never missed in
    95 % of the file, put where few clicks are so near that a measured height may lie on the wrong side of it.
    Without `everywhere` and where music is 12 dB above the quiet parts, these alone are searched.
    (Godsill and Rayner 1998, "Digital Audio Restoration", ch. 5; deviations from medians.)
    """
    pulses = shapes(sample_rate)
    walls = [in_wall(row, sample_rate, pulses) for row in x]
    places = np.concatenate([wall.places for wall in walls])
    heights = np.concatenate([wall.heights for wall in walls])
    channels = np.repeat(np.arange(len(walls)), [len(wall.places) for wall in walls])
    kept = _highest(places, heights, round(_TOGETHER * sample_rate))
    needs = np.repeat(np.max([wall.needs for wall in walls], 0), round(HOP * sample_rate))[: x.shape[1]]
    least, searched = _searched(needs, everywhere)
    error = max(wall.error for wall in walls)
    threshold = _between(heights[kept][searched[places[kept]]], least, error)
    cleaned = np.stack([wall.cleaned for wall in walls])
    gaps = np.asarray(np.any([wall.gaps for wall in walls], 0))
    return Clicks(places[kept], heights[kept], channels[kept], threshold, error, searched, cleaned, gaps)


def _highest(places: Int[np.ndarray, " clicks"], heights: Series, near: int) -> Int[np.ndarray, " clicks"]:
    """Indices in order of time, of clicks that lie together the highest alone."""
    kept: list[int] = []
    for index in np.argsort(places, kind="stable"):
        if kept and places[index] - places[kept[-1]] <= near:
            kept[-1] = int(index) if heights[index] > heights[kept[-1]] else kept[-1]
        else:
            kept.append(int(index))
    return np.array(kept, int)


def _searched(needs: Series, everywhere: bool) -> tuple[float, Marks]:
    """The least height from which clicks can be counted, and where."""
    heard = np.isfinite(needs)
    if not heard.any():
        return np.inf, heard
    most, quiet = np.quantile(needs[heard], (_MOST, 0.1))
    if everywhere or most < _LOUD * quiet:
        return float(most), heard
    return float(_CALM * quiet), np.asarray(heard & (needs <= _CALM * quiet))


def _between(heights: Series, least: float, error: float) -> float:
    """The threshold from `least` on for which the fewest of the counted may belong on its other side."""
    from scipy.special import ndtr

    above = np.sort(heights[(heights >= 0.5 * least) & (heights <= 2 * _ROOM * least)])
    borders = np.sqrt(above[:-1] * above[1:])
    borders = np.append(borders[(borders > least) & (borders < _ROOM * least)], least)
    doubt = ndtr(-np.abs(above - borders[:, None]) / max(error, 1e-9)).sum(1)
    counts = np.maximum([np.sum(heights >= border) for border in borders], 0.5)
    return float(borders[np.argmin(np.sqrt(doubt + 0.1) / counts)])
