"""Time bent offline, in float64: a recording delayed by a curve, and the way back."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from ddspfx.signal.interpolation import sinc_kernel

TAPS, BETA, POWERS = 64, 14.0, 16
"""Kaiser's window with this beta is flat within 1e-6 up to 0.86 of Nyquist, and as clean beyond it."""
PIECE = 16_384
STEPS = 200

Delay: TypeAlias = Callable[[Any], Float[np.ndarray, "*channels times"]]
"""Total delay in seconds at output times in seconds, shared or one row a channel."""


def interpolate(x: Float[np.ndarray, " samples"], position: Float[np.ndarray, " count"]) -> Float[np.ndarray, " count"]:
    """x between its samples, by a 64-tap windowed sinc; silent outside."""
    kernel = sinc_kernel(TAPS, BETA, POWERS)
    padded = np.pad(np.asarray(x, np.float64), TAPS)
    # Beyond the padding there is silence only, so a position further out may be moved there.
    place = np.clip(position, -TAPS / 2, len(x) + TAPS / 2) + TAPS
    done = np.empty(len(position))
    for start in range(0, len(position), PIECE):
        piece = place[start : start + PIECE]
        whole = np.ceil(piece).astype(np.int64)
        powers = np.vander(whole - piece - 0.5, POWERS, increasing=True)
        rows = np.lib.stride_tricks.sliding_window_view(padded, TAPS)[whole - TAPS // 2]
        done[start : start + PIECE] = np.einsum("nt,nt->n", powers @ kernel[::-1].T, rows)
    return done


def delayed(delay: Delay, x: Any, sample_rate: int) -> Float[np.ndarray, "*channels samples"]:
    """y(t) = x(t - d(t))."""
    seconds = np.arange(np.shape(x)[-1]) / sample_rate
    return _read_at(x, (seconds - delay(seconds)) * sample_rate)


def advanced(delay: Delay, y: Any, sample_rate: int) -> Float[np.ndarray, "*channels samples"]:
    """x(t) = y(t') with t' - d(t') = t, solved by t' <- t + d(t'). Raises ValueError when that does not settle."""
    seconds = np.arange(np.shape(y)[-1]) / sample_rate
    later = seconds + delay(seconds)
    settles = bool(np.all(np.diff(later) < 2 / sample_rate))
    for _ in range(STEPS if settles else 0):
        before, later = later, seconds + delay_of_each(delay, later)
        if np.abs(later - before).max() < 1e-13 * max(1.0, seconds[-1]):
            return _read_at(y, later * sample_rate)
    raise ValueError("the delay grows faster than time somewhere, so it cannot be undone")


def delay_of_each(delay: Delay, times: Float[np.ndarray, "*channels times"]) -> Float[np.ndarray, "*channels times"]:
    """The delay at times that are shared, or one row a channel as the delay is."""
    if times.ndim == 1:
        return delay(times)
    return np.stack([delay(row)[channel] for channel, row in enumerate(times)])


def _read_at(x: Any, position: Float[np.ndarray, "*channels times"]) -> Float[np.ndarray, "*channels samples"]:
    audio = np.asarray(x, np.float64)
    rows = np.atleast_2d(audio)
    places = np.broadcast_to(position, (len(rows), position.shape[-1]))
    return np.stack([interpolate(row, place) for row, place in zip(rows, places, strict=True)]).reshape(audio.shape)
