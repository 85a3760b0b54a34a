"""What every learned generator can do: windows of a distribution, and one of its takes without an end."""

import abc
import math
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ddspfx.generators.noise import Take, take_of
from ddspfx.source.trajectory import Trajectory


class AbstractGenerator(eqx.Module):
    """A stationary process at `rate` values a second, learned from windows of `length` of them.

    A delay is in seconds, hiss in full scales. Everything is a pure function of the key and of where it is read, so
    a take can be entered anywhere; another key is another take. It is drawn outside the audio call, in NumPy float64.
    """

    rate: eqx.AbstractVar[float]
    length: eqx.AbstractVar[int]

    @abc.abstractmethod
    def read(self, key: Any, start: int, count: int) -> Float[np.ndarray, " count"]:
        """Values start to start + count - 1 of the endless take of `key`, a JAX key or a whole number."""

    @abc.abstractmethod
    def sample(self, key: Any, count: int) -> Float[np.ndarray, "count length"]:
        """`count` independent windows."""

    def trajectory(self, key: Any, seconds: float, sample_rate: int = 44_100, base: int = 0) -> Trajectory:
        """A delay of `base` samples at `sample_rate` and what the take of `key` adds to it.

        Its knots are as dense as the generator's values. Raises ValueError when `seconds` is not positive or the
        generator's rate is not a whole number.
        """
        if self.rate != int(self.rate):
            raise ValueError(f"rate is {self.rate}, but must be a whole number of knots a second for a trajectory")
        times = np.arange(_count(seconds, self.rate) + 1) / self.rate
        delays = base / sample_rate + self.read(key, 0, times.size)
        return Trajectory.fit(times, delays, seconds, sample_rate, int(self.rate))

    def hiss(self, key: Any, seconds: float, sample_rate: int) -> Float[np.ndarray, " samples"]:
        """The take of `key` as sound at `sample_rate`, resampled where the generator's own rate is another.

        Nothing is above the generator's own Nyquist frequency. Raises ValueError when `seconds` is not positive.
        """
        from scipy.signal import resample_poly

        count, own = _count(seconds, sample_rate), round(self.rate)
        if own == sample_rate:
            return self.read(key, 0, count)
        common = math.gcd(own, sample_rate)
        up, down = sample_rate // common, own // common
        # Twenty values more on both sides, so that the resampler's ends stay outside.
        ahead = 20 * down
        values = self.read(key, -ahead, count * own // sample_rate + 2 * ahead + 1)
        made = resample_poly(values, up, down)[ahead * up // down :][:count]
        return np.asarray(made)


def takes_of(key: Any, count: int) -> list[Take]:
    """Independent takes of one key, for windows."""
    own = take_of(key)
    return [(*own, 1 + number) for number in range(count)]


def _count(seconds: float, rate: float) -> int:
    if not 0 < seconds < math.inf:
        raise ValueError(f"seconds is {seconds}, but must be positive and finite")
    return math.ceil(seconds * rate - 1e-6)
