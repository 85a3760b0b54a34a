"""The delay as a cubic B-spline, moved until the whitened prediction meets the recording."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.smoother import difference_bands

_LOCAL = 0.06  # s over which the residual's own variance is taken
_FLOOR = 0.03  # of its mean: no frame counts more than this allows
_LONGEST = 2.0  # samples a step may move


class Knots(NamedTuple):
    """Cubic B-spline basis of so many `knots` at output samples: first knot of each sample, and four weights."""

    first: NDArray[np.int64]
    basis: Reals
    knots: int

    def values(self, c: Reals) -> Reals:
        """Σ_k c_k B_k at each sample."""
        v: Reals = np.sum([self.basis[j] * c[self.first + j] for j in range(4)], axis=0)
        return v

    def project(self, values: Reals) -> Reals:
        """Σ_n values(n)·B_k(n) for each knot."""
        rows = [np.bincount(self.first + j, self.basis[j] * values, self.knots) for j in range(4)]
        total: Reals = np.sum(rows, axis=0)
        return total

    def gram(self, weights: Reals) -> Reals:
        """Σ_n weights(n)·B_j(n)·B_k(n): upper bands (4, count)."""
        bands = np.zeros((4, self.knots))
        for i in range(4):
            for j in range(i, 4):
                products = weights * self.basis[i] * self.basis[j]
                bands[3 - (j - i)] += np.bincount(self.first + j, products, self.knots)
        return bands


def knots_at(length: int, step: float) -> Knots:
    """The basis for `length` samples, a knot every `step` samples, knot k at sample (k - 1)·step."""
    place = np.arange(length) / step
    first = np.floor(place).astype(np.int64)
    t = place - first
    basis = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
    return Knots(first, basis, int(first[-1]) + 4)


def prior_bands(count: int, step: float, speed_power: float, corner: float) -> Reals:
    """R = D₁ᵀD₁/(dt·q₁) + D₃ᵀD₃/(dt⁵·q₃), q₃ = q₁·(2π·corner)⁴: upper bands (4, count).

    A speed deviation of spectral density q₁ = `speed_power` (1/Hz) up to `corner` (Hz), falling by 24 dB an octave
    above it; `step` is dt in seconds and the knots are in seconds.
    """
    bands = np.zeros((4, count))
    bands[2:] = difference_bands(count, np.array([-1.0, 1.0])) / (step * speed_power)
    q3 = speed_power * (2 * np.pi * corner) ** 4
    return bands + difference_bands(count, np.array([-1.0, 3.0, -3.0, 1.0])) / (step**5 * q3)


def local_weights(residual: Reals, sample_rate: float) -> Reals:
    """1/variance of the residual about each sample, bounded so that quiet frames do not rule."""
    from scipy.ndimage import uniform_filter1d

    variance = uniform_filter1d(residual**2, max(1, int(_LOCAL * sample_rate)), mode="nearest")
    w: Reals = 1 / np.maximum(variance, _FLOOR * np.mean(variance) + 1e-300)
    return w


def newton_step(A: Reals, h: Reals, R: Reals, c: Reals) -> Reals:
    """Solves (A + R)·δ = h - R·c, steps held to ±2 samples, their mean taken out."""
    from scipy.linalg import solveh_banded

    step = np.clip(solveh_banded(A + R, h - banded_product(R, c)), -_LONGEST, _LONGEST)
    moved: Reals = step - np.mean(step)
    return moved


def banded_product(bands: Reals, c: Reals) -> Reals:
    """A symmetric banded matrix (upper bands) times a vector."""
    order = len(bands)
    y: Reals = bands[-1] * c
    for above in range(1, order):
        row = bands[order - 1 - above, above:]
        y[:-above] += row * c[above:]
        y[above:] += row * c[:-above]
    return y


def inverse_diagonal(bands: Reals) -> Reals:
    """The diagonal of the inverse of a symmetric banded matrix, without the rest. (Takahashi, Fagan, Chin 1973.)"""
    from scipy.linalg import cholesky_banded

    order, count = bands.shape
    factor = cholesky_banded(bands, lower=False)
    width = order - 1
    Z = np.zeros((order, count + width))  # Z[a, i] = inverse[i, i + a]
    for i in range(count - 1, -1, -1):
        reach = min(width, count - 1 - i)
        u = np.array([factor[width - a, i + a] for a in range(1, reach + 1)]) / factor[width, i]
        block = np.array([[Z[abs(a - b), i + min(a, b)] for b in range(1, reach + 1)] for a in range(1, reach + 1)])
        off = -block @ u if reach else np.zeros(0)
        Z[1 : reach + 1, i] = off
        Z[0, i] = 1 / factor[width, i] ** 2 - (off @ u if reach else 0.0)
    return Z[0, :count]
