"""How a tape's speed wanders, and the delay it makes: capstan and pulley lines, random wow and flutter, drift."""

import functools
import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from jaxtyping import Float

INCH = 0.0254
KNOTS = 16
"""Points a process has for each period of its upper edge: a cubic through them is within 1e-4 of the process."""
SETTLED = 4.0
"""Periods of the lower edge that a process runs before its window, so that it begins in its steady state."""


class Line(NamedTuple):
    """A periodic part: `frequency` in Hz and `depth`, the peak deviation of the speed as a share of it."""

    frequency: float
    depth: float


class Band(NamedTuple):
    """A random part: speed deviation of `depth` RMS (a share), Gaussian, -3 dB at `low` and `high` Hz, 12 dB/octave."""

    low: float
    high: float
    depth: float


class Travel(NamedTuple):
    """What a transport does: `delay` in seconds and `speed`, its own slope dd/dt, at the times asked."""

    delay: Float[np.ndarray, "*times"]
    speed: Float[np.ndarray, "*times"]


@dataclass(frozen=True)
class Transport:
    """Everything that moves a tape, as shares of its speed of `ips` inches a second.

    d(t) = sum_n A_n / (2 pi f_n) sin(2 pi f_n t + p_n + jitter w_n(t)) + integral of the random bands. The lines are
    the capstan, ips / (pi capstan) Hz with `capstan` its diameter in metres, its second and third harmonics, and
    a pulley that turns `pulley` times as fast; phases p_n are uniform and w_n is a slow Gaussian of unit RMS, by
    which a line is as wide as a real motor's. The bands, each a speed deviation in RMS: `wow` 0.1 to 2 Hz,
    `flutter` 6 to 30 Hz and `drift` 0.01 to 0.1 Hz. A machine heard while it records moves the tape at both heads, so
    its delay is d(t) - d(t - heads), `heads` the seconds from record to play head; with None, only the replay's motion
    is heard, from rest at the mean. Defaults resemble a good consumer machine of the 1960s.
    Sources: Chowdhury (2019), "Real-time physical modelling for analog tape machines", DAFx, sections 2.4 and 4.3, for
    lines and their harmonics; Godsill and Rayner (1998), "Digital audio restoration", chapter 8, for the bands.
    """

    ips: float = 7.5
    capstan: float = 0.0078
    capstan_depth: float = 6e-4
    pulley: float = 0.35
    pulley_depth: float = 4e-4
    harmonics: tuple[float, ...] = (1.0, 0.3, 0.12)
    jitter: float = 0.4
    wow: float = 6e-4
    flutter: float = 7e-4
    drift: float = 1.5e-4
    heads: float | None = 0.16

    def __post_init__(self) -> None:
        for name in ("ips", "capstan", "pulley"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be positive")
        for name in ("capstan_depth", "pulley_depth", "jitter", "wow", "flutter", "drift"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be finite and not negative")

    def scaled(self, wow: float = 1.0, flutter: float = 1.0) -> Self:
        """The same machine in another state: `wow` multiplies pulley, wow and drift, `flutter` capstan and flutter."""
        slow = {name: getattr(self, name) * wow for name in ("pulley_depth", "wow", "drift")}
        fast = {name: getattr(self, name) * flutter for name in ("capstan_depth", "flutter")}
        return replace(self, **slow, **fast)

    @property
    def lines(self) -> tuple[Line, ...]:
        """Capstan, its harmonics and the pulley."""
        turn = self.ips * INCH / (math.pi * self.capstan)
        own = (Line(turn * (n + 1), self.capstan_depth * share) for n, share in enumerate(self.harmonics))
        return (*own, Line(turn * self.pulley, self.pulley_depth))

    @property
    def bands(self) -> tuple[Band, ...]:
        """Wow, flutter and drift."""
        return Band(0.1, 2.0, self.wow), Band(6.0, 30.0, self.flutter), Band(0.01, 0.1, self.drift)

    def travel(self, seconds: float, rate: float, seed: int) -> Travel:
        """Delay and speed deviation for `seconds` at `rate` values a second.

        A longer window or another rate with the same seed is the same motion. Raises ValueError as `transport` does.
        """
        times = np.arange(_count(seconds, rate)) / rate
        if self.heads is None:
            return self._motion(times, seed)
        both = self._motion(np.stack([times, times - self.heads]), seed)
        return Travel(both.delay[0] - both.delay[1], both.speed[0] - both.speed[1])

    def _motion(self, times: Float[np.ndarray, "..."], seed: int) -> Travel:
        """The integral of the tape's own speed deviation, and that deviation."""
        parts = [self._line(line, i, times, seed) for i, line in enumerate(self.lines)]
        parts += [integrated(band, times, seed, 100 + i) for i, band in enumerate(self.bands)]
        return Travel(np.sum([part.delay for part in parts], axis=0), np.sum([part.speed for part in parts], axis=0))

    def _line(self, line: Line, index: int, times: Float[np.ndarray, "..."], seed: int) -> Travel:
        start = np.random.default_rng([seed, index, 1]).uniform(0, 2 * np.pi)
        # The phase's wander is a band whose integral has unit RMS where the speed has about that of its centre, 0.2 Hz.
        wander = integrated(Band(0.1, 0.4, 2 * np.pi * 0.2), times, seed, 200 + index)
        omega = 2 * np.pi * line.frequency
        phase = omega * times + start + self.jitter * wander.delay
        turning = 1 + self.jitter * wander.speed / omega
        return Travel(line.depth / omega * np.sin(phase), line.depth * turning * np.cos(phase))


def integrated(band: Band, times: Float[np.ndarray, "..."], seed: int, stream: int) -> Travel:
    """A Gaussian process of speed and its integral, at `times` in seconds, from its rest long before time 0.

    White noise at 16 points a period of `high` through a Butterworth band-pass of fourth order; between its points a
    cubic spline, whose antiderivative is the delay, so that one is exactly the slope of the other.
    """
    from scipy.interpolate import CubicSpline
    from scipy.signal import sosfilt

    rate, (sos, gain) = KNOTS * band.high, _design(band.low, band.high)
    before = math.ceil(SETTLED / band.low * rate)
    # Some points beyond the window, whose number does not show: the cubic's far end must not touch the window.
    count = before + math.ceil(max(times.max(), 0.0) * rate) + 4 * KNOTS
    white = np.random.default_rng([seed, stream, 2]).standard_normal(count)
    speed = sosfilt(sos, white) * (band.depth / gain)
    curve = CubicSpline((np.arange(count) - before) / rate, speed)
    way = curve.antiderivative()
    return Travel(way(times), curve(times))


@functools.cache
def _design(low: float, high: float) -> tuple[Float[np.ndarray, "sections 6"], float]:
    """The band-pass, and the RMS of unit white noise behind it, from its own response."""
    from scipy.signal import butter, sosfreqz

    sos = butter(2, (low, high), "bandpass", fs=KNOTS * high, output="sos")
    _, response = sosfreqz(sos, 2**16)
    return sos, float(np.sqrt(np.mean(np.abs(response) ** 2)))


def transport(seconds: float, rate: float, seed: int, **settings: Any) -> Float[np.ndarray, " samples"]:
    """Delay deviation in seconds at `rate` values a second for `seconds`, with the settings of `Transport`.

    Another seed is another, independent window of the same machine. It is stationary with mean zero. Raises ValueError
    when `seconds` or `rate` are not positive, and as `Transport` does.
    """
    return Transport(**settings).travel(seconds, rate, seed).delay


def _count(seconds: float, rate: float) -> int:
    for name, value in (("seconds", seconds), ("rate", rate)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} is {value}, but must be positive and finite")
    return math.ceil(seconds * rate - 1e-6)
