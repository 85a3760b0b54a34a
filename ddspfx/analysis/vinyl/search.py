"""Clicks of one wall: matched filters on what linear prediction leaves, stretch by stretch."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ddspfx.analysis.vinyl.groove import replayed, velocity
from ddspfx.analysis.vinyl.prediction import ORDER, bridged, predictor
from ddspfx.analysis.vinyl.shapes import Shape

Series = Float[np.ndarray, " samples"]
Marks = Bool[np.ndarray, " samples"]
Gap = tuple[int, int]

HOP = 0.25
"""Seconds from stretch to stretch."""
_SPAN = 0.5  # s that one prediction is made from
_STEP = 0.01  # s of the pieces whose median tells the noise
_ASIDE = 2  # pieces to either side, the loudest of which counts: an onset is no click
_FOUND, _EDGE = 5.0, 3.5  # deviations that a click stands above what prediction leaves, and that are part of it
_SURE = 6.0  # deviations at which no click is missed
_ALONE = 7e-4  # s around a pulse in which no lower one is looked for
_JOIN, _LONGEST = 2e-4, 5e-3  # s between parts of one click, and of the longest that is bridged
_PROBES, _PROBE = 4, 5e-4  # places a stretch where there is no click, and the seconds of each
_ABOVE = 3.0  # times what nothing reaches on average: the height that is counted from
_HEARD = 5e-3  # s in which a click's peak in the file comes
_ONSET, _MASKED = 3.0, 4.0  # times the level before that is an onset, and times the level after that is none
_EDGES = 1.5e-3  # s in which a file that begins or ends in the middle of a sound seems to click
_AROUND = 0.02  # s to either side whose levels are compared


class Wall(NamedTuple):
    """Samples and heights of one wall's clicks, the sound without them, and the height that each stretch needs."""

    places: Int[np.ndarray, " clicks"]
    heights: Series
    cleaned: Series
    gaps: Marks
    needs: Series
    error: float


class _Stretch(NamedTuple):
    """Samples that one prediction serves, its filter, the gaps found there, and the height that any pulse needs."""

    first: int
    last: int
    whitener: Series
    gaps: list[Gap]
    needs: float


