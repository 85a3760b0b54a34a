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
_FADE = 0.45  # of the narrower of two bands, on either side of their edge
_CELL = 0.0004  # s over which products are summed before they meet the spline: a twelfth of a knot's width


class Band(NamedTuple):
    """Bins low to high of a spectrum of `whole` samples, as `size` complex samples; `group` of them make a cell.

    `window` (high - low,) fades its edges, so that a loud moment does not ring into a quiet one before it; the squares
    of all bands add up to one.
    """

    low: int
    high: int
    window: Reals
    size: int
    whole: int
    group: int

    def of(self, spectrum: Complexes) -> Complexes:
        """z, with x_b(t) = Re z(t)·e^{jω_low t}, from the spectrum of a real signal."""
        from scipy.fft import ifft

        part = np.zeros(self.size, complex)
        part[: self.high - self.low] = self.window * spectrum[self.low : self.high]
        z: Complexes = ifft(part, overwrite_x=True)
        return z * (2 * self.size / self.whole)

    @property
    def step(self) -> float:
        """Samples of the signal to one of the band."""
        return self.whole / self.size

    @property
    def share(self) -> float:
        """Of a white signal's power that the band holds."""
        return float(2 * np.sum(self.window**2) / self.whole)

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

    hertz = sample_rate / count
    ends = np.minimum(np.asarray(edges), sample_rate / 2)
    found = []
    for k, (low, high) in enumerate(pairwise(ends)):
        if (high - low) < 2 * hertz:
            continue
        rise = _FADE * (low - ends[k - 1] if k else 0.0), _FADE * (high - low)
        fade_in = min(rise) if k else 0.0
        fade_out = min(_FADE * (high - low), _FADE * (ends[k + 2] - high)) if k + 2 < len(ends) else 0.0
        first = int(np.ceil((low - fade_in) / hertz))
        last = min(int((high + fade_out) / hertz), count // 2) + 1
        f = np.arange(first, last) * hertz
        window = np.ones(last - first)
        if fade_in:
            window *= np.sin(np.pi / 4 * np.clip(1 + (f - low) / fade_in, 0, 2))
        if fade_out:
            window *= np.cos(np.pi / 4 * np.clip(1 + (f - high) / fade_out, 0, 2))
        size = next_fast_len(int(_MORE * (last - first)) + 1)
        group = max(1, int(_CELL * sample_rate * size / count))
        found.append(Band(first, last, window, size, count, group))
    return found
