"""Several times the rate and back in one step each, as matrix products; on the way back a signal can be derived."""

import math
from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.types import Audio

Taps = Float[np.ndarray, " taps"]
FRAME = 32
"""Samples of the lower rate that are made together."""


def half_length(edge: float, rejection: float) -> int:
    """Samples of the lower rate on either side of a filter that passes `edge` and rejects its mirror image.

    `edge` is a share of the lower rate below 0.5, `rejection` in dB. Raises ValueError for another edge.
    Source: Kaiser (1974), "Nonrecursive digital filter design using the I0-sinh window function".
    """
    if not 0 < edge < 0.5:
        raise ValueError(f"edge is {edge}, but must be between 0 and 0.5 of the lower sample rate")
    return math.ceil((rejection - 7.95) / (2.285 * 2 * math.pi * (1 - 2 * edge)) / 2)


@lru_cache
def lowpass(factor: int, half: int, rejection: float) -> Taps:
    """h[m] = sinc(m / factor) w(m), |m| <= half factor: the lower rate's own samples pass it unchanged."""
    m = np.arange(-half * factor, half * factor + 1)
    return np.asarray(np.sinc(m / factor) * _kaiser(m, half * factor, rejection)[0])


@lru_cache
def derivative(factor: int, half: int, rejection: float) -> Taps:
    """h'(m) / factor of the same low-pass: the derivative by the higher rate's samples of what it passes."""
    m = np.arange(-half * factor, half * factor + 1)
    window, slope = _kaiser(m, half * factor, rejection)
    away = np.where(m == 0, 1, m)
    steep = np.where(m == 0, 0.0, (np.cos(np.pi * m / factor) - np.sinc(m / factor)) / away)
    return np.asarray((steep * window + np.sinc(m / factor) * slope) / factor)


def _kaiser(m: Taps, edge: int, rejection: float) -> tuple[Taps, Taps]:
    """Kaiser's window and its slope; the window ends within one sample after the last tap."""
    from scipy.special import i0, i1

    beta, end = 0.1102 * (rejection - 8.7), edge + 1
    bend = np.sqrt(1 - (m / end) ** 2)
    return i0(beta * bend) / i0(beta), -beta * m / end**2 * i1(beta * bend) / bend / i0(beta)


def raised(line: Audio, taps: Taps, factor: int) -> Audio:
    """y[factor n + p] = sum_k taps[p + factor k] line[n + (taps.size - 1) / factor - k].

    `line` begins (taps.size - 1) / factor samples before the first of the signal.
    """
    before = (taps.size - 1) // factor
    count = line.shape[1] - before
    frame = min(FRAME, count)
    matrix = np.zeros((before + frame, frame * factor))
    for n in range(frame):
        for p in range(factor):
            own = taps[p::factor][::-1]
            matrix[n + before + 1 - own.size : n + before + 1, n * factor + p] = own
    return _framed(line, matrix, frame, frame * factor, count * factor)


def lowered(line: Audio, taps: Taps, factor: int) -> Audio:
    """y[n] = sum_m taps[m] line[factor n + taps.size - 1 - m], `line` beginning taps.size - 1 samples early."""
    count = (line.shape[1] - taps.size + 1) // factor
    frame = min(FRAME, count)
    matrix = np.zeros((taps.size - 1 + frame * factor, frame))
    for n in range(frame):
        matrix[n * factor : n * factor + taps.size, n] = taps[::-1]
    return _framed(line, matrix, frame * factor, frame, count)


def spread(value: Float[Array, "*lines held"], count: int) -> Float[Array, "*lines count_or_1"]:
    """Values that hold for count / held samples each, repeated; a single one stays."""
    held = value.shape[-1]
    if held in (1, count):
        return value
    every = jnp.broadcast_to(value[..., None], (*value.shape, count // held))
    return every.reshape(*value.shape[:-1], count)


def _framed(line: Audio, matrix: Float[np.ndarray, "window made"], hop: int, made: int, count: int) -> Audio:
    """`count` samples, `made` of them by each product."""
    done = framed(line, matrix, hop, -(-count // made) * hop)
    return done.reshape(line.shape[0], -1)[:, :count]


def framed(
    line: Audio, matrix: Float[np.ndarray, "window made"], hop: int, length: int
) -> Float[Array, "channels frames made"]:
    """Windows of the line, each `hop` samples after the one before as far as `length`, times a matrix."""
    channels, rows = line.shape[0], -(-length // hop)
    blocks = -(-matrix.shape[0] // hop)
    line = jnp.pad(line, ((0, 0), (0, max(0, (rows + blocks - 1) * hop - line.shape[1]))))
    parts = line[:, : (rows + blocks - 1) * hop].reshape(channels, rows + blocks - 1, hop)
    windows = jnp.concatenate([parts[:, i : i + rows] for i in range(blocks)], axis=2)[..., : matrix.shape[0]]
    return jnp.einsum("crw,wm->crm", windows, jnp.asarray(matrix, line.dtype), precision="highest")


__all__ = ["FRAME", "derivative", "framed", "half_length", "lowered", "lowpass", "raised", "spread"]
