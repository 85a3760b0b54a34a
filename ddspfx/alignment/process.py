"""What a transport is likely to do where the programme does not say: its own lines and the colour of the rest."""

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.banded import solve_symmetric
from ddspfx.alignment.gauss_newton import banded_product, widened
from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.smoother import difference_bands
from ddspfx.alignment.waves import waves

_ORDER = 24  # of the autoregression
_SURE = 1.5  # times what the delay moves from knot to knot: a knot known less well says nothing about the process
_RIDGE = 1e-9  # of the diagonal, for the constant that differences do not see
_ENOUGH = 400  # knots known well, two seconds, below which the general prior stays


def process(c: Reals, spread: Reals, rate: float) -> tuple[Reals, Reals] | None:
    """Mean (knots,) and upper bands of the inverse covariance of the spline `c`, learned where `spread` is small.

    The differences of the knots are lines plus an autoregressive process of order 24, whose coefficients are Burg's
    (1975) over all stretches that are known well; R = FᵀF/σ², F the whitener of the differences. None where too little
    is known.
    """
    speed = np.diff(c)
    known = spread < _SURE * max(float(np.std(speed[spread[1:] <= np.median(spread)])), 1e-4)
    good = known[1:] & known[:-1]
    if np.count_nonzero(good) < _ENOUGH:
        return None
    fit = waves(speed, good, rate)[1]
    stencil, variance = burg(_stretches(speed - fit, good))
    mean = np.concatenate([[0.0], np.cumsum(fit)])
    mean += np.median((c - mean)[known])
    R = difference_bands(len(c), np.convolve(stencil[::-1], [-1.0, 1.0])) / variance
    R[-1] += _RIDGE * np.mean(R[-1])
    return mean, R


def _stretches(values: Reals, good: NDArray[np.bool_]) -> list[Reals]:
    """What lies between the gaps, where it is long enough to say anything."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
    return [values[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 2 * _ORDER]


def burg(stretches: list[Reals]) -> tuple[Reals, float]:
    """The prediction error filter (1, a₁, …, a₂₄) and its error's variance, over all stretches at once."""
    forward, backward = [s[1:] for s in stretches], [s[:-1] for s in stretches]
    a = np.ones(1)
    variance = sum(float(s @ s) for s in stretches) / max(1, sum(len(s) for s in stretches)) + 1e-300
    for _ in range(_ORDER):
        both = sum(float(f @ b) for f, b in zip(forward, backward, strict=True))
        power = sum(float(f @ f + b @ b) for f, b in zip(forward, backward, strict=True)) + 1e-300
        k = -2 * both / power
        a = np.append(a, 0.0) + k * np.append(a, 0.0)[::-1]
        variance *= 1 - k * k
        forward, backward = (
            [(f + k * b)[1:] for f, b in zip(forward, backward, strict=True)],
            [(b + k * f)[:-1] for f, b in zip(forward, backward, strict=True)],
        )
    return a, max(variance, 1e-300)


def settled(c: Reals, A: Reals, mean: Reals, R: Reals) -> Reals:
    """c moved to where the process puts it, where the recording does not hold it: μ + (A + R)⁻¹ A (c - μ)."""
    wide = widened(A, R)
    moved: Reals = mean + solve_symmetric(wide + R, banded_product(wide, c - mean))
    return moved
