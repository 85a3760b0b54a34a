"""A turning record's lines, read from a tracked delay: speed, rate of revolution, harmonics."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.interpolate import Reals
from ddspfx.source.trajectory import Trajectory

_ROUNDS = 20
_STILL = 1e-12  # relative step in frequency below which nothing moves any more
_EDGE = 0.05  # s at both ends that are left out: a track's least sure


class Revolution(NamedTuple):
    """`speed`: seconds of the source a second, less 1. `frequency` of the revolution in Hz and its `deviation`.

    `amplitudes` (seconds of delay) and `phases` (radians) of harmonics 1, 2, …: a_k·cos(2π·k·f·t + φ_k), t in the
    recording's seconds.
    """

    speed: float
    frequency: float
    deviation: float
    amplitudes: Reals
    phases: Reals


def revolution(trajectory: Trajectory, frequency: float, harmonics: int = 4) -> Revolution:
    """The periodic part of a delay near `frequency` (Hz): a line, a constant and `harmonics` sines of one fundamental.

    Weighted least squares by 1/spread², Gauss–Newton on the frequency. Raises ValueError when the trajectory is
    shorter than two revolutions.
    """
    if trajectory.duration * frequency < 2:
        raise ValueError(f"trajectory lasts {trajectory.duration:g} s, but must hold two revolutions at {frequency} Hz")
    times = np.arange(_EDGE, trajectory.duration - _EDGE, 1 / trajectory.rate)
    delay = np.atleast_2d(np.asarray(trajectory(times), np.float64))[0]
    sure = np.ones(len(times))
    if trajectory.spread is not None:
        spread = np.atleast_2d(np.asarray(trajectory.deviation(times), np.float64))[0]
        sure = 1 / np.maximum(spread, 0.3 * np.median(spread))
    middle = float(np.mean(times))
    for _ in range(_ROUNDS):
        weights, slope, left = _solved(times - middle, delay, sure, frequency, harmonics)
        frequency += slope
        if abs(slope) < _STILL * frequency:
            break
    basis = _basis(times - middle, frequency, harmonics)
    # The angle at time zero, not at the middle where the frequency and the phase do not pull at one another.
    spin = np.exp(-2j * np.pi * frequency * middle * np.arange(1, harmonics + 1))
    lines = (weights[2 : 2 + harmonics] - 1j * weights[2 + harmonics :]) * spin
    noise = float(np.sqrt(np.mean(left**2)))
    pull = _pull(times - middle, weights, basis, frequency, harmonics) * sure
    deviation = noise / float(np.sqrt(np.sum(pull**2)) + 1e-300)
    return Revolution(-float(weights[1]), float(frequency), deviation, np.abs(lines), np.angle(lines))


def _basis(times: Reals, frequency: float, harmonics: int) -> Reals:
    phase = 2 * np.pi * frequency * np.outer(times, np.arange(1, harmonics + 1))
    rows = [np.ones((len(times), 1)), times[:, None], np.cos(phase), np.sin(phase)]
    return np.concatenate(rows, axis=1)


def _pull(times: Reals, weights: Reals, basis: Reals, frequency: float, harmonics: int) -> NDArray[np.float64]:
    """The slope of the sum with the frequency."""
    order = np.arange(1, harmonics + 1)
    cosines, sines = basis[:, 2 : 2 + harmonics], basis[:, 2 + harmonics :]
    turned = cosines * weights[2 + harmonics :] - sines * weights[2 : 2 + harmonics]
    return np.asarray(2 * np.pi * times * (turned @ order))


def _solved(times: Reals, delay: Reals, sure: Reals, frequency: float, harmonics: int) -> tuple[Reals, float, Reals]:
    """Weights of the basis, the step of the frequency that the rest asks for, and the rest."""
    basis = _basis(times, frequency, harmonics)
    weights = np.asarray(np.linalg.lstsq(sure[:, None] * basis, sure * delay, rcond=None)[0], np.float64)
    pull = _pull(times, weights, basis, frequency, harmonics)
    whole = np.concatenate([basis, pull[:, None]], axis=1)
    both = np.linalg.lstsq(sure[:, None] * whole, sure * delay, rcond=None)[0]
    return weights, float(both[-1]), np.asarray(sure * (delay - basis @ weights))
