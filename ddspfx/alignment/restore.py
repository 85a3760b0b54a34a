"""Wow and flutter taken out of a transfer, read off the original, a pilot, or a tone in the sound."""

from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ddspfx.alignment.align import signal
from ddspfx.alignment.denoised import denoised, floor
from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.pilot import channel_of, pilot_timing
from ddspfx.alignment.tone import Timing, in_any, tone_timing
from ddspfx.source.trajectory import Trajectory

_EDGE = 0.02  # s of what dry covers, at both ends, where a delay is hardly known
_FEWEST = 128  # values from which noise is told from motion
_UNRELATED = 0.1  # confidence of the alignment below which nothing is restored


def restore(
    wet: ArrayLike,
    sample_rate: int,
    dry: ArrayLike | None = None,
    pilot: int | str | None = None,
    tone: float | None = None,
) -> tuple[NDArray[Any], Trajectory]:
    """`wet` without its wow and flutter, same shape, and the trajectory d that was removed.

    restored(t) = wet(t') with t' - d(t') = t. Exactly one of these tells d: `dry`, the original, whose mean delay
    stays in the sound; `pilot`, the channel (0 or "L", 1 or "R") with pulses at an equal distance or a steady tone,
    whose mean speed stays; `tone`, the frequency in Hz that a tone in the sound had when it was recorded. With `dry`
    and `tone` a constant speed error is removed too, and since the mean of d is zero, the sound then moves out at
    both ends or silence moves in. Raises ValueError when none or several are given or nothing can be followed.
    """
    given = [name for name, value in (("dry", dry), ("pilot", pilot), ("tone", tone)) if value is not None]
    if len(given) != 1:
        what = " and ".join(given) if given else "none of dry, pilot and tone"
        raise ValueError(f"{what} given, but exactly one must be: it tells the wow and flutter")
    y = signal(wet, "wet")
    # The deviation of a recording at the wrong speed reaches seconds, which float32 would round audibly.
    with jax.enable_x64(True):
        found = _of_dry(dry, y, sample_rate) if dry is not None else _of_timing(y, sample_rate, pilot, tone)
        restored = found.undo(y, sample_rate)
        knots, spread = np.asarray(found.knots), None if found.spread is None else np.asarray(found.spread)
    removed = Trajectory(int(found.base), knots, sample_rate, found.rate, spread)
    kind = np.asarray(wet).dtype
    restored = restored.astype(kind if np.issubdtype(kind, np.floating) else np.float64)
    return restored.reshape(np.shape(wet)), removed


def _of_dry(dry: ArrayLike, y: Reals, sample_rate: int) -> Trajectory:
    """The tracked delay less its noise and its mean."""
    from ddspfx.alignment.align import align
    from ddspfx.alignment.track import track

    alignment = align(dry, y, sample_rate)
    if alignment.confidence < _UNRELATED:
        raise ValueError("wet has nothing in common with dry: check that they are one pair")
    whole = track(dry, y, sample_rate, alignment=alignment)
    duration = y.shape[1] / sample_rate
    # Before the first sound of dry comes out, and after its last, nothing tells the delay: it holds.
    first, last = alignment.latency, np.shape(dry)[-1] / sample_rate + alignment.latency
    return centred(_calm(whole, duration, (max(first, 0.0) + _EDGE, min(last, duration) - _EDGE)), duration)


def _calm(curve: Trajectory, duration: float, known: tuple[float, float]) -> Trajectory:
    """The curve without what a programme's noise put on it: white above where a transport moves, so known below too."""
    times = np.arange(0.0, duration, 1 / curve.rate)
    delays = curve(np.clip(times, known[0], max(known)))
    if delays.ndim > 1 or len(times) < _FEWEST:
        return curve
    quiet, spread = denoised(delays, floor(delays)), None if curve.spread is None else curve.deviation(times)
    return Trajectory.fit(times, quiet, duration, curve.sample_rate, curve.rate, spread=spread)


def _of_timing(y: Reals, sample_rate: int, pilot: int | str | None, tone: float | None) -> Trajectory:
    """The spline through what the pilot or the tone says, less its mean."""
    if tone is not None:
        timing = _clearest_tone(y, sample_rate, float(tone))
    else:
        timing = pilot_timing(y[channel_of(pilot, len(y))], sample_rate)
    duration = y.shape[1] / sample_rate
    curve = Trajectory.fit(timing.times, timing.delays, duration, sample_rate, timing.rate, timing.weights)
    return centred(curve, duration)


def centred(curve: Trajectory, duration: float) -> Trajectory:
    """The same less its mean over the recording."""
    count = max(1, round(4 * duration * curve.rate))
    mean = float(np.mean(curve((np.arange(count) + 0.5) * (duration / count))))
    rest = np.asarray(curve.knots, np.float64) + (int(curve.base) / curve.sample_rate - mean)
    return Trajectory(0, rest, curve.sample_rate, curve.rate, curve.spread)


def _clearest_tone(y: Reals, sample_rate: int, frequency: float) -> Timing:
    """The tone's timing in the channel where it stands out most."""
    found = in_any(y, lambda row: tone_timing(row, sample_rate, frequency))
    return max(found, key=lambda timing: timing.clarity)
