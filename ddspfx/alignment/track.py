"""The delay of a recording at every moment, from its programme alone."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ddspfx.alignment.align import Alignment, align, signal
from ddspfx.alignment.frames import frame_correlations
from ddspfx.alignment.gauss_newton import (
    Knots,
    inverse_diagonal,
    knots_at,
    local_weights,
    newton_step,
    prior_bands,
)
from ddspfx.alignment.interpolate import Interpolant, Reals, sample_at
from ddspfx.alignment.response import Device, filtered, fit_device, spectrum_pair, whitener
from ddspfx.alignment.slips import slips
from ddspfx.alignment.smoother import smoothed
from ddspfx.alignment.swing import swinging_path
from ddspfx.alignment.viterbi import best_path, refined
from ddspfx.alignment.windows import in_windows
from ddspfx.source.trajectory import Trajectory

_BANDS = (0.0, 60.0, 200.0, 500.0, 1200.0, 3000.0, 7000.0, 1e9)  # Hz
# Samples within which slips are looked for, Newton steps and their temper; the response is found anew before each.
_SCHEDULE = ((12, 3, 0.01), (10, 3, 0.03), (6, 4, 0.1))
_CORNER = 30.0  # Hz to which a transport's speed moves freely
_STILLEST, _WILDEST = 1e-4, 2e-2  # deviation of speed that the prior allows
_INFLATION = 3.0  # the posterior is two to four times too sure


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
) -> Trajectory:
    """The delay d(t), wet(t) = device(dry(t - d(t))), in seconds at wet's times, the latency included.

    Arrays as in `align`. A path through weighted short-time correlations (Viterbi, then a stiff smoother that
    bridges silence) starts it; where that explains little, a search through lag and speed up to ±27 ms and 6 %.
    `refine` then alternates a long linear response with Gauss–Newton steps on the
    spline's knots, `rate` a second, on whitened residuals. `spread` of the result is the posterior's standard
    deviation. A constant delay cannot be told from the device's own and stays as the coarse path has it.
    Recordings beyond 60 s are done in overlapping windows.
    Raises ValueError as `align` does, and when nothing in wet can be followed.
    """
    alignment = alignment or align(dry, wet, sample_rate)
    x, y = signal(dry, "dry"), signal(wet, "wet")
    x = x[::-1] if alignment.swapped else x
    if alignment.confidence == 0.0:
        raise ValueError("wet has nothing in common with dry: check that they are one pair")

    def follow(dry: Reals, wet: Reals, there: Alignment) -> tuple[Reals, Reals]:
        delays, deviations = _coarse(dry, wet, there)
        return _refined(dry, wet, delays, sample_rate, rate) if refine else (delays, deviations)

    delays, deviations = in_windows(follow, x, y, alignment)
    some = np.arange(0, y.shape[1], max(1, sample_rate // (4 * rate)))
    times, duration = some / sample_rate, y.shape[1] / sample_rate
    spread = deviations[some] / sample_rate
    return Trajectory.fit(times, delays[some] / sample_rate, duration, sample_rate, rate, spread=spread)


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


def _refined(x: Reals, y: Reals, delays: Reals, sample_rate: int, rate: int) -> tuple[Reals, Reals]:
    """Gauss–Newton from `delays`, by the schedule; returns delays and deviations at every sample."""
    length = y.shape[1]
    n = np.arange(length)
    trend = np.polyval(np.polyfit(n[::441], delays[::441], 1), n)
    knots = knots_at(length, sample_rate / rate)
    c = _projected(knots, delays - trend, sample_rate / rate)
    prior = _prior(delays - trend, knots, sample_rate, rate)
    sources = [Interpolant.of(row) for row in x]
    A = np.zeros((4, knots.knots))
    for reach, steps, temper in _SCHEDULE:
        positions = n - trend - knots.values(c)
        devices = [fit_device(source(positions), row) for source, row in zip(sources, y, strict=True)]
        if reach:
            late = _slips(sources, y, devices, positions, reach, sample_rate)
            c = c + _projected(knots, late, sample_rate / rate)
        for _ in range(steps):
            A, h = _normal(sources, y, devices, knots, n - trend - knots.values(c), sample_rate)
            A, h = temper * A, temper * h
            c = c + newton_step(A, h, prior, c)
    deviations = np.sqrt(np.maximum(inverse_diagonal(A + prior), 0.0)) * _INFLATION
    return trend + knots.values(c), knots.values(deviations)


def _slips(
    sources: list[Interpolant], y: Reals, devices: list[Device], positions: Reals, reach: int, sample_rate: int
) -> Reals:
    """How far the prediction runs ahead of `y` at each sample: what a path in the wrong period left."""
    predicted = [device(source(positions)) for source, device in zip(sources, devices, strict=True)]
    whiteners = [whitener(row - p) for row, p in zip(y, predicted, strict=True)]
    flat = [
        np.stack([filtered(row, W) for row, W in zip(rows, whiteners, strict=True)])
        for rows in (np.stack(predicted), y)
    ]
    return slips(flat[0], flat[1], reach, sample_rate)


def _projected(knots: Knots, values: Reals, step: float) -> Reals:
    """Knots of the least-squares spline through `values`."""
    from scipy.linalg import solveh_banded

    bands = knots.gram(np.ones(len(values)))
    bands[-1] += 1e-6 * step
    c: Reals = solveh_banded(bands, knots.project(values))
    return c


def _prior(rest: Reals, knots: Knots, sample_rate: int, rate: int) -> Reals:
    """The prior in samples, its power from how fast the coarse path moves most of the time, within what transports do.

    A median, because where the programme is quiet the coarse path jumps as no transport does.
    """
    hop = sample_rate // 50
    moves = np.diff(rest[::hop]) / hop
    deviation = np.clip(np.median(np.abs(moves - np.median(moves))), _STILLEST, _WILDEST)
    return prior_bands(knots.knots, 1 / rate, float(deviation**2) / (2 * _CORNER), _CORNER) / sample_rate**2


def _normal(
    sources: list[Interpolant], y: Reals, devices: list[Device], knots: Knots, positions: Reals, sample_rate: int
) -> tuple[Reals, Reals]:
    """Normal matrix and right side, summed over channels and bands, each weighted by its local residual."""
    A, h = np.zeros((4, knots.knots)), np.zeros(knots.knots)
    inside = (positions > 0) & (positions < np.inf)
    for source, row, device in zip(sources, y, devices, strict=True):
        x = source(positions)
        residual = row - device(x)
        W = whitener(residual)
        slope = filtered(device.gain(x) * source.derivative(positions), device.H * W)
        for e, g in zip(_bands(filtered(residual, W), sample_rate), _bands(slope, sample_rate), strict=True):
            weights = np.where(inside, local_weights(e, sample_rate), 0.0)
            A += knots.gram(weights * g * g)
            h -= knots.project(weights * g * e)
    return A, h


def _bands(x: Reals, sample_rate: int) -> list[Reals]:
    """`x` split by frequency."""
    from scipy.fft import irfft, next_fast_len, rfft

    count = next_fast_len(len(x), real=True)
    spectrum = rfft(x, count)
    edges = np.searchsorted(np.arange(len(spectrum)) * sample_rate / count, _BANDS)
    parts = []
    for low, high in pairwise(edges):
        if high > low:
            part = np.zeros_like(spectrum)
            part[low:high] = spectrum[low:high]
            parts.append(irfft(part, count)[: len(x)])
    return parts
