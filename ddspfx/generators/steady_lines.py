"""What lasts longer than a window: the part of white noise that becomes the lines, made the take's own."""

from typing import Self

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ddspfx.generators.find_lines import find_lines
from ddspfx.generators.lines import Lines
from ddspfx.generators.noise import Take, generator

TAKES = 2000
"""Of lines alone, drawn to see which directions of a window they fill."""
KEPT = 0.02
"""Of a line's strongest direction, what another must have to count."""


class SteadyLines(eqx.Module):
    """The directions of a window that `lines` fill, `into` (values, directions), and the root of their power there.

    For windows of one take, the noise in these directions is not drawn but read off the lines of the take, whose
    amplitudes are Gaussian there, so that it is white like the rest: t = power^-1/2 V^T s, u = (1 - V V^T) n + V t.
    """

    lines: Lines
    into: Float[np.ndarray, "values directions"]
    root: Float[np.ndarray, " directions"]

    @classmethod
    def none(cls, length: int) -> Self:
        """No line: the noise stays as it is."""
        return cls(Lines.none(), np.zeros((length, 0)), np.zeros(0))

    @classmethod
    def fit(cls, takes: Float[np.ndarray, "takes values"], rate: float, length: int) -> Self:
        """From the lines found in takes; each is as strong here as its neighbour, since only its place matters."""
        found = find_lines(takes, rate)
        count = np.size(found.frequencies)
        if not count:
            return cls.none(length)
        even = Lines(found.frequencies, np.ones(count), np.zeros(count), found.wander, found.places)
        shown = np.stack([_heard(even, (number,), 0, length, rate) for number in range(TAKES)])
        power, vectors = np.linalg.eigh(shown.T @ shown / TAKES)
        keep = power > KEPT * power[-1]
        return cls(even, vectors[:, keep], np.sqrt(power[keep]))

    def held(
        self, noise: Float[np.ndarray, " values"], take: Take, start: int, rate: float
    ) -> Float[np.ndarray, " values"]:
        """White noise for the window that begins at `start`, with the take's lines in their directions."""
        into = np.asarray(self.into, np.float64)
        if not into.shape[1]:
            return noise
        lines = _heard(self.lines, take, start, noise.size, rate)
        return np.asarray(noise + into @ (into.T @ lines / np.asarray(self.root, np.float64) - into.T @ noise))


def _heard(lines: Lines, take: Take, start: int, count: int, rate: float) -> Float[np.ndarray, " count"]:
    """The lines, each with an amplitude of Rayleigh's distribution, so that its two halves are Gaussian."""
    power = generator(take, "steady").exponential(size=np.size(lines.frequencies))
    own = Lines(lines.frequencies, lines.amplitudes * np.sqrt(power), lines.spreads, lines.wander, lines.places)
    return own.read(take, start, count, rate)
