"""Lines found in takes: peaks of the mean spectrum whose modulus holds still, which a resonance's does not."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.generators.lines import Lines
from ddspfx.generators.noise import density

REACH = 0.6
"""Hz to either side of a line in which its phase's wander lies."""
CLEAR = 1.5
"""Times the power around it that a peak must have."""
MOST = 12
FEWEST = 32
"""Takes below which no modulus can be told steady."""
SURE = 4.0
"""Standard errors by which a peak's modulus must be steadier than noise."""
UNSTEADY = 1.7
"""Of E a^4 / E^2 a^2: 1 for a line, 2 for narrow noise."""
CORE = 2.5
"""Bins to either side that the window spreads a carrier over."""
QUANTILES = 33


class Around(NamedTuple):
    """A peak's frequency in Hz, what its carrier and its sidebands have above the floor, and where these lie."""

    frequency: float
    carrier: float
    sidebands: float
    error: float
    offsets: Float[np.ndarray, " bins"]
    excess: Float[np.ndarray, " bins"]
    floor: float


def find_lines(takes: Float[np.ndarray, "takes values"], rate: float) -> Lines:
    """The lines common to all takes, strongest first, at most 12.

    A peak of the mean spectrum is a line when E|X|^4 / E^2|X|^2 at its frequency is below the 2 of Gaussian noise:
    a line of share s of the power there has 2 - s^2 (2 - E a^4 / E^2 a^2), whence the spread of its level too.
    Sidebands above the floor are its phase's wander: for small w, exp(-w^2) of the power is left in the carrier.
    """
    size = takes.shape[1] // 2 * 2
    if len(takes) < FEWEST or size < 256:
        return Lines.none()
    power = density(takes, size)
    found = []
    for place in peaks(power, rate, size):
        around = excess(power, place, rate, size)
        spread = _steady(takes, around, rate)
        if spread is not None:
            found.append(_line(around, spread, size))
    if not found:
        return Lines.none()
    found.sort(key=lambda row: -row[1])
    columns = [np.asarray(column) for column in zip(*found[:MOST], strict=True)]
    return Lines(*columns)


def peaks(power: Float[np.ndarray, " bins"], rate: float, size: int) -> list[int]:
    """Bins that are the largest within `REACH` and stand clear of the median there."""
    width = max(4, round(REACH * size / rate))
    found = []
    for place in range(width, power.size - 2):
        near = power[max(place - width, 1) : place + width + 1]
        # The median of a slope is its middle, so that a steep floor is no peak.
        if power[place] == near.max() and power[place] > CLEAR * np.median(near):
            found.append(place)
    return found


def excess(power: Float[np.ndarray, " bins"], place: int, rate: float, size: int) -> Around:
    """What stands above a floor that runs through the spectrum on both sides, as a parabola over its logarithm."""
    step = rate / size
    width, outer = round(REACH / step), round(2 * REACH / step)
    bins = np.arange(max(1, place - outer), min(power.size, place + outer + 1))
    away = bins - place
    side = np.abs(away) > width
    curve = np.polyfit(away[side] * step, np.log(power[bins][side]), 2)
    floor = np.exp(np.asarray(np.polyval(curve, away * step), np.float64))
    inside = ~side
    above, core = (power[bins] - floor)[inside], np.abs(away[inside]) <= CORE
    # All that the window spread of the carrier, and its centre by their weights.
    carrier = float(above[core].sum())
    centre = float(
        np.sum(away[inside][core] * np.maximum(above[core], 0)) / max(np.maximum(above[core], 0).sum(), 1e-300)
    )
    error = float(np.std((power[bins] / floor)[side]) * floor[inside].mean() * max(int(np.sum(~core)), 1) ** 0.5)
    offsets = np.abs(away[inside][~core]) * step
    return Around(
        (place + centre) * step,
        carrier,
        float(above[~core].sum()),
        error,
        offsets,
        above[~core],
        float(floor[away == 0][0]),
    )


def _steady(takes: Float[np.ndarray, "takes values"], around: Around, rate: float) -> float | None:
    """The standard deviation of the level of a line, ln a^2, over takes; None when it is no line."""
    size = takes.shape[1]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
    wave = window * np.exp(-2j * np.pi * around.frequency * np.arange(size) / rate)
    energy = np.abs(takes @ wave) ** 2
    energy = energy / energy.mean()
    fourth = float(np.mean(energy**2))
    # The slope of <e^2> / <e>^2 by <e> is in it: e^2 - 2 <e^2> e has the ratio's own variance.
    error = float(np.std(energy**2 - 2 * fourth * energy) / np.sqrt(len(energy)))
    if 2 - fourth < SURE * error:
        return None
    floor = around.floor * np.sum(window**2) / np.mean(np.abs(takes @ wave) ** 2)
    share = max(1 - floor, 1e-3)
    ratio = 2 - (2 - fourth) / share**2
    if ratio > UNSTEADY:
        return None
    return float(np.sqrt(np.log(ratio))) if ratio - 1 > 2 * error / share**2 else 0.0


def _line(
    around: Around, spread: float, size: int
) -> tuple[float, float, float, float, Float[np.ndarray, " quantiles"]]:
    """Frequency, amplitude, spread of its level, wander and where the wander's frequencies lie."""
    sidebands = around.sidebands if around.sidebands > 2 * around.error else 0.0
    whole = around.carrier + sidebands
    wander = float(np.sqrt(np.log(whole / around.carrier)))
    # Over the bins of one side the power of a cosine adds up to a^2 size / 4.
    amplitude = float(np.sqrt(4 * whole / size))
    return around.frequency, amplitude, spread, wander, _quantiles(around)


def _quantiles(around: Around) -> Float[np.ndarray, " quantiles"]:
    order = np.argsort(around.offsets)
    offsets, weights = around.offsets[order], np.maximum(around.excess[order], 0)
    if not weights.sum() > 0:
        return np.full(QUANTILES, REACH / 2)
    share = np.cumsum(weights) / weights.sum()
    return np.asarray(np.interp(np.linspace(0, 1, QUANTILES), share, offsets))
