"""Equal pulses placed to a thousandth of a sample, each by the phase of its spectrum against their common shape."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.interpolate import Reals

_LONGEST = 256  # samples of a pulse that are looked at
_REACH, _GRID = 3.0, 1 / 16  # samples to either side of the coarse place, and the grid's step
_PASSES, _COARSE = 8, 3
_ODD = 16.0  # times the usual misfit that make a pulse a false one
_FAINT = 0.3  # of the usual height, likewise
_FLOOR = 1e-9  # of the strongest frequency's power: noise that is always reckoned with


class Pulses(NamedTuple):
    """Places and their deviations in samples, which to believe, and the share of energy that one shape explains."""

    places: Reals
    deviations: Reals
    good: NDArray[np.bool_]
    explained: float


class _Fit(NamedTuple):
    """S_k(f) ≈ a_k T(f) e^{-iωτ_k}: shifts τ, levels a, shape T, noise power N, misfit of each pulse."""

    shifts: Reals
    levels: Reals
    shape: NDArray[np.complex128]
    noise: Reals
    misfits: Reals


def fitted_pulses(x: Reals, places: NDArray[np.int64], numbers: NDArray[np.int64]) -> Pulses:
    """Exact places of the pulses that lie near `places` in `x` (samples,); `numbers` count them.

    Alternates the common shape and the noise spectrum with the maximum-likelihood delay of each pulse: a grid
    first, then Gauss–Newton on the phase. (Knapp and Carter 1976 for the weighting.)
    """
    period = float(np.median(np.diff(places) / np.diff(numbers)))
    size = 2 * int(min(_LONGEST, 0.8 * period) // 2)
    spectra, omega = _spectra(x, places, size)
    shifts, good = np.zeros(len(places)), np.ones(len(places), bool)
    noise = np.ones(len(omega))
    for step in range(_PASSES):
        shape = _shape(spectra, shifts, good, omega)
        if step < _COARSE:
            shifts = _grid_shifts(spectra, shape, noise, omega)
        fit = _newton(spectra, shifts, shape, noise, good, omega)
        shifts, noise = fit.shifts, fit.noise
        usual = np.median(fit.misfits)
        good = (fit.misfits < _ODD * usual) & (fit.levels > _FAINT * np.median(fit.levels))
        good &= np.abs(shifts) <= _REACH
    weight = (np.abs(fit.levels[good, None] * fit.shape) ** 2 / noise).sum()
    total = (np.abs(spectra[good]) ** 2 / noise).sum()
    curvature = (omega**2 * np.abs(fit.levels[:, None] * fit.shape) ** 2 / noise).sum(axis=1)
    explained = float(weight / total) if good.any() else 0.0
    return Pulses(places + shifts, 1 / np.sqrt(2 * curvature + 1e-300), good, explained)


def _spectra(x: Reals, places: NDArray[np.int64], size: int) -> tuple[NDArray[np.complex128], Reals]:
    """Windowed spectra of all pulses, (pulses, bins), and the bins' radians a sample; neither 0 nor the top is used."""
    from scipy.signal.windows import tukey

    padded = np.pad(x, size)
    rows = padded[places[:, None] + size // 2 + np.arange(size)]
    bins = np.arange(1, int(0.48 * size))
    return np.fft.rfft(rows * tukey(size, 0.5), axis=1)[:, bins], 2 * np.pi * bins / size


def _shape(
    spectra: NDArray[np.complex128], shifts: Reals, good: NDArray[np.bool_], omega: Reals
) -> NDArray[np.complex128]:
    """The mean of the good pulses, each moved back; it carries the mean level."""
    back = spectra[good] * np.exp(1j * shifts[good, None] * omega)
    mean: NDArray[np.complex128] = back.mean(axis=0)
    return mean


def _grid_shifts(spectra: NDArray[np.complex128], shape: NDArray[np.complex128], noise: Reals, omega: Reals) -> Reals:
    """The shift on a grid at which each pulse's weighted correlation with the shape is greatest."""
    grid = np.arange(-_REACH, _REACH + _GRID / 2, _GRID)
    turns = np.exp(1j * omega[:, None] * grid)
    cross = spectra * np.conj(shape) / noise
    found: Reals = grid[np.argmax((cross @ turns).real, axis=1)]
    return found


def _newton(
    spectra: NDArray[np.complex128],
    shifts: Reals,
    shape: NDArray[np.complex128],
    noise: Reals,
    good: NDArray[np.bool_],
    omega: Reals,
) -> _Fit:
    """Three Gauss–Newton steps on every pulse's shift and level, then noise and misfits anew."""
    shifts = shifts.copy()
    for _ in range(3):
        moved = shape * np.exp(-1j * shifts[:, None] * omega)
        levels = _inner(spectra, moved, noise) / _inner(moved, moved, noise)
        slope = -1j * omega * levels[:, None] * moved
        residual = spectra - levels[:, None] * moved
        shifts += np.clip(_inner(residual, slope, noise) / (_inner(slope, slope, noise) + 1e-300), -0.5, 0.5)
    moved = shape * np.exp(-1j * shifts[:, None] * omega)
    levels = _inner(spectra, moved, noise) / _inner(moved, moved, noise)
    power = np.abs(spectra - levels[:, None] * moved) ** 2
    fresh = np.median(power[good], axis=0) / np.log(2) + _FLOOR * np.max(np.abs(shape) ** 2)
    return _Fit(shifts, levels, shape, fresh, (power / fresh).mean(axis=1))


def _inner(a: NDArray[np.complex128], b: NDArray[np.complex128], noise: Reals) -> Reals:
    """Re Σ a b* / N over frequency."""
    product: Reals = (a * np.conj(b) / noise).real.sum(axis=1)
    return product
