"""What a turning record does to time: harmonics of the revolution, which are functions of the place alone."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ddspfx.alignment.interpolate import Reals

RATES = (33 + 1 / 3, 45.0, 78.0)
"""Revolutions a minute."""
_HARMONICS = 6
_WINDOW = 40.0  # s over which an amplitude is one, since it grows towards the centre
_SHORTEST = 8.0  # s in which a slow course and a revolution can be told apart
_SLOW = 7  # Legendre polynomials that stand for the slow course within a window
_CLEAR = 0.3  # share that harmonics explain of what a slow course leaves; below it the record does not turn
_REWEIGHTS = 3
_CAUCHY = 2.4
_RIDGE = 1e-6
_STILL = 1e-6  # s that any course leaves harmonics
_TELLING = 10.0  # times the median variance: what is known less well tells nothing of the others


class Turning(NamedTuple):
    """`frequency`: revolutions in a second of dry. `step`: seconds between points."""

    frequency: float
    step: float

    def harmonics(self, places: Reals, values: Reals, variances: Reals) -> Reals:
        """The periodic part of `values`, seconds at points whose `places` are seconds of dry.

        Each window of 40 s has amplitudes of its own, and overlaps its neighbours by half.
        """
        total, weight = np.zeros(len(values)), np.full(len(values), 1e-12)
        for part in _windows(len(values), self.step):
            basis = _basis(places[part], self.frequency)
            fit = basis[:, _SLOW:] @ _solved(basis, values[part], variances[part])[_SLOW:]
            fade = np.sin(np.pi * (np.arange(len(fit)) + 0.5) / len(fit)) ** 2 + 1e-6
            total[part] += fade * fit
            weight[part] += fade
        found: Reals = total / weight
        return found


def turning_of(places: Reals, values: Reals, variances: Reals, step: float) -> Turning | None:
    """The revolution that `values` show best, its rate made exact by how its phase goes on; None where none does."""
    if len(values) * step < _SHORTEST:
        return None
    shares = [_explained(places, values, variances, step, rpm / 60)[0] for rpm in RATES]
    if max(shares) < _CLEAR:
        return None
    frequency = RATES[int(np.argmax(shares))] / 60
    for _ in range(3):
        frequency *= 1 + _explained(places, values, variances, step, frequency)[1]
    return Turning(frequency, step)


def _explained(places: Reals, values: Reals, variances: Reals, step: float, frequency: float) -> tuple[float, float]:
    """The share that harmonics explain, and by how much of itself the frequency is too low."""
    left, whole, amplitudes, middles = 0.0, 0.0, [], []
    for part in _windows(len(values), step):
        basis, v = _basis(places[part], frequency), values[part]
        fit = _solved(basis, v, variances[part])
        slow = _solved(basis[:, :_SLOW], v, variances[part])
        weights = 1 / (variances[part] + np.median(variances[part]))
        left += float(np.sum(weights * np.abs(v - basis @ fit)))
        whole += float(np.sum(weights * np.abs(v - basis[:, :_SLOW] @ slow)))
        amplitudes.append(complex(fit[_SLOW], -fit[_SLOW + _HARMONICS]))
        middles.append(float(np.mean(places[part])))
    a = np.array(amplitudes)
    turn = np.sum(a[1:] * np.conj(a[:-1])) if len(a) > 1 else 1.0
    dt = float(np.median(np.diff(middles))) if len(a) > 1 else 1.0
    return 1 - left / (whole + 1e-300), float(np.angle(turn)) / (2 * np.pi * dt * frequency)


def _windows(count: int, step: float) -> Iterator[slice]:
    size = min(count, round(_WINDOW / step))
    starts = [*range(0, count - size, size // 2), count - size]
    return (slice(start, start + size) for start in starts)


def _basis(places: Reals, frequency: float) -> Reals:
    phase = 2 * np.pi * frequency * np.outer(places, np.arange(1, _HARMONICS + 1))
    slow = np.polynomial.legendre.legvander(np.linspace(-1, 1, len(places)), _SLOW - 1)
    return np.concatenate([slow, np.cos(phase), np.sin(phase)], axis=1)


def _solved(basis: Reals, values: Reals, variances: Reals) -> Reals:
    """Least squares by 1/(variance + what is left), outliers reweighted (Cauchy)."""
    known = variances < _TELLING * np.median(variances)
    own, weights = variances + _STILL**2, 1 / (variances + _STILL**2)
    for _ in range(_REWEIGHTS):
        normal = basis.T @ (weights[:, None] * basis)
        normal[np.diag_indices_from(normal)] += _RIDGE * np.trace(normal) / len(normal) + 1e-300
        fit = np.linalg.solve(normal, basis.T @ (weights * values))
        left = np.abs(values - basis @ fit)
        own = variances + max(_STILL, float(np.median(left[known]))) ** 2
        weights = 1 / (own + left**2 / _CAUCHY**2)
    return np.asarray(fit, np.float64)
