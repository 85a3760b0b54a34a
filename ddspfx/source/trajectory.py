"""The delay of one recording over time: a whole number of samples and a spline in seconds beyond it."""

import math
from pathlib import Path
from typing import Any, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ddspfx.clock import Clock
from ddspfx.signal.spline import basis, blend, extremes, fit_knots, held
from ddspfx.signal.warp import advanced, delayed
from ddspfx.slot import AbstractSource
from ddspfx.source.trajectory_file import read_csv, read_tensors, write_csv, write_tensors
from ddspfx.types import Readable


class Trajectory(AbstractSource):
    """d(t) = base / sample_rate + s(t), with s a cubic B-spline in seconds.

    `base` is a whole number of samples at the recording's own `sample_rate`, kept apart because float32
    seconds are too coarse for a base of 160 ms. `knots` (knots,), or (channels, knots) when channels differ,
    are in seconds at `rate` knots a second; knot k sits at (k - 1) / rate, so the spline covers
    0 to (knots - 3) / rate seconds, and holds before and after. `spread` is the standard deviation in
    seconds at the knots, None when it is not known. As a source it reads the deviation s alone; whoever
    reads it adds `split`. A record's speed error and skips stand apart, since they belong to the pair and no delay
    line holds them: called, d(t) has `drift`·t more, less every jump of `jumps`, (second, seconds of the source left
    out), that was until then. Raises ValueError when there are fewer than four knots.
    """

    base: Int[Array, ""]
    knots: Float[Array, "*channels knots"]
    sample_rate: int = eqx.field(static=True)
    rate: int = eqx.field(static=True)
    spread: Float[Array, "*channels knots"] | None
    drift: float = eqx.field(static=True)
    jumps: tuple[tuple[float, float], ...] = eqx.field(static=True)

    def __init__(
        self,
        base: Any,
        knots: Any,
        sample_rate: int,
        rate: int = 200,
        spread: Any = None,
        *,
        drift: float = 0.0,
        jumps: Any = (),
    ):
        self.drift, self.jumps = float(drift), tuple((float(time), float(jump)) for time, jump in jumps)
        self.base, self.knots = jnp.asarray(base, jnp.int32), jnp.asarray(knots, float)
        self.sample_rate, self.rate = sample_rate, rate
        self.spread = None if spread is None else jnp.asarray(spread, float)
        if self.knots.ndim < 1 or self.knots.shape[-1] < 4:
            raise ValueError(f"knots has shape {self.knots.shape}, but a cubic spline needs at least 4 of them")
        if self.spread is not None and self.spread.shape != self.knots.shape:
            raise ValueError(f"spread has shape {self.spread.shape}, but must have that of knots, {self.knots.shape}")
        for name, value in (("sample_rate", sample_rate), ("rate", rate)):
            if int(value) != value or value < 1:
                raise ValueError(f"{name} is {value}, but must be a whole number, at least 1")

    @property
    def duration(self) -> float:
        """Seconds that the spline covers."""
        return (self.knots.shape[-1] - 3) / self.rate

    @classmethod
    def zero(cls, duration: float, sample_rate: int, rate: int = 200, *, base: int = 0) -> Self:
        """A delay of `base` samples for `duration` seconds, to be fitted."""
        return cls(base, np.zeros(_knots(duration, rate)), sample_rate, rate)

    @classmethod
    def fit(
        cls,
        times: Any,
        delays: Any,
        duration: float,
        sample_rate: int,
        rate: int = 200,
        weights: Any = None,
        *,
        spread: Any = None,
        drift: float = 0.0,
        jumps: Any = (),
    ) -> Self:
        """The least squares spline through total `delays` (seconds) at `times` (seconds), in float64.

        `delays` is (points,), or (channels, points); `weights` and the standard deviation `spread` likewise or
        None; `drift` and `jumps` are taken out first. Points outside 0 to `duration` and points that are not finite do
        not count; gaps are bridged by a natural cubic and the ends hold. Raises ValueError when no point is left.
        """
        times, delays = np.asarray(times, np.float64), np.asarray(delays, np.float64)
        if times.ndim != 1 or delays.shape[-1:] != times.shape or delays.ndim > 2:
            raise ValueError(f"delays has shape {delays.shape}, but must have one value for each of {times.shape}")
        weights = np.broadcast_to(1.0 if weights is None else np.asarray(weights, np.float64), delays.shape)
        good = np.isfinite(delays) & np.isfinite(weights) & (weights > 0) & (times >= 0) & (times <= duration)
        if not good.reshape(-1, times.size).any(axis=1).all():
            raise ValueError(f"delays holds no finite value with a weight between 0 and {duration:g} seconds")
        delays = delays - _steady(times, drift, jumps)
        base, count = round(float(np.median(delays[good])) * sample_rate), _knots(duration, rate)

        def row(d: Any, w: Any, g: Any) -> Any:
            return fit_knots(times[g] * rate, d[g] - base / sample_rate, count, w[g])

        rows = (row(delays, weights, good),) if delays.ndim == 1 else map(row, delays, weights, good)
        knots = np.stack(list(rows)).reshape(*delays.shape[:-1], count)
        if spread is not None:
            place = (np.arange(count) - 1) / rate
            given = np.broadcast_to(np.asarray(spread, np.float64), delays.shape).reshape(-1, times.size)
            spread = np.stack([np.interp(place, times, s) for s in given]).reshape(knots.shape)
        return cls(base, knots, sample_rate, rate, spread, drift=drift, jumps=jumps)

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        """The deviation beyond the base in seconds, exact on the clock's grid."""
        index, fraction = clock.ticks(count, self.rate)
        last = self.knots.shape[-1] - 4
        fraction = jnp.where(index < 0, 0.0, jnp.where(index > last, 1.0, fraction))
        value: Readable = blend(self.knots, jnp.clip(index, 0, last), basis(fraction.astype(self.knots.dtype)))
        return value[None] if value.ndim == 1 else value

    def split(self, sample_rate: int) -> tuple[Int[Array, ""], Float[Array, ""]]:
        """The base at any sample rate: whole samples and a fraction, base sample_rate / own rate, without loss.

        Both rates are reduced by their common divisor and the division is done in whole numbers, in two
        steps of 8 bits, so that nothing reaches 2^31.
        """
        common = math.gcd(sample_rate, self.sample_rate)
        up, down = sample_rate // common, self.sample_rate // common
        whole, rest = self.base // down, self.base % down
        high, carried = rest * (up >> 8) // down, rest * (up >> 8) % down
        low = carried * 256 + rest * (up & 255)
        return whole * up + high * 256 + low // down, (low % down).astype(self.knots.dtype) / down

    def bounds(self) -> tuple[float, float] | None:
        """Shortest and longest delay in seconds, without drift and jumps; None while it is traced."""
        if any(isinstance(a, jax.core.Tracer) or not hasattr(a, "__array__") for a in (self.base, self.knots)):
            return None
        base, knots = np.asarray(self.base, np.float64), np.asarray(self.knots, np.float64)
        low, high = extremes(knots)
        base = base.reshape(base.shape + (1,) * (low.ndim - base.ndim)) / self.sample_rate
        return float((base + low).min()), float((base + high).max())

    def __call__(self, seconds: Any) -> Float[np.ndarray, "*channels times"]:
        """The total delay in seconds at these output times, NumPy float64."""
        value: Float[np.ndarray, "*channels times"] = self.rest(seconds) + _steady(seconds, self.drift, self.jumps)
        return value

    def rest(self, seconds: Any) -> Float[np.ndarray, "*channels times"]:
        """The delay in seconds at these output times without drift and jumps, NumPy float64."""
        return float(self.base) / self.sample_rate + self._at(self.knots, seconds)

    def deviation(self, seconds: Any) -> Float[np.ndarray, "*channels times"]:
        """The standard deviation of the delay in seconds at these output times; NaN when it is not known."""
        if self.spread is None:
            return np.full(self.knots.shape[:-1] + np.shape(seconds), np.nan)
        return self._at(self.spread, seconds)

    def _at(self, knots: Any, seconds: Any) -> Float[np.ndarray, "*channels times"]:
        index, fraction = held(np.asarray(seconds, np.float64) * self.rate, knots.shape[-1])
        value: Float[np.ndarray, "*channels times"] = blend(np.asarray(knots, np.float64), index, basis(fraction))
        return value

    def apply(self, x: Any, sample_rate: int | None = None) -> Float[np.ndarray, "*channels samples"]:
        """x delayed by it, y(t) = x(t - d(t)), offline in float64; x is (channels, samples) or (samples,)."""
        return delayed(self, x, sample_rate or self.sample_rate)

    def undo(self, y: Any, sample_rate: int | None = None) -> Float[np.ndarray, "*channels samples"]:
        """What `apply` was given: x(t) = y(t') where t' - d(t') = t, offline in float64.

        Below 0.8 of Nyquist and away from the ends the round trip is within -80 dB. Raises ValueError where
        the delay grows faster than time, so that t' is not unique.
        """
        return advanced(self, y, sample_rate or self.sample_rate)

    def to_csv(self, path: str | Path) -> None:
        """Writes `seconds,delay_seconds[,deviation_seconds]`, two rows a knot.

        Raises ValueError when channels differ, since a CSV holds one row of knots.
        """
        if self.knots.ndim > 1:
            raise ValueError(f"knots has shape {self.knots.shape}, but a CSV holds one delay: use save")
        times = np.arange(2 * (self.knots.shape[-1] - 3) + 1) / (2 * self.rate)
        write_csv(Path(path), times, self(times), None if self.spread is None else self.deviation(times))

    @classmethod
    def from_csv(cls, path: str | Path, sample_rate: int, rate: int = 200, duration: float | None = None) -> Self:
        """Fits a spline through a CSV's rows; it lasts until the last row unless `duration` says otherwise."""
        times, delays, spread = read_csv(Path(path))
        return cls.fit(
            times, delays, float(times[-1]) if duration is None else duration, sample_rate, rate, spread=spread
        )

    def save(self, path: str | Path) -> None:
        """Writes base, knots, spread and rates as safetensors, exactly."""
        kept = (self.sample_rate, self.rate, self.drift, self.jumps)
        write_tensors(Path(path), self.base, self.knots, self.spread, *kept)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads what `save` wrote. Raises ValueError, one line, when the file is not that."""
        base, knots, sample_rate, rate, spread, drift, jumps = read_tensors(Path(path))
        return cls(base, knots, sample_rate, rate, spread, drift=drift, jumps=jumps)


def _steady(seconds: Any, drift: float, jumps: Any) -> Float[np.ndarray, "*times"]:
    """What a speed error and jumps add to a delay."""
    t = np.asarray(seconds, np.float64)
    total: Float[np.ndarray, "*times"] = drift * t
    for time, jump in jumps:
        total = total - jump * (t >= time)
    return total


def _knots(duration: float, rate: int) -> int:
    if not duration > 0 or not math.isfinite(duration):
        raise ValueError(f"duration is {duration}, but must be a positive number of seconds")
    return math.ceil(duration * rate - 1e-6) + 3
