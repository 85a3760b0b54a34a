"""The delay as a cubic B-spline, moved until the whitened prediction meets the recording."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.banded import solve_symmetric
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
    step: float

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
    return knots_between(np.arange(length), step, int((length - 1) / step) + 4)


def knots_between(samples: NDArray[Any], step: float, knots: int) -> Knots:
    """The same basis at any `samples`."""
    place = samples / step
    first = place.astype(np.int64)
    t = place - first
    u = 1 - t
    basis = np.stack([u**3 / 6, t * t * (t / 2 - 1) + 2 / 3, u * u * (u / 2 - 1) + 2 / 3, t**3 / 6])
    return Knots(first, basis, knots, step)


def prior_bands(count: int, step: float, speed_power: float, corner: float) -> Reals:
    """R = D₁ᵀD₁/(dt·q₁) + D₃ᵀD₃/(dt⁵·q₃), q₃ = q₁·(2π·corner)⁴: upper bands (4, count).

    A speed deviation of spectral density q₁ = `speed_power` (1/Hz) up to `corner` (Hz), falling by 24 dB an octave
    above it; `step` is dt in seconds and the knots are in seconds.
    """
    bands = np.zeros((4, count))
    bands[2:] = difference_bands(count, np.array([-1.0, 1.0])) / (step * speed_power)
    q3 = speed_power * (2 * np.pi * corner) ** 4
    return bands + difference_bands(count, np.array([-1.0, 3.0, -3.0, 1.0])) / (step**5 * q3)


def newton_step(A: Reals, h: Reals, R: Reals, c: Reals) -> Reals:
    """Solves (A + R)·δ = h - R·c, `c` counted from the prior's mean; steps held to ±2 samples, less their mean."""
    step = np.clip(solve_symmetric(widened(A, R) + R, h - banded_product(R, c)), -_LONGEST, _LONGEST)
    moved: Reals = step - np.mean(step)
    return moved


def widened(A: Reals, R: Reals) -> Reals:
    """Upper bands of `A`, with as many rows as those of `R`."""
    return np.concatenate([np.zeros((len(R) - len(A), A.shape[1])), A])


def banded_product(bands: Reals, c: Reals) -> Reals:
    """A symmetric banded matrix (upper bands) times a vector."""
    order = len(bands)
    y: Reals = bands[-1] * c
    for above in range(1, order):
        row = bands[order - 1 - above, above:]
        y[:-above] += row * c[above:]
        y[above:] += row * c[:-above]
    return y


def deviations(inverse: Reals) -> Reals:
    """Standard deviation of the spline at each knot's place, from the upper bands of the coefficients' covariance.

    There it is (c_{k-1} + 4·c_k + c_{k+1})/6.
    """
    own, beside, across = (np.pad(inverse[a], 1, mode="edge") for a in (0, 1, 2))
    variance = own[:-2] + 16 * own[1:-1] + own[2:] + 8 * beside[:-2] + 8 * beside[1:-1] + 2 * across[:-2]
    v: Reals = np.sqrt(np.maximum(variance, 0.0)) / 6
    return v
