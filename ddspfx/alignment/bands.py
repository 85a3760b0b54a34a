"""Signals split into bands, each as its own complex signal at its own low rate."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.interpolate import Reals

Complexes = NDArray[np.complex128]
EDGES = (0.0, 60.0, 120.0, 200.0, 350.0, 500.0, 800.0, 1200.0, 2000.0, 3000.0, 4500.0, 7000.0, 11_000.0, 1e9)
"""Hz."""
_MORE = 1.25  # samples beyond a band's width, so that products of two of its signals hardly fold over
_CELL = 0.0004  # s over which products are summed before they meet the spline: a twelfth of a knot's width


class Band(NamedTuple):
    """Bins low to high of a spectrum of `whole` samples, as `size` complex samples; `group` of them make a cell."""

    low: int
    high: int
    size: int
    whole: int
    group: int

    def of(self, spectrum: Complexes) -> Complexes:
        """z, with x_b(t) = Re z(t)·e^{jω_low t}, from the spectrum of a real signal."""
        from scipy.fft import ifft

        part = np.zeros(self.size, complex)
        part[: self.high - self.low] = spectrum[self.low : self.high]
        z: Complexes = ifft(part, overwrite_x=True)
        return z * (2 * self.size / self.whole)

    @property
    def step(self) -> float:
        """Samples of the signal to one of the band."""
        return self.whole / self.size

    @property
    def share(self) -> float:
        """Of a white signal's power that the band holds."""
        return 2 * (self.high - self.low) / self.whole

    def cells(self, length: int) -> int:
        """How many whole cells fit into so many samples of the signal."""
        return int(length / self.step) // self.group

    def centres(self, length: int) -> Reals:
        """Where the cells lie, in samples of the signal."""
        return np.asarray((np.arange(self.cells(length)) * self.group + 0.5 * (self.group - 1)) * self.step, np.float64)

    def sums(self, values: Any, length: int) -> Any:
        """Sums of each cell."""
        cells = self.cells(length)
        return values[: cells * self.group].reshape(cells, self.group).sum(1)


def bands_of(count: int, sample_rate: float, edges: tuple[float, ...] = EDGES) -> list[Band]:
    """The bands of a spectrum of `count` samples that hold anything."""
    from scipy.fft import next_fast_len

    bins = np.searchsorted(np.arange(count // 2 + 1) * sample_rate / count, edges)
    found = []
    for low, high in pairwise(bins):
        if high - low > 1:
            size = next_fast_len(int(_MORE * (high - low)) + 1)
            group = max(1, int(_CELL * sample_rate * size / count))
            found.append(Band(int(low), int(high), size, count, group))
    return found
