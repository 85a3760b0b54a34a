"""A long recording in overlapping windows, so that what the work needs does not grow with its length."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.align import Alignment
from ddspfx.alignment.interpolate import Reals

_LONGEST = 60.0  # s done in one piece
_WINDOW, _OVERLAP = 40.0, 4.0  # s
_MARGIN = 0.25  # s of dry beyond where the alignment says that a window lies
_FADE = 0.5  # s on either side of an overlap that are left out: the ends of a window are its least sure
_SURE, _ENOUGH, _MOST = 1.0, 0.2, 3.0  # samples of deviation, share of an overlap, samples that the constant may differ

Follow = Callable[[Reals, Reals, Alignment], tuple[Reals, Reals]]


def in_windows(follow: Follow, x: Reals, y: Reals, alignment: Alignment) -> tuple[Reals, Reals]:
    """Delays and deviations of `follow(dry, wet, alignment)` at every sample of wet `y`, both in samples.

    Beyond 60 s wet is cut into windows of 40 s that overlap by 4; each begins where the last one ends by a straight
    cross-fade, moved by the median of their difference, since the constant of a delay is no window's own.
    """
    rate, length = alignment.sample_rate, y.shape[1]
    if length <= _LONGEST * rate:
        return follow(x, y, alignment)
    delays, deviations, done = np.zeros(length), np.zeros(length), 0
    for begin, end in _windows(length, rate):
        first, last = _dry(x.shape[1], begin, end, alignment)
        here = replace(alignment, latency=_latency(begin, alignment) - (begin - first) / rate, length=end - begin)
        found, deviation = follow(x[:, first:last], y[:, begin:end], here)
        found = found + (begin - first)
        shared = done - begin
        if shared > 0:
            both = slice(round(_FADE * rate), shared - round(_FADE * rate))
            sure = np.maximum(deviations[begin:done], deviation[:shared])[both] < _SURE
            found = found + _constant((delays[begin:done] - found[:shared])[both], sure)
            fade = np.clip((np.arange(shared) - both.start) / (both.stop - both.start), 0.0, 1.0)
            found[:shared] = (1 - fade) * delays[begin:done] + fade * found[:shared]
            deviation[:shared] = (1 - fade) * deviations[begin:done] + fade * deviation[:shared]
        delays[begin:end], deviations[begin:end], done = found, deviation, end
    return delays, deviations


def _constant(differences: Reals, sure: NDArray[np.bool_]) -> float:
    """By how much two windows differ where both are sure; nothing where they hardly are."""
    return float(np.clip(np.median(differences[sure]), -_MOST, _MOST)) if np.mean(sure) > _ENOUGH else 0.0


def _windows(length: int, rate: int) -> Iterator[tuple[int, int]]:
    """Begin and end of each; the last takes the rest, however short."""
    step, size = round((_WINDOW - _OVERLAP) * rate), round(_WINDOW * rate)
    begins = range(0, length - round(_OVERLAP * rate), step)
    return ((begin, length if begin == begins[-1] else begin + size) for begin in begins)


def _latency(sample: int, alignment: Alignment) -> float:
    """Seconds that the alignment's line says at a sample of wet."""
    return alignment.latency + (1 - alignment.speed) * sample / alignment.sample_rate


def _dry(length: int, begin: int, end: int, alignment: Alignment) -> tuple[int, int]:
    """The stretch of dry that a window of wet can hold."""
    rate, margin = alignment.sample_rate, _MARGIN * alignment.sample_rate
    first = begin - _latency(begin, alignment) * rate - margin
    last = end - _latency(end, alignment) * rate + margin
    first = int(np.clip(first, 0, max(0, length - 2)))
    return first, int(np.clip(last, first + 2, length))
