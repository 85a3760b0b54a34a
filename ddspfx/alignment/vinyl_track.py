"""The delay of a record at every moment: its course as the mean, and what its programme says beyond that."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ddspfx.alignment.estimate import RECORD, estimated
from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.result import Alignment
from ddspfx.alignment.vinyl import aligned_record, recording
from ddspfx.source.trajectory import Trajectory

_WINDOW, _OVERLAP = 20.0, 1.0  # s
_FADE = 0.2  # s at either end of an overlap that are left out: a window's ends are its least sure
_BESIDE = 0.1  # s of dry beyond what a window plays
_UNKNOWN = 1e3  # samples of deviation where nothing is heard


def tracked_record(
    dry: ArrayLike, wet: ArrayLike, sample_rate: int, alignment: Alignment | None, rate: int, refine: bool
) -> Trajectory:
    """The delay of record `wet` behind its original `dry`, both (channels, samples) or (samples,).

    The alignment's curve, with drift, revolution and skips in it, is the mean of a Gaussian process; Gauss-Newton on
    `rate` knots a second then meets the sum of both channels, in windows of 20 s that overlap by one. Raises
    ValueError as `align` does, and when the two have nothing in common or the alignment is none of a record.
    """
    alignment = alignment or aligned_record(dry, wet, sample_rate)
    if alignment.confidence == 0.0:
        raise ValueError("wet has nothing in common with dry: check that they are one pair")
    if not alignment.curve:
        raise ValueError("alignment is none of a record: make it by align with transport='vinyl'")
    x, y = recording(dry, "dry", sample_rate), recording(wet, "wet", sample_rate)
    length, step = y.shape[1], max(1, sample_rate // (4 * rate))
    some = np.arange(0, length, step)
    delays, deviations = alignment.delay(some / sample_rate) * sample_rate, np.full(len(some), np.nan)
    for begin, end in _windows(length, sample_rate) if refine else ():
        inside = slice(-(-begin // step), -(-end // step))
        found, spread = _followed(x, y, begin, end, alignment, rate)
        new, wide = found[some[inside] - begin], spread[some[inside] - begin]
        fade = np.where(np.isnan(deviations[inside]), 1.0, _fade(some[inside] - begin, sample_rate))
        old = np.nan_to_num(deviations[inside])
        delays[inside] = (1 - fade) * delays[inside] + fade * new
        deviations[inside] = (1 - fade) * old + fade * wide
    return Trajectory.fit(
        some / sample_rate,
        delays / sample_rate,
        length / sample_rate,
        sample_rate,
        rate,
        spread=deviations / sample_rate if refine else None,
        drift=1 - alignment.speed,
        jumps=alignment.jumps,
    )


def _windows(length: int, sample_rate: int) -> Iterator[tuple[int, int]]:
    """Begin and end of each; the last takes the rest."""
    size, step = round(_WINDOW * sample_rate), round((_WINDOW - _OVERLAP) * sample_rate)
    begins = range(0, max(1, length - round(0.5 * size)), step)
    return ((begin, length if begin == begins[-1] else begin + size) for begin in begins)


def _fade(samples: NDArray[np.int64], sample_rate: int) -> Reals:
    """From the window before to this one, along their overlap."""
    width = (_OVERLAP - 2 * _FADE) * sample_rate
    return np.asarray(np.clip((samples - _FADE * sample_rate) / width, 0.0, 1.0))


def _followed(
    x: NDArray[Any], y: NDArray[Any], begin: int, end: int, alignment: Alignment, rate: int
) -> tuple[Reals, Reals]:
    """Delays and deviations of wet's samples `begin` to `end`, in samples; the alignment's where nothing is heard."""
    n = np.arange(begin, end)
    delays = alignment.delay(n / alignment.sample_rate) * alignment.sample_rate
    beside = round(_BESIDE * alignment.sample_rate)
    first = int(np.clip((n - delays).min() - beside, 0, x.shape[1]))
    last = int(np.clip((n - delays).max() + beside, 0, x.shape[1]))
    unknown = np.full(len(n), _UNKNOWN)
    if last - first < 2 * beside:
        return delays, unknown
    dry, wet = _sum(x[:, first:last]), _sum(y[:, begin:end])
    if not (np.ptp(dry) > 0 and np.ptp(wet) > 0):
        return delays, unknown
    found, spread = estimated(dry, wet, delays - begin + first, alignment.sample_rate, rate, RECORD)
    return found + begin - first, spread


def _sum(x: NDArray[Any]) -> Reals:
    """Both channels as one, (1, samples) in float64; the first alone where they cancel."""
    both: Reals = x.sum(0, keepdims=True, dtype=np.float64)
    return both if np.sum(both**2) > 0.05 * np.sum(np.square(x, dtype=np.float64)) else x[:1].astype(np.float64)
