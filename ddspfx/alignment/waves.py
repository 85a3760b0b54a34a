"""The lines of a speed: sines whose frequencies hold, picked one after the other and fitted together."""

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.interpolate import Reals

_TRIES = 16
_ABOUT = 6.0  # bins of the recording's own resolution on either side of a line
_LEFT = 0.12  # of the power about it: what a line may leave there when it goes; a broad process leaves more
_HIGHEST = 30.0  # Hz
_ROUNDS = 4  # of refining all frequencies together


def waves(speed: Reals, good: NDArray[np.bool_], rate: float) -> tuple[Reals, Reals]:
    """Frequencies (Hz) and what all lines and a constant add up to, of `speed` (times,) at `rate` a second.

    Only `good` times count; the sum is given at all. The strongest of the spectrum is tried first; it is a line if most
    of the power about it goes with it. Gauss–Newton on amplitudes and frequencies together.
    """
    time = np.arange(len(speed)) / rate
    hertz = np.fft.rfftfreq(4 * len(speed), 1 / rate)
    bin_hertz = rate / len(speed)
    frequencies = np.zeros(0)
    fit = _fitted(speed, good, time, frequencies)
    open_to = (hertz > 3 * bin_hertz) & (hertz < _HIGHEST)
    for _ in range(_TRIES):
        power = _spectrum(np.where(good, speed - fit, 0.0))
        peak = float(hertz[int(np.argmax(np.where(open_to, power, 0.0)))])
        more = np.append(frequencies, peak)
        for _ in range(_ROUNDS):
            more = _refined(speed, good, time, more)
        other = _fitted(speed, good, time, more)
        about = (np.abs(hertz - peak) < _ABOUT * bin_hertz) & (hertz > 0.5 * bin_hertz)
        if np.sum(_spectrum(np.where(good, speed - other, 0.0))[about]) < _LEFT * np.sum(power[about]):
            frequencies, fit = more, other
        else:
            open_to &= np.abs(hertz - peak) > 2 * bin_hertz
        if not open_to.any():
            break
    return frequencies, fit


def _spectrum(values: Reals) -> Reals:
    power: Reals = np.abs(np.fft.rfft(values * np.hanning(len(values)), 4 * len(values))) ** 2
    return power


def _basis(time: Reals, frequencies: Reals) -> Reals:
    phase = 2 * np.pi * np.outer(time, frequencies)
    return np.concatenate([np.ones((len(time), 1)), np.cos(phase), np.sin(phase)], axis=1)


def _fitted(speed: Reals, good: NDArray[np.bool_], time: Reals, frequencies: Reals) -> Reals:
    basis = _basis(time, frequencies)
    weights = np.linalg.lstsq(basis[good], speed[good], rcond=None)[0]
    return np.asarray(basis @ weights)


def _refined(speed: Reals, good: NDArray[np.bool_], time: Reals, frequencies: Reals) -> Reals:
    """One Gauss–Newton step on all frequencies, none moved by more than half a bin."""
    basis, lines = _basis(time, frequencies), len(frequencies)
    weights = np.linalg.lstsq(basis[good], speed[good], rcond=None)[0]
    cosines, sines = weights[1 : 1 + lines], weights[1 + lines :]
    moves = 2 * np.pi * time[:, None] * (sines * basis[:, 1 : 1 + lines] - cosines * basis[:, 1 + lines :])
    rest = speed - basis @ weights
    both = np.linalg.lstsq(np.concatenate([basis, moves], 1)[good], rest[good], rcond=1e-10)[0]
    limit = 0.5 / time[-1]
    return np.asarray(np.maximum(frequencies + np.clip(both[len(weights) :], -limit, limit), 1e-3))
