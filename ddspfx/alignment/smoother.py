"""A smooth line through points of known and unknown trust."""

import numpy as np

from ddspfx.alignment.interpolate import Reals

_REWEIGHTS = 5
_CAUCHY = 2.4  # deviations beyond which a point begins to lose its say


def smoothed(values: Reals, variances: Reals, bend: float) -> Reals:
    """argmin_s Σ (v - s)²/σ² + Σ (s″)²/bend², s″ the second difference, outliers reweighted by Cauchy five times.

    `bend` is the expected second difference, in the unit of the values; where `variances` are infinite the line
    runs straight across. (Whittaker 1923; Huber 1981 for the reweighting.)
    """
    from scipy.linalg import solveh_banded

    count = len(values)
    prior = second_difference_bands(count) / bend**2
    trust = 1 / variances
    weights, line = trust.copy(), values
    for _ in range(_REWEIGHTS + 1):
        bands = prior.copy()
        bands[2] += weights + 1e-12 / bend**2
        line = solveh_banded(bands, weights * values + 1e-12 / bend**2 * np.median(values))
        weights = trust / (1 + (values - line) ** 2 * trust / _CAUCHY**2)
    return line


def second_difference_bands(count: int) -> Reals:
    """DᵀD of second differences in the upper form of `scipy.linalg.solveh_banded`, (3, count)."""
    return difference_bands(count, np.array([1.0, -2.0, 1.0]))


def difference_bands(count: int, stencil: Reals) -> Reals:
    """DᵀD where D slides `stencil` along `count` values; upper bands, the diagonal last."""
    order = len(stencil)
    bands = np.zeros((order, count))
    for i in range(order):
        for j in range(i, order):
            above = j - i
            start = j  # column of row-0's stencil entry j
            bands[order - 1 - above, start : count - order + 1 + start] += stencil[i] * stencil[j]
    return bands
