"""The delay of a recording at every moment, from its programme alone."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ddspfx.alignment.align import Alignment, align, signal
from ddspfx.alignment.estimate import estimated
from ddspfx.alignment.frames import frame_correlations
from ddspfx.alignment.interpolate import Reals, sample_at
from ddspfx.alignment.pilot_trajectory import piloted
from ddspfx.alignment.response import filtered, spectrum_pair
from ddspfx.alignment.smoother import smoothed
from ddspfx.alignment.swing import swinging_path
from ddspfx.alignment.vinyl_track import tracked_record
from ddspfx.alignment.viterbi import best_path, refined
from ddspfx.alignment.windows import in_windows
from ddspfx.source.trajectory import Trajectory


class _Reach(NamedTuple):
    """How a coarse pass looks: frame and hop in seconds, lags in seconds, steepest change, and the expected bend."""

    frame: float
    hop: float
    lag: float
    steepest: float
    bend: float


_NARROW = _Reach(0.046, 0.005, 64 / 44_100, 0.004, 0.3 / 44_100)
_NEAR = _Reach(0.046, 0.005, 16 / 44_100, 0.01, 2.0 / 44_100)
_SWING = 1200 / 44_100  # s that a heavily modulated delay may leave its mean
_POOR = 0.3  # share that a linear response leaves, above which the delay may swing farther than it was looked for


def track(
    dry: ArrayLike,
    wet: ArrayLike,
    sample_rate: int,
    *,
    alignment: Alignment | None = None,
    rate: int = 200,
    refine: bool = True,
    pilot: int | str | None = None,
    transport: str = "tape",
) -> Trajectory:
    """The delay d(t), wet(t) = device(dry(t - d(t))), in seconds at wet's times, the latency included.

    Arrays as in `align`. A path through weighted short-time correlations (Viterbi, then a stiff smoother that
    bridges silence) starts it; where that explains little, a search through lag and speed up to ±27 ms and 6 %.
    `refine` then alternates a curve and a long response with Gauss–Newton steps on the spline's knots, `rate` a
    second, on residuals whitened and weighted band by band. `spread` of the result is the posterior's standard
    deviation. A constant delay cannot be told from the device's own and stays as the coarse path has it.
    Recordings beyond 60 s are done in overlapping windows. `pilot` names a channel of wet (0 or "L", 1 or "R") that
    holds a pilot instead of programme: its motion is then the delay's, and the other channel tells which of its
    periods is meant; dry's own pilot, where dry has two channels, is in the same one.
    A `transport` of "vinyl" starts from the record's own alignment (drift, revolution harmonics, skips): the result
    has `drift` and `jumps`, and its spline is what those leave. See `tracked_record`.
    Raises ValueError as `align` does, and when nothing in wet can be followed.
    """
    if transport == "vinyl":
        if pilot is not None:
            raise ValueError(f"pilot is {pilot!r}, but a record has none: leave it out")
        return tracked_record(dry, wet, sample_rate, alignment, rate, refine)
    if transport != "tape":
        raise ValueError(f"transport is {transport!r}, but must be tape or vinyl")
    x, y = signal(dry, "dry"), signal(wet, "wet")
    if pilot is not None:
        return piloted(x, y, pilot, sample_rate)
    alignment = alignment or align(dry, wet, sample_rate)
    x = x[::-1] if alignment.swapped else x
    if alignment.confidence == 0.0:
        raise ValueError("wet has nothing in common with dry: check that they are one pair")

    def follow(dry: Reals, wet: Reals, there: Alignment) -> tuple[Reals, Reals]:
        delays, deviations = _coarse(dry, wet, there)
        return estimated(dry, wet, delays, sample_rate, rate) if refine else (delays, deviations)

    delays, deviations = in_windows(follow, x, y, alignment)
    delays = _held(delays, x.shape[1])
    some = np.arange(0, y.shape[1], max(1, sample_rate // (4 * rate)))
    times, duration = some / sample_rate, y.shape[1] / sample_rate
    spread = deviations[some] / sample_rate
    return Trajectory.fit(times, delays[some] / sample_rate, duration, sample_rate, rate, spread=spread)


def _held(delays: Reals, length: int) -> Reals:
    """The same where wet has its source in dry, of that `length`; before and after nothing tells it, and it holds."""
    source = np.arange(len(delays)) - delays
    told = np.flatnonzero((source >= 0) & (source < length))
    return delays[np.clip(np.arange(len(delays)), told[0], told[-1])] if len(told) else delays


def _coarse(x: Reals, y: Reals, alignment: Alignment) -> tuple[Reals, Reals]:
    """Total delay and its deviation at every sample of wet, both in samples."""
    rate, n = alignment.sample_rate, np.arange(y.shape[1])
    xw = alignment.warp(x[::-1] if alignment.swapped else x)
    rest, deviations = _path(xw, y, _NARROW, rate, alignment.polarity)
    if (left := _left(xw, y, rest)) > _POOR:
        rough = swinging_path(xw, y, rate, _SWING * rate, alignment.polarity)
        more, others = _path(_moved(xw, rough), y, _NEAR, rate, alignment.polarity)
        other = more + np.interp(n - more, n, rough)
        if _left(xw, y, other) < left:
            rest, deviations = other, others
    start, slope = alignment.latency * rate, 1 - alignment.speed
    return rest + start + slope * (n - rest), deviations


def _moved(x: Reals, delays: Reals) -> Reals:
    n = np.arange(x.shape[1])
    return np.stack([sample_at(row, n - delays) for row in x])


def _left(x: Reals, y: Reals, delays: Reals) -> float:
    """The share of wet that the best linear response leaves when dry is read by these delays."""
    pairs = list(zip(_moved(x, delays), y, strict=True))
    return float(sum(np.sum((b - filtered(a, spectrum_pair(a, b))) ** 2) for a, b in pairs) / (np.sum(y**2) + 1e-300))


def _path(x: Reals, y: Reals, how: _Reach, rate: int, sign: int) -> tuple[Reals, Reals]:
    """The smooth lag of `y` behind `x` and its deviation at every sample, in samples."""
    hop = max(1, round(how.hop * rate))
    frame = 2 * round(how.frame * rate / 2)
    frames = frame_correlations(x, y, frame, hop, round(how.lag * rate), sign)
    path = best_path(frames.scores, max(1, round(2 * how.steepest * hop)))
    index, curvature = refined(frames.scores, path)
    lags = np.interp(index, np.arange(len(frames.lags)), frames.lags)
    information = 4 * curvature * hop / frame  # half-sample grid; overlapping frames share their evidence
    variances = 1 / np.maximum(information, 1e-9)
    line = smoothed(lags, variances, how.bend * rate * (how.hop / 0.01) ** 2)
    n = np.arange(y.shape[1])
    deviations = np.sqrt(np.minimum(variances, 1e6))
    return np.interp(n, frames.centres, line), np.interp(n, frames.centres, deviations)
