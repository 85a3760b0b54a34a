"""Automation: a parameter's course, drawn by hand or read from a file."""

import csv
import math
from pathlib import Path
from typing import Any, Literal, Self, get_args

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ddspfx.clock import Clock
from ddspfx.slot import AbstractSource
from ddspfx.types import Counter, Readable

Interpolation = Literal["linear", "step"]
BILLION = 1_000_000_000


class Automation(AbstractSource):
    """Values at given times, straight lines or steps between them, holding at both ends.

        Automation([0.0, 2.5], [200.0, 8_000.0])

    `times` in seconds, rising; `values` in the unit of the slot or the knob it turns. Times are held as whole
    seconds and nanoseconds, so they are as exact after ten hours as at the start. The values are parameters.
    Raises ValueError where times do not rise, are not as many as the values, or either is not finite.
    """

    second: Int[Array, " points"]
    nanosecond: Int[Array, " points"]
    values: Float[Array, " points"]
    interpolation: Interpolation = eqx.field(static=True)

    def __init__(self, times: Any, values: Any, interpolation: Interpolation = "linear"):
        given, heights = np.asarray(times, np.float64), np.asarray(values, np.float64)
        if interpolation not in get_args(Interpolation):
            raise ValueError(
                f"interpolation is {interpolation!r}, but must be one of {', '.join(get_args(Interpolation))}"
            )
        if given.ndim != 1 or given.shape != heights.shape or not given.size:
            raise ValueError(f"times has shape {given.shape} and values {heights.shape}, but both must be (points,)")
        for place, (time, value) in enumerate(zip(given.tolist(), heights.tolist(), strict=True)):
            fault = _fault(time, value, given[place - 1] if place else -math.inf)
            if fault:
                raise ValueError(f"point {place + 1}: {fault}")
        nanoseconds = np.round((given - np.floor(given)) * BILLION).astype(np.int64)
        whole = np.floor(given).astype(np.int64) + nanoseconds // BILLION
        self.second = jnp.asarray(whole, jnp.int32)
        self.nanosecond = jnp.asarray(nanoseconds % BILLION, jnp.int32)
        self.values, self.interpolation = jnp.asarray(heights, float), interpolation

    @classmethod
    def from_csv(cls, path: str | Path, interpolation: Interpolation = "linear") -> Self:
        """Reads a CSV with the header `seconds,value`. Raises ValueError with the file, the line and the fault."""
        return cls(*_read_csv(Path(path)), interpolation)

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        whole, part = self._samples(clock.sample_rate)
        reach = 2**30 // clock.sample_rate - 1
        away = jnp.clip(self.second - clock.second, -reach, reach) * clock.sample_rate + whole - clock.sample
        reached = jnp.maximum(away + (part > 0), 0)
        passed = jnp.cumsum(jnp.zeros(count, jnp.int32).at[reached].add(1, mode="drop"))
        left = jnp.maximum(passed - 1, 0)
        if self.interpolation == "step":
            return self.values[left][None]
        right = jnp.minimum(passed, self.values.shape[0] - 1)
        second, sample = clock.run(count)
        since = (second - self.second[left]) + ((sample - whole[left]) - part[left]) / clock.sample_rate
        span = _seconds(
            self.second[right] - self.second[left], whole[right] - whole[left], part[right] - part[left], clock
        )
        inside = (passed > 0) & (right > left)
        share = jnp.where(inside, since / jnp.where(inside, span, 1.0), 0.0)
        return (self.values[left] + share * (self.values[right] - self.values[left]))[None]

    def _samples(self, sample_rate: int) -> tuple[Counter, Float[Array, " points"]]:
        """Whole samples of each time within its second, and the part of a sample beyond, exact in 32 bits."""
        milli, micro, nano = self.nanosecond // 10**6, self.nanosecond // 1_000 % 1_000, self.nanosecond % 1_000
        first = sample_rate * milli
        second = first % 1_000 * 1_000 + sample_rate * micro
        third = second % 10**6 * 1_000 + sample_rate * nano
        whole = first // 1_000 + second // 10**6 + third // BILLION
        return whole, (third % BILLION) / BILLION

    def bounds(self) -> tuple[float, float]:
        return float(self.values.min()), float(self.values.max())


def _seconds(second: Counter, sample: Counter, part: Float[Array, "..."], clock: Clock) -> Float[Array, "..."]:
    return second + (sample + part) / clock.sample_rate


def _fault(time: float, value: float, before: float) -> str:
    """What is wrong with a point, in words; empty when nothing is."""
    if not (math.isfinite(time) and math.isfinite(value)):
        return f"time is {time} and value is {value}, but both must be finite"
    if abs(time) >= 2**31 - 1:
        return f"time is {time} seconds, but must be below 68 years"
    return f"time is {time} seconds, but must come after {before}" if not time - before >= 1e-9 else ""


def _read_csv(path: Path) -> tuple[list[float], list[float]]:
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a CSV text file ({error})") from None
    if not lines or [cell.strip() for cell in lines[0]] != ["seconds", "value"]:
        raise ValueError(
            f"{path}, line 1: the header is {','.join(lines[0]) if lines else ''!r}, but must be 'seconds,value'"
        )
    times: list[float] = []
    values: list[float] = []
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        try:
            time, value = (float(cell) for cell in cells)
        except ValueError:
            raise ValueError(
                f"{path}, line {number}: {','.join(cells)!r} must be two numbers, seconds and value"
            ) from None
        fault = _fault(time, value, times[-1] if times else -math.inf)
        if fault:
            raise ValueError(f"{path}, line {number}: {fault}")
        times.append(time)
        values.append(value)
    if not times:
        raise ValueError(f"{path}: there are no points below the header")
    return times, values
