"""Band-limited reading of a signal between its samples, in float64."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

_OVERSAMPLING = 4
_ORDER = 5  # at 4x this leaves -105 dB at 20 kHz and 44.1 kHz
_MARGIN = 2048
_CHUNK = 2**19
_GRID = 4096  # samples to which the ends of what a reader keeps are moved, so that it fits other positions as well
_MOST = 16  # stretches that it keeps: 16 MiB each


@dataclass(frozen=True, eq=False)
class Interpolant:
    """A signal oversampled by a zero-padded Fourier transform and held as quintic B-spline coefficients.

    Beyond its ends the signal is silent. (Unser 1999, "Splines: a perfect fit for signal and image processing".)
    """

    value: Reals
    slope: Reals
    first: int

    @classmethod
    def of(cls, x: Reals, first: int = 0, slopes: bool = True) -> Self:
        """`x` (samples,), whose first sample sits at position `first`; `slopes=False` leaves the derivative out."""
        from scipy.fft import irfft, next_fast_len, rfft

        count = next_fast_len(len(x) + 2 * _MARGIN, real=True)
        padded = np.zeros(count)
        padded[_MARGIN : _MARGIN + len(x)] = x
        spectrum = rfft(padded)
        omega = 2j * np.pi * np.arange(len(spectrum)) / count
        if count % 2 == 0:
            omega[-1] = 0.0  # the Nyquist bin has no derivative on the grid
        many = _OVERSAMPLING * count
        value = _coefficients(_OVERSAMPLING * irfft(spectrum, many))
        slope = _coefficients(_OVERSAMPLING * irfft(omega * spectrum, many)) if slopes else value[:0]
        return cls(value, slope, first - _MARGIN)

    def __call__(self, positions: Reals) -> Reals:
        """The signal at `positions`, in samples."""
        return self._read(self.value, positions)

    def derivative(self, positions: Reals) -> Reals:
        """Its derivative there, a sample."""
        return self._read(self.slope, positions)

    def _read(self, coefficients: Reals, positions: Reals) -> Reals:
        from scipy.ndimage import map_coordinates

        at = _OVERSAMPLING * (positions - self.first)
        y: Reals = map_coordinates(coefficients, at[None], order=_ORDER, mode="constant", prefilter=False)
        return y


def sample_at(x: Reals, positions: Reals) -> Reals:
    """`x` (samples,) read at rising `positions` in samples, silent beyond its ends; whole positions are exact."""
    whole = np.round(positions)
    if np.array_equal(whole, positions):
        return _take(x, whole.astype(np.int64))
    return np.concatenate([_sample_chunk(x, part) for part in _parts(positions)])


class Reader:
    """Channels `rows` (channels, samples) read again and again at nearly the same positions.

    What is oversampled is kept, up to some minutes of it: all but a seventh of the work of a reading.
    """

    def __init__(self, rows: Reals) -> None:
        self.rows = rows
        self._kept: dict[tuple[int, int, int], Interpolant] = {}

    def at(self, positions: Reals) -> Reals:
        """All channels at rising `positions` in samples, as `sample_at` reads them."""
        return np.stack([self._channel(index, positions) for index in range(len(self.rows))])

    def _channel(self, index: int, positions: Reals) -> Reals:
        if np.array_equal(np.round(positions), positions):
            return _take(self.rows[index], positions.astype(np.int64))
        return np.concatenate([self._part(index, part)(part) for part in _parts(positions)])

    def _part(self, index: int, positions: Reals) -> Interpolant:
        low = _GRID * (int(positions.min()) // _GRID) - _GRID
        high = _GRID * (int(positions.max()) // _GRID) + 2 * _GRID
        key = (index, low, high)
        if key not in self._kept:
            while len(self._kept) >= _MOST:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = _interpolant(self.rows[index], low, high)
        return self._kept[key]


def _parts(positions: Reals) -> list[Reals]:
    return np.array_split(positions, max(1, -(-len(positions) // _CHUNK)))


def _sample_chunk(x: Reals, positions: Reals) -> Reals:
    """One stretch, its surroundings faded in and out, so that cutting it out of `x` rings nowhere."""
    low, high = int(np.floor(positions.min())) - _MARGIN, int(np.ceil(positions.max())) + _MARGIN
    return _interpolant(x, low, high)(positions)


def _interpolant(x: Reals, low: int, high: int) -> Interpolant:
    piece = _take(x, np.arange(low, high + 1))
    fade = np.sin(np.linspace(0, np.pi / 2, _MARGIN // 2)) ** 2
    piece[: len(fade)] *= fade
    piece[-len(fade) :] *= fade[::-1]
    return Interpolant.of(piece, low, slopes=False)


def _take(x: Reals, at: NDArray[np.int64]) -> Reals:
    inside = (at >= 0) & (at < len(x))
    return np.where(inside, x[np.clip(at, 0, len(x) - 1)], 0.0)


def _coefficients(x: Any) -> Reals:
    from scipy.ndimage import spline_filter1d

    y: Reals = spline_filter1d(x, order=_ORDER, mode="mirror")
    return y