def in_wall(x: Series, sample_rate: int, pulses: list[Shape]) -> Wall:
    """Clicks of a channel (samples,). Two passes: the second predicts from a sound that the first has cleaned.

    Every quarter of a second has its `needs`, infinite where that is digitally silent: the height in the file
    at which any pulse of 20 µs to 1 ms stands six deviations above what the prediction leaves, and three times
    what is measured on average where there is no click. `error` is the deviation of a height.
    """
    groove, edge = velocity(x, sample_rate), round(_EDGES * sample_rate)
    cleaned = groove
    for _ in range(2):
        stretches = _stretches(groove, cleaned, sample_rate, pulses)
        gaps_found = [gap for stretch in stretches for gap in stretch.gaps if edge < gap[0] and gap[1] < len(x) - edge]
        found = _joined(gaps_found, len(x), sample_rate)
        cleaned = _bridged(groove, found, stretches)
    gaps = np.zeros(len(x), bool)
    for first, last in found:
        gaps[first:last] = True
    clicks = groove - cleaned
    told = [_height(clicks, first, last, sample_rate) for first, last in found]
    kept = [one for one, gap in zip(told, found, strict=True) if not _is_onset(cleaned, clicks, gap, sample_rate)]
    places, heights = np.array([place for place, _ in kept], int), np.array([height for _, height in kept])
    needs = np.full(max(-(-len(x) // round(HOP * sample_rate)), 1), np.inf)
    for stretch in stretches:
        needs[stretch.first // round(HOP * sample_rate)] = stretch.needs
    reached = _reached(cleaned, gaps, stretches, sample_rate, len(needs))
    error = float(np.median(reached[reached > 0])) / 2 if reached.any() else 0.0
    return Wall(places, heights, x - replayed(clicks, sample_rate), gaps, np.maximum(needs, _ABOVE * reached), error)


def _stretches(x: Series, cleaned: Series, sample_rate: int, pulses: list[Shape]) -> list[_Stretch]:
    hop, span = round(HOP * sample_rate), round(_SPAN * sample_rate)
    found = []
    for first in range(0, len(x), hop):
        last = min(first + hop, len(x))
        start = int(np.clip(first + hop // 2 - span // 2, 0, max(len(x) - span, 0)))
        whitener = predictor(cleaned[start : start + span])
        if whitener is not None and last - first > 4 * ORDER:
            found.append(_searched(x, cleaned, first, last, whitener, sample_rate, pulses))
    return found


def _searched(
    x: Series, cleaned: Series, first: int, last: int, whitener: Series, sample_rate: int, pulses: list[Shape]
) -> _Stretch:
    """Gaps of a stretch in which some pulse stands out of what the prediction leaves."""
    from scipy.signal import oaconvolve

    margin = 2 * round(_LONGEST * sample_rate)
    start, stop = max(first - margin, 0), min(last + margin, len(x))
    left = oaconvolve(x[start:stop], whitener)[: stop - start]
    scale = _deviation(oaconvolve(cleaned[start:stop], whitener)[: stop - start], sample_rate)
    even = left / scale
    # Whitened pulses beside a whitened sound: both filters at once.
    back = oaconvolve(even, whitener[::-1])[len(whitener) - 1 :]
    matches, faintest = np.empty((len(pulses), len(even))), np.inf
    for row, pulse in zip(matches, pulses, strict=True):
        energy = float(np.sqrt(np.sum(np.convolve(pulse.values, whitener) ** 2)))
        faintest = min(faintest, energy)
        row[:] = np.abs(oaconvolve(back, pulse.values[::-1])[len(pulse.values) - 1 - pulse.top :][: len(even)]) / energy
    marked = np.abs(even) > _EDGE
    hit = _marked(matches, pulses, round(_ALONE * sample_rate))
    runs = [gap for gap in _runs(marked | hit, hit, round(_JOIN * sample_rate)) if first <= start + gap[0] < last]
    needs = _SURE * float(np.median(scale)) / faintest
    return _Stretch(first, last, whitener, [(start + a, start + b) for a, b in runs], needs)


def _marked(matches: Float[np.ndarray, "pulses samples"], pulses: list[Shape], near: int) -> Marks:
    """Everything that the pulses found fill; of those nearer than `near` samples the one that stands highest."""
    from scipy.ndimage import maximum_filter1d

    most = matches.max(0)
    hit = np.zeros(len(most), bool)
    for place in np.flatnonzero((most > _FOUND) & (most == maximum_filter1d(most, 2 * near + 1))):
        pulse = pulses[int(np.argmax(matches[:, place]))]
        hit[max(place - pulse.before, 0) : place + pulse.after + 1] = True
    return hit


def _deviation(left: Series, sample_rate: int) -> Series:
    """The deviation of what prediction leaves at every sample: of the pieces around it, the loudest."""
    from scipy.ndimage import maximum_filter1d

    step = max(round(_STEP * sample_rate), 16)
    pieces = np.array_split(np.abs(left), max(len(left) // step, 1))
    level = np.array([np.median(piece) for piece in pieces]) / 0.6745
    level = np.maximum(level, 0.5 * np.median(level))
    calm = np.repeat(maximum_filter1d(level, 2 * _ASIDE + 1, mode="nearest"), [len(piece) for piece in pieces])
    found: Series = np.maximum(calm, 1e-12)
    return found


def _runs(marked: Marks, hit: Marks, join: int) -> list[Gap]:
    """Stretches of marks no farther than `join` apart that hold a hit."""
    if not hit.any():
        return []
    places = np.flatnonzero(marked)
    groups = np.split(places, np.flatnonzero(np.diff(places) > join) + 1)
    return [(int(group[0]), int(group[-1]) + 1) for group in groups if hit[group].any()]


def _joined(gaps: list[Gap], count: int, sample_rate: int) -> list[Gap]:
    """Gaps in order, a little wider, those that touch as one, none longer than can be bridged."""
    wider, longest = 6, round(_LONGEST * sample_rate)
    joined: list[Gap] = []
    for first, last in sorted((max(a - wider, 0), min(b + wider, count)) for a, b in gaps):
        if joined and first <= joined[-1][1] and last - joined[-1][0] <= longest:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((max(first, joined[-1][1] if joined else 0), min(last, first + longest)))
    return [(a, b) for a, b in joined if b > a]


def _bridged(x: Series, gaps: list[Gap], stretches: list[_Stretch]) -> Series:
    cleaned = x.copy()
    starts = np.array([stretch.first for stretch in stretches])
    for first, last in gaps:
        whitener = stretches[max(int(np.searchsorted(starts, first, "right")) - 1, 0)].whitener
        cleaned[first:last] = bridged(cleaned, whitener, first, last)
    return cleaned


def _height(clicks: Series, first: int, last: int, sample_rate: int) -> tuple[int, float]:
    """Where a click of the groove peaks in the file, and how high."""
    heard = np.abs(replayed(np.pad(clicks[first:last], (0, round(_HEARD * sample_rate))), sample_rate))
    return first + int(np.argmax(heard)), float(heard.max())


def _is_onset(cleaned: Series, clicks: Series, gap: Gap, sample_rate: int) -> bool:
    """Whether the sound is much louder on one side than on the other, and the click does not stand above that."""
    size = round(_AROUND * sample_rate)
    sides = [part for part in (cleaned[max(gap[0] - size, 0) : gap[0]], cleaned[gap[1] : gap[1] + size]) if len(part)]
    levels = [float(np.sqrt(np.mean((part - part.mean()) ** 2))) for part in sides]
    return max(levels) > _ONSET * min(levels) and np.abs(clicks[gap[0] : gap[1]]).max() < _MASKED * max(levels)


def _reached(cleaned: Series, gaps: Marks, stretches: list[_Stretch], sample_rate: int, count: int) -> Series:
    """In each stretch, the mean height that is measured where there is no click."""
    rng, size = np.random.default_rng(0), round(_PROBE * sample_rate)
    reached = np.zeros(count)
    for stretch in stretches:
        told = []
        for first in rng.integers(stretch.first, max(stretch.last - size, stretch.first + 1), _PROBES):
            there = cleaned[first : first + size]
            if len(there) == size and not gaps[first : first + size].any():
                left = there - bridged(cleaned, stretch.whitener, int(first), int(first) + size)
                told.append(_height(left, 0, size, sample_rate)[1])
        reached[stretch.first // round(HOP * sample_rate)] = np.mean(told) if told else 0.0
    return reached
