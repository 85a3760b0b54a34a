"""Lines and filtered Gaussian noise, fitted to the spectrum: exact where the data are that."""

from typing import Any, Self

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ddspfx.generators.find_lines import CORE, find_lines
from ddspfx.generators.generator import AbstractGenerator, takes_of
from ddspfx.generators.lines import Lines
from ddspfx.generators.noise import Take, coloured, density, generator, take_of, taps_of

SHORT = 4096
"""Values of a window up to which it is a transport's, finely resolved and searched for lines."""
FEW = 8
"""Transforms side by side, twice as many overlapped, by whose mean a spectrum is known within a decibel or so."""
TAKES = 400
"""Of the fitted lines, drawn to see what they have in the spectrum."""


class Parametric(AbstractGenerator):
    """x(t) = sum of lines + g n(t): n Gaussian, of the power that the lines leave, g log-normal over takes.

    `taps` lays the spectrum on white noise; `spread` is the standard deviation of ln g^2. A take without an end has no
    seam, since lines are functions of time and an FIR reads its noise again.
    """

    lines: Lines
    taps: Float[np.ndarray, " taps"]
    spread: float = eqx.field(static=True)
    rate: float = eqx.field(static=True)
    length: int = eqx.field(static=True)

    @classmethod
    def fit(cls, takes: Float[np.ndarray, "takes values"], rate: float, length: int) -> Self:
        """Fitted to the spectra of takes, several times as long as the windows of `length` wanted.

        Raises ValueError when the takes are shorter than a window.
        """
        takes = np.atleast_2d(np.asarray(takes, np.float64))
        if takes.shape[1] < length:
            raise ValueError(f"takes have {takes.shape[1]} values, but must have at least length, which is {length}")
        size = fineness(takes, length)
        lines = find_lines(takes, rate) if length <= SHORT else Lines.none()
        power = density(takes, size)
        floor = floor_of(power, lines, rate)
        spread = level_spread(takes, power)
        return cls(lines=lines, taps=taps_of(floor), spread=spread, rate=float(rate), length=length)

    def read(self, key: Any, start: int, count: int) -> Float[np.ndarray, " count"]:
        take = take_of(key)
        gain = np.exp(0.5 * self.spread * generator(take, "level").standard_normal() - self.spread**2 / 4)
        noise = coloured(take, "floor", np.asarray(self.taps), start, count)
        return np.asarray(self.lines.read(take, start, count, self.rate) + gain * noise)

    def sample(self, key: Any, count: int) -> Float[np.ndarray, "count length"]:
        return np.stack([self.read(take, 0, self.length) for take in takes_of(key, count)])


def fineness(takes: Float[np.ndarray, "takes values"], length: int) -> int:
    """Values a transform of the spectrum takes: finer than a window, coarser where there is little to average over."""
    size: int = min(4 * length if length <= SHORT else length // 4, takes.shape[1] // 2 * 2)
    while size > 32 and len(takes) * takes.shape[1] < FEW * size:
        size = size // 4 * 2
    return size


def floor_of(power: Float[np.ndarray, " bins"], lines: Lines, rate: float) -> Float[np.ndarray, " bins"]:
    """What the spectrum has beside the lines, bridged over the carriers, where it cannot be seen."""
    size = 2 * (power.size - 1)
    if not np.size(lines.frequencies):
        return power
    shown = density(np.stack([lines.read((number,), 0, size, rate) for number in range(TAKES)]), size)
    rest, hidden = power - shown, shown > 0.5 * power
    for frequency in lines.frequencies:
        hidden |= np.abs(np.arange(power.size) - frequency * size / rate) <= CORE
    hidden |= rest <= 0
    bins = np.arange(power.size)
    bridged = np.exp(np.interp(bins, bins[~hidden], np.log(rest[~hidden])))
    return np.asarray(np.where(hidden, bridged, rest))


def level_spread(takes: Float[np.ndarray, "takes values"], power: Float[np.ndarray, " bins"]) -> float:
    """Standard deviation over takes of the log power of what is whitened, beyond what chance makes of it."""
    size = 2 * (power.size - 1)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
    spectra = np.abs(np.fft.rfft(takes[:, :size] * window)) ** 2 / (np.sum(window**2) * power)
    # A median over many bins heeds no line, and every fourth Hann bin is independent of the next.
    inner = np.log(np.mean(np.minimum(spectra[:, 2:-2:4], 8.0), axis=1))
    chance = 1.0 / spectra[:, 2:-2:4].shape[1]
    beyond = float(np.var(inner)) - chance
    return float(np.sqrt(beyond)) if beyond > 4 * chance * np.sqrt(2 / max(len(takes), 2)) else 0.0


__all__ = ["Parametric", "Take", "floor_of", "level_spread"]
