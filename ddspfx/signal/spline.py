"""Uniform cubic B-splines: evaluation with four taps, slope, extremes, and a banded least squares fit.

Knot k sits at (k - 1) steps, so K knots cover 0 to K - 3 steps: interval i runs from step i to i + 1 and
takes knots i to i + 3. Source: de Boor (1978), "A Practical Guide to Splines", chapter IX.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

CURVATURE = 1e-6
"""Weight of second differences against the data: gaps are bridged by a natural cubic, data hardly feel it."""
SLOPE = 1e-9
"""Weight of first differences: what lies further than 30 knots beyond the data holds still."""


def basis(u: Any) -> tuple[Any, Any, Any, Any]:
    """The four cubic B-splines over one interval, at its fraction u in 0 to 1; NumPy or JAX. They add up to 1."""
    v = 1 - u
    u2, v2 = u * u, v * v
    return v2 * v / 6, 2 / 3 - u2 * (1 + v) / 2, 2 / 3 - v2 * (1 + u) / 2, u2 * u / 6


def basis_slope(u: Any) -> tuple[Any, Any, Any, Any]:
    """The derivative of `basis` by u."""
    v = 1 - u
    return -v * v / 2, u * (1.5 * u - 2), v * (2 - 1.5 * v), u * u / 2


def blend(knots: Any, index: Any, taps: tuple[Any, Any, Any, Any]) -> Any:
    """sum_k taps[k] knots[..., index + k]; NumPy or JAX."""
    first = knots[..., index]
    return first * taps[0] + sum(knots[..., index + k] * taps[k] for k in (1, 2, 3))


def held(position: Float[np.ndarray, "..."], knots: int) -> tuple[Int[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Interval and fraction of a position in steps, held at both ends of the spline."""
    inside = np.clip(position, 0.0, knots - 3)
    index = np.minimum(np.floor(inside).astype(np.int64), knots - 4)
    return index, inside - index


def extremes(knots: Float[np.ndarray, "... knots"]) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Least and greatest value of the spline: at the joints, or where the quadratic derivative is zero."""
    a, b, c, d = (knots[..., k : knots.shape[-1] - 3 + k] for k in range(4))
    square, linear, constant = (d - 3 * c + 3 * b - a) / 2, a - 2 * b + c, (c - a) / 2
    root = np.sqrt(np.maximum(linear**2 - 4 * square * constant, 0.0))
    # The stable form of both roots: no cancellation, and a vanishing square sends one of them to infinity.
    q = -0.5 * (linear + np.copysign(root, linear))
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = [np.nan_to_num(r, nan=0.0, posinf=1.0, neginf=0.0) for r in (q / square, constant / q)]
    places = [np.zeros_like(a), np.ones_like(a), *(np.clip(r, 0.0, 1.0) for r in roots)]
    values = np.stack([sum(t * k for t, k in zip(basis(u), (a, b, c, d), strict=True)) for u in places])
    return values.min(axis=(0, -1)), values.max(axis=(0, -1))


def fit_knots(
    position: Float[np.ndarray, " points"],
    values: Float[np.ndarray, " points"],
    knots: int,
    weights: Float[np.ndarray, " points"],
) -> Float[np.ndarray, " knots"]:
    """Knots that minimise sum w (s(position) - values)^2 + tiny curvature and slope, in float64.

    The normal matrix has three bands beside its diagonal. Where data are missing or fewer than knots, the
    curve is a natural cubic spline; far beyond the data it holds still.
    """
    from scipy.linalg import solveh_banded

    index, u = held(np.asarray(position, np.float64), knots)
    taps = basis(u)
    bands, right = np.zeros((4, knots)), np.zeros(knots)
    for j in range(4):
        right += np.bincount(index + j, weights * taps[j] * values, knots)
        for k in range(j + 1):
            bands[j - k] += np.bincount(index + k, weights * taps[j] * taps[k], knots)
    scale = bands[0].sum() / max(1, np.count_nonzero(bands[0]))
    for row, weight in ((np.array([1.0, -1.0]), SLOPE), (np.array([1.0, -2.0, 1.0]), CURVATURE)):
        _add_penalty(bands, row, weight * scale)
    found: Float[np.ndarray, " knots"] = solveh_banded(bands, right, lower=True)
    return found


def _add_penalty(bands: Float[np.ndarray, "4 knots"], row: Float[np.ndarray, " taps"], weight: float) -> None:
    """Adds weight DᵀD to a lower banded matrix, D the difference operator with this row."""
    last = bands.shape[1] - row.size + 1
    for j in range(row.size):
        for k in range(j + 1):
            bands[j - k, k : k + last] += weight * row[j] * row[k]
