"""What `align` finds: where a wet recording lies against its dry one, as a line or as a curve with jumps."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ddspfx.alignment.interpolate import Reals, sample_at

CURVE_RATE = 50
"""Points a second of a curve."""
_WHOLE = 5e-4  # samples from a whole number that count as whole: a digital device delays by samples
_CHUNK = 2**19
_BESIDE = 4096  # samples beside a stretch that its interpolation may see


@dataclass(frozen=True)
class Alignment:
    """How wet lies against dry: wet(t) ≈ polarity · gain · dry(speed · t - latency), t in seconds of wet.

    `latency`: seconds by which wet is later at the start of wet's clock (negative: earlier). Where time wobbles,
    the mean. `speed`: seconds of dry that wet plays in a second; above 1 wet runs fast and is shorter. `drift`:
    (1 - speed) · wet's duration, the seconds that the delay grows over the file. `gain` is the least-squares
    factor, positive; `polarity` its sign. `swapped`: wet's left is dry's right. `offset`: what each wet channel
    is later than `latency`, in seconds. `confidence`: 0 (unrelated) to 1. `warnings`: plain sentences.
    Of a record also `jumps`, its skips as (second of wet, seconds of dry): positive where music is left out, negative
    where it is heard again; and `curve`, the delay in seconds at every fiftieth of a second of wet as it would be
    without them. `delay` reads both; `latency` and `speed` are then the line through the curve.
    """

    latency: float
    drift: float
    polarity: int
    gain: float
    speed: float
    swapped: bool
    offset: tuple[float, ...]
    confidence: float
    warnings: tuple[str, ...]
    sample_rate: int
    length: int
    jumps: tuple[tuple[float, float], ...] = ()
    curve: tuple[float, ...] = ()

    def delay(self, seconds: ArrayLike) -> Reals:
        """The delay in seconds at these times of wet: wet(t) ≈ polarity · gain · dry(t - delay(t))."""
        t = np.asarray(seconds, np.float64)
        if not self.curve:
            return np.asarray(self.latency + (1 - self.speed) * t, np.float64)
        d = np.asarray(self.curve)
        found: Reals = np.interp(t, np.arange(len(d)) / CURVE_RATE, d)
        found += (1 - self.speed) * (np.minimum(t, 0.0) + np.maximum(t - (len(d) - 1) / CURVE_RATE, 0.0))
        for time, jump in self.jumps:
            found -= jump * (t >= time)
        return found

    def warp(self, dry: ArrayLike) -> NDArray[Any]:
        """`dry`, (channels, samples) or (samples,), on wet's clock, as long as wet, channels swapped where wet's are.

        Whole delays at speed 1 move samples untouched; else a band-limited spline reads between them. Level and
        polarity stay.
        """
        x = np.asarray(dry)
        if self.curve:
            return self._bent(x)
        rows = np.atleast_2d(x).astype(np.float64)
        rows = rows[::-1] if self.swapped and len(rows) == 2 else rows
        positions = Clock(self.latency * self.sample_rate, 1 - self.speed).positions(self.length)
        y = np.stack([sample_at(row, positions) for row in rows])
        return (y if x.ndim == 2 else y[0]).astype(x.dtype if np.issubdtype(x.dtype, np.floating) else np.float64)

    def _bent(self, x: NDArray[Any]) -> NDArray[Any]:
        """`warp` along the curve, piece by piece, so that nothing but the result is as long as wet."""
        rows = np.atleast_2d(x)
        rows = rows[::-1] if self.swapped and len(rows) == 2 else rows
        kind = x.dtype if np.issubdtype(x.dtype, np.floating) else np.float64
        y = np.zeros((len(rows), self.length), kind)
        for first in range(0, self.length, _CHUNK):
            last = min(first + _CHUNK, self.length)
            y[:, first:last] = self.stretch(rows, first, last)
        return y if x.ndim == 2 else y[0]

    def stretch(self, rows: NDArray[Any], first: int, last: int) -> Reals:
        """Channels `rows` of dry as wet's samples from `first` to `last` play them, in the order given."""
        n = np.arange(first, last)
        positions = n - self.delay(n / self.sample_rate) * self.sample_rate
        low = int(np.clip(positions.min() - _BESIDE, 0, rows.shape[1] - 1))
        near = rows[:, low : max(low + 1, int(positions.max()) + _BESIDE)].astype(np.float64)
        return np.stack([sample_at(row, positions - low) for row in near])


class Clock(NamedTuple):
    """Delay in samples at wet sample n: start + slope·n."""

    start: float
    slope: float

    def positions(self, length: int) -> Reals:
        n = np.arange(length)
        start = round(self.start) if abs(self.start - round(self.start)) < _WHOLE else self.start
        return n - (start + self.slope * n)

    def corrected(self, start: float, slope: float) -> "Clock":
        """With lags start + slope·n found after the warp put on top: d ← d + (1 - d′)·r."""
        return Clock(self.start + (1 - self.slope) * start, self.slope + (1 - self.slope) * slope)
