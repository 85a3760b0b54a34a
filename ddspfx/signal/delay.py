"""Delays: a fixed one, whole or fractional, with its memory as state."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.types import Audio


def lagrange_taps(delay: float, order: int) -> Float[np.ndarray, " taps"]:
    """Lagrange interpolator h[k] = prod_{m != k} (delay - m) / (k - m), k = 0 .. order.

    Source: Laakso, Välimäki, Karjalainen, Laine (1996), "Splitting the unit delay", eq. 42.
    """
    taps = np.ones(order + 1)
    for k in range(order + 1):
        for m in range(order + 1):
            if m != k:
                taps[k] *= (delay - m) / (k - m)
    return taps


def _fixed(lag: float) -> tuple[int, Float[np.ndarray, " taps"]]:
    """Whole samples and the taps after them; the order is the highest, up to 7, that stays causal."""
    if lag < 0:
        raise ValueError(f"delay is {lag} samples, but must be at least 0")
    whole = math.floor(lag)
    if lag == whole:
        return whole, np.ones(1)
    half = min(whole, 3)
    return whole - half, lagrange_taps(lag - whole + half, 2 * half + 1)


def fixed_delay_state(channels: int, lag: float) -> Float[Array, "channels memory"]:
    """The silence before the first sample, as long as `fixed_delay` of `lag` samples looks back."""
    whole, taps = _fixed(lag)
    return jnp.zeros((channels, whole + taps.size - 1))


def fixed_delay(x: Audio, lag: float, past: Audio) -> tuple[Audio, Audio]:
    """y[n] = x[n - lag] for a constant lag in samples, whole or not, at least 0; and the new past.

    Whole lags are exact; a fraction is interpolated by Lagrange's polynomial of the highest odd order,
    up to 7, that looks at no sample to come.
    """
    whole, taps = _fixed(lag)
    line = jnp.concatenate([past.astype(x.dtype), x], axis=1)
    count = x.shape[1]
    start = line.shape[1] - count - whole
    rows = [float(tap) * line[:, start - k : start - k + count] for k, tap in enumerate(taps)]
    return sum(rows[1:], rows[0]), line[:, line.shape[1] - past.shape[1] :]
